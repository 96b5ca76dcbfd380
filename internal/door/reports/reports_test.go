package reports_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/internal/door/reports"
)

var key = bytes.Repeat([]byte{7}, 32)

func page(host, path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	return r
}

func post(c *reports.Collector, host, path, body string) int {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Host = host
	r.Header.Set("Content-Type", "application/csp-report")
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Code
}

const one = `{"csp-report":{"effective-directive":"img-src"}}`

func TestAddressIsBoundToHostAndPage(t *testing.T) {
	var counted []string
	c := reports.New(key, func(d string) { counted = append(counted, d) })
	uri := c.URI(page("a.example", "/x?token=1"))
	if !c.Owns(page("a.example", uri)) || c.Owns(page("a.example", "/x")) {
		t.Errorf("Owns is wrong about %q", uri)
	}
	if uri != c.URI(page("A.example", "/x?other")) {
		t.Error("the address depends on the query or on letters")
	}
	if uri == c.URI(page("a.example", "/y")) || uri == c.URI(page("b.example", "/x")) {
		t.Error("another page or host has the same address")
	}
	if uri == reports.New(bytes.Repeat([]byte{8}, 32), nil).URI(page("a.example", "/x")) {
		t.Error("another key gives the same address")
	}
	if strings.ContainsAny(uri, "\"\\,; ") {
		t.Errorf("address %q does not fit a header", uri)
	}
	if got := post(c, "a.example", uri, one); got != 204 {
		t.Errorf("report = %d, want 204", got)
	}
	if got := post(c, "b.example", uri, one); got != 404 {
		t.Errorf("report to another host = %d, want 404", got)
	}
	if !slices.Equal(counted, []string{"img-src"}) {
		t.Errorf("counted %v, want the one", counted)
	}
}

func TestFloodIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := reports.New(key, func(string) { n++ })
		uri := c.URI(page("a.example", "/"))
		for range 1000 {
			if got := post(c, "a.example", uri, one); got != 204 {
				t.Fatalf("report = %d, want 204 even when dropped", got)
			}
		}
		if n != 200 {
			t.Errorf("%d counted of a flood, want the burst of 200", n)
		}
		time.Sleep(time.Second)
		for range 1000 {
			post(c, "a.example", uri, one)
		}
		if n != 300 {
			t.Errorf("%d counted a second later, want 100 more", n)
		}
	})
}

func TestDirectives(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`{"type":"csp-violation","body":{"effectiveDirective":"img-src"}},`, 100), ",")
	for text, want := range map[string]string{
		one: "img-src",
		`{"csp-report":{"violated-directive":"script-src 'self' https://x"}}`: "script-src",
		`{"csp-report":{}}`: "other",
		`[{"type":"csp-violation","body":{"effectiveDirective":"style-src-elem"}},{"type":"coop","body":{}},{"type":"deprecation","body":{}}]`: "style-src-elem cross-origin-opener-policy",
		`[]`: "", `{}`: "", `null`: "", `"x"`: "", `{`: "",
		"[" + many + "]": strings.TrimSpace(strings.Repeat("img-src ", 32)),
	} {
		if got := strings.Join(reports.Directives([]byte(text)), " "); got != want {
			t.Errorf("Directives(%.60s) = %q, want %q", text, got, want)
		}
	}
}

// FuzzDirectives: whatever is sent, only known names come out, and at most 32.
func FuzzDirectives(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte(`[{"type":"csp-violation","body":{"effectiveDirective":"x\u0000y"}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		out := reports.Directives(text)
		if len(out) > 32 {
			t.Errorf("%d names", len(out))
		}
		for _, name := range out {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" || name == "" {
				t.Errorf("name %q", name)
			}
		}
	})
}

func ExampleCollector() {
	c := reports.New(bytes.Repeat([]byte{1}, 32), func(directive string) { fmt.Println("violated:", directive) })
	address := c.URI(httptest.NewRequest("GET", "https://shop.example/cart", nil))
	r := httptest.NewRequest("POST", "https://shop.example"+address, strings.NewReader(one))
	r.Header.Set("Content-Type", "application/csp-report")
	c.ServeHTTP(httptest.NewRecorder(), r)
	// Output: violated: img-src
}
