// Package diskstore keeps sessions, and small values of other guards, in one file of one
// machine: an embedded session.Index that needs no server.
//
//	store, err := diskstore.Open(diskstore.Options{Path: "/var/lib/shop/sessions.db"})
//	manager, err := session.New[Account](session.Options{Store: store, Keys: keys})
//
// # What survives what
//
// What Save, Touch, Delete and the methods of a KV have acknowledged is on the disk: it
// survives the end of the process, kill -9 and a power cut, as far as the disk keeps its
// word on fdatasync. What they had not acknowledged is there whole or not at all. Callers
// that write at the same time share one fdatasync.
//
// Nothing survives the loss of the file, and no second machine sees it: that is
// redisstore's part. The file holds what it is given; package session seals it first.
//
// A file that was cut or overwritten is an error of Open, or of the calls that come to the
// place, with what to do. There are no checksums but that of the file's head: bits that rot
// are for the file system to find.
//
// One process has the file at a time. A second one is told so by Open.
//
// Expired records are not returned from the moment they expire. They are removed a few at
// a time by those who write, and once a minute. The file does not shrink while it is open;
// Open compacts one that is mostly empty.
//
// Sources: bbolt, a copy-on-write B+tree, whose reads take no lock that a write holds.
package diskstore
