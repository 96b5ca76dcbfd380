// Package expresssession is express-session 1.19 and connect-redis 9 for net/http: a Go
// service shares the very sessions of a running Express app, or takes them over.
//
//	store, err := redisstore.New(redisstore.Options{Address: []string{"127.0.0.1:6379"}})
//	sessions, err := expresssession.New(expresssession.Options{
//		Secret: [][]byte{[]byte(os.Getenv("SESSION_SECRET"))}, // as the app's
//		Store:  expresssession.ConnectRedis{Client: store.KV()},
//	})
//	handler := sessions.Handler(mux)
//
// and, in a handler:
//
//	s := expresssession.From(r.Context())
//	user, ok := s.Get("user")      // JSON, as the app wrote it
//	err := s.Set("seen", time.Now())
//
// The cookie is signed and the session is written as the npm packages do, byte for byte.
// Members that this program does not know stay. Options have the peers' names and meaning.
//
// # Compat and Strict
//
// In the mode Compat the calls to the store, the cookies and the answers are those of
// express-session, in order, also where that is a pity. What it could never do is refused
// by New in either mode: bad names, paths, domains and priorities, of which the peer tells
// nobody while it sends no cookie; no secret; and what has JavaScript's types only (a
// maxAge that is a string, on which the peer does not answer at all).
//
// The mode Strict, which is the zero value, deviates where the peer's way loses data or a
// session:
//
//   - Secure is set unless Options say otherwise, and SameSite=Lax; HTTPOnly, Secure and
//     SameSite cannot be weakened, Resave and SaveUninitialized cannot be set.
//   - A changed session is stored before the header leaves. When that fails the answer is
//     503, where the peer answers 200 with a cookie for nothing.
//   - A store that does not answer when the session is loaded is 503, and is not passed to
//     the application.
//   - A Set-Cookie that is due is refused to be lost: Set returns ErrHeaderSent once the
//     header has left, and Hijack fails, where the peer stores the session and drops the
//     cookie.
//   - Two requests that change different members of one session at the same time both
//     count, and a session that was destroyed meanwhile stays destroyed, with a store that
//     is a Conditional (ConnectRedis on a client with SetIfPresent and Replace; a
//     MemoryStore). The Express app itself can still undo a logout: its SET asks nothing.
//   - A stored session that is no session (no JSON, no object, no cookie in it) is taken
//     for none and told, where the peer answers each request of that user with 500.
//   - What nobody has changed keeps its bytes. The peer writes anew what it read: numbers
//     beyond 2^53 change by that, and a session that another program wrote is stored again.
//   - Destroy removes the cookie from the client.
//   - A cookie signed by an old secret is signed anew at once.
//   - Cookie.Path covers "/admin" and what is below it, not "/administrator".
//   - Secure "auto" and SameSite "auto" work from CookieFunc too.
//   - Answers to requests with a session carry Cache-Control: no-store.
//   - A store that is not Ready is 503; the peer goes on without req.session.
//
// # What it does not do
//
// The session stands in the store as JSON that anyone with access to the store can read
// and change, under its own id; package session seals what it stores and hashes ids.
// Timeouts are the cookie's only. Adopt, Mirror and Retire let package session take over
// such sessions without a logout.
//
// Sources: the behaviour of express-session 1.19.0 and connect-redis 9.0.0, recorded in
// testdata. Practice: sessions.
package expresssession
