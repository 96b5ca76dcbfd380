// Package session gives net/http handlers typed sessions: data of your own type under a
// 256-bit id in a cookie, kept in a Store.
//
//	m, err := session.New[Account](session.Options{Store: store, Keys: keys})
//	if err != nil {
//		return err
//	}
//	http.ListenAndServe("127.0.0.1:3000", m.Handler(app))
//
// and in a handler
//
//	s := session.From[Account](r.Context())
//	account, err := s.Get()
//	err = s.Update(func(a *Account) error { a.Visits++; return nil })
//
// The zero value of every option is the safest useful one: the cookie is called
// __Host-id and is Secure, HttpOnly and SameSite=Lax, a session that holds nothing is
// neither stored nor sent, and it ends after half an hour unused and after twelve hours.
//
// # What is promised
//
// The client alone knows the id: the store has a hash of it, and data sealed under a key
// made of a secret and of the id, so a copy of the store opens nothing (a Memory, which
// never leaves the process, holds it as it is). The cookie is signed, so a forged one
// costs no call to the store. An id that the store does not know is never taken over.
//
// A change is never lost to a parallel request: the store takes it only on top of what it
// was made from; else it is made once more on what the other request saved (Update), or
// merged member by member (Set). Where both changed one member by Set the later counts.
//
// A logout is final. The store changes only what is still there, so no request that was
// under way brings a session back.
//
// The cookie is not lost: the session is saved as the header leaves, by Write, Flush,
// ReadFrom or a 101; a Hijack before that is refused, and a change after it that would
// need a cookie is an error. When the store fails before the header has left the answer
// is 503, whatever the handler wrote. Answers made of a session are kept from caches.
//
// # Without a store
//
// Options.Sealed keeps the session in its cookie, encrypted, in several when it is long.
// Then of two requests at once the later answer counts, and only Sealed.Ended makes a
// logout final for copies of the cookie.
//
// # What it does not protect against
//
// Who takes the cookie has the session: it is bound to no address and no browser. It does
// not stop another site's page from using it beyond what SameSite does (see package
// csrf). Data that is cached by your own code outlives a logout. A Store that loses or
// reorders acknowledged writes, such as an asynchronous replica that takes over, loses
// sessions and logouts with them.
//
// Practice: sessions. Sources: OWASP Session Management Cheat Sheet; NIST SP 800-63B-4
// section 5; RFC 6265bis.
package session
