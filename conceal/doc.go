// Package conceal keeps an answer from telling what made it. It removes banners such
// as X-Powered-By, also from 1xx answers and trailers; it replaces the error pages
// that frameworks write by themselves with neutral ones; and it lets no stack trace
// out.
//
//	g, err := conceal.New(conceal.Options{})
//	if err != nil {
//		return err
//	}
//	http.ListenAndServe(":8080", g.Handler(app))
//
// An error page is replaced only where that cannot hurt the app:
//
//   - the status is 400 or more and the body is the default page of a framework that
//     this package knows, or there is no body, or
//   - the body holds a stack trace. From JSON only that member is taken; the rest
//     keeps its bytes. What was taken is told in the [guard.Event], so the log has it.
//
// The app's own pages pass, and so do JSON, XML and gRPC without a trace, answers to
// scripts (Sec-Fetch-Dest: empty, X-Requested-With) and to HEAD, 304, and streams.
// Status, Location, Set-Cookie, WWW-Authenticate, Retry-After, Vary and
// Access-Control-* always stay. Of a redirect only a framework's own "Found.
// Redirecting to …" is emptied. An answer below 300 is never looked into.
//
// To judge an error page its first 64 KiB are held back, so an error that an app
// streams as text arrives in one piece, and a trace that begins later is not seen.
// Bodies in gzip and deflate are decoded within a bound. There is no decoder for
// Brotli or Zstandard in the standard library, so the guard takes these out of
// Accept-Encoding on the way to the app: see [NarrowEncoding].
//
// What this does not do: a hidden version is still a vulnerable one. Timing, the
// order of header fields, cookie names (package cookie), asset paths and the app's
// own pages tell a patient observer enough. This takes away the automatic match of a
// scanner's list, and the absolute paths and module versions of a trace.
//
// Practices: fingerprint, errors. Sources: OWASP Secure Headers Project, list of
// headers to remove; RFC 9457 (problem details); RFC 9110 sections 12.5.1 (Accept),
// 12.5.3 (Accept-Encoding) and 15 (status codes).
package conceal
