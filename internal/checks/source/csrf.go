package source

import (
	"github.com/panoplysec/panoply/audit/check"
)

var csrfRules = check.Rules{
	{ID: "csrf/missing", Title: "a route that changes something never asks where a request comes from", Severity: check.High, CWE: 352, ASVS: []string{"3.5.1"},
		Why:  "The browser adds the cookie to whatever another site has it send, so that site acts in the visitor's name.",
		Bad:  "app.use(session({ secret }))\napp.post('/transfer', transfer)",
		Good: "app.use(session({ secret }))\napp.use(sameOrigin) // refuses what Sec-Fetch-Site or Origin calls foreign\napp.post('/transfer', transfer)",
		Fix:  check.Fix{Express: "refuse what Sec-Fetch-Site, or else Origin, calls foreign, or use csrf-sync or csrf-csrf, in front of every route that changes something"}},
	{ID: "csrf/after-routes", Title: "the defence against forged requests is used after routes that need it", Severity: check.High, CWE: 352, ASVS: []string{"3.5.1"},
		Why:  "Express runs middleware in order: a route that is registered first never meets it.",
		Bad:  "app.use(router)\napp.use(csrfProtection)",
		Good: "app.use(csrfProtection)\napp.use(router)",
		Fix:  check.Fix{Express: "move it behind the session and the body parsers, and above every router"}},
	{ID: "csrf/deprecated-package", Title: "the package against forged requests is not maintained", Severity: check.Medium, CWE: 1104, ASVS: []string{"15.2.1"},
		Why:  "csurf was retired in 2022 after reports that nobody was left to answer, and what is found in it will stay.",
		Bad:  "app.use(require('csurf')())",
		Good: "const { csrfSynchronisedProtection } = require('csrf-sync').csrfSync()\napp.use(csrfSynchronisedProtection)",
		Fix:  check.Fix{Express: "csrf-sync where there are sessions, csrf-csrf where there are none, or a check of Sec-Fetch-Site and Origin"}},
	{ID: "csrf/before-method-override", Title: "the method is checked before method-override changes it", Severity: check.Medium, CWE: 696, ASVS: []string{"3.5.1"},
		Why:  "A GET needs no token; when it becomes a DELETE behind the check, that needs none either.",
		Bad:  "app.use(csrfProtection)\napp.use(methodOverride('_method', { methods: ['GET'] }))",
		Good: "app.use(methodOverride('_method'))\napp.use(csrfProtection)",
		Fix:  check.Fix{Express: "use methodOverride before the defence, and for POST only"}},
	{ID: "csrf/method-override-get", Title: "a GET can be made any other method", Severity: check.Medium, CWE: 650, ASVS: []string{"3.5.3"},
		Why:  "A link is then enough for a DELETE, and SameSite=Lax lets the cookie go along with links.",
		Bad:  "app.use(methodOverride('_method', { methods: ['GET', 'POST'] }))",
		Good: "app.use(methodOverride('_method'))",
		Fix:  check.Fix{Express: "leave methods out: by default only a POST can be overridden"}},
	{ID: "csrf/token-in-readable-cookie", Title: "a token is compared with its own copy in a cookie", Severity: check.Medium, CWE: 352, ASVS: []string{"3.5.1"},
		Why:  "Whoever can set a cookie, such as a neighbour in the same domain, sets both halves; nothing ties them to the session.",
		Bad:  "if (req.cookies.csrf !== req.body.csrf) return res.sendStatus(403)",
		Good: "if (!verify(hmac(key, req.session.id), req.body.csrf)) return res.sendStatus(403)",
		Fix:  check.Fix{Express: "keep the token in the session (csrf-sync), or sign it together with the session's id (csrf-csrf)"}},
	{ID: "csrf/csurf-cookie", Title: "csurf keeps its secret in a cookie without the flags that protect it", Severity: check.Medium, CWE: 1275, ASVS: []string{"3.3.1", "3.3.2", "3.3.4"},
		Why:  "By default the cookie has Path and nothing else: script reads it, any neighbour overwrites it, and it travels in clear.",
		Bad:  "csurf({ cookie: true })",
		Good: "csurf({ cookie: { key: '__Host-csrf', httpOnly: true, secure: true, sameSite: 'strict' } })",
		Fix:  check.Fix{Express: "keep the secret in the session: csurf() without cookie; or name all three flags"}},
	{ID: "csrf/constant-session-id", Title: "tokens of csrf-csrf belong to no session", Severity: check.Medium, CWE: 352, ASVS: []string{"3.5.1"},
		Why:  "The signature then fits every visitor: an attacker plants a pair of his own, and it is accepted.",
		Bad:  "doubleCsrf({ getSecret, getSessionIdentifier: () => '' })",
		Good: "doubleCsrf({ getSecret, getSessionIdentifier: (req) => req.session.id })",
		Fix:  check.Fix{Express: "getSessionIdentifier: (req) => req.session.id, or what else names the login in this browser"}},
	{ID: "csrf/state-change-on-get", Title: "a GET changes something", Severity: check.Medium, CWE: 650, ASVS: []string{"3.5.3"},
		Why:  "An image on any page is enough to send a GET, no defence looks at it, and SameSite=Lax lets links carry the cookie.",
		Bad:  "app.get('/items/:id/delete', remove)",
		Good: "app.post('/items/:id/delete', remove)",
		Fix:  check.Fix{Express: "app.post or app.delete, and a form or a button in the page in place of the link"}},
	{ID: "csrf/ignored-methods", Title: "a method that changes something needs no token", Severity: check.High, CWE: 352, ASVS: []string{"3.5.1"},
		Why:  "What the list names is let through unasked; only GET, HEAD and OPTIONS may be.",
		Bad:  "csurf({ ignoreMethods: ['GET', 'POST'] })",
		Good: "csurf({ ignoreMethods: ['GET', 'HEAD', 'OPTIONS'] })",
		Fix:  check.Fix{Express: "leave the option out"}},
}

var csrfCheck = check.Check{
	ID: "csrf-source", Practice: "csrf", Title: "The code asks every request that changes something where it comes from",
	Why:      "Another site can send a visitor's browser, cookies included, to any form that does not check where it came from.",
	Severity: check.High, Needs: check.Source, Rules: csrfRules, Run: running(csrfRules, judgeCsrf),
	Bad:  "app.use(session({ secret }))\napp.post('/transfer', transfer)",
	Good: "app.use(session({ secret }))\napp.use((req, res, next) => {\n  const site = req.get('Sec-Fetch-Site')\n  if (safe(req.method) || site === 'same-origin' || !site && sameHost(req.get('Origin'))) return next()\n  res.sendStatus(403)\n})\napp.post('/transfer', transfer)",
}

func judgeCsrf(v *verdict) {
	c := &forgery{verdict: v, facts: factsOf(v.app.project)}
	c.packages()
	for _, root := range v.app.roots {
		c.root(root)
	}
}
