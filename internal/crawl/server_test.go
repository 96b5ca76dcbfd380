package crawl_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

// A prober asks one server, without a jar and without following redirects.
type prober struct {
	url    *url.URL
	client *http.Client
	// user is what a user sends.
	user  string
	delay bool

	mu    sync.Mutex
	asked []check.Request
}

func probe(t testing.TB, h http.Handler) *prober {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	client := s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Timeout = 5 * time.Second
	return &prober{url: u, client: client, user: "Cookie: sid=1"}
}

func (p *prober) Do(ctx context.Context, r check.Request) (*check.Exchange, error) {
	p.mu.Lock()
	p.asked = append(p.asked, r)
	p.mu.Unlock()
	if p.delay {
		time.Sleep(time.Duration(rand.IntN(int(2 * time.Millisecond))))
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	x := &check.Exchange{Request: r, URL: "http://" + p.url.Host + r.Path}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.url.Host, strings.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	req.URL.Opaque = r.Path
	lines := r.Headers
	if r.As == check.User {
		lines += "\n" + p.user
	}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			req.Header.Add(name, value)
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	x.Status, x.Header = resp.StatusCode, resp.Header
	x.Body, err = io.ReadAll(io.LimitReader(resp.Body, 2<<20))
	return x, err
}

func (p *prober) walk(t testing.TB, o crawl.Options) *check.Site {
	t.Helper()
	o.Do, o.URL = p.Do, p.url
	site, err := crawl.Walk(t.Context(), o)
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	return site
}

// lines writes a site for comparison: who, status, class, from and path of each page.
func lines(site *check.Site) []string {
	var all []string
	for _, p := range site.Pages {
		who := "visitor"
		if p.Request.As == check.User {
			who = "user"
		}
		if p.Private {
			who = "user alone"
		}
		all = append(all, fmt.Sprintf("%s %d %s %s (%s)", who, p.Status, p.Class, p.Request.Path, p.From))
	}
	return all
}

// pages are the lines without those of missing pages.
func pages(site *check.Site) []string {
	return slices.DeleteFunc(lines(site), func(l string) bool { return strings.HasSuffix(l, "(missing)") })
}

func paths(site *check.Site) map[string]bool {
	all := make(map[string]bool)
	for _, p := range site.Pages {
		all[p.Request.Path] = true
	}
	return all
}

// static answers with fixed texts; "text/html" unless the text begins with a header line.
type static map[string]string

func (s static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, ok := s[r.URL.RequestURI()]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html")
	status := 200
	for {
		line, rest, ok := strings.Cut(text, "\n")
		name, value, header := strings.Cut(line, ": ")
		if !header || strings.ContainsAny(name, "<{ ") {
			break
		}
		w.Header().Set(name, value)
		if name == "Location" {
			status = 302
		}
		if text = rest; !ok {
			break
		}
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// one answers one path with a body and every other with nothing.
func one(path string, header http.Header, body string) func(context.Context, check.Request) (*check.Exchange, error) {
	return func(_ context.Context, r check.Request) (*check.Exchange, error) {
		x := &check.Exchange{Request: r, URL: "http://h.example" + r.Path, Status: 200, Header: http.Header{}}
		if r.Path == path {
			x.Header, x.Body = header, []byte(body)
		}
		return x, nil
	}
}

func parsed(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
