// Package sessions lifts the session cookies of an application that cannot be changed: what
// leaves is sealed, sessions end after a while, a login changes what a client holds, and a
// logout is final.
//
// It works on the cookies that package cookie knows as session cookies, under the names
// that clients see, so it stands outside of that guard.
//
//	lift, err := sessions.New(sessions.Options{Cookies: guard, Key: key, Ended: ended})
//	handler := lift.Handler(guard.Handler(app))
//
// # What it does
//
// A sealed cookie holds the application's own value, when the session began, when it was
// last used, and the attributes that the application gave. The client can read none of it,
// and what it changes is dropped on its way in, before the application or its store is
// asked.
//
// A session that is over (Idle, Absolute) is dropped the same way and removed from the
// client. At a login, and once in Renewal, the client is handed a new cookie, and the one
// that it had is refused after Grace: who planted it, or copied it before, is out, and
// cannot turn it into a newer one meanwhile. Nor can an answer that was under way at the
// login put the older cookie back.
//
// A logout is what deletes the cookie in its answer, or a request to a logout route that
// is not refused. The session is remembered by a keyed hash, and nothing brings it back:
// not a request that was under way, and not the application's store, which
// express-session's "resave" may write again. What names a session is the application's id
// where the value is one, whatever its spelling; else a random id that is sealed with it,
// for two sessions of one user may have the same value.
//
// # What it does not do
//
// It knows an application's login and logout by their routes, Set-Cookie lines and status
// only. Values that are no ids can be ended only where they leave sealed. Cookies with a
// Domain, and those that scripts read, stay as they are. A value that
// would be too large for browsers once sealed stays unsealed. Ended holds a bounded number
// of sessions; beyond it the one that is kept for the shortest time is forgotten, and then
// ends by its timeouts only.
//
// Sources: OWASP Session Management Cheat Sheet (renewal, expiration, opaque ids); RFC
// 6265. Practice: sessions.
package sessions
