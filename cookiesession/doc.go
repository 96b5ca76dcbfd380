// Package cookiesession is the npm package cookie-session 2.1 for net/http: a Go service
// shares the sessions of an Express app that keeps them in a cookie.
//
//	sessions, err := cookiesession.New(cookiesession.Options{
//		Keys: [][]byte{[]byte(os.Getenv("SESSION_KEY"))}, // as the app's
//	})
//	handler := sessions.Handler(mux)
//
// and, in a handler:
//
//	s := cookiesession.From(r.Context())
//	user, ok := s.Get("user")
//	err := s.Set("seen", time.Now())
//
// The session is base64 of JSON in one cookie, and its Keygrip signature in another of the
// same name and ".sig". Options have the peer's names and meaning.
//
// # Compat and Strict
//
// In the mode Compat the cookies are those of cookie-session, in order, also where that is
// a pity. What it could only fail at, silently, is refused by New in either mode: control
// characters, wrong priorities and SameSite, no keys.
//
// The mode Strict, which is the zero value, deviates where the peer is unsafe or loses a
// session:
//
//   - Secure, HttpOnly and SameSite=Lax unless Options say otherwise; they cannot be
//     weakened, and signing cannot be turned off. Path and Domain are checked.
//   - A session that does not fit MaxBytes is refused by Set, where the peer sends what
//     browsers drop.
//   - Replace with an empty object clears a session that was loaded. The peer sends
//     nothing, and the old session lives on.
//   - A cookie signed by an old key is signed anew with all attributes, and so is the
//     session with it; the peer sends a signature without them, which may die sooner, or
//     stand beside the one that it replaces.
//   - A cookie that cannot be sent, because the client came by http, is told; a change after
//     the header has left returns ErrHeaderSent, and Hijack fails while a cookie is due.
//     With the peer each is lost without a word.
//   - Both cookies are removed when the signature is wrong.
//   - What nobody has changed keeps its bytes; JSON that is no object is no session.
//   - Answers to requests with a session carry Cache-Control: no-store.
//
// # What it does not do
//
// The client can read the session, and bring an old one back until its key is dropped:
// there is no time in it, and nothing on the server that could end it. Package session has
// sealed cookies with both, and with the same key everywhere. The signature is HMAC-SHA-1
// by default, as the peer's; that is no weakness of HMAC, and SHA-256 is to be had by
// Keygrip.
//
// Sources: the behaviour of cookie-session 2.1.1, cookies 0.9.1 and keygrip 1.1.0, recorded
// in testdata. Practice: sessions.
package cookiesession
