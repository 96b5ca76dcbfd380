package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/pattern"
)

var sessionsRules = check.Rules{
	{ID: "sessions/fixation", Title: "a session keeps its id through a login", Severity: check.High, CWE: 384, ASVS: []string{"7.2.4"},
		Why: "Whoever knew the id before, or chose it, is logged in as the victim afterwards.",
		Bad: "req.session.user = user", Good: "req.session.regenerate((err) => { req.session.user = user; res.redirect('/') })",
		Fix: check.Fix{
			Express: "req.session.regenerate((err) => { … }) before the user is put into the session", Go: "issue a new session id at every login",
			Door: "sessions.mode: enforce hands out a new cookie at a login and refuses the one before",
		}},
	{ID: "sessions/entropy", Title: "session ids can be guessed", Severity: check.High, CWE: 331, ASVS: []string{"7.2.3"},
		Why: "An id that follows from another, or that is short, is tried until it is somebody's.",
		Bad: "id = Date.now()", Good: "id = crypto.randomBytes(32).toString('hex')",
		Fix: check.Fix{
			Express: "leave genid of express-session alone, or crypto.randomBytes(32)", Go: "crypto/rand.Text() or 32 bytes of crypto/rand",
			Door: "none: the app makes its ids",
		}},
	{ID: "sessions/url", Title: "a session id stands in an address", Severity: check.Medium, CWE: 598, ASVS: []string{"14.2.1"},
		Why: "Addresses are kept in histories, logs and Referer headers.",
		Bad: "/cart;jsessionid=0A1B2C", Good: "Set-Cookie: __Host-sid=…",
		Fix: check.Fix{Express: "keep the id in its cookie only", Go: "keep the id in its cookie only", Door: "none: the app writes its links"}},
	{ID: "sessions/logout", Title: "a session is alive after its logout", Severity: check.Medium, CWE: 613, ASVS: []string{"7.4.1"},
		Why: "A cookie that was stolen before a logout lets the thief in after it.",
		Bad: "res.clearCookie('connect.sid')", Good: "req.session.destroy(() => res.clearCookie('connect.sid').redirect('/'))",
		Fix: check.Fix{
			Express: "req.session.destroy(() => res.clearCookie(name).redirect('/'))", Go: "delete the session in the store, then its cookie",
			Door: "sessions.mode: enforce refuses what was logged out, whatever the app's store says",
		}},
	{ID: "sessions/idle", Title: "a session that was left unused is still alive", Severity: check.Info, CWE: 613, ASVS: []string{"7.3.1"},
		Why: "A browser that somebody walked away from stays logged in.",
		Bad: "session({ cookie: {} })", Good: "session({ rolling: true, cookie: { maxAge: 20 * 60 * 1000 } })",
		Fix: check.Fix{
			Express: "session({ rolling: true, cookie: { maxAge: 20 * 60 * 1000 } })", Go: "session.Timeouts of package session",
			Door: "sessions.mode: enforce, and sessions.idle",
		}},
}

var sessionsCheck = check.Check{
	ID: "sessions", Practice: "sessions", Title: "Sessions begin anew at a login, end at a logout, and cannot be guessed",
	Why:      "Whoever has a session's id is its user.",
	Severity: check.High, Needs: check.Wire, Rules: sessionsRules, Run: runSessions,
	Bad:  "req.session.user = user",
	Good: "req.session.regenerate(() => { req.session.user = user })",
}

func runSessions(ctx context.Context, s *check.Session) check.Result {
	all, err := pages(ctx, s)
	if len(all) == 0 {
		return check.NotProven(err.Error())
	}
	found := inAddresses(all)
	guessed, told := entropy(ctx, s, all)
	found = append(found, guessed...)
	if s.Login == nil {
		return check.NotProven(told+"; without a recorded login (--login) neither fixation nor logout were tried", found...)
	}
	way := &way{session: s, ctx: ctx}
	more, said, err := way.try()
	found = append(found, more...)
	if err != nil {
		return check.NotProven(told+"; "+err.Error(), found...)
	}
	return check.Conclude(told+"; "+said, found)
}

// addressed finds a session id by its name: names that mean nothing else, and common
// ones with a value that looks like an id.
var addressed = pattern.New(`(?i)[;?&](jsessionid|phpsessid|aspsessionid\w*|connect\.sid)=[\w.%:-]{8,}|[;?&](sessionid|session_id|sid)=([\w.%:]{16,})`)

