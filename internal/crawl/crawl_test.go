package crawl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

// soon leaves room for the race detector on a busy machine. What takes quadratic time
// takes minutes for these inputs.
const soon = 20 * time.Second

func TestWalk(t *testing.T) {
	p := probe(t, static{
		"/":            "Location: /home",
		"/home":        `<link rel=stylesheet href=/s.css><a href="/about#team">a</a><a href="about">b</a> <a href="/api/items">c</a><a href="/gone">d</a><a href="/old">e</a><a href="https://other.example/">f</a><a href="mailto:a@b.c">g</a><a href="/logout">h</a>`,
		"/about":       `<script src="/app.js"></script><a href="/home">home</a>`,
		"/s.css":       "Content-Type: text/css\nbody { background: url( 'img/bg.png' ) }",
		"/app.js":      "Content-Type: text/javascript\n",
		"/img/bg.png":  "Content-Type: image/png\nPNG",
		"/api/items":   `Content-Type: application/json` + "\n" + `{"items": [{"href": "\/api\/items\/1"}], "nextPage": "/api/items?page=2", "text": "/no", "url": "//elsewhere/"}`,
		"/api/items/1": "Content-Type: application/problem+json\n{}", "/api/items?page=2": "Content-Type: application/json\n[]",
		"/old": "Location: /new", "/new": "Content-Type: application/zip\nPK",
	})
	site := p.walk(t, crawl.Options{})
	compare(t, "Walk", pages(site), []string{
		"visitor 302 redirect / (given)",
		"visitor 200 document /home (redirect)",
		"visitor 200 asset /s.css (link on /home)",
		"visitor 200 api /api/items (link on /home)",
		"visitor 200 document /about (link on /home)",
		"visitor 404 error /gone (link on /home)",
		"visitor 302 redirect /old (link on /home)",
		"visitor 200 asset /img/bg.png (link on /s.css)",
		"visitor 200 api /api/items/1 (link on /api/items)",
		"visitor 200 api /api/items?page=2 (link on /api/items)",
		"visitor 200 asset /app.js (link on /about)",
		"visitor 200 other /new (redirect)",
	})
	if first := p.asked[0]; first != (check.Request{Path: "/"}) {
		t.Errorf("first request = %+v, want only the path", first)
	}
	want := map[string]int{"another origin": 1, "may log out or delete": 1}
	if !reflect.DeepEqual(site.Skipped, want) {
		t.Errorf("Skipped = %v, want %v", site.Skipped, want)
	}
}

func TestWalkMissing(t *testing.T) {
	p := probe(t, static{"/": `<a href=/a/x></a><a href=/b/1/x></a><a href=/b/2/x></a>`})
	var got []string
	for _, page := range p.walk(t, crawl.Options{}).Pages {
		if page.From == "missing" {
			got = append(got, strings.TrimSpace(page.Request.Path+" "+page.Request.Headers))
		}
	}
	compare(t, "missing pages", got, []string{crawl.Missing, crawl.Missing + " Accept: application/json", "/a" + crawl.Missing, "/b/1" + crawl.Missing})
}

func TestWalkRedirects(t *testing.T) {
	for _, tc := range []struct {
		name  string
		serve http.HandlerFunc
		err   string
		pages int
	}{
		{"to itself", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "10 redirects without an end", 1},
		{"without an end", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, "10 redirects without an end", 11},
		{"ten and a page", func(w http.ResponseWriter, r *http.Request) {
			if len(r.URL.Path) <= 10 {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
			}
		}, "", 11},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "https://other.example/", http.StatusFound)
			}
		}, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probe(t, tc.serve)
			site, err := crawl.Walk(t.Context(), crawl.Options{Do: p.Do, URL: p.url})
			if fmt.Sprint(err) != tc.err && (err != nil || tc.err != "") {
				t.Errorf("Walk error = %v, want %q", err, tc.err)
			}
			if got := len(pages(site)); got != tc.pages {
				t.Errorf("pages = %d, want %d: %q", got, tc.pages, pages(site))
			}
		})
	}
}

