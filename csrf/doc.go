// Package csrf refuses requests that another site makes a visitor's browser send: cross-site
// request forgery.
//
//	g, err := csrf.New(csrf.Options{})
//	…
//	http.ListenAndServe(addr, g.Handler(mux))
//
// A browser says where a request comes from, and a page cannot change what it says. A
// request that is not GET, HEAD or OPTIONS is decided by the first of these that is there:
//
//  1. Sec-Fetch-Site: "same-origin" and "none" (typed, or a bookmark) pass, all else is
//     another origin. All browsers since 2023 send it to https and to localhost.
//  2. Origin: it has to be this scheme, host and port. "null" is nobody's.
//  3. Referer, compared in the same way.
//  4. None: no browser of today; refused only when it brings a credential that browsers send
//     by themselves (see [Ambient]) in a request that a form could make (see [Simple]).
//
// So forms and scripts of the site itself, API clients, mobile apps and webhooks need no
// change, and nothing is kept. Scheme and host are those of [clientip.Lookup], which are true
// behind a proxy that was named to it.
//
// # Where it is stricter than http.CrossOriginProtection
//
// It gives the same verdict on everything else. Each line is refused here:
//
//   - Origin or Referer of http for this host, on a request over https: a page that somebody
//     on the way wrote.
//   - A foreign Referer, where there is neither Sec-Fetch-Site nor Origin.
//   - A form with a cookie and none of the three.
//   - An upgrade, such as a WebSocket's, from another origin, although its method is GET.
//   - A safe method that names another one ("?_method=DELETE") from another origin, or in an
//     address that was typed or came by mail ("none").
//   - A path on an exempt route that an app may read as another: "/hook/..%2fadmin".
//   - An Origin that no browser sends: with a user, a path, no scheme, a scheme other than
//     http and https; and any Origin for a request without a host.
//   - Sec-Fetch-Site, Origin or Referer there twice.
//
// And two where it passes and http.CrossOriginProtection does not: a Host or Origin with the
// scheme's own port or in upper case.
//
// # Tokens
//
// With Options.Binding a Guard also makes and checks tokens that are bound to a session:
// for old clients, and with RequireToken as a second line of defence. [Guard.Field] puts one
// into a form and [Guard.Token] gives it to a script. Put its Handler within that of the
// session then. Options.Migrate takes the tokens of csurf and csrf-csrf besides.
//
// # What it does not protect against
//
// A GET that changes something is let pass, wherever it comes from. Script that runs in the
// site's own pages (XSS) is the site. A page that lets others choose where its own scripts
// send to forges with the right origin. What an exempt route does by a cookie can be forged.
//
// Practice: csrf. Sources: OWASP Cross-Site Request Forgery Prevention Cheat Sheet; W3C Fetch
// Metadata Request Headers; RFC 6454; Fetch Standard section 3.2 (Origin).
package csrf
