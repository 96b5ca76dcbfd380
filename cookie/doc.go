// Package cookie mends the cookies that an application sets and gives its session
// cookies names that tell nothing. It also reads and writes cookies as Node's
// packages do: the Cookie header ([Pairs], [Rewrite], [Decode]), Set-Cookie
// ([ParseSetCookie]), cookie-signature ([Sign], [Verify]) and [Keygrip].
//
//	g, err := cookie.New(cookie.Options{})
//	if err != nil {
//		return err
//	}
//	http.ListenAndServe("127.0.0.1:3000", g.Handler(app))
//
// On each Set-Cookie that leaves, the guard adds Secure where the client came by
// https, SameSite=Lax where the app said nothing, and HttpOnly on session cookies it
// knows: those named in [Options], those signed by express-session or Keygrip, and
// the names of well-known frameworks. It tells, and does not mend, a Domain wider
// than the host, a Path that does not cover the page, a lifetime over 400 days, a
// broken __Host- or __Secure- prefix, and more bytes than browsers keep.
//
// # Names
//
// With a key ([Rename].Key) a host-only session cookie at Path=/ leaves under
// "__Host-" and six characters, and the application keeps seeing its own name, so a
// Keygrip signature over name and value still holds. A client that brings the
// application's own name is let in while [Rename].Migrate runs and is handed the new
// one; afterwards, or when it brings both, the old one is dropped. Nothing is renamed
// for a client that came by plain http, since __Host- would not be kept.
//
// The one place where the application's own name still leaves is the line that
// deletes it at a client that already held it.
//
// # Undoing
//
// The application's session store is never touched: every session is still there. But a
// client that holds a renamed cookie sends only that, so an application reached
// directly, with the guard gone, does not know it. [Rename].Restore hands the old
// names back as clients come by; run it for as long as Migrate, then stop. Names are
// found again only with the key that made them and with [Options].Seen.
//
// # What it does not protect against
//
// It cannot make a cookie that script must read unreadable, bind a session to a
// client, or make a guessable session id strong. HttpOnly does not stop script on the
// page from using the session, SameSite=Lax does not stop a GET that changes state,
// and a sibling subdomain can still plant the old name while the migration runs.
//
// Practice: cookies. Sources: RFC 6265, draft-ietf-httpbis-rfc6265bis (SameSite,
// prefixes, 400 days), OWASP Session Management Cheat Sheet, and the behaviour of the
// npm packages cookie, cookies, keygrip, cookie-signature, recorded in testdata.
package cookie
