// Package redisstore keeps sessions and limits in Redis, Valkey or a Redis Cluster, for
// services of more than one process: Store is a session.Index, Limits a limit.Store. It
// needs Redis 6.2 or any Valkey.
//
//	store, err := redisstore.New(redisstore.Options{Address: []string{"127.0.0.1:6379"}})
//	manager, err := session.New[Account](session.Options{Store: store, Keys: keys})
//
//	limits, err := redisstore.NewLimits(redisstore.Options{Address: []string{"127.0.0.1:6379"}})
//	limiter, err := limit.New(limit.Options{Policies: policies, Store: limits, Secret: secret})
//
// Store.KV is plain keys and values of the same server; expresssession reads and writes
// the sessions of a running Express app through it.
//
// # Round trips
//
// Load is one command, GET. Save is one round trip: a script that compares the version and
// sets, beside it, for a session with a user, one that notes it in the user's set. Touch
// is one, and one more for a session with a user; package session touches at most once in
// a tenth of the idle time. Delete is one. Owned reads the user's set and the heads of the
// user's own sessions, in two.
//
// A decision on limits is one command, EVALSHA, whatever the policies, and one more where
// the server does not have the script yet. Limits.Delete is one, and Limits.Scan one for
// each 512 keys of a node and one for the records among them.
//
// # Clocks
//
// Limits go by the clock of the server that has the key, in microseconds: those of the
// processes do not matter. After a failover it is the replica's clock; where that is
// behind, windows and blocks last longer by as much, and where it is ahead they are over
// sooner.
//
// # What survives what
//
// What Redis has acknowledged is as safe as its own settings make it: with "appendfsync
// everysec" the last second can be lost in a power cut, and a failover to a replica can
// lose what was not copied yet. Then a change is undone, or a logout: for a logout that
// must survive the loss of a server use diskstore, or set WAIT-like durability on the
// server. A server that is stopped or stands still costs each call Options.Timeout at most,
// or what its context allows if that is less, and an error; when it is back the store goes
// on by itself. A decision that ends in an error may have been counted or not; it is never
// sent twice. A limit.Shared in front of Limits waits 15 ms at most, answers in this process
// meanwhile, and tells the server afterwards: its comment states how much can pass.
//
// What limits keep is lost with the server's memory: counts start anew then, and blocks
// are over. A server with a maxmemory-policy that evicts keys forgets counts and blocks
// when it is full: give limits a server, or a policy, that does not ("noeviction" answers
// with an error instead, and then each policy's Outage says what happens).
//
// The expiry of a session is in the record, by the clock of who saved it, and as the key's
// time to live, so that the server drops what nobody asks for.
//
// Sources: rueidis, the client; facts of connect-redis 9 for the keys of Express.
package redisstore
