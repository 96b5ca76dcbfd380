// Package bounds holds the door's limits on what a client may send: the size of a
// request head, and the pace and size of a request body.
//
//	body := bounds.Watch(w, r.Body, bounds.Body{Grace: 10 * time.Second, MinRate: 1024})
//	r.Body = body
//	next.ServeHTTP(w, r)
//	if body.Err() != nil { … }
//
// Limits on time that the server keeps by itself (request head, idle keep-alive) are not
// here. Nor is what it answers before any handler runs: the own HTTP/1.1 loop a head beyond
// the bound, net/http one beyond 1 MiB.
//
// Slow bodies are what slowhttptest -B and RUDY send; the pace is measured over each
// piece of Grace × MinRate bytes and only while the door waits for the client, so that
// an upload which the application consumes slowly is not the client's fault, and a fast
// start earns no credit for a slow end.
package bounds
