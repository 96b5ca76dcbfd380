package headers_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/headers"
)

// Before a proxied app: what the app sets is kept, nothing is doubled, and the early
// hints carry none of it.
func TestBeforeAReverseProxy(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Powered-By", "Express")
		w.Header().Set("X-Dns-Prefetch-Control", "on")
		w.Header().Add("Content-Security-Policy", "default-src 'self'")
		w.Header().Add("Content-Security-Policy", "img-src *")
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<p>hello")
	}))
	defer app.Close()
	target, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	for name, o := range map[string]headers.Options{"default": {}, "first day": headers.FirstDay()} {
		t.Run(name, func(t *testing.T) {
			door := httptest.NewServer(mustNew(t, o).Handler(proxy))
			defer door.Close()
			var early []textproto.MIMEHeader
			r, err := http.NewRequest("GET", door.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(status int, h textproto.MIMEHeader) error { early = append(early, h); return nil },
			}))
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); string(body) != "<p>hello" || err != nil {
				t.Errorf("body = %q, %v", body, err)
			}
			if len(early) != 1 || len(early[0]) != 1 || early[0].Get("Link") == "" {
				t.Errorf("early hints = %v, want one with Link alone", early)
			}
			for key, want := range map[string]int{"Content-Security-Policy": 2, "X-Powered-By": 0, "X-Dns-Prefetch-Control": 1, "X-Content-Type-Options": 1, "X-Frame-Options": 1} {
				if got := resp.Header[key]; len(got) != want {
					t.Errorf("%s = %q, want %d fields", key, got, want)
				}
			}
			if got := resp.Header.Get("X-Dns-Prefetch-Control"); got != "on" {
				t.Errorf("X-DNS-Prefetch-Control = %q, want the app's", got)
			}
		})
	}
}

// One Guard serves many requests at once; the race detector watches.
func TestGuardIsSharedByRequests(t *testing.T) {
	var n atomic.Int64
	o := headers.FirstDay()
	o.StrictTransportSecurity.MaxAgeFor = func(*http.Request) time.Duration { return time.Duration(1+n.Add(1)%3) * time.Second }
	o.ReportURI = func(r *http.Request) string { return "/report?" + r.URL.RawQuery }
	g := mustNew(t, o)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 100 {
				query := fmt.Sprintf("q=%d-%d", i, j)
				h := answer(g.Handler, httptest.NewRequest("GET", "/?"+query, nil), 200, html)
				if got, want := h.Get("Reporting-Endpoints"), `panoply="/report?`+query+`"`; got != want {
					t.Errorf("Reporting-Endpoints = %q, want %q", got, want)
				}
				switch got := h.Get("Strict-Transport-Security"); got {
				case "max-age=1", "max-age=2", "max-age=3":
				default:
					t.Errorf("Strict-Transport-Security = %q, want max-age=1 to 3", got)
				}
			}
		})
	}
	wait.Wait()
}
