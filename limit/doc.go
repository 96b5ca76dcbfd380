// Package limit limits how often something happens: requests of an address, guesses at a
// password, calls of an API key.
//
//	limiter, err := limit.New(limit.Options{
//		Policies: []limit.Policy{{Name: "api", Points: 100, Duration: time.Minute}},
//	})
//	…
//	http.ListenAndServe(addr, limiter.Handler(mux))
//
// Several policies are one decision: all allow, or nothing is counted. A policy counts by
// one of three algorithms and can block a key that was refused, longer each time.
//
// Counts live in a Store: a Memory of bounded size, or package redisstore for a fleet,
// which Shared keeps answering while the servers are away. Keys are hashed under a
// secret before any store sees them.
//
// # What it does not protect against
//
// A limit by address does not stop those who have many: package login counts by more
// than one metric for that. A SlidingWindow assumes that what came in the window before
// came evenly; GCRA allows a full Burst and a full Duration's worth of what trickles in
// beside it: whoever paces requests to the window can have up to twice Points in some
// span of one Duration, but never at once. FixedWindow has no such excuse and is there
// for compatibility. A process that restarts forgets a Memory; Keep holds its blocks.
//
// Practice: brute-force. Sources: RFC 6585 section 4 (429); RFC 9110 section 10.2.3
// (Retry-After); draft-ietf-httpapi-ratelimit-headers-10; ITU-T I.371 (GCRA).
package limit
