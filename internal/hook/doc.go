// Package hook is the one [http.ResponseWriter] wrapper that all guards share.
//
// A guard's Handler calls [Begin], registers a function for a [Phase], and serves
// on. The first guard of a request makes the wrapper and owns it; the guards inside
// find it. When the answer's header is about to leave, the functions run once each,
// phase by phase, in the fixed order Judge, Commit, Cookies, Conceal, Headers; when
// the handler has returned, Record runs. So the order in which guards wrap each
// other decides who sees the request first, never who touches the answer last.
//
//	func (g *Guard) Handler(next http.Handler) http.Handler {
//		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//			x, w, r := hook.Begin(w, r)
//			defer x.End()
//			x.On(hook.Headers, g.onAnswer) // a method value made once in New
//			next.ServeHTTP(w, r)
//		})
//	}
//
// The traps of net/http that this package exists for:
//
//   - [httputil.ReverseProxy] clears the header map after each 1xx answer. A header
//     set before the handler runs leaks into the 103 and is gone from the 200, so
//     guards change headers only inside a phase. Each 1xx runs the phases with its
//     own Answer of Kind Informational, on the goroutine of the transport.
//   - A 101 hijacks the connection and is written by whoever hijacked it; no phase
//     sees it. A proxy calls [Exchange.Apply] on the header that it will write.
//   - Trailers leave after ServeHTTP has returned, so End runs the phases for them
//     (Kind Trailer) before the server looks.
//   - A handler may write nothing at all; the owner's End then finishes the answer
//     with 200 as net/http would, phases included.
//   - Flush and ReadFrom send the header, so both run the phases first. HTTP/2 has
//     no ReadFrom; the copy then hides ours, or it would call itself.
//   - A body that was replaced no longer is what Content-Length, Content-Encoding,
//     ETag and their like said, so Replace drops them.
//   - A panic passes through End untouched unless the owner gave [Exchange.OnPanic]:
//     an outer Recover of the user's keeps working for a guard used alone.
//     [http.ErrAbortHandler] always passes.
//
// A phase function runs on the request's goroutine (1xx apart) and must not keep
// the Answer.
package hook