func TestWalkStaysInItsOrigin(t *testing.T) {
	links := ""
	for _, address := range []string{
		"//other.example/", "https://HOST/tls", "http://user@HOST/in", "ftp://HOST/f", "http://NAME.other.example/", `\\other.example\x`,
		"http://NAME:1/", "javascript:alert(1)", "data:text/html,x", "//HOST//double", "http:///x", "/" + strings.Repeat("long", 1000), "http://[::1", "///x",
	} {
		links += `<a href="` + address + `">x</a>`
	}
	p := probe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, strings.NewReplacer("HOST", r.Host, "NAME", "127.0.0.1").Replace(links+`<a href="http://HOST/ok?a b='é">x</a>`))
		}
	}))
	site := p.walk(t, crawl.Options{})
	compare(t, "pages", pages(site), []string{"visitor 200 document / (given)", "visitor 200 other /ok?a%20b=%27%C3%A9 (link on /)"})
	for _, r := range p.asked {
		if r.To != check.Front || r.Method != "" || r.Active || r.Body != "" {
			t.Errorf("asked %+v, want plain requests", r)
		}
	}
	if got, want := site.Skipped["another origin"], 7; got != want {
		t.Errorf("other origins = %d, want %d: %v", got, want, site.Skipped)
	}
}

// shop has ten thousand items in front of what matters.
func shop(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	switch {
	case r.URL.Path == "/":
		for i := range 1500 {
			fmt.Fprintf(w, "<a href=/item/%d>i</a><a href=/sellers/name-%c%c/about>s</a>", i, 'a'+i%26, 'a'+i/26)
		}
		io.WriteString(w, "<a href=/help>help</a>")
	case r.URL.Path == "/help":
		io.WriteString(w, "<a href=/help/a/deeper>account</a>")
	case r.URL.Path == "/help/a/deeper":
		io.WriteString(w, "<a href=/account>account</a>")
	default:
		fmt.Fprintf(w, "<a href=%s/more>more</a><a href=%[1]s?page=1>next</a>", r.URL.Path)
	}
}

func TestWalkTraps(t *testing.T) {
	for _, tc := range []struct {
		name  string
		serve http.HandlerFunc
		want  []string
	}{
		{"ten thousand items", shop, []string{"/help", "/help/a/deeper", "/account"}},
		{"a calendar", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			day := 0
			fmt.Sscanf(r.URL.Path, "/calendar/%d", &day)
			fmt.Fprintf(w, "<a href=/calendar/%d>next</a><a href=/calendar/%d>later</a><a href=/calendar/%d?view=%[1]d>view</a><a href=/about>about</a>", day+1, 2*day+1, day)
		}, []string{"/about"}},
		{"folders without an end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<a href=a/>a</a><a href=b/>b</a><a href=c/>c</a><a href=/deep>deep</a>")
		}, []string{"/deep"}},
		{"a new query each time", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for i := range 100 {
				fmt.Fprintf(w, "<a href='/?%s%d'>x</a>", r.URL.RawQuery, i)
			}
			fmt.Fprint(w, "<a href=/end>x</a>")
		}, []string{"/end"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probe(t, tc.serve)
			start := time.Now()
			site := p.walk(t, crawl.Options{Pages: 100})
			if d := time.Since(start); d > soon {
				t.Errorf("Walk took %v, want at most %v", d, soon)
			}
			if n := len(p.asked); n > 100+30 {
				t.Errorf("asked %d times, want at most 130", n)
			}
			for _, want := range tc.want {
				if !paths(site)[want] {
					t.Errorf("%s was not seen", want)
				}
			}
		})
	}
}

func TestWalkBound(t *testing.T) {
	p := probe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/" {
			for i := range 320 {
				fmt.Fprintf(w, "<a href=/p%d>x</a>", i)
			}
		}
	}))
	start := time.Now()
	site := p.walk(t, crawl.Options{})
	if d := time.Since(start); d > soon {
		t.Errorf("Walk took %v, want at most %v", d, soon)
	}
	if got := len(pages(site)); got != 300 {
		t.Errorf("pages = %d, want 300", got)
	}
	if got := site.Skipped["beyond the bound of 300 pages"]; got != 21 {
		t.Errorf("skipped = %v, want 21 beyond the bound", site.Skipped)
	}
}

