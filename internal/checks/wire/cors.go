package wire

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

var corsRules = check.Rules{
	{ID: "cors/reflected", Title: "every site may read the answers as the logged-in user", Severity: check.High, CWE: 942, ASVS: []string{"3.4.2"},
		Bad: "Access-Control-Allow-Origin: (whatever Origin was sent)\nAccess-Control-Allow-Credentials: true",
		Fix: check.Fix{
			Express: "cors({ origin: ['https://shop.example'], credentials: true }): a list, not origin: true",
			Go:      "compare Origin with a list of whole origins before you send it back",
			Door:    "none: the app decides who may read its answers",
		}},
	{ID: "cors/null", Title: "sandboxed frames and local files may read the answers as the logged-in user", Severity: check.High, CWE: 942, ASVS: []string{"3.4.2"},
		Why: "Any site can make a frame whose origin is null.",
		Fix: check.Fix{Express: "take 'null' off the list of allowed origins", Go: "take null off the list of allowed origins", Door: "none: the app decides who may read its answers"}},
	{ID: "cors/lookalike", Title: "sites whose name resembles an allowed one may read the answers as the logged-in user", Severity: check.High, CWE: 942, ASVS: []string{"3.4.2"},
		Why: "A comparison of beginnings, ends or unescaped dots lets in names that anybody can register.",
		Bad: "if (origin.endsWith('shop.example')) allow(origin)", Good: "if (allowed.has(origin)) allow(origin)",
		Fix: check.Fix{
			Express: "cors({ origin: ['https://shop.example'] }), or a regular expression with ^, $ and \\.",
			Go:      "compare whole origins: slices.Contains(allowed, origin)", Door: "none: the app decides who may read its answers",
		}},
	{ID: "cors/downgrade", Title: "the site's plain HTTP may read the answers as the logged-in user", Severity: check.Medium, CWE: 319, ASVS: []string{"3.4.2"},
		Why: "Whoever is on the way can write pages of the plain site, and then read those of the encrypted one.",
		Fix: check.Fix{Express: "list origins with https:// only", Go: "list origins with https:// only", Door: "none: the app decides who may read its answers"}},
	{ID: "cors/vary", Title: "the allowed origin follows the request, and Vary does not say so", Severity: check.Low, CWE: 524, ASVS: []string{"3.4.2"},
		Why: "A cache then answers one site with what was allowed to another.",
		Fix: check.Fix{Express: "res.vary('Origin'); the cors package does it", Go: "w.Header().Add(\"Vary\", \"Origin\")", Door: "none: the app decides who may read its answers"}},
	{ID: "cors/subdomain", Title: "every subdomain may read the answers as the logged-in user", Severity: check.Info, CWE: 942, ASVS: []string{"3.4.2"}},
	{ID: "cors/private-any", Title: "every site may read answers that only a user gets", Severity: check.Info, CWE: 942, ASVS: []string{"3.4.2"}},
	{ID: "cors/star", Title: "a star is sent together with credentials, which browsers refuse or take literally", Severity: check.Info, CWE: 942},
}

var corsCheck = check.Check{
	ID: "cors", Practice: "headers", Title: "Only chosen sites may read the answers",
	Why:      "Access-Control-Allow-Origin takes down, for the origins it names, the wall between sites.",
	Severity: check.High, Needs: check.Wire, Rules: corsRules, Run: runCORS,
	Bad:  "Access-Control-Allow-Origin: (whatever Origin was sent)\nAccess-Control-Allow-Credentials: true",
	Good: "Access-Control-Allow-Origin: https://shop.example\nAccess-Control-Allow-Credentials: true\nVary: Origin",
}

const (
	// maxCORS is how many pages are asked under other origins, and maxTricked on how
	// many of them names like the site's own are tried.
	maxCORS    = 8
	maxTricked = 3
	// stranger is an origin that no list can have. Nobody is contacted under it.
	stranger = "https://panoply-audit.invalid"
)

func runCORS(ctx context.Context, s *check.Session) check.Result {
	site, err := s.Crawl(ctx)
	asked := readable(site)
	j := corsJudge{session: s, tally: tally{rules: corsRules, judged: len(asked)}}
	for i, p := range asked {
		if failed := j.page(ctx, p, i < maxTricked); failed != nil && err == nil {
			err = failed
		}
	}
	if err == nil && len(asked) == 0 {
		return check.Conclude("there is no page that another site could read", nil)
	}
	if err != nil {
		return check.NotProven(err.Error(), j.findings()...)
	}
	return check.Conclude(fmt.Sprintf("%s asked for from other origins", answers(len(asked))), j.findings())
}

// readable chooses the pages that another site could want to read: first what only a
// user gets, then what is for programs, then refusals of either, then documents.
func readable(site *check.Site) []check.Page {
	rank := func(p check.Page) int {
		switch {
		case p.Private && p.Class == check.API:
			return 0
		case p.Class == check.API:
			return 1
		case p.Private && p.Class == check.Document:
			return 2
		case p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden:
			return 3
		}
		return 4
	}
	var all []check.Page
	for _, p := range site.Pages {
		content := p.Class == check.API || p.Class == check.Document || p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
		// Of what visitors and users get alike the visitor's is enough.
		if content && p.Request.Headers == "" && (p.Request.As == check.Visitor || p.Private) {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b check.Page) int { return cmp.Compare(rank(a), rank(b)) })
	return all[:min(len(all), maxCORS)]
}

