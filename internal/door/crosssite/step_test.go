package crosssite_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/crosssite"
)

const (
	form     = "Content-Type: application/x-www-form-urlencoded"
	json     = "Content-Type: application/json"
	session  = "Cookie: connect.sid=s%3Aabc.def"
	evil     = "Origin: https://evil.test"
	across   = "Sec-Fetch-Site: cross-site"
	partner  = "Origin: https://partner.example"
	shopHost = "shop.example"
)

type bed struct {
	memory *crosssite.Memory
	step   *crosssite.Step
	events []guard.Event
	said   []string
	kept   []crosssite.Learnt
	app    http.HandlerFunc
	bodies []string
}

func newBed(t testing.TB, change func(*crosssite.Options)) *bed {
	t.Helper()
	b := &bed{}
	b.memory = crosssite.NewMemory(crosssite.MemoryOptions{
		Keep: func(l crosssite.Learnt) { b.kept = append(b.kept, l) },
		Say:  func(format string, args ...any) { b.said = append(b.said, strings.TrimSpace(sprintf(format, args...))) },
	})
	b.with(t, change)
	return b
}

// with makes a Step anew, as a reload does.
func (b *bed) with(t testing.TB, change func(*crosssite.Options)) {
	t.Helper()
	o := crosssite.Options{
		Memory:  b.memory,
		Session: func(name, _ string) bool { return name == "connect.sid" },
		Login:   func(r *http.Request) bool { return r.URL.Path == "/login" },
		Sink:    func(_ context.Context, e guard.Event) { b.events = append(b.events, e) },
	}
	if change != nil {
		change(&o)
	}
	var err error
	if b.step, err = crosssite.New(o); err != nil {
		t.Fatal(err)
	}
}

// send tells the status and what the application got: -1 where it got nothing.
func (b *bed) send(t testing.TB, line, text string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, "https://"+shopHost+path, strings.NewReader(text))
	if text == "" {
		r.Body = http.NoBody
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	b.step.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.bodies = append(b.bodies, string(got))
		if b.app != nil {
			b.app(w, r)
		}
	})).ServeHTTP(rec, r)
	return rec
}

