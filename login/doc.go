// Package login protects logins from guessing, by the two metrics of the Express page and
// three more.
//
//	shield, err := login.New(login.Options{Secret: secret})
//	…
//	attempt := shield.Attempt(ctx, user, r) // before the password is looked at
//	if !attempt.Allowed {
//		attempt.Deny(w, r)
//		return
//	}
//	if !passwordIsRight {
//		attempt.Failed()
//		http.Error(w, "wrong user or password", http.StatusUnauthorized)
//		return
//	}
//	attempt.Succeeded(w) // before the answer's header is written
//
// Or, with Options.Routes, in front of an app that knows nothing of it: Shield.Handler
// reads the user's name from the request and the outcome from the answer.
//
// # What is counted
//
//   - failures of a user from an address, one after the other: 10, then blocked for an
//     hour, 6 hours, a day;
//   - failures from an address: 100 a day, then blocked for a day. IPv6 counts by /64, and
//     by /56 and /48 with 4 and 16 times as much;
//   - failures of a user from anywhere: 10 an hour, so 240 a day, however many addresses
//     guess;
//   - failures of a user on a device that has logged in before: 10 an hour. Such a device
//     is told by a cookie and is counted by this alone, so strangers cannot lock it out;
//   - all failures together, which is only told, not refused, unless EnforceGlobal.
//
// An attempt is counted before the password is looked at and given back on success:
// guesses in parallel cannot slip through between a look and a count. A success forgets
// the failures of that user from that address, and no others.
//
// Names of users that do not exist are counted like those that do, and what is refused
// looks the same for both. No store sees a name or an address: see [limit.Hasher].
//
// # What it does not protect against
//
// A right password in the wrong hands: a second factor does. While a user's counter is
// full, that user cannot log in on a device that never did; the way in is the app's own
// recovery by mail, after which the app calls Shield.Recognise.
//
// Practice: brute-force. Sources: OWASP Authentication Cheat Sheet; OWASP, Slow Down
// Online Guessing Attacks with Device Cookies; NIST SP 800-63B section 5.2.2.
package login
