package active

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// forgedTurns are beyond the turns of the other checks, so that no answer is shared with
// them; forgedClient is an address that none of them asks from.
const (
	forgedTurns  = 1 << 20
	forgedClient = 250
)

var errForged = fmt.Errorf("the %d requests for one route, or the %d of a run, are spent", mostForged, mostInAll)

// A forger sends what other sites could make a browser send.
type forger struct {
	s      *check.Session
	client uint8
	nonce  string
	// turn counts requests, spent those of this route.
	turn, spent, markers int
	// why nothing can be sent at all.
	why string
	// user says that there is somebody who is logged in; credentials hold the header
	// lines that their browser sends by itself, and set the cookies as they were set.
	user        bool
	credentials string
	set         []*http.Cookie
	// bare says that the site's entrance sets no cookie either.
	bare bool

	found      []check.Finding
	told, gaps []string
}

func newForger(ctx context.Context, s *check.Session) *forger {
	f := &forger{s: s, nonce: random()[:8], turn: forgedTurns}
	switch {
	case s.Login != nil:
		f.user = true
		jar, way, err := s.Login.In(ctx, forgedTurns, check.Cookies{})
		if err != nil {
			f.why = "nobody could be logged in: " + err.Error()
			return f
		}
		f.credentials = jar.Header()
		for _, x := range way {
			f.set = append(f.set, cookiesOf(x)...)
		}
	case s.Target.Credentials != "":
		f.user = true
		f.credentials = ambient(s.Target.Credentials)
		if f.credentials == "" {
			f.tell("the credentials are none that a browser sends by itself")
		}
	default:
		if _, err := s.Wire.Do(ctx, check.Request{Client: forgedClient, Turn: forgedTurns}); err == nil {
			f.client = forgedClient
		}
	}
	return f
}

func (f *forger) tell(format string, args ...any) {
	f.told = append(f.told, fmt.Sprintf(format, args...))
}
func (f *forger) gap(format string, args ...any) {
	f.gaps = append(f.gaps, fmt.Sprintf(format, args...))
}

// send sends one request and counts it.
func (f *forger) send(ctx context.Context, r check.Request) (*check.Exchange, error) {
	if f.spent >= mostForged || f.turn >= forgedTurns+mostInAll {
		return nil, errForged
	}
	f.spent++
	f.turn++
	r.Turn, r.Client = f.turn, f.client
	return f.s.Wire.Do(ctx, r)
}

// browse sends what the site's own page sends: with the cookies of the browser, and for
// a user with all that was given.
func (f *forger) browse(ctx context.Context, v *victim, r check.Request) (*check.Exchange, error) {
	lines := strings.Split(r.Headers, "\n")
	switch {
	case v.user && f.s.Login == nil:
		// The engine adds the credentials; other cookies come in a line of their own.
		r.As, r.Secret = check.User, true
		other := make(check.Cookies)
		for name, value := range v.jar {
			if !v.gave(name) {
				other[name] = value
			}
		}
		lines = append(lines, other.Header())
	default:
		r.Secret = v.user
		lines = append(lines, v.lines()...)
	}
	r.Headers = strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
	return f.send(ctx, r)
}

// visit is a browser that opens the page of a deed: a new visitor, or the user.
func (f *forger) visit(ctx context.Context, d *deed) (*victim, error) {
	v := &victim{jar: make(check.Cookies)}
	if f.user && !d.visitor {
		v.user, v.given, v.set = true, f.credentials, slices.Clone(f.set)
	}
	path := d.page
	if path == "" {
		path = f.s.URL.RequestURI()
	}
	x, err := f.browse(ctx, v, check.Request{Path: path})
	if err != nil {
		return v, err
	}
	v.take(x)
	v.page = x
	if d.page != "" {
		if v.form = d.again(x); v.form == nil {
			return v, fmt.Errorf("the form is not on %s when that is asked for again (%d)", d.page, x.Status)
		}
	}
	if home := f.s.URL.RequestURI(); len(v.lines()) == 0 && !f.bare && home != path {
		if x, err := f.browse(ctx, v, check.Request{Path: home}); err == nil {
			v.take(x)
			f.bare = len(v.jar) == 0
		}
	}
	return v, nil
}

