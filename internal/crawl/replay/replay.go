// Package replay plays a recorded login again, each time as a new browser.
//
//	recording, err := replay.Read(file, origin)
//	login := recording.Login(prober.Do, pages)
//	held, _, err := login.In(ctx, 1, nil)
//
// The recording is a HAR file as browsers export it, taken while somebody logged in.
// What counts of it are the requests to the origin up to the login: their cookies are
// not used again, and what the site put into hidden fields, meta elements, JSON or
// cookies against forged requests is replaced by what it puts there now.
//
// It runs no script. A login that script puts together in other ways, that needs a
// second device, or that ends in a token for script to keep, cannot be played; the error
// says what stood in the way.
//
// Source: HAR 1.2; RFC 6265bis section 5.
package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	maxSteps     = 40
	maxRedirects = 10
	maxCookies   = 100
)

// A Recording is a recorded login. It is not changed by playing.
type Recording struct {
	origin *url.URL
	// steps lead to the login, which is the last.
	steps []step
	// logout is how the recording logged out again; nil when it did not.
	logout  *step
	secrets []string
}

// A step is one request of the recording.
type step struct {
	method, path string
	// headers are those that an app looks at, without cookies.
	headers []string
	body    string
	// fresh are the values to be replaced by what the site says now.
	fresh []fresh
}

// Do sends a request, as check.Prober does.
type Do func(context.Context, check.Request) (*check.Exchange, error)

// Secrets returns what no report may show: the values of the recording's passwords. The
// caller may change the result.
func (r *Recording) Secrets() []string { return append([]string(nil), r.secrets...) }

// Login returns the login. Pages names the pages on which a user may find a way to log
// out, for recordings that have none; it may be nil.
func (r *Recording) Login(do Do, pages func(context.Context) []string) check.Login {
	return &login{recording: r, do: do, pages: pages}
}

type login struct {
	recording *Recording
	do        Do
	pages     func(context.Context) []string
}

// A browser is one playing.
type browser struct {
	*login
	turn int
	jar  check.Cookies
	seen []*check.Exchange
}

// turns keeps the requests of logins apart from those that checks number themselves.
const turns = 1000

// In implements check.Login.
func (l *login) In(ctx context.Context, turn int, held check.Cookies) (check.Cookies, []*check.Exchange, error) {
	b := &browser{login: l, turn: turns + turn, jar: make(check.Cookies)}
	maps.Copy(b.jar, held)
	before := maps.Clone(b.jar)
	var last *check.Exchange
	for i, s := range l.recording.steps {
		var err error
		if i == len(l.recording.steps)-1 {
			before = maps.Clone(b.jar)
		}
		if last, err = b.play(ctx, s); err != nil {
			return nil, b.seen, err
		}
	}
	if last == nil {
		return nil, nil, errors.New("the recording has no step")
	}
	answer, err := b.follow(ctx, last)
	switch {
	case err != nil:
		return nil, b.seen, err
	case last.Status >= 400 || answer.Status >= 400:
		return nil, b.seen, fmt.Errorf("the login was answered with %d %s", max(last.Status, answer.Status), http.StatusText(max(last.Status, answer.Status)))
	case maps.Equal(before, b.jar) && len(held) == 0 && gaveToken(last):
		return nil, b.seen, errors.New("the login gave a token and no cookie: give it with --header 'Authorization: Bearer …' instead")
	case len(b.jar) == 0:
		return nil, b.seen, errors.New("the login set no cookie")
	}
	return b.jar, b.seen, nil
}

// Out implements check.Login.
func (l *login) Out(ctx context.Context, turn int, held check.Cookies) (check.Cookies, []*check.Exchange, error) {
	b := &browser{login: l, turn: turns + turn, jar: make(check.Cookies)}
	maps.Copy(b.jar, held)
	if s := l.recording.logout; s != nil {
		// The pages with its tokens are asked again: they have others for this browser.
		for _, f := range s.fresh {
			if f.page == "" {
				continue
			}
			if _, err := b.play(ctx, step{method: http.MethodGet, path: f.page}); err != nil {
				return nil, b.seen, err
			}
		}
		x, err := b.play(ctx, *s)
		if err == nil {
			_, err = b.follow(ctx, x)
		}
		return b.jar, b.seen, err
	}
	if l.pages == nil {
		return nil, nil, check.ErrNoLogout
	}
	for _, path := range l.pages(ctx) {
		x, err := b.play(ctx, step{method: http.MethodGet, path: path})
		if err != nil {
			return nil, b.seen, err
		}
		if s, ok := wayOut(x, l.recording.origin); ok {
			x, err := b.play(ctx, s)
			if err == nil {
				_, err = b.follow(ctx, x)
			}
			return b.jar, b.seen, err
		}
	}
	return nil, b.seen, check.ErrNoLogout
}

// play sends one step with the cookies of this browser.
func (b *browser) play(ctx context.Context, s step) (*check.Exchange, error) {
	body, headers := s.body, strings.Join(s.headers, "\n")
	for _, f := range s.fresh {
		now, ok := b.value(f)
		if !ok {
			return nil, fmt.Errorf("%s %s needs a value that the site gave in %s, and gives no more", s.method, s.path, f.where)
		}
		body, headers = f.replace(body, now, writing(s.headers)), f.replace(headers, now, plain)
	}
	if c := b.jar.Header(); c != "" {
		headers = strings.TrimPrefix(headers+"\n"+c, "\n")
	}
	x, err := b.do(ctx, check.Request{Method: s.method, Path: s.path, Headers: headers, Body: body, Turn: b.turn, Secret: true})
	if err != nil {
		return nil, err
	}
	b.seen = append(b.seen, x)
	b.take(x)
	return x, nil
}

// follow goes where the answer sends the browser, within the origin.
func (b *browser) follow(ctx context.Context, x *check.Exchange) (*check.Exchange, error) {
	for range maxRedirects {
		if x.Status < 300 || x.Status > 399 {
			return x, nil
		}
		base, err := url.Parse(x.URL)
		if err != nil {
			return x, nil
		}
		to, err := base.Parse(x.Header.Get("Location"))
		if err != nil || to.Scheme != b.recording.origin.Scheme || !strings.EqualFold(to.Host, b.recording.origin.Host) {
			return x, nil
		}
		if x, err = b.play(ctx, step{method: http.MethodGet, path: to.RequestURI()}); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%d redirects without an end", maxRedirects)
}

// take keeps the cookies of an answer as a browser would: for this host, Secure ones
// over TLS or from this machine only.
func (b *browser) take(x *check.Exchange) {
	for _, line := range x.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Secure && b.recording.origin.Scheme != "https" && !local(b.recording.origin.Hostname()) {
			continue
		}
		// Max-Age wins over Expires.
		if c.MaxAge < 0 || c.Value == "" || c.MaxAge == 0 && !c.Expires.IsZero() && c.Expires.Before(time.Now()) {
			delete(b.jar, c.Name)
			continue
		}
		if _, held := b.jar[c.Name]; held || len(b.jar) < maxCookies {
			b.jar[c.Name] = c.Value
		}
	}
}

// local says that browsers take a host for this machine, and so for trustworthy.
func local(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}