// inAddresses finds ids in the addresses of pages and of redirects.
func inAddresses(all []*check.Exchange) []check.Finding {
	var found []check.Finding
	for _, x := range all {
		for _, address := range []string{x.Request.Path, x.Header.Get("Location")} {
			m := addressed.Get().FindStringSubmatch(address)
			if m == nil || m[3] != "" && strings.IndexFunc(m[3], unicode.IsDigit) < 0 {
				continue
			}
			name := m[1] + m[2]
			if slices.ContainsFunc(found, func(f check.Finding) bool { return f.Subject == name }) {
				continue
			}
			found = append(found, sessionsRules.Find("sessions/url", name, x.Evidence("Location")).
				Saying("%s stands in an address", name))
		}
	}
	return found
}

// A way is a recorded login played several times.
type way struct {
	session *check.Session
	ctx     context.Context
}

// turns of the login, so that none is taken for another.
const (
	turnFixed = 101 + iota
	turnChosen
	turnLogout
	turnIdle
)

// chosen is an id as an attacker would plant it.
const chosen = "panoply-audit-chosen-by-somebody-else"

func (w *way) try() (found []check.Finding, said string, err error) {
	page, err := w.private()
	if err != nil {
		return nil, "", err
	}
	kept, err := w.fixation(page)
	if err != nil {
		return nil, "", err
	}
	found = append(found, kept...)
	said = "the id changes at a login"
	if len(kept) > 0 {
		said = "the id does not change at a login"
	}
	alive, err := w.logout(page)
	switch {
	case errors.Is(err, check.ErrNoLogout):
		said += ", and no way to log out is known"
	case err != nil:
		return found, "", err
	case len(alive) > 0:
		said += ", and outlives a logout"
	default:
		said += ", and a logout ends it"
	}
	found = append(found, alive...)
	if w.session.Idle > 0 {
		idle, err := w.idle(page)
		if err != nil {
			return found, "", err
		}
		found = append(found, idle...)
	}
	return found, said, nil
}

// private is the page by which to tell whether somebody is logged in.
func (w *way) private() (check.Page, error) {
	site, err := w.session.Crawl(w.ctx)
	for _, p := range site.Pages {
		if p.Private && p.Status < 300 {
			return p, nil
		}
	}
	if err != nil {
		return check.Page{}, err
	}
	return check.Page{}, errors.New("no page was seen that only a user gets, so it cannot be told who is logged in")
}

// shown says whether the page is given to whoever holds the cookies.
func (w *way) shown(page check.Page, held check.Cookies, turn int) (*check.Exchange, bool, error) {
	x, err := w.session.Wire.Do(w.ctx, check.Request{Path: page.Request.Path, Headers: held.Header(), Turn: turn, Secret: true})
	if err != nil {
		return nil, false, err
	}
	visitor, err := w.session.Wire.Do(w.ctx, check.Request{Path: page.Request.Path})
	if err != nil {
		return nil, false, err
	}
	if x.Status != page.Status {
		return x, false, nil
	}
	return x, visitor.Status != page.Status || !crawl.Alike(x, visitor), nil
}