// own sends a deed as the site's own page does.
func (f *forger) own(ctx context.Context, d *deed) (*answer, *victim) {
	a := &answer{try: try{name: f.marker()}}
	v, err := f.visit(ctx, d)
	a.page = v.page
	if a.err = err; err != nil {
		return a, v
	}
	fields := d.fill(v.form, a.name, func(check.Field) bool { return false })
	r := check.Request{Method: d.method, Path: d.path, Active: true}
	var media string
	if r.Body, media = d.body(d.format, fields); d.format == "json" {
		r.Body, media = asJSON(fields), "application/json"
	}
	lines := legitimate(d, f.s.URL)
	if r.Body != "" || d.method == http.MethodPost {
		lines = append(lines, "Content-Type: "+media)
	}
	r.Headers = strings.Join(lines, "\n")
	a.x, a.err = f.browse(ctx, v, r)
	f.show(a, r)
	f.then(ctx, v, a)
	return a, v
}

func (f *forger) marker() string {
	f.markers++
	return fmt.Sprintf("panoply-audit-%s-%d", f.nonce, f.markers)
}

// forge sends a deed as a row says. known are the fields of another browser's form: what
// differs from them is nobody else's.
func (f *forger) forge(ctx context.Context, d *deed, w row, known *check.Form) *answer {
	a := &answer{try: try{name: f.marker()}}
	v, err := f.visit(ctx, d)
	a.page = v.page
	if a.err = err; err != nil {
		return a
	}
	form, secret := v.form, func(field check.Field) bool { return isSecret(field, known) }
	if w.own {
		// The attacker's own page, which a visitor gets as well.
		other := *d
		other.visitor = true
		mine, err := f.visit(ctx, &other)
		if err != nil || !slices.ContainsFunc(mine.form.Fields, func(field check.Field) bool { return isSecret(field, known) }) {
			a.err = errNoToken
			return a
		}
		form, secret = mine.form, func(check.Field) bool { return false }
	}
	fields := d.fill(form, a.name, secret)
	lines := slices.Clone(w.headers)
	r := check.Request{Method: d.method, Path: d.path, Active: true}
	switch {
	case w.get:
		r.Method = http.MethodGet
		if w.override {
			r.Path = query(r.Path, []check.Field{{Name: "_method", Value: d.method}})
		}
		r.Path = query(r.Path, fields)
	default:
		if w.override {
			r.Method = http.MethodPost
			r.Path = query(r.Path, []check.Field{{Name: "_method", Value: d.method}})
			fields = append(fields, check.Field{Name: "_method", Value: d.method})
		}
		var media string
		r.Body, media = d.body(w.format, fields)
		lines = append(lines, "Content-Type: "+media)
	}
	r.Headers = strings.Join(lines, "\n")
	sent := r
	sent.Headers = strings.Join(append(lines, v.lines()...), "\n")
	sent.Secret = v.given != ""
	a.x, a.err = f.send(ctx, sent)
	f.show(a, r)
	f.then(ctx, v, a)
	return a
}

var errNoToken = errors.New("the form has no token")

// isSecret says that another site cannot know what stands in a field: it says so, or
// differs from what another browser was given.
func isSecret(field check.Field, known *check.Form) bool {
	if field.Type != "hidden" || field.Value == "" {
		return false
	}
	return tokenNames.Get().MatchString(field.Name) || known != nil && !slices.ContainsFunc(known.Fields, func(o check.Field) bool { return o.Name == field.Name && o.Value == field.Value })
}

func query(path string, fields []check.Field) string {
	values, _ := encode("form", fields)
	switch {
	case values == "":
		return path
	case strings.Contains(path, "?"):
		return path + "&" + values
	}
	return path + "?" + values
}

// show makes evidence readable where credentials hide the request: a copy, in which they
// are named and not written.
func (f *forger) show(a *answer, r check.Request) {
	if a.x == nil || !a.x.Request.Secret {
		return
	}
	shown := *a.x
	shown.Request.Secret, shown.Request.As = false, check.User
	shown.Request.Headers = r.Headers
	a.x = &shown
}

// then asks for the page to which an answer redirects: what a refusal says to a person
// often stands there only.
func (f *forger) then(ctx context.Context, v *victim, a *answer) {
	if a.x == nil {
		return
	}
	v.take(a.x)
	to := location(a.x)
	if to == nil || to.Scheme != f.s.URL.Scheme || !strings.EqualFold(to.Host, f.s.URL.Host) {
		return
	}
	// Without it the answer itself still counts.
	a.then, _ = f.browse(ctx, v, check.Request{Path: to.RequestURI()})
}

// plain asks for the path of a deed by GET, as a visitor who follows a link does.
func (f *forger) plain(ctx context.Context, d *deed) *answer {
	a := new(answer)
	v, err := f.visit(ctx, d)
	if a.page, a.err = v.page, err; err == nil {
		a.x, a.err = f.browse(ctx, v, check.Request{Path: d.path, Headers: accept})
	}
	return a
}
