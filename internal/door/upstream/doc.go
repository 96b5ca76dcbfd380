// Package upstream is the door's way to the application: one HTTP/1.1 exchange a
// request over a pool of connections, streaming both ways.
//
//	p, err := upstream.New(upstream.Options{Address: "localhost:3000", Fail: page})
//	chain := sanity.Handler(p)
//
// It stands on [httputil.ReverseProxy] behind the small interface that the door
// declares, and settles what ReverseProxy leaves open:
//
//   - Host and query leave as they came; only X-Forwarded-* and Forwarded are written.
//   - A 101 runs the guards' phases; both sides of the WebSocket are watched, pinged
//     and closed as RFC 6455 wants ([Streams]).
//   - Failures have a status and a reason from a fixed set; the cause never reaches
//     the client ([Failure]).
//   - An answer without Content-Type stays without one: net/http's guess would both
//     change the application and say what the door is made of.
//   - A client that stops reading, or an upstream that stops talking in the middle of
//     an answer, is let go after the idle time.
//   - Idle connections are kept shorter than Node's own 5 s, so that a POST never
//     meets a connection which the application is closing.
//
// It does not retry, balance or judge health, and speaks plain HTTP to the application:
// use it over loopback or a network you trust.
//
// Sources: RFC 9110 section 7.6 (intermediaries), RFC 9112, RFC 6455.
package upstream
