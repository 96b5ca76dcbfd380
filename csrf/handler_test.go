package csrf_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
)

func TestHandler(t *testing.T) {
	route := []csrf.Route{{Pattern: "POST /watched", Observe: true}}
	tests := []struct {
		name    string
		o       csrf.Options
		path    string
		site    string
		status  int
		reached bool
		action  string // of the one event; empty for none
	}{
		{"enforce", csrf.Options{}, "/pay", "cross-site", 403, false, "denied"},
		{"enforce, own", csrf.Options{}, "/pay", "same-origin", 200, true, ""},
		{"observe", csrf.Options{Mode: guard.Observe}, "/pay", "cross-site", 200, true, "would-deny"},
		{"off", csrf.Options{Mode: guard.Off}, "/pay", "cross-site", 200, true, ""},
		{"route that observes", csrf.Options{Routes: route}, "/watched", "cross-site", 200, true, "would-deny"},
		{"route that observes, guard off", csrf.Options{Routes: route, Mode: guard.Off}, "/watched", "cross-site", 200, true, ""},
		{"another route", csrf.Options{Routes: route}, "/pay", "cross-site", 403, false, "denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var events []guard.Event
			test.o.Sink = func(_ context.Context, e guard.Event) { events = append(events, e) }
			reached := false
			h := newGuard(t, test.o).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, request(t, "POST https://shop.example"+test.path+"?token=secret", form, cookie, "Origin: https://evil.test", "Sec-Fetch-Site: "+test.site))
			if rec.Code != test.status || reached != test.reached {
				t.Errorf("status %d, reached %v, want %d, %v", rec.Code, reached, test.status, test.reached)
			}
			if strings.Contains(rec.Body.String(), "evil") || strings.Contains(rec.Body.String(), "pay") {
				t.Errorf("body %q reflects the request", rec.Body)
			}
			switch {
			case test.action == "" && len(events) == 0:
			case len(events) != 1 || events[0].Action.String() != test.action:
				t.Errorf("events = %v, want one: %s", events, test.action)
			default:
				e := events[0]
				if e.Practice != "csrf" || e.Rule != csrf.RuleCrossSite || e.Err == nil || strings.Contains(e.Detail, "secret") ||
					!strings.Contains(e.Detail, "POST "+test.path+" from https://evil.test, cross-site") {
					t.Errorf("event = %+v, want practice csrf, rule cross-site, and where it came from without the query", e)
				}
			}
		})
	}
}

func TestHandlerDenies(t *testing.T) {
	var got guard.Denial
	g := newGuard(t, csrf.Options{Deny: func(w http.ResponseWriter, _ *http.Request, d guard.Denial) { got = d; w.WriteHeader(d.Status) }})
	rec := httptest.NewRecorder()
	g.Handler(http.NotFoundHandler()).ServeHTTP(rec, request(t, "GET https://shop.example/ws", "Upgrade: websocket", "Origin: https://evil.test"))
	if rec.Code != 403 || got.Practice != "csrf" || got.Rule != csrf.RuleWebSocket {
		t.Errorf("answer %d, denial %+v, want 403 by rule websocket", rec.Code, got)
	}
}