// corsJudge collects over the pages.
type corsJudge struct {
	tally
	session *check.Session
}

// page asks for one page from several origins. Those of a special form say something
// only where a stranger is refused.
func (j *corsJudge) page(ctx context.Context, p check.Page, tricks bool) error {
	ask := func(origin string) (*check.Exchange, error) {
		return j.session.Wire.Do(ctx, check.Request{As: p.Request.As, Path: p.Request.Path, Headers: "Origin: " + origin})
	}
	x, err := ask(stranger)
	if err != nil {
		return err
	}
	open := j.stranger(p, x)
	if x, err = j.session.Wire.Do(ctx, preflight(p.Request.As, p.Request.Path)); err != nil {
		return err
	}
	open = j.stranger(p, x) || open
	if open {
		return nil
	}
	if x, err = ask("null"); err != nil {
		return err
	}
	if grants(x, "null") && withCredentials(x) {
		j.note("cors/null", p, x)
	}
	if !tricks {
		return nil
	}
	for _, t := range lookalikes(j.session.URL, allowedOrigin(p.Exchange)) {
		if x, err = ask(t.origin); err != nil {
			return err
		}
		if grants(x, t.origin) {
			j.vary(p, x)
			if withCredentials(x) {
				j.note(t.id, p, x)
			}
		}
	}
	return nil
}

// stranger judges what a site that nobody can have listed is told, and says whether it
// may read the answer.
func (j *corsJudge) stranger(p check.Page, x *check.Exchange) bool {
	star := allowedOrigin(x) == "*"
	switch {
	case grants(x, stranger) && withCredentials(x):
		j.note("cors/reflected", p, x)
	case (grants(x, stranger) || star) && p.Private:
		j.note("cors/private-any", p, x)
	}
	lists := slices.Contains(list(x.Header, "Access-Control-Allow-Methods"), "*") || slices.Contains(list(x.Header, "Access-Control-Allow-Headers"), "*")
	if withCredentials(x) && (star || lists) {
		j.note("cors/star", p, x)
	}
	if grants(x, stranger) {
		j.vary(p, x)
	}
	return grants(x, stranger)
}

// vary judges an answer whose allowed origin is the one that was sent. Answers to a
// preflight are in no shared cache.
func (j *corsJudge) vary(p check.Page, x *check.Exchange) {
	said := list(x.Header, "Vary")
	if x.Request.Method != http.MethodOptions && !slices.Contains(said, "origin") && !slices.Contains(said, "*") &&
		!slices.Contains(list(x.Header, "Cache-Control"), "no-store") {
		j.note("cors/vary", p, x)
	}
}

func (j *corsJudge) note(id string, p check.Page, x *check.Exchange) {
	names := []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"}
	switch id {
	case "cors/vary":
		names = []string{"Access-Control-Allow-Origin", "Vary"}
	case "cors/star":
		for _, name := range []string{"Access-Control-Allow-Methods", "Access-Control-Allow-Headers"} {
			if len(x.Header.Values(name)) > 0 {
				names = append(names, name)
			}
		}
	}
	j.see(id, "Access-Control-Allow-Origin", p, x.Evidence(names...), "")
}

// preflight is what a browser asks before a request that could change something.
func preflight(as check.Who, path string) check.Request {
	return check.Request{
		As: as, Method: http.MethodOptions, Path: path,
		Headers: "Origin: " + stranger + "\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: authorization",
	}
}

// allowedOrigin is the origin that may read, or nothing: of several fields none counts.
//
// Source: Fetch, "CORS check".
func allowedOrigin(x *check.Exchange) string {
	if v := x.Header.Values("Access-Control-Allow-Origin"); len(v) == 1 {
		return strings.TrimSpace(v[0])
	}
	return ""
}

func grants(x *check.Exchange, origin string) bool { return allowedOrigin(x) == origin }

func withCredentials(x *check.Exchange) bool {
	return strings.TrimSpace(x.Header.Get("Access-Control-Allow-Credentials")) == "true"
}

// A lookalike is an origin that a careless comparison takes for the site's own.
type lookalike struct{ id, origin string }

// lookalikes makes them of the site's own origin and of one that is allowed, when the
// site names it unasked.
func lookalikes(own *url.URL, allowed string) []lookalike {
	var all []lookalike
	like := func(scheme, host, name string) {
		all = append(all,
			lookalike{"cors/lookalike", scheme + "://" + name + ".panoply-audit.invalid"},
			lookalike{"cors/lookalike", scheme + "://panoply-audit" + host})
		if first, rest, ok := strings.Cut(host, "."); ok && strings.Contains(rest, ".") {
			all = append(all, lookalike{"cors/lookalike", scheme + "://" + first + "x" + rest})
		}
	}
	like(own.Scheme, own.Host, own.Hostname())
	all = append(all, lookalike{"cors/subdomain", own.Scheme + "://panoply-audit." + own.Host})
	if own.Scheme == "https" {
		all = append(all, lookalike{"cors/downgrade", "http://" + own.Host})
	}
	if u, err := url.Parse(allowed); err == nil && u.Host != "" && !strings.EqualFold(u.Host, own.Host) && len(allowed) < 256 {
		like(u.Scheme, u.Host, u.Hostname())
		if u.Scheme == "https" {
			all = append(all, lookalike{"cors/downgrade", "http://" + u.Host})
		}
	}
	return all
}
