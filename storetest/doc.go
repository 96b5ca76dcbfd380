// Package storetest holds the one test suite for stores: of package session, and of the
// key-value face that redisstore and diskstore have beside it.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) session.Store { return open(t) })
//	}
//
// The suite asks for what session.Store promises, with real time and many goroutines. It
// does not test what a store survives (a kill, a power cut, a lost server): that differs
// from store to store and belongs in the store's own tests.
package storetest