func TestIsolate(t *testing.T) {
	g := newGuard(t, csrf.Options{Isolate: true, TrustedOrigins: []string{"https://app.example"}, Routes: []csrf.Route{{Pattern: "GET /badge/", Exempt: "to be embedded"}}})
	tests := []struct {
		name   string
		line   string
		header []string
		want   string
	}{
		{"image from elsewhere", "GET /me.png", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, csrf.RuleIsolation},
		{"fetch from elsewhere", "GET /api/me", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, csrf.RuleIsolation},
		{"what is not known", "GET /api/me", []string{"Sec-Fetch-Site: other"}, csrf.RuleIsolation},
		{"preflight from elsewhere", "OPTIONS /api/me", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://evil.test"}, csrf.RuleIsolation},
		{"HEAD", "HEAD /api/me", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"}, csrf.RuleIsolation},
		{"object", "GET /page", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"}, csrf.RuleIsolation},
		{"embed", "GET /page", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: embed"}, csrf.RuleIsolation},
		{"twice", "GET /page", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"}, csrf.RuleDuplicateHeader},
		{"link", "GET /page", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, ""},
		{"frame, which frame-ancestors is for", "GET /page", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, ""},
		{"the site itself", "GET /me.png", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: image"}, ""},
		{"a sibling", "GET /me.png", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Dest: image"}, ""},
		{"typed", "GET /me.png", []string{"Sec-Fetch-Site: none"}, ""},
		{"older browser", "GET /me.png", nil, ""},
		{"trusted", "GET /api/me", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://app.example"}, ""},
		{"trusted preflight", "OPTIONS /api/me", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://app.example"}, ""},
		{"exempt", "GET /badge/1.svg", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: image"}, ""},
		{"navigation that posts", "POST /page", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, csrf.RuleCrossSite},
	}
	for _, test := range tests {
		method, path, _ := strings.Cut(test.line, " ")
		r := request(t, method+" https://shop.example"+path, test.header...)
		if got := rule(g.Check(r)); got != test.want {
			t.Errorf("%s: Check = %q, want %q", test.name, got, test.want)
		}
		rec := httptest.NewRecorder()
		g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })).ServeHTTP(rec, r)
		if got := rec.Header().Get("Vary"); got != "Sec-Fetch-Site" {
			t.Errorf("%s: Vary = %q, want Sec-Fetch-Site", test.name, got)
		}
	}
}

func TestSources(t *testing.T) {
	g := newGuard(t, csrf.Options{})
	for _, h := range [][]string{
		{"Sec-Fetch-Site: same-origin"}, {"Sec-Fetch-Site: cross-site"}, {"Origin: https://shop.example"}, {"Referer: https://evil.test/"}, {}, {}, {},
	} {
		_ = g.Check(request(t, "POST https://shop.example/x", h...)) // the verdicts are for other tests
	}
	_ = g.Check(request(t, "GET https://shop.example/x", "Sec-Fetch-Site: cross-site"))
	if got, want := g.Sources(), (csrf.Sources{FetchMetadata: 2, Origin: 1, Referer: 1, None: 3}); got != want {
		t.Errorf("Sources() = %+v, want %+v", got, want)
	}
}

func TestRefusalSaysNothingOfTheRequest(t *testing.T) {
	err := newGuard(t, csrf.Options{}).Check(request(t, "POST https://shop.example/pay", "Origin: https://evil.test"))
	var refusal *csrf.Refusal
	if !errors.As(err, &refusal) || refusal.Status != 403 || strings.Contains(err.Error(), "evil") {
		t.Errorf("Check = %v, want a *Refusal with status 403 and nothing of the request", err)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	g := newGuard(t, csrf.Options{
		TrustedOrigins: []string{"https://a.example", "https://b.example"},
		Routes:         []csrf.Route{{Pattern: "POST /hook/", Exempt: "x"}, {Pattern: "/public/{id}", Exempt: "x"}},
	})
	for _, h := range [][]string{
		{"Sec-Fetch-Site: same-origin"}, {"Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, {"Sec-Fetch-Site: cross-site", "Origin: https://a.example"},
		{"Origin: https://shop.example"}, {"Origin: https://evil.test"}, {"Referer: https://shop.example/x"}, {form, cookie},
	} {
		for _, line := range []string{"POST https://shop.example/pay?x=1", "GET https://shop.example/x?_method=delete"} {
			r := request(t, line, h...)
			if n := testing.AllocsPerRun(100, func() { _ = g.Check(r) }); n != 0 {
				t.Errorf("Check(%s %q) allocates %v times, want 0", line, h, n)
			}
		}
	}
}
