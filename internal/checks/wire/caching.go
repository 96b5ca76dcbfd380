package wire

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

var cachingRules = check.Rules{
	{ID: "caching/private-shared", Title: "shared caches may keep answers that only a user gets", Severity: check.Medium, CWE: 524, ASVS: []string{"14.2.2", "14.3.2"},
		Why: "The next visitor behind the same cache gets the page of the one before.",
		Bad: "Cache-Control: public, max-age=600", Good: "Cache-Control: no-store",
		Fix: check.Fix{
			Express: "res.set('Cache-Control', 'no-store') on every route behind the login", Go: `w.Header().Set("Cache-Control", "no-store")`,
			Door: "none yet: the app knows which of its answers are private",
		}},
	{ID: "caching/private-unsaid", Title: "answers that only a user gets do not say that they must not be kept", Severity: check.Low, CWE: 525, ASVS: []string{"14.3.2"},
		Why: "Without a word of the app caches and browsers decide by themselves what they keep.",
		Bad: "HTTP/1.1 200 OK\nSet-Cookie: …", Good: "Cache-Control: no-store",
		Fix: check.Fix{
			Express: "res.set('Cache-Control', 'no-store') on every route behind the login", Go: `w.Header().Set("Cache-Control", "no-store")`,
			Door: "none yet: the app knows which of its answers are private",
		}},
	{ID: "caching/session-shared", Title: "shared caches may keep answers that set a session cookie", Severity: check.Medium, CWE: 524, ASVS: []string{"14.2.2"},
		Why: "Everybody behind the same cache is handed one session.",
		Bad: "Set-Cookie: sid=…\nCache-Control: public, max-age=3600", Good: "Set-Cookie: sid=…\nCache-Control: no-store",
		Fix: check.Fix{
			Express: "mount express.static before the session, and send Cache-Control: private or no-store where a cookie is set",
			Go:      `w.Header().Set("Cache-Control", "no-store") where a cookie is set`,
			Door:    "none yet: the app knows which of its answers are private",
		}},
	{ID: "caching/private-stored", Title: "answers that only a user gets may stay in the browser's store", Severity: check.Info, CWE: 525, ASVS: []string{"14.3.2"}},
	{ID: "caching/vary", Title: "an address answers in several media types, and Vary does not name Accept", Severity: check.Info, CWE: 524, ASVS: []string{"14.2.5"}},
	{ID: "caching/logout", Title: "logging out does not send Clear-Site-Data", Severity: check.Info, CWE: 525, ASVS: []string{"14.3.1"}},
}

var cachingCheck = check.Check{
	ID: "caching", Practice: "headers", Title: "What is private is not kept by caches",
	Why:      "Caches hand out what they keep without asking who is there.",
	Severity: check.Medium, Needs: check.Wire, Rules: cachingRules, Run: runCaching,
	Bad:  "Cache-Control: public, max-age=600\n\n<h1>Orders of Ada</h1>",
	Good: "Cache-Control: no-store\n\n<h1>Orders of Ada</h1>",
}

// runCaching concludes also where nobody was logged in: the practice's proof is that of
// the check headers, and most targets are audited without a login. The reason then says
// how little was seen.
func runCaching(ctx context.Context, s *check.Session) check.Result {
	site, err := s.Crawl(ctx)
	j := cachingJudge{session: s, tally: tally{rules: cachingRules, judged: len(site.Pages)}}
	private, sessions := 0, 0
	for _, p := range site.Pages {
		if p.Private {
			private++
			j.private(p)
		}
		if slices.ContainsFunc(setCookies(p.Exchange), func(c setCookie) bool { return c.session() && !c.deletes() }) {
			sessions++
			j.cookie(p)
		}
	}
	j.types(site)
	if private > 0 {
		j.logout(ctx)
	}
	if err != nil {
		return check.NotProven(err.Error(), j.findings()...)
	}
	reason := "nothing private was seen, since nobody was logged in"
	if private > 0 {
		reason = answers(private) + " that only a user gets"
	}
	if sessions > 0 {
		reason += "; " + answers(sessions) + " with a session cookie"
	}
	return check.Conclude(reason, j.findings())
}

// cachingJudge collects over the pages.
type cachingJudge struct {
	tally
	session *check.Session
}

func (j *cachingJudge) note(id string, p check.Page, names ...string) {
	j.see(id, names[0], p, p.Evidence(names...), "")
}

