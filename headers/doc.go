// Package headers sets the response headers by which a browser defends a site: all of
// Helmet's, with Helmet's values, and what came after.
//
//	g, err := headers.New(headers.Options{}) // Helmet 8.3's defaults, byte for byte
//	…
//	http.ListenAndServe(addr, g.Handler(mux))
//
// Options written for Helmet are read by [FromHelmet]; [FirstDay] is the set that breaks
// no correct app, as the door sends it before it knows the app.
//
// The headers are merged with what the app sets when the answer leaves, so that error
// pages, redirects and answers of a proxied app carry them too, and no field is doubled
// whatever its letter case. Each header has a [Merge] rule; by the default one the
// handler's own value wins, as with Helmet. Where guards are nested, the innermost has
// the first word and the outer ones fill up.
//
// The guard does not change what the app does: script that the policy allows still runs,
// and a program that is no browser ignores every one of these headers. It does not see
// answers that net/http writes by itself (a malformed request, a header too large), and
// not those of a hijacked connection.
//
// Practice: headers. Sources: Helmet 8.3; CSP Level 3; RFC 6797 (HSTS); RFC 7034
// (X-Frame-Options); Referrer Policy; Fetch (CORP, nosniff); HTML (COOP, COEP).
package headers