func TestFirstDayAndAll(t *testing.T) {
	const refused, observed, passes = "denied", "would-deny", ""
	tests := []struct {
		name          string
		line, body    string
		header        []string
		firstDay, all string
		rule          string
	}{
		{"form of another site", "POST /pay", "a=1", []string{form, session, across, evil}, refused, refused, csrf.RuleCrossSite},
		{"multipart", "POST /pay", "", []string{"Content-Type: multipart/form-data; boundary=x", session, across, evil}, refused, refused, csrf.RuleCrossSite},
		{"text/plain JSON", "POST /pay", `{"a":"="}`, []string{"Content-Type: text/plain", session, across, evil}, refused, refused, csrf.RuleCrossSite},
		{"ping of a link", "POST /pay?to=eve", "PING", []string{"Content-Type: text/ping", session, across, evil}, refused, refused, csrf.RuleCrossSite},
		{"no content type", "POST /logout", "", []string{session, across, evil}, refused, refused, csrf.RuleCrossSite},
		{"ping of a link", "POST /logout", "PING", []string{"Content-Type: text/ping", session, across, evil}, refused, refused, csrf.RuleCrossSite},
		{"sandbox", "POST /pay", "", []string{form, session, across, "Origin: null"}, refused, refused, csrf.RuleCrossSite},
		{"older browser", "POST /pay", "", []string{form, session, evil}, refused, refused, csrf.RuleForeignOrigin},
		{"older still", "POST /pay", "", []string{form, session, "Referer: https://evil.test/x"}, refused, refused, csrf.RuleForeignReferer},
		{"Basic", "POST /pay", "", []string{form, "Authorization: Basic eDp5", across, evil}, refused, refused, csrf.RuleCrossSite},
		{"a cookie of any name", "POST /pay", "", []string{form, "Cookie: a=b", across, evil}, refused, refused, csrf.RuleCrossSite},

		{"sibling", "POST /pay", "", []string{form, session, "Sec-Fetch-Site: same-site", "Origin: https://blog.shop.example"}, observed, refused, csrf.RuleSameSite},
		{"older browser, sibling", "POST /pay", "", []string{form, session, "Origin: https://blog.shop.example"}, observed, refused, csrf.RuleForeignOrigin},
		{"older browser, another port", "POST /pay", "", []string{form, session, "Origin: https://shop.example:8443"}, observed, refused, csrf.RuleForeignOrigin},
		{"older browser, no-referrer", "POST /pay", "", []string{form, session, "Origin: null"}, observed, refused, csrf.RuleNullOrigin},
		{"downgrade", "POST /pay", "", []string{form, session, "Origin: http://shop.example"}, observed, refused, csrf.RuleDowngrade},
		{"form that says nothing", "POST /pay", "", []string{form, session}, observed, refused, csrf.RuleUnknownSource},
		{"script that asks first", "POST /api", "{}", []string{json, session, across, evil}, observed, refused, csrf.RuleCrossSite},
		{"PUT", "PUT /api", "", []string{form, session, across, evil}, observed, refused, csrf.RuleCrossSite},
		{"WebSocket", "GET /ws", "", []string{"Upgrade: websocket", session, across, evil}, observed, refused, csrf.RuleWebSocket},
		{"override", "GET /x?_method=DELETE", "", []string{session, across}, observed, refused, csrf.RuleMethodOverride},
		{"login by its route", "POST /login", "user=eve", []string{form, across, evil}, observed, refused, crosssite.RuleLogin},
		{"login by a password", "POST /enter", "user=eve&password=x", []string{form, across, evil}, observed, refused, crosssite.RuleLogin},
		{"login with a cookie", "POST /login", "user=eve&password=x", []string{form, session, across, evil}, refused, refused, csrf.RuleCrossSite},

		{"webhook", "POST /hook", "a=1", []string{form}, passes, passes, ""},
		{"form of another site for nobody", "POST /search", "q=1", []string{form, across, evil}, passes, passes, ""},
		{"WebSocket for nobody", "GET /ws", "", []string{"Upgrade: websocket", across, evil}, passes, passes, ""},
		{"Bearer", "POST /api", "{}", []string{json, "Authorization: Bearer abc", session, across, evil}, passes, passes, ""},
		{"Bearer without a token", "POST /api", "{}", []string{json, "Authorization: Bearer", session, across, evil}, observed, refused, csrf.RuleCrossSite},
		{"the site itself", "POST /pay", "", []string{form, session, "Sec-Fetch-Site: same-origin", "Origin: null"}, passes, passes, ""},
		{"mobile app", "POST /api", "{}", []string{json, session}, passes, passes, ""},
	}
	for _, all := range []bool{false, true} {
		b := newBed(t, func(o *crosssite.Options) { o.All = all })
		for _, test := range tests {
			b.events, b.bodies = nil, nil
			rec := b.send(t, test.line, test.body, test.header...)
			want, got := test.firstDay, ""
			if all {
				want = test.all
			}
			rule := ""
			if len(b.events) == 1 {
				got, rule = b.events[0].Action.String(), b.events[0].Rule
			}
			if got != want || want != passes && rule != test.rule || len(b.events) > 1 {
				t.Errorf("all %v: %s: %q by rule %q, want %q by %q", all, test.name, got, rule, want, test.rule)
			}
			if want == refused {
				if rec.Code != 403 || len(b.bodies) != 0 {
					t.Errorf("all %v: %s: status %d, the application saw %q; want 403 and nothing", all, test.name, rec.Code, b.bodies)
				}
			} else if len(b.bodies) != 1 || b.bodies[0] != test.body {
				t.Errorf("all %v: %s: the application saw %q, want %q", all, test.name, b.bodies, test.body)
			}
		}
	}
}

func TestModes(t *testing.T) {
	b := newBed(t, func(o *crosssite.Options) { o.All, o.Mode = true, guard.Observe })
	if rec := b.send(t, "POST /pay", "", form, session, across, evil); rec.Code != 200 || len(b.events) != 1 || b.events[0].Action != guard.WouldDeny {
		t.Errorf("observe: %d, %v, want it to pass and be told", rec.Code, b.events)
	}
	b = newBed(t, func(o *crosssite.Options) { o.All, o.Mode = true, guard.Off })
	if rec := b.send(t, "POST /pay", "", form, session, across, evil); rec.Code != 200 || len(b.events) != 0 {
		t.Errorf("off: %d, %v, want it to pass in silence", rec.Code, b.events)
	}
	b = newBed(t, func(o *crosssite.Options) {
		o.Guard.Routes = []csrf.Route{{Pattern: "POST /new", Observe: true}, {Pattern: "POST /hook", Exempt: "signed"}}
		o.Guard.Isolate = true
	})
	if rec := b.send(t, "POST /new", "", form, session, across, evil); rec.Code != 200 || len(b.events) != 1 || b.events[0].Action != guard.WouldDeny {
		t.Errorf("route that observes: %d, %v, want it to pass and be told", rec.Code, b.events)
	}
	b.events = nil
	if rec := b.send(t, "POST /hook", "", form, session, across, evil); rec.Code != 200 || len(b.events) != 0 {
		t.Errorf("exempt route: %d, %v, want it to pass", rec.Code, b.events)
	}
	rec := b.send(t, "GET /api/me", "", across, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")
	if rec.Code != 403 || rec.Header().Get("Vary") != "Sec-Fetch-Site" {
		t.Errorf("isolation: %d, Vary %q, want 403 that varies by Sec-Fetch-Site", rec.Code, rec.Header().Get("Vary"))
	}
}
