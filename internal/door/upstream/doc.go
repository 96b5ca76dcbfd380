// Package upstream is the door's way to the application: one HTTP/1.1 exchange a
// request over a pool of connections, streaming both ways.
//
//	p, err := upstream.New(upstream.Options{Address: "localhost:3000", Fail: page})
//	chain := sanity.Handler(p)
//
// There are two ways: [New] is an exchange of our own, [NewReverse] is
// [httputil.ReverseProxy] over [http.Transport]. Of both holds:
//
//   - Host and query leave as they came; only X-Forwarded-* and Forwarded are written.
//   - A 1xx is passed on. A 101 runs the guards' phases; both sides of the WebSocket are
//     watched, pinged and closed as RFC 6455 wants ([Streams]).
//   - Failures have a status and a reason from a fixed set; the cause never reaches
//     the client ([Failure]).
//   - An answer without Content-Type stays without one: net/http's guess would both
//     change the application and say what the door is made of.
//   - A client that stops reading, or an upstream that stops talking in the middle of
//     an answer, is let go after the idle time.
//   - Connections idle shorter than Node's own 5 s, so that a POST hardly meets one which
//     the application is closing.
//
// The exchange of our own runs on the request's goroutine: the head leaves in one piece,
// with the body behind it where that fits; the answer's head is read where it lies in the
// connection's buffer, and so is its body. Only a body that does not fit, or whose length
// is not known, is sent by a second goroutine, which has ended when ServeHTTP returns:
// an application may answer before it has read. Of it alone holds:
//
//   - An answer is read strictly (CRLF, no folded fields, one length, chunks to the
//     letter) and framed anew. After anything doubtful the connection is not used again:
//     no answer may run into the next one's place.
//   - A connection is looked at before it is used again, and idles shorter than what the
//     application says in Keep-Alive. A request that may arrive twice and meets a closed
//     one all the same is sent again, within a budget.
//   - What has come is flushed before the next read blocks: at once for event streams,
//     gRPC and bodies without a length, within 100 ms for the others.
//
// Both are the way to one address. [NewGroup] is that to several, whose health package balance
// knows. [New] speaks plain HTTP/1.1: use it over loopback, a socket, or a network you trust.
// [NewReverse] also speaks https, always verified, and HTTP/2 (Options.Scheme).
//
// How the home-made reader is held: FuzzAnswer feeds it answers in pieces of any size and
// compares with [http.ReadResponse]: what ours takes, net/http reads the same, status,
// fields, body and trailers; ours may refuse more. FuzzRequest does so for the writer
// with [http.ReadRequest]. FuzzFrames holds the WebSocket frames. TestLies plays
// applications that lie, on raw connections.
//
// Sources: RFC 9110 section 7.6 (intermediaries), RFC 9112, RFC 6455.
package upstream
