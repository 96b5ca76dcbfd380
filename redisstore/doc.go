// Package redisstore keeps sessions in Redis 7, Valkey or a Redis Cluster, for services of
// more than one process: a session.Index.
//
//	store, err := redisstore.New(redisstore.Options{Address: []string{"127.0.0.1:6379"}})
//	manager, err := session.New[Account](session.Options{Store: store, Keys: keys})
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
// # What survives what
//
// What Redis has acknowledged is as safe as its own settings make it: with "appendfsync
// everysec" the last second can be lost in a power cut, and a failover to a replica can
// lose what was not copied yet. Then a change is undone, or a logout: for a logout that
// must survive the loss of a server use diskstore, or set WAIT-like durability on the
// server. A server that is stopped or stands still costs each call Options.Timeout at most,
// and an error; when it is back the store goes on by itself.
//
// Expiry is in the record, by the clock of who saved it, and as the key's time to live, so
// that the server drops what nobody asks for.
//
// Sources: rueidis, the client; facts of connect-redis 9 for the keys of Express.
package redisstore
