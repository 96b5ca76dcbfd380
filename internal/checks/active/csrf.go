package active

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	// mostForms is how many forms are sent, and mostSockets how many WebSockets are
	// opened, that nobody named.
	mostForms, mostSockets = 6, 3
	// mostForged is how many requests one route may cost, pages and redirects included,
	// and mostInAll how many a run.
	mostForged, mostInAll = 64, 700
	// forgeTime ends the check.
	forgeTime = 60 * time.Second
)

var (
	fixOrigins = check.Fix{
		Express: "a middleware before all routes that answers 403 to any method but GET, HEAD and OPTIONS unless Sec-Fetch-Site is same-origin or none, or, without it, Origin, or else Referer, is the site's own; csurf is retired",
		Go:      "csrf.New(csrf.Options{}) around the mux", Door: "csrf: {enforce: all} in panoply.yaml",
	}
	asvsOrigins = []string{"3.5.1"}
)

var csrfRules = check.Rules{
	{ID: "csrf/cross-site-form", Title: "a form of another site is taken", Severity: check.High, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "Any page that a user opens can post in the user's name.",
		Bad: "POST /cart\nCookie: sid=…\nOrigin: https://evil.example\nSec-Fetch-Site: cross-site\n→ 302 Found", Good: "the same request → 403 Forbidden"},
	{ID: "csrf/same-site", Title: "a form of a sibling of the site is taken", Severity: check.Medium, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "SameSite does not hold cookies back from another subdomain or port, where something of somebody else may run.",
		Bad: "if (req.get('sec-fetch-site') === 'cross-site') return res.sendStatus(403)", Good: "if (!['same-origin', 'none'].includes(req.get('sec-fetch-site'))) return res.sendStatus(403)"},
	{ID: "csrf/null-origin", Title: "a form without an origin of its own is taken", Severity: check.High, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "A sandboxed frame on any page posts with Origin: null.",
		Bad: "if (origin && origin !== 'null' && origin !== own) return res.sendStatus(403)", Good: "if (origin && origin !== own) return res.sendStatus(403)"},
	{ID: "csrf/text-plain", Title: "a request of another site is taken as text/plain", Severity: check.High, CWE: 352, ASVS: []string{"3.5.1", "3.5.2"}, Fix: fixOrigins,
		Why: "Browsers send text/plain to other sites without asking first, and its body can be JSON.",
		Bad: "app.use(express.json({ type: '*/*' }))", Good: "app.use(express.json()) behind a check of where requests come from"},
	{ID: "csrf/foreign-origin", Title: "another site's Origin is taken from a browser without Sec-Fetch-Site", Severity: check.Medium, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "Browsers from before 2023, and all of them over plain HTTP, say only in Origin where a request comes from.",
		Bad: "if (req.get('sec-fetch-site') === 'cross-site') return res.sendStatus(403) // and nothing else", Good: "without Sec-Fetch-Site, Origin decides"},
	{ID: "csrf/downgrade", Title: "the site's own name over plain HTTP is taken for the site", Severity: check.Medium, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "Whoever stands on the way can answer for http:// of any name, and post to https:// from there.",
		Bad: "new URL(origin).host === req.get('host')", Good: "origin === 'https://' + req.get('host')"},
	{ID: "csrf/foreign-referer", Title: "another site's Referer is taken where no Origin is", Severity: check.Low, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "Old browsers send no Origin with forms, and say in Referer alone where they come from.",
		Bad: "if (!origin) return next()", Good: "if (!origin) look at Referer"},
	{ID: "csrf/no-source", Title: "a form with a cookie is taken that does not say where it comes from", Severity: check.Low, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "An old browser whose page forbids Referer sends neither Origin nor Referer, whoever made the form.",
		Bad: "if (!origin && !referer) return next()", Good: "refuse forms that carry a cookie and no source; programs that send JSON or a bearer token may pass"},
	{ID: "csrf/token-unbound", Title: "a token of another visitor is taken", Severity: check.High, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "A token that is not bound to the session is one that the attacker has too.",
		Bad: "if (tokens.has(req.body._csrf)) next()", Good: "if (req.body._csrf === req.session.csrf) next()"},
	{ID: "csrf/method-override", Title: "another method in the query makes a GET, or a form, one that changes something", Severity: check.High, CWE: 352, ASVS: []string{"3.5.1", "3.5.3"}, Fix: check.Fix{
		Express: "no method-override, or only for POST and behind the check of where requests come from", Go: "csrf.New(csrf.Options{}) outside whatever reads _method", Door: "csrf: {enforce: all} in panoply.yaml"},
		Why: "A link or an image sends a GET that no defence looks at, and the app makes another method of it.",
		Bad: "app.use(methodOverride('_method', { methods: null }))", Good: "no override, or app.use(methodOverride('_method')) for POST alone"},
	{ID: "csrf/get-accepts", Title: "a form that posts is taken by GET too", Severity: check.Low, CWE: 352, ASVS: []string{"3.5.3"}, Fix: check.Fix{
		Express: "app.post(…) in place of app.all(…), and req.body in place of req.query", Go: "mux.HandleFunc(\"POST /cart\", …) and r.PostFormValue", Door: "none: what a GET does, only the app knows"},
		Why: "A link or an image sends a GET, cookies of SameSite=Lax included, and defences let it pass.",
		Bad: "app.all('/cart', add)", Good: "app.post('/cart', add)"},
	{ID: "csrf/websocket", Title: "a page of another site may open a WebSocket", Severity: check.High, CWE: 1385, ASVS: []string{"4.4.2"}, Fix: check.Fix{
		Express: "verifyClient or the upgrade handler compares Origin with the site's own; socket.io: allowRequest", Go: "csrf.New(csrf.Options{}) around the mux, which looks at upgrades too", Door: "csrf: {enforce: all} in panoply.yaml"},
		Why: "A WebSocket is a GET that carries the user's cookies, may come from any page, and lets that page read the answers.",
		Bad: "new WebSocketServer({ server })", Good: "new WebSocketServer({ server, verifyClient: ({ origin }) => origin === 'https://shop.example' })"},
	{ID: "csrf/login", Title: "a page of another site may log visitors in", Severity: check.Medium, CWE: 352, ASVS: asvsOrigins, Fix: fixOrigins,
		Why: "A visitor who is logged in as the attacker, unknowingly, leaves searches, cards and files in the attacker's account.",
		Bad: "POST /login\nOrigin: https://evil.example\nSec-Fetch-Site: cross-site\n→ 401 wrong password", Good: "the same request → 403 Forbidden"},
	{ID: "csrf/duplicates", Title: "of two Origins, or two Sec-Fetch-Sites, the site's own decides", Severity: check.Info, CWE: 352, Fix: fixOrigins,
		Why: "No browser sends two; where something on the way adds one, what the browser said no longer counts.",
		Bad: "req.headers.origin.startsWith(own)", Good: "exactly one value, or 403"},
}

