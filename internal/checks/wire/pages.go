package wire

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

const (
	maxRedirects = 10
	// maxLinks is how many linked pages are looked at beside the first one.
	maxLinks = 6
	// missing is a path that no app has. It is the same in every run.
	missing = "/panoply-audit-no-such-page"
	// malformed is a path whose last escape is cut off.
	malformed = "/%E0%A4%A"
	// climbing is a path that leads above the root once it is decoded.
	climbing = "/..%2f..%2fpanoply-audit"
)

// fetch sends the requests side by side and returns the answers in the order of the
// requests, without those that failed, and the first failure.
func fetch(ctx context.Context, s *check.Session, requests ...check.Request) ([]*check.Exchange, error) {
	all := make([]*check.Exchange, len(requests))
	errs := make([]error, len(requests))
	var wg sync.WaitGroup
	for i, r := range requests {
		wg.Go(func() { all[i], errs[i] = s.Wire.Do(ctx, r) })
	}
	wg.Wait()
	var first error
	for _, err := range errs {
		if err != nil {
			first = err
			break
		}
	}
	return slices.DeleteFunc(all, func(x *check.Exchange) bool { return x == nil }), first
}

// document asks the target's address and follows redirects within its origin. The
// answers of the way are returned too, the document last. A redirect that leaves the
// origin is the end of the way.
func document(ctx context.Context, s *check.Session) ([]*check.Exchange, error) {
	// The first request has the same form as those of every other place, so that it is
	// sent once.
	path := s.URL.RequestURI()
	var way []*check.Exchange
	for range maxRedirects {
		x, err := s.Wire.Do(ctx, check.Request{Path: path})
		if err != nil {
			return way, err
		}
		way = append(way, x)
		next, ok := within(s, x, x.Header.Get("Location"))
		if x.Status < 300 || x.Status > 399 || !ok {
			return way, nil
		}
		path = next.RequestURI()
	}
	return way, fmt.Errorf("%d redirects without an end", maxRedirects)
}

// within resolves a reference on a page and says whether it stays in the origin.
func within(s *check.Session, x *check.Exchange, ref string) (*url.URL, bool) {
	if ref == "" {
		return nil, false
	}
	base, err := url.Parse(x.URL)
	if err != nil {
		return nil, false
	}
	u, err := base.Parse(ref)
	if err != nil || u.Scheme != s.URL.Scheme || !strings.EqualFold(u.Host, s.URL.Host) {
		return nil, false
	}
	return u, true
}

var (
	anchor = pattern.New(`(?i)<a\s[^>]*?href\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)`)
	// Links that could change something even by GET are left alone.
	unsafeLink = pattern.New(`(?i)log[-_]?(out|off)|sign[-_]?(out|off)|delete|remove|destroy|unsubscribe|cancel|revoke|reset|clear|disable`)
)

// links returns paths of linked pages of the same origin, queries left out, in the
// order of the page.
func links(s *check.Session, x *check.Exchange) []string {
	var found []string
	for _, m := range anchor.Get().FindAllSubmatch(x.Body, 200) {
		ref := html.UnescapeString(strings.Trim(string(m[1]), `"'`))
		u, ok := within(s, x, ref)
		if !ok || unsafeLink.Get().MatchString(ref) {
			continue
		}
		path := u.EscapedPath()
		if path == "" || path == "/" || path == s.URL.EscapedPath() || slices.Contains(found, path) {
			continue
		}
		if found = append(found, path); len(found) == maxLinks {
			break
		}
	}
	return found
}

// pages returns what a visitor sees first: the way to the document, the pages it links
// to, and a page that is not there.
func pages(ctx context.Context, s *check.Session) ([]*check.Exchange, error) {
	way, err := document(ctx, s)
	if err != nil {
		return way, err
	}
	var requests []check.Request
	for _, path := range links(s, way[len(way)-1]) {
		requests = append(requests, check.Request{Path: path})
	}
	requests = append(requests, check.Request{Path: missing})
	more, err := fetch(ctx, s, requests...)
	return append(way, more...), err
}

// provoke asks for what an app should refuse, without changing anything: a missing page
// in several forms, a malformed path, an impossible range, methods nobody implements.
// To a loopback address also a POST that cannot be parsed.
func provoke(ctx context.Context, s *check.Session) ([]*check.Exchange, error) {
	root := s.URL.RequestURI()
	requests := []check.Request{
		{Path: missing},
		{Path: missing, Headers: "Accept: application/json"},
		{Path: missing, Method: http.MethodHead},
		{Path: malformed},
		{Path: climbing},
		{Path: root, Headers: "Range: bytes=99999999999-"},
		{Path: root, Headers: "Accept: panoply/none"},
		{Path: root, Method: http.MethodOptions},
		{Path: root, Method: http.MethodTrace},
		{Path: root, Method: "PANOPLY"},
	}
	if s.Loopback {
		requests = append(requests, check.Request{
			Path: root, Method: http.MethodPost, Headers: "Content-Type: application/json", Body: `{"panoply-audit":`,
		})
	}
	if way, err := document(ctx, s); err == nil {
		tried := []string{""}
		for _, path := range links(s, way[len(way)-1]) {
			path = strings.TrimSuffix(path, "/")
			requests = append(requests, check.Request{Path: path + missing})
			// A route with a parameter, such as /item/:id, decodes what stands there.
			if parent := path[:strings.LastIndexByte(path, '/')]; !slices.Contains(tried, parent) {
				tried = append(tried, parent)
				requests = append(requests, check.Request{Path: parent + malformed})
			}
		}
	}
	return fetch(ctx, s, requests...)
}

// media returns the media type of an answer, in lower case and without parameters.
func media(x *check.Exchange) string {
	t, _, _ := strings.Cut(x.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// isDocument says whether a browser would show the answer as a page that can run
// script: HTML, XHTML, SVG, or unlabelled content that it will guess at.
func isDocument(x *check.Exchange) bool {
	if x.Status < 200 || x.Status == http.StatusNoContent || x.Status >= 300 && x.Status < 400 {
		return false
	}
	switch media(x) {
	case "text/html", "application/xhtml+xml", "image/svg+xml":
		return true
	case "":
		return len(x.Body) > 0
	}
	return false
}

// head is the part of a body that is worth matching expressions against.
func head(x *check.Exchange) []byte { return x.Body[:min(len(x.Body), 64<<10)] }

// seen collects one rule's evidence over several answers, three at most.
type seen struct {
	count    int
	evidence []check.Evidence
}

func (s *seen) add(e check.Evidence) {
	s.count++
	if len(s.evidence) < 3 {
		s.evidence = append(s.evidence, e)
	}
}

// answers says a number of answers in words.
func answers(n int) string {
	if n == 1 {
		return "1 answer"
	}
	return fmt.Sprintf("%d answers", n)
}
