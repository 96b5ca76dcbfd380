package limit

import (
	"context"
	"time"
)

// A Key names a record: keyed hashes, so that no store holds the name of a user or an
// address. Records of one Tag can be decided on together in every store; in a Cluster
// they are on one node.
type Key struct{ Tag, ID uint64 }

// An Op is one question of a decision.
type Op struct {
	// Rule is the policy that is asked.
	Rule *Rule
	// Key names the record.
	Key Key
	// Verb is what to do.
	Verb Verb
	// Points is how many. Only Add takes a negative number.
	Points int64
	// TTL is how long a Block lasts, 1 ms or more or Forever. With FixedWindow it is also
	// how long the window lasts that Consume or Assign opens, where zero is the policy's
	// Duration.
	TTL time.Duration
}

// A Store keeps the records of limiters. Its methods are safe for concurrent use, by as
// many processes as share it.
//
// Errors are for stores that are broken or out of reach. A record that has run out is the
// same as none.
type Store interface {
	// Decide answers all ops at once: nobody sees some of them done. It fills results,
	// which is as long as ops. If any Consume is refused then none takes points; a policy
	// that refuses may still start its block. The keys of ops are different and have one
	// Tag. A store with a clock of its own goes by that, others by now.
	Decide(ctx context.Context, now time.Time, ops []Op, results []Result) error
	// Delete removes a record and tells whether there was one.
	Delete(ctx context.Context, key Key) (bool, error)
	// Scan calls f for each record until f returns false. What changes meanwhile may be
	// seen or not.
	Scan(ctx context.Context, f func(Key, State) bool) error
}

// Allowed tells whether every op was.
func Allowed(results []Result) bool {
	for i := range results {
		if !results[i].Allowed {
			return false
		}
	}
	return true
}
