package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

const (
	// maxTried is how many pages beside the first one are asked for what is malformed.
	maxTried = 6
	// maxBodies is how many routes get a body that cannot be parsed.
	maxBodies = 10
	// missing is a path that no app has.
	missing = crawl.Missing
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

// pages returns what the crawl saw, the target's own address first: pages and what they
// load, what is behind a login when there is a way in, and what is missing.
func pages(ctx context.Context, s *check.Session) ([]*check.Exchange, error) {
	site, err := s.Crawl(ctx)
	all := make([]*check.Exchange, len(site.Pages))
	for i, p := range site.Pages {
		all[i] = p.Exchange
	}
	if len(all) == 0 && err == nil {
		err = errors.New("no page was seen")
	}
	return all, err
}

// trials returns the paths of the first pages that a visitor can see and that are no
// assets, without queries and without the target's own; six at most.
func trials(ctx context.Context, s *check.Session) []string {
	site, _ := s.Crawl(ctx)
	var found []string
	for _, p := range site.Pages {
		path, _, _ := strings.Cut(p.Request.Path, "?")
		ordinary := p.Request.As == check.Visitor && p.Request.Headers == "" && p.Class != check.Asset && p.From != "missing"
		if !ordinary || path == "/" || path == s.URL.EscapedPath() || slices.Contains(found, path) {
			continue
		}
		if found = append(found, path); len(found) == maxTried {
			break
		}
	}
	return found
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
	tried := []string{""}
	for _, path := range trials(ctx, s) {
		path = strings.TrimSuffix(path, "/")
		requests = append(requests, check.Request{Path: path + missing})
		// A route with a parameter, such as /item/:id, decodes what stands there.
		if parent := path[:strings.LastIndexByte(path, '/')]; !slices.Contains(tried, parent) {
			tried = append(tried, parent)
			requests = append(requests, check.Request{Path: parent + malformed})
		}
	}
	return fetch(ctx, s, append(requests, unparsable(ctx, s)...)...)
}

// unparsable returns bodies that cannot be parsed for the routes that take one. Without
// permission for active probes there are none: a route may act without looking at its
// body.
func unparsable(ctx context.Context, s *check.Session) []check.Request {
	if !s.Active {
		return nil
	}
	site, _ := s.Crawl(ctx)
	var found []check.Request
	add := func(path string) {
		r := check.Request{Path: path, Method: http.MethodPost, Headers: "Content-Type: application/json", Body: `{"panoply-audit":`, Active: true}
		if len(found) < maxBodies && !crawl.Unsafe(path) && !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	for _, f := range site.Forms {
		if u, err := url.Parse(f.Action); err == nil && f.Method == http.MethodPost && !f.Private && u.Scheme == s.URL.Scheme && strings.EqualFold(u.Host, s.URL.Host) {
			add(u.RequestURI())
		}
	}
	for _, r := range site.Routes {
		if r.Method == http.MethodPost {
			add(r.Path)
		}
	}
	return found
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