// fixation logs in with an id that the site gave before, and with one that it did not.
func (w *way) fixation(page check.Page) ([]check.Finding, error) {
	first, err := w.session.Wire.Do(w.ctx, check.Request{Path: w.session.URL.RequestURI(), Turn: turnFixed})
	if err != nil {
		return nil, err
	}
	before := check.Cookies{}
	for _, c := range setCookies(first) {
		if !c.deletes() {
			before[c.name] = c.value
		}
	}
	after, way, err := w.session.Login.In(w.ctx, turnFixed, before)
	if err != nil {
		return nil, err
	}
	if _, in, err := w.shown(page, after, turnFixed); err != nil {
		return nil, err
	} else if !in {
		return nil, errors.New("the recorded login was played, and the page behind it was not shown")
	}
	var found []check.Finding
	for _, name := range letsIn(after) {
		if before[name] != "" && before[name] == after[name] && !constant(name, way, first) {
			// Of several cookies, the one that still lets in by itself is the session.
			_, alone, err := w.shown(page, check.Cookies{name: after[name]}, turnFixed+10)
			if err != nil {
				return found, err
			}
			if alone || len(after) == 1 {
				found = append(found, sessionsRules.Find("sessions/fixation", name, shownBy(way)).
					Saying("the cookie %s has the same value before and after the login", name))
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, name := range letsIn(after) {
		held := check.Cookies{name: chosen}
		planted, way, err := w.session.Login.In(w.ctx, turnChosen, held)
		if err != nil {
			continue // a site that refuses a foreign cookie refuses fixation
		}
		if planted[name] == chosen {
			if _, in, err := w.shown(page, held, turnChosen); err == nil && in {
				found = append(found, sessionsRules.Find("sessions/fixation", name, shownBy(way)).
					Saying("the site takes an id that a stranger chose for the cookie %s, and logs it in", name))
			}
		}
	}
	return found, nil
}

// letsIn are the names of the cookies that may be the session, the likeliest first.
func letsIn(held check.Cookies) []string {
	var likely, rest []string
	for name, value := range held {
		c := setCookie{name: name, value: value}
		switch {
		case strings.HasSuffix(name, ".sig") || forScript.Get().MatchString(name):
		case c.session():
			likely = append(likely, name)
		default:
			rest = append(rest, name)
		}
	}
	slices.Sort(likely)
	slices.Sort(rest)
	if len(likely) > 0 {
		return likely
	}
	return rest
}

// constant says that a cookie carries its session's data rather than an id: then it
// would have changed with what the login put into it, or it is no session.
func constant(name string, way []*check.Exchange, first *check.Exchange) bool {
	for _, x := range append(way, first) {
		for _, c := range setCookies(x) {
			if c.name == name {
				if _, data := decoded(c.value); data {
					return true
				}
			}
		}
	}
	return false
}

// shownBy is evidence of a login: its last answer, without credentials.
func shownBy(way []*check.Exchange) check.Evidence {
	if len(way) == 0 {
		return check.Evidence{}
	}
	for _, x := range way {
		if x.Request.Method == http.MethodPost {
			return x.Evidence("Location")
		}
	}
	return way[len(way)-1].Evidence("Location")
}

// logout logs out, and asks once more with the cookies of before.
func (w *way) logout(page check.Page) ([]check.Finding, error) {
	held, _, err := w.session.Login.In(w.ctx, turnLogout, nil)
	if err != nil {
		return nil, err
	}
	if _, in, err := w.shown(page, held, turnLogout); err != nil || !in {
		return nil, errors.Join(err, errors.New("the recorded login was played, and the page behind it was not shown"))
	}
	_, way, err := w.session.Login.Out(w.ctx, turnLogout, held)
	if err != nil {
		return nil, err
	}
	x, in, err := w.shown(page, held, turnLogout+10)
	if err != nil || !in {
		return nil, err
	}
	names := strings.Join(letsIn(held), ", ")
	found := sessionsRules.Find("sessions/logout", names, shownBy(way), x.Evidence("Content-Type")).
		Saying("%s is still shown to the cookie %s after its logout", pathOf(page), names)
	return []check.Finding{found}, nil
}

func (w *way) idle(page check.Page) ([]check.Finding, error) {
	held, _, err := w.session.Login.In(w.ctx, turnIdle, nil)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(w.session.Idle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
		return nil, errors.New("the audit ended while an idle session was waited for")
	}
	x, in, err := w.shown(page, held, turnIdle)
	if err != nil || !in {
		return nil, err
	}
	names := strings.Join(letsIn(held), ", ")
	return []check.Finding{sessionsRules.Find("sessions/idle", names, x.Evidence("Content-Type")).
		Saying("after %s without a request the session is still alive", w.session.Idle)}, nil
}

func pathOf(p check.Page) string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return p.URL
	}
	return u.Path
}

// entropy asks as many new visitors for their ids, and says whether one of them follows
// from the others.
func entropy(ctx context.Context, s *check.Session, all []*check.Exchange) ([]check.Finding, string) {
	path, name := "", ""
	for _, x := range all {
		for _, c := range setCookies(x) {
			if _, data := decoded(c.value); path == "" && !data && !c.deletes() && x.Request.As == check.Visitor && (c.session() || cookieOwner(c.name, nil) != "") {
				path, name = x.Request.Path, c.name
			}
		}
	}
	if path == "" {
		return nil, "no session id was given to a visitor"
	}
	requests := make([]check.Request, visitors)
	for i := range requests {
		requests[i] = check.Request{Path: path, Turn: i + 1}
	}
	answers, _ := fetch(ctx, s, requests...)
	var ids []string
	for _, x := range answers {
		for _, c := range setCookies(x) {
			if c.name == name && !c.deletes() {
				ids = append(ids, idOf(c.value))
			}
		}
	}
	verdict, weak := judgeIDs(ids)
	if !weak {
		return nil, fmt.Sprintf("%d ids of the cookie %s: %s", len(ids), name, verdict)
	}
	f := sessionsRules.Find("sessions/entropy", name, answers[0].Evidence("Content-Type")).With(check.Firm)
	return []check.Finding{f.Saying("%d ids of the cookie %s: %s", len(ids), name, verdict)}, "session ids can be guessed"
}
