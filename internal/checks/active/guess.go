package active

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// maxGuesses is how many passwords one run of the check tries in all.
const maxGuesses = 200

var errSpent = fmt.Errorf("the %d guesses of a run are spent", maxGuesses)

// A try is one guess before it is sent.
type try struct {
	name   string
	client uint8
	// headers are more lines of header, such as those that claim another address.
	headers string
}

// An answer is what came of a try.
type answer struct {
	try
	// page is the page with the form as it was got for this try; nil without one.
	page *check.Exchange
	// x is the login's own answer; nil when the page was refused already.
	x *check.Exchange
	// then is where the answer redirects to; nil when nowhere.
	then *check.Exchange
	// err is why there is no answer.
	err error
	// verdict is what the answer was judged to be; a large page is compared once.
	verdict verdict
	// asked is how many requests of the try were sent.
	asked int
}

// A guesser sends guesses, and counts them.
type guesser struct {
	s     *check.Session
	login *login
	sent  int
	turn  int
}

// left is how many guesses may still be sent.
func (g *guesser) left() int { return maxGuesses - g.sent }

// try sends one guess, as a visitor who has never been there.
func (g *guesser) try(ctx context.Context, t try) *answer {
	a := &answer{try: t}
	r, jar, ready := g.prepare(ctx, a)
	if !ready {
		return a
	}
	a.asked++
	if a.x, a.err = g.s.Wire.Do(ctx, r); a.err == nil {
		g.follow(ctx, a, jar)
	}
	return a
}

// together sends guesses at the same moment; their pages are asked for before.
func (g *guesser) together(ctx context.Context, all []try) []*answer {
	answers := make([]*answer, len(all))
	jars := make([]check.Cookies, len(all))
	var requests []check.Request
	var at []int
	for i, t := range all {
		answers[i] = &answer{try: t}
		r, jar, ready := g.prepare(ctx, answers[i])
		if ready {
			requests, at, jars[i] = append(requests, r), append(at, i), jar
		}
	}
	got, errs := g.s.Wire.Together(ctx, requests)
	for n, i := range at {
		answers[i].x, answers[i].err = got[n], errs[n]
		answers[i].asked++
	}
	for i, a := range answers {
		if a.x != nil {
			g.follow(ctx, a, jars[i])
		}
	}
	return answers
}

// prepare makes the request of a guess. It is not ready when the guesses are spent, or
// when the page with the form does not come: then the answer says so.
func (g *guesser) prepare(ctx context.Context, a *answer) (r check.Request, jar check.Cookies, ready bool) {
	if g.left() <= 0 {
		a.err = errSpent
		return r, nil, false
	}
	g.sent++
	g.turn++
	l := g.login
	jar = make(check.Cookies)
	var fields []check.Field
	if l.page != "" {
		a.asked++
		if a.page, a.err = g.s.Wire.Do(ctx, check.Request{Path: l.page, Turn: g.turn, Headers: a.headers, Client: a.client}); a.err != nil {
			return r, nil, false
		}
		keep(jar, a.page)
		form := l.again(a.page)
		if form == nil {
			return r, nil, false
		}
		fields = form.Fields
	}
	r = check.Request{Method: l.method, Path: l.path, Turn: g.turn, Client: a.client, Active: true}
	password := random()
	headers := []string{"Origin: " + g.s.URL.Scheme + "://" + g.s.URL.Host, "Sec-Fetch-Site: same-origin"}
	if l.page != "" {
		headers = append(headers, "Referer: "+a.page.URL, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
	}
	switch l.format {
	case "basic":
		headers = append(headers, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(a.name+":"+password)))
	case "json":
		body, err := json.Marshal(map[string]string{l.user: a.name, l.password: password})
		if a.err = err; err != nil {
			return r, nil, false
		}
		r.Body = string(body)
		headers = append(headers, "Content-Type: application/json", "Accept: application/json")
	default:
		var media string
		r.Body, media = encode(l.format, filled(l, fields, a.name, password))
		headers = append(headers, "Content-Type: "+media, "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
	}
	if line := jar.Header(); line != "" {
		headers = append(headers, line)
	}
	if a.headers != "" {
		headers = append(headers, a.headers)
	}
	r.Headers = strings.Join(headers, "\n")
	return r, jar, true
}

// follow asks for the page to which an answer redirects: what a lock says to a person
// often stands there only.
func (g *guesser) follow(ctx context.Context, a *answer, jar check.Cookies) {
	to := location(a.x)
	if to == nil || to.Scheme != g.s.URL.Scheme || !strings.EqualFold(to.Host, g.s.URL.Host) {
		return
	}
	keep(jar, a.x)
	lines := []string{jar.Header(), a.headers}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	a.asked++
	// Without it the answer itself still counts.
	a.then, _ = g.s.Wire.Do(ctx, check.Request{Path: to.RequestURI(), Turn: g.turn, Client: a.client, Headers: strings.Join(lines, "\n")})
}

// location is the absolute address to which an answer redirects; nil when nowhere.
func location(x *check.Exchange) *url.URL {
	to := x.Header.Get("Location")
	if x.Status < 300 || x.Status >= 400 || to == "" {
		return nil
	}
	base, err := url.Parse(x.URL)
	if err != nil {
		return nil
	}
	u, err := base.Parse(to)
	if err != nil {
		return nil
	}
	u.Fragment = ""
	return u
}

// keep takes the cookies of an answer into the jar, as far as a line of header holds
// them.
func keep(jar check.Cookies, x *check.Exchange) {
	for _, line := range x.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		switch {
		case err != nil:
		case c.MaxAge < 0:
			delete(jar, c.Name)
		default:
			jar[c.Name] = c.Value
		}
	}
}

// filled are the fields of the form as a browser sends them: the hidden ones as the page
// gave them, the first button, no boxes.
func filled(l *login, fields []check.Field, name, password string) []check.Field {
	out := []check.Field{}
	pressed, named, guessed := false, false, false
	for _, f := range fields {
		switch f.Type {
		case "checkbox", "radio", "file", "button", "reset", "image":
			continue
		case "submit":
			if pressed {
				continue
			}
			pressed = true
		}
		switch f.Name {
		case l.user:
			f.Value, named = name, true
		case l.password:
			f.Value, guessed = password, true
		}
		out = append(out, f)
	}
	if !named {
		out = append(out, check.Field{Name: l.user, Value: name})
	}
	if !guessed {
		out = append(out, check.Field{Name: l.password, Value: password})
	}
	return out
}

// encode writes the fields in a format of forms.
func encode(format string, fields []check.Field) (body, media string) {
	if format == "multipart" {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for _, f := range fields {
			_ = w.WriteField(f.Name, f.Value) // a buffer takes everything
		}
		_ = w.Close()
		return b.String(), w.FormDataContentType()
	}
	var b strings.Builder
	for _, f := range fields {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value))
	}
	return b.String(), "application/x-www-form-urlencoded"
}

// random is a word that nobody uses, neither as a name nor as a password.
func random() string { return strings.ToLower(rand.Text()[:16]) }

// stranger is a name that the app does not know, written as its own names may be: an
// address where the field asks for one, at a domain that cannot exist.
func (g *guesser) stranger() string {
	name := "p" + random()[:11]
	if strings.Contains(strings.ToLower(g.login.user), "mail") || strings.Contains(g.s.Target.Guess.User, "@") {
		return name + "@panoply.invalid"
	}
	return name
}