func TestWalkIsDeterministic(t *testing.T) {
	p := probe(t, http.HandlerFunc(shop))
	p.delay = true
	var first *check.Site
	for run := range 5 {
		site := p.walk(t, crawl.Options{Pages: 60, Parallel: 1 + 3*run, User: true})
		if first == nil {
			first = site
		}
		if !slices.Equal(lines(site), lines(first)) || !reflect.DeepEqual(site.Forms, first.Forms) || !reflect.DeepEqual(site.Skipped, first.Skipped) {
			t.Fatalf("run %d differs from run 0:\n%s\n%s", run, lines(site), lines(first))
		}
	}
}

func TestWalkErrors(t *testing.T) {
	broken := errors.New("broken")
	all := static{"/": `<a href=/a></a><a href=/b></a><a href=/c></a><a href=/d></a>`, "/d": `<a href=/e></a>`}
	for _, tc := range []struct {
		name  string
		fails func(check.Request) bool
		err   error
		pages []string
	}{
		{"the first document", func(r check.Request) bool { return r.Path == "/" }, broken, nil},
		{"two pages in a row", func(r check.Request) bool { return r.Path == "/a" || r.Path == "/b" }, nil, []string{"/", "/c", "/d", "/e"}},
		{"everything from the second on", func(r check.Request) bool { return r.Path != "/" }, broken, []string{"/"}},
		{"missing pages", func(r check.Request) bool { return r.Path == crawl.Missing }, nil, []string{"/", "/a", "/b", "/c", "/d", "/e"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probe(t, all)
			site, err := crawl.Walk(t.Context(), crawl.Options{URL: p.url, Do: func(ctx context.Context, r check.Request) (*check.Exchange, error) {
				if tc.fails(r) {
					return nil, broken
				}
				return p.Do(ctx, r)
			}})
			if !errors.Is(err, tc.err) {
				t.Errorf("Walk error = %v, want %v", err, tc.err)
			}
			var got []string
			for _, page := range site.Pages {
				if page.From != "missing" {
					got = append(got, page.Request.Path)
				}
			}
			compare(t, "pages", got, tc.pages)
		})
	}
}

func TestWalkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int32
	p := probe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 20 {
			cancel()
		}
		w.Header().Set("Content-Type", "text/html")
		for i := range 50 {
			fmt.Fprintf(w, "<a href=/%d>x</a>", i)
		}
	}))
	site, err := crawl.Walk(ctx, crawl.Options{Do: p.Do, URL: p.url})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Walk error = %v, want context.Canceled", err)
	}
	if got := len(site.Pages); got == 0 || got > 60 {
		t.Errorf("pages = %d, want those seen until then", got)
	}
}

func TestWalkSeeds(t *testing.T) {
	p := probe(t, static{"/": "", "/seed?a=1": "<a href=/linked>x</a>", "/linked": ""})
	site := p.walk(t, crawl.Options{Seeds: []crawl.Seed{
		{Path: "/seed?a=1", From: "har"}, {Method: "GET", Path: "/account/delete", From: "source"}, {Method: "POST", Path: "/b", From: "source"},
		{Method: "POST", Path: "/a", From: "openapi"}, {Method: "POST", Path: "/a", From: "openapi"}, {Path: "https://cdn.example/x.js", From: "har"},
	}})
	compare(t, "pages", pages(site), []string{
		"visitor 200 document / (given)", "visitor 200 document /seed?a=1 (har)", "visitor 200 document /linked (link on /seed)",
	})
	if want := []check.Route{{Method: "POST", Path: "/a", From: "openapi"}, {Method: "POST", Path: "/b", From: "source"}}; !slices.Equal(site.Routes, want) {
		t.Errorf("Routes = %v, want %v", site.Routes, want)
	}
	if want := map[string]int{"may log out or delete": 1, "another origin": 1}; !reflect.DeepEqual(site.Skipped, want) {
		t.Errorf("Skipped = %v, want %v", site.Skipped, want)
	}
}