var csrf = check.Check{
	ID: "csrf", Practice: "csrf", Title: "What another site makes a browser send is refused, and what the site's own pages send is taken",
	Why:      "Whether a route can be forged is seen by forging: the same request as the site's own, with the headers that a browser sends from elsewhere.",
	Severity: check.High, Needs: check.Wire | check.Active, Rules: csrfRules, Run: runCSRF,
	Probes: fmt.Sprintf("up to %d POST forms of the pages, and every --csrf-route, for real: twice as the site's own page does and some 14 times as pages of other sites can, with panoply-audit-… in empty text fields; "+
		"forms that say they delete, pay, order, send mail or make an account, and searches, are left out; up to %d WebSockets are opened; three wrong logins; %d requests at most", mostForms, mostSockets, mostInAll),
	Bad:  "app.post('/cart', add)",
	Good: "app.use(sameOrigin) // 403 unless Sec-Fetch-Site, Origin or Referer is the site's own\napp.post('/cart', add)",
}

func runCSRF(ctx context.Context, s *check.Session) check.Result {
	ctx, cancel := context.WithTimeout(ctx, forgeTime)
	defer cancel()
	f := newForger(ctx, s)
	if f.why != "" {
		return check.NotProven(f.why)
	}
	site, err := s.Crawl(ctx)
	if err != nil {
		f.gap("what the crawl did not see: %v", err)
	}
	deeds, left := deedsOf(s, site)
	for _, d := range deeds {
		f.deed(ctx, d)
	}
	sockets := socketsOf(s, site)
	for _, k := range sockets {
		f.socket(ctx, k)
	}
	f.login(ctx)
	if len(deeds) == 0 && !slices.ContainsFunc(sockets, func(k socket) bool { return k.listed }) {
		f.gap("%s", nothingToSend(s, left))
	} else if len(left) > 0 {
		f.tell("left out, for what they may do: %s (--csrf-route sends one all the same)", several(left))
	}
	f.wholeRun()
	seen := strings.Join(f.told, "; ")
	if len(f.gaps) > 0 {
		reason := "not told: " + strings.Join(f.gaps, "; ")
		if seen != "" {
			reason += ". Seen: " + seen
		}
		return check.NotProven(reason, f.found...)
	}
	return check.Conclude(seen, f.found)
}

// wholeRun adds to the first finding what became of the other routes: beside a finding
// the reason of the result is not shown.
func (f *forger) wholeRun() {
	lines := slices.Clone(f.told)
	for _, gap := range f.gaps {
		lines = append(lines, "not told: "+gap)
	}
	i := slices.IndexFunc(f.found, func(found check.Finding) bool { return found.Severity > check.Info })
	if i < 0 || len(lines) == 0 {
		return
	}
	f.found[i].Evidence = append(f.found[i].Evidence, check.Evidence{Where: "the whole run", Seen: strings.Join(lines, "\n")})
}

// several joins a few of the texts, and counts the rest.
func several(all []string) string {
	const most = 8
	if len(all) > most {
		all = append(slices.Clone(all[:most]), fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(all, ", ")
}

// nothingToSend says why no route was sent anything.
func nothingToSend(s *check.Session, left []string) string {
	why := "no page has a form that posts and may be sent"
	if len(left) > 0 {
		why += "; left out, for what they may do: " + several(left)
	}
	if s.Target.Credentials == "" && s.Target.Login == "" {
		why += "; --header or --login shows what users see"
	}
	return why + `; --csrf-route "POST /cart" names a route`
}