// private judges an answer that only a user gets. What is stored only to be asked about
// again does not leak to others, but stays on the user's disk.
func (j *cachingJudge) private(p check.Page) {
	c := cachingOf(p.Header)
	authorized := strings.HasPrefix(strings.ToLower(j.session.Target.Credentials), "authorization:")
	switch {
	case c.has("no-store"), p.Class == check.Redirect && !c.fresh():
	case c.has("private"):
	case c.shared(authorized):
		j.note("caching/private-shared", p, "Cache-Control", "Expires", "Vary")
	case p.Status >= 400 && p.Status != http.StatusNotFound && p.Status != http.StatusGone:
		// Caches keep other errors only when they are told to.
	case c.revalidated(), authorized:
		j.note("caching/private-stored", p, "Cache-Control")
	default:
		j.note("caching/private-unsaid", p, "Cache-Control")
	}
}

// cookie judges an answer that begins a session. Without a word caches keep hardly any
// of them, so only what allows it breaks the practice.
func (j *cachingJudge) cookie(p check.Page) {
	if c := cachingOf(p.Header); !c.has("no-store") && !c.has("private") && c.shared(false) {
		j.note("caching/session-shared", p, "Cache-Control", "Expires")
	}
}

// types notes addresses that answer by Accept without telling caches so.
func (j *cachingJudge) types(site *check.Site) {
	first := make(map[string]check.Page)
	for _, p := range site.Pages {
		if p.Request.As != check.Visitor || p.Request.Method != "" {
			continue
		}
		other, again := first[p.Request.Path]
		if !again {
			first[p.Request.Path] = p
			continue
		}
		said := list(p.Header, "Vary")
		c := cachingOf(p.Header)
		if strings.HasPrefix(p.Request.Headers, "Accept:") && media(p.Exchange) != media(other.Exchange) && c.fresh() && !c.has("no-store") &&
			!slices.Contains(said, "accept") && !slices.Contains(said, "*") {
			j.note("caching/vary", p, "Vary", "Content-Type", "Cache-Control")
		}
	}
}

// logoutTurn keeps this check's login apart from those whose sessions others still use.
const logoutTurn = 7100

// logout notes whether logging out clears what the browser keeps.
func (j *cachingJudge) logout(ctx context.Context) {
	if j.session.Login == nil {
		return
	}
	held, _, err := j.session.Login.In(ctx, logoutTurn, nil)
	if err != nil {
		return
	}
	_, way, err := j.session.Login.Out(ctx, logoutTurn, held)
	if errors.Is(err, check.ErrNoLogout) || len(way) == 0 {
		return
	}
	if !slices.ContainsFunc(way, func(x *check.Exchange) bool { return x.Header.Get("Clear-Site-Data") != "" }) {
		p := check.Page{Exchange: way[0], Class: check.Other}
		j.note("caching/logout", p, "Clear-Site-Data")
	}
}

// caching is what an answer tells caches.
//
// Source: RFC 9111 sections 3, 4.2 and 5.2.
type caching struct {
	directives map[string]string
	// expires says that there is an Expires field, and until how long from now; without
	// max-age it counts.
	expires bool
	left    time.Duration
}

func cachingOf(h http.Header) caching {
	c := caching{directives: make(map[string]string)}
	for _, field := range h.Values("Cache-Control") {
		for part := range strings.SplitSeq(field, ",") {
			name, value, _ := strings.Cut(part, "=")
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				c.directives[name] = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	if v := h.Get("Expires"); v != "" {
		c.expires = true
		if at, err := http.ParseTime(v); err == nil {
			now := time.Now()
			if date, err := http.ParseTime(h.Get("Date")); err == nil {
				now = date
			}
			c.left = at.Sub(now)
		}
	}
	// Old caches know this one, and new ones take it for no-cache where nothing else is
	// said.
	if len(c.directives) == 0 && strings.Contains(strings.ToLower(h.Get("Pragma")), "no-cache") {
		c.directives["no-cache"] = ""
	}
	return c
}

func (c caching) has(name string) bool { _, ok := c.directives[name]; return ok }

// seconds reads a directive; one that is no number counts as stale.
func (c caching) seconds(name string) (int64, bool) {
	v, ok := c.directives[name]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		n = 0
	}
	return n, true
}

// fresh says that caches are told to use the answer for some time without asking.
func (c caching) fresh() bool {
	if c.has("no-cache") {
		return false
	}
	for _, name := range []string{"s-maxage", "max-age"} {
		if n, ok := c.seconds(name); ok {
			return n > 0
		}
	}
	return c.expires && c.left > 0 || c.has("public") && !c.expires
}

// shared says that a shared cache may give the answer to others without asking. After a
// request with Authorization it needs to be told more.
func (c caching) shared(authorized bool) bool {
	if !c.fresh() {
		return false
	}
	return !authorized || c.has("public") || c.has("s-maxage") || c.has("must-revalidate")
}

// revalidated says that caches may keep the answer but have to ask each time.
func (c caching) revalidated() bool {
	n, ok := c.seconds("max-age")
	return c.has("no-cache") || ok && n <= 0 || c.expires && c.left <= 0
}
