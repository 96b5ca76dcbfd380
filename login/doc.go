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
// Names of which an app may take one for the other are one: see [Fold]. A request that may
// mean several users counts for each, and one whose name cannot be read for a user that all
// such requests share; neither makes a device known nor forgets failures.
//
// # What it does not protect against
//
// A right password in the wrong hands: a second factor does. While a user's counter is
// full, that user cannot log in on a device that never did; the way in is the app's own
// recovery by mail, after which the app calls Shield.Recognise. Who copies a device's cookie
// has its 10 an hour, until it ends; a new password does not end it.
//
// Handler knows an app by what goes in and comes out. So
//
//   - name the fields, in Route.User and Route.Password: of the usual names it counts those
//     that hold nothing but users, and a field "login" or "name" not beside one of them;
//     under names of its own that are not given, only addresses count;
//   - give a Success where a wrong password is answered as others answer a right one, such
//     as by a redirect to the front page: every guess would succeed. Observe first;
//   - a login by a password alone is one user's, Unreadable: 10 an hour for all. An app of
//     one's own calls Attempt with a constant name instead;
//   - requests that hide the name have 10 an hour in common, beside the user's own 10;
//   - an app that is broken (500) gets 5 attempts of a user in an hour given back. One that a
//     wrong password breaks so allows 15;
//   - logins of different users, such as customers and staff, need a Route.Realm each;
//     Attempt and Recognise are of the realm without a name;
//   - passwords in GraphQL, XML or a WebSocket are not seen, nor is a name in the path.
//
// The number that is left before a refusal, and some 0.2 µs of a decision, tell whether
// somebody else has tried a user within the last hour. They do not tell whether the user is
// there.
//
// Practice: brute-force. Sources: OWASP Authentication Cheat Sheet; OWASP, Slow Down
// Online Guessing Attacks with Device Cookies; NIST SP 800-63B section 5.2.2.
package login
