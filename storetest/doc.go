// Package storetest holds the test suites for stores, one a contract: of package session,
// of package limit, and of the key-value face that redisstore and diskstore have beside
// sessions.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) session.Store { return open(t) })
//	}
//
//	func TestLimits(t *testing.T) {
//		storetest.RunLimits(t, func(t *testing.T) limit.Store { return open(t) })
//	}
//
// The suite asks for what session.Store and limit.Store promise, with real time and many goroutines. It
// does not test what a store survives (a kill, a power cut, a lost server): that differs
// from store to store and belongs in the store's own tests.
package storetest
