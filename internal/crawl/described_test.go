package crawl_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWalkDescribed(t *testing.T) {
	p := probe(t, static{
		"/":             "",
		"/robots.txt":   "Content-Type: text/plain\n#\nUser-agent: *\nDisallow: /secret\nsitemap: /more.xml.gz # ours\nSitemap: https://other.example/s.xml\nSitemap: /list.txt\n",
		"/sitemap.xml":  `Content-Type: application/xml` + "\n" + `<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><sitemap><loc>/sitemap.xml</loc></sitemap><sitemap><loc> /posts.xml </loc></sitemap></sitemapindex>`,
		"/posts.xml":    `Content-Type: application/xml` + "\n" + `<urlset><url><loc>/post?a=1&amp;b=2</loc><image:loc>/no.png</image:loc></url><url><loc><![CDATA[/about]]></loc></url><url><loc>/logout</loc></url></urlset>`,
		"/more.xml.gz":  "Content-Type: application/gzip\n" + gzipped(t, `<urlset><url><loc>/packed</loc></url></urlset>`),
		"/list.txt":     "Content-Type: text/plain\nhttp://h.example/\n",
		"/openapi.json": `Content-Type: application/json` + "\n" + `{"openapi": "3.0.0", "paths": {"/api/{id}": {"get": {}, "delete": {}}}}`,
		"/swagger.json": "<html>every path has this page</html>",
		"/post?a=1&b=2": "",
		"/about":        "",
		"/packed":       "",
		"/api/1":        "Content-Type: application/json\n{}",
	})
	site := p.walk(t, crawl.Options{})
	got := pages(site)
	slices.Sort(got)
	compare(t, "pages", got, []string{
		"visitor 200 api /api/1 (openapi)",
		"visitor 200 api /openapi.json (openapi)",
		"visitor 200 api /posts.xml (sitemap)",
		"visitor 200 api /sitemap.xml (sitemap)",
		"visitor 200 document / (given)",
		"visitor 200 document /about (sitemap)",
		"visitor 200 document /packed (sitemap)",
		"visitor 200 document /post?a=1&b=2 (sitemap)",
		"visitor 200 other /list.txt (sitemap)",
		"visitor 200 other /more.xml.gz (sitemap)",
		"visitor 200 other /robots.txt (robots.txt)",
	})
	if want := []check.Route{{Method: "DELETE", Path: "/api/1", From: "openapi"}}; !slices.Equal(site.Routes, want) {
		t.Errorf("Routes = %v, want %v", site.Routes, want)
	}
	if want := map[string]int{"another origin": 2, "may log out or delete": 1}; !maps.Equal(site.Skipped, want) {
		t.Errorf("Skipped = %v, want %v", site.Skipped, want)
	}
}

func TestHostileSitemaps(t *testing.T) {
	bomb := gzipped(t, strings.Repeat("<url><loc>/a</loc></url>", 1<<20))
	for _, tc := range []struct {
		name  string
		serve func(w io.Writer, r *http.Request)
	}{
		{"an index that names itself", func(w io.Writer, r *http.Request) {
			io.WriteString(w, "<sitemapindex>"+strings.Repeat("<sitemap><loc>/sitemap.xml</loc></sitemap>", 1000))
		}},
		{"indexes without an end", func(w io.Writer, r *http.Request) {
			fmt.Fprintf(w, "<sitemapindex><loc>%s0</loc><loc>%[1]s1</loc>", r.URL.Path)
		}},
		{"a million pages", func(w io.Writer, r *http.Request) {
			io.WriteString(w, "<urlset>")
			for i := range 100_000 {
				fmt.Fprintf(w, "<url><loc>/%d/page</loc></url>", i)
			}
		}},
		{"a gzip bomb", func(w io.Writer, r *http.Request) { io.WriteString(w, bomb) }},
		{"deep", func(w io.Writer, r *http.Request) { io.WriteString(w, strings.Repeat("<a>", 300_000)) }},
		{"an open tag", func(w io.Writer, r *http.Request) { io.WriteString(w, "<"+strings.Repeat("a ", 500_000)) }},
		{"entities", func(w io.Writer, r *http.Request) {
			io.WriteString(w, `<!DOCTYPE x [<!ENTITY a "b">]><urlset><url><loc>/&a;`+strings.Repeat("&a;", 300_000))
		}},
		{"broken gzip", func(w io.Writer, r *http.Request) { io.WriteString(w, "\x1f\x8b\x08") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := probe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				switch {
				case strings.HasPrefix(r.URL.Path, "/sitemap"):
					tc.serve(w, r)
				case r.URL.Path != "/":
					http.NotFound(w, r)
				}
			}))
			start := time.Now()
			site := p.walk(t, crawl.Options{Pages: 50})
			if d := time.Since(start); d > soon {
				t.Errorf("Walk took %v, want at most %v", d, soon)
			}
			if n := len(p.asked); n > 50+30 {
				t.Errorf("asked %d times, want at most 80: %v", n, pages(site)[:10])
			}
		})
	}
}

func FuzzSitemap(f *testing.F) {
	f.Add([]byte("<urlset><url><loc>/a</loc></url></urlset>"))
	f.Add([]byte("http://h.example/a\nhttp://h.example/b"))
	f.Add([]byte("<sitemapindex><loc>/sitemap.xml</loc>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		do := one("/sitemap.xml", http.Header{"Content-Type": {"application/xml"}}, string(body))
		site, err := crawl.Walk(t.Context(), crawl.Options{URL: parsed(t, "http://h.example/"), Do: do, Pages: 20})
		if err != nil {
			t.Fatalf("Walk: %v", err)
		}
		for _, p := range site.Pages {
			if p.Request.Path[0] != '/' || strings.HasPrefix(p.Request.Path, "//") || crawl.LogsOut(p.Request.Path) && !strings.Contains(p.Request.Path, ".") {
				t.Errorf("asked for %q", p.Request.Path)
			}
		}
	})
}
