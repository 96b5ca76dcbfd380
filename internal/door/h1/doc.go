// Package h1 is the door's own HTTP/1.1 server side. It reads what RFC 9112 allows and
// nothing beside it, answers everything itself, the refusals too, and reuses what it
// gives to handlers. HTTP/2 goes on to net/http.
//
//	srv := &h1.Server{Handler: h, Refuse: page, HeadTimeout: 10 * time.Second, Other: toHTTP2}
//	err := srv.Serve(ln) // *tls.Conn or plain
//
// # What a handler may keep
//
// Handlers are plain [http.Handler]. The *http.Request, its URL and header map, the slices
// in that map, and the ResponseWriter with its header map belong to the connection and
// carry the next request once the handler has returned: none may keep them, no goroutine
// may use them longer. Strings stay valid for ever, and so does what [http.Request.Clone]
// returned. Two things lift the rule for a request: its body is never reused, so a late
// read fails instead of reading the next request; and once somebody has asked the
// request's context for Done (every derived context does), nothing of that request is
// reused, and the context ends when the handler returns, as net/http's does.
// [Server.Poison] overwrites instead of reusing: tests run with it under -race.
//
// # Contexts
//
// Nobody looks whether the client is still there until Done is asked for, and then 100 ms
// later, when most requests are answered. The context ends when the client has closed its
// side or the connection broke, provided the body was read to its end. Err alone does not
// look. A client that closes only its sending side counts as gone for who looks, and gets
// its answer from who does not.
//
// # What is refused
//
// A bare LF or CR, obs-fold, a blank before the colon, control bytes, an empty line too
// many; no Host or two; a Content-Length that is not one row of digits; a Transfer-Encoding
// other than chunked, or in HTTP/1.0; both; an absolute-form target of another host than
// Host; an Expect other than 100-continue; HTTP/2's preface, other versions; in chunks a
// sign, a blank, an overflow, an endless line. After a refusal the connection is closed, in
// a way that lets the client read the answer. A head that was not refused can still be
// nonsense: package sanity looks at paths, methods and host names.
//
// What is pipelined is answered in order; while an answer is under way at most a buffer's
// rest of what follows has been read (4 KiB, or one long head's size).
//
// Protocol code of our own: FuzzHead holds that what the parser passes is read the same
// by [http.ReadRequest] (method, target, header, framing), FuzzChunked that a body which
// passes is the one that net/http decodes, and FuzzConn sends arbitrary bytes to a whole
// server. TestAgainstNetHTTP holds both servers' answers together, handler by handler. The
// door's own tests run on both.
//
// Sources: RFC 9112 (messages), RFC 9110 (semantics), RFC 8297 (103).
package h1
