// Package active holds the checks that attack: they send what could change something,
// within bounds, and only where active probes are permitted.
//
//	for _, c := range active.Checks() {
//		fmt.Println(c.ID, c.Probes)
//	}
//
// A check of this family needs [check.Active], which the engine grants for loopback
// addresses and for hosts that prove control, and says in Probes what it sends. It ends
// by itself: the number of its requests and its time are bounded by constants. It never
// guesses what could be right, and of forms it sends none that says it deletes, pays or
// makes an account, unless the caller names its route. The engine runs the family last and one check at a time,
// for what an attack provokes must not be taken for the app's usual answer.
//
// Like the other families it imports no guard: what enforced a practice must not prove
// it. What it cannot see: what a limiter does on another day, to another address than
// those it can ask from, or above the number of tries that it sends; and whether a guess
// that was refused was looked at all the same, so that a right one would have been let in;
// nor whether what an app answered as usual was also done.
package active

import "github.com/panoplysec/panoply/audit/check"

// Checks returns the family in the order in which it runs: guessing comes last, for what
// a limiter then refuses must not be taken for a refusal of something else.
func Checks() []check.Check { return []check.Check{csrf, bruteForce} }
