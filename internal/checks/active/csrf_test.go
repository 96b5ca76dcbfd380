package active_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/active"
)

var forgeries = []trial{
	{name: "naked", app: &stall{login: true, socket: true, script: `new WebSocket("ws://" + location.host + "/ws")`},
		want: []string{"csrf/cross-site-form", "csrf/login", "csrf/websocket"}, status: check.Broken,
		message: "POST /cart takes a form of another site, a multipart form of another site, text/plain by a script of another site, a form of a sibling, http://127.0.0.1:9, and 7 more from elsewhere"},
	{name: "strict", app: &stall{guard: strict, login: true, socket: true, script: "const s = new WebSocket(`wss://${location.host}/ws`)"}, status: check.Proved,
		reason: "POST /cart: the site's own request is taken, and 11 of 11 from elsewhere are refused; GET /ws: the site's own page opens a WebSocket, and 3 others are refused; POST /login: 2 of 2 wrong logins from elsewhere are refused"},
	{name: "strict, over TLS", tls: true, app: &stall{guard: strict}, status: check.Proved, reason: "12 of 12"},
	{name: "what net/http brings", tls: true, app: &stall{guard: standard(), socket: true, override: true, script: "new WebSocket('/ws')"},
		want:   []string{"csrf/downgrade", "csrf/duplicates", "csrf/foreign-referer", "csrf/method-override", "csrf/no-source", "csrf/websocket"},
		status: check.Broken, message: "POST /cart takes the same name over plain HTTP"},
	{name: "a token", app: &stall{token: true}, status: check.Proved, reason: "12 of 12 from elsewhere are refused"},
	{name: "a token of anybody", app: &stall{token: true, anybody: true}, want: []string{"csrf/token-unbound"}, status: check.Broken, message: "a token that another visitor got"},
	{name: "looks at cross-site alone", app: &stall{guard: only(func(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Site") == "cross-site" })},
		want: []string{"csrf/duplicates", "csrf/foreign-origin", "csrf/foreign-referer", "csrf/no-source", "csrf/null-origin", "csrf/same-site"}, status: check.Broken, message: "a form of a sibling"},
	{name: "takes null", app: &stall{guard: loosened(func(r *http.Request) bool { return r.Header.Get("Origin") == "null" })}, want: []string{"csrf/null-origin"}, status: check.Broken},
	{name: "takes text/plain", app: &stall{guard: loosened(func(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") })}, want: []string{"csrf/text-plain"}, status: check.Broken},
	{name: "JSON, whatever it is called", app: &stall{}, forge: check.Forge{Routes: []string{"POST /api/cart"}, Format: "json", Fields: "id=1"},
		want: []string{"csrf/cross-site-form", "csrf/text-plain"}, status: check.Broken, message: "POST /api/cart takes text/plain"},
	{name: "all methods", app: &stall{guard: strict, add: func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("note") == "" {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, "/done", http.StatusSeeOther)
	}}, want: []string{"csrf/get-accepts"}, status: check.Broken, message: "a link of another site"},
	{name: "a GET that answers alike anyway", app: &stall{guard: strict, add: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/done", http.StatusSeeOther) }}, status: check.Proved},
	{name: "a listed DELETE", app: &stall{guard: strict, override: true}, forge: check.Forge{Routes: []string{"DELETE /cart"}}, want: []string{"csrf/method-override", "csrf/method-override"}, status: check.Broken,
		message: "DELETE /cart takes a link of another site that names the method"},
	{name: "a listed DELETE without override", app: &stall{guard: strict}, forge: check.Forge{Routes: []string{"DELETE /cart"}}, status: check.Proved},
	{name: "a listed PUT that nothing else reaches", app: &stall{form: "<p>Hello", add: func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			fmt.Fprint(w, "this is something else")
		}
	}}, forge: check.Forge{Routes: []string{"PUT /cart"}}, status: check.Proved, reason: "PUT /cart: the site's own request is taken, and no form or link of another site gets there"},
	{name: "a listed WebSocket", app: &stall{guard: standard(), cookie: "SameSite=Lax", socket: true}, forge: check.Forge{Routes: []string{"GET /ws"}}, want: []string{"csrf/foreign-referer", "csrf/no-source", "csrf/duplicates", "csrf/websocket"}, status: check.Broken, message: "GET /ws opens a WebSocket for pages of 3 other origins; the cookies say SameSite"},
	{name: "a listed WebSocket that is none", app: &stall{guard: strict}, forge: check.Forge{Routes: []string{"GET /ws"}}, status: check.Unproven, reason: "GET /ws: no WebSocket opens for the site's own page either"},
	{name: "no cookie", app: &stall{cookie: "none"}, want: []string{"csrf/cross-site-form"}, status: check.Broken, message: "no cookie goes along"},
	{name: "no cookie, strict", app: &stall{cookie: "none", guard: strict}, status: check.Proved, reason: "10 of 10"},
	{name: "SameSite", app: &stall{cookie: "SameSite=Strict; HttpOnly"}, want: []string{"csrf/cross-site-form"}, status: check.Broken, message: "the cookies say SameSite"},
	{name: "refuses everything", app: &stall{guard: only(func(*http.Request) bool { return true })}, status: check.Unproven, reason: "POST /cart: the site's own request is answered with 403 Forbidden"},
	{name: "sends to the login", app: &stall{add: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login?next=/cart", http.StatusFound)
	}}, status: check.Unproven, reason: "POST /cart: the site's own request is sent to /login"},
	{name: "says no with 200", app: &stall{add: say(http.StatusOK, "Your session has expired")}, status: check.Unproven, reason: "speaks of a refusal"},
	{name: "limits from the start", app: &stall{add: say(http.StatusTooManyRequests, "Slow down")}, status: check.Unproven, reason: "a limiter refuses the site's own request, with 429 Too Many Requests"},
	{name: "limits later", app: limitedAfter(3), status: check.Unproven, reason: "from a multipart form of another site on a limiter answers, with 429"},
	{name: "limits with 403", app: banning(), status: check.Unproven, reason: "what was refused, for afterwards the site's own request is answered with 403 Forbidden"},
	{name: "answers a POST like a GET", app: &stall{add: say(http.StatusOK, "<!doctype html><p>Your cart is empty.")}, status: check.Unproven, reason: "answered like a GET, which does nothing"},
	{name: "fails for others", app: &stall{guard: func(w http.ResponseWriter, r *http.Request) bool {
		bad := r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") != "same-origin"
		if bad {
			http.Error(w, "oops", http.StatusInternalServerError)
		}
		return bad
	}}, want: []string{"csrf/duplicates"}, status: check.Unproven, reason: "a form of another site is answered with 500 Internal Server Error, neither as the site's own nor with a refusal"},
	{name: "refuses by redirect", app: &stall{guard: func(w http.ResponseWriter, r *http.Request) bool {
		bad := r.Method == http.MethodPost && (r.Header.Get("Sec-Fetch-Site") != "same-origin" || len(r.Header.Values("Sec-Fetch-Site")) > 1)
		if bad {
			http.Redirect(w, r, "/denied", http.StatusSeeOther)
		}
		return bad
	}}, status: check.Proved, reason: "11 of 11"},
	{name: "forms that cost", app: &stall{form: "<form method=post action=/buy><button>x</button></form><form method=post action=/go><button>Delete my account</button></form>" +
		"<form method=post action=/a><input type=password name=p><input type=password name=q></form><form method=post action=/b><input name=_method type=hidden value=delete></form><form method=post action=https://pay.example/x></form>"},
		status: check.Unproven, reason: "left out, for what they may do: POST /buy, POST /go, POST /a, POST /b;"},
	{name: "only a search", app: &stall{form: "<form method=post action=/search><input name=q><button>Go</button></form>"}, status: check.Unproven, reason: "POST /search (a search)"},
	{name: "no form", app: &stall{form: "<p>Hello"}, status: check.Unproven, reason: `no page has a form that posts and may be sent; --header or --login shows what users see; --csrf-route "POST /cart" names a route`},
	{name: "only a login", app: &stall{form: "<p>Hello", login: true, guard: strict}, status: check.Unproven, reason: "POST /login: 2 of 2 wrong logins"},
	{name: "a user's form", app: &stall{private: true}, credentials: "Cookie: user=alice-7781", want: []string{"csrf/cross-site-form"}, status: check.Broken, message: "POST /cart takes a form of another site"},
	{name: "a user's form, strict", app: &stall{private: true, guard: strict}, credentials: "Cookie: user=alice-7781", status: check.Proved, reason: "11 of 11"},
	{name: "a bearer's route", app: &stall{cookie: "none", guard: only(func(r *http.Request) bool { return r.Header.Get("Authorization") != "Bearer t0ken-of-alice" })}, credentials: "Authorization: Bearer t0ken-of-alice", status: check.Proved, reason: "none that a browser sends by itself"},
}

func say(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

// limitedAfter counts what is posted.
func limitedAfter(n int32) http.Handler {
	var posted atomic.Int32
	return &stall{guard: func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPost && posted.Add(1) >= n:
			http.Error(w, "Slow down", http.StatusTooManyRequests)
			return true
		}
		return strict(w, r)
	}}
}

// banning refuses whoever sent something from elsewhere.
func banning() http.Handler {
	var banned atomic.Bool
	return &stall{guard: func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && banned.Load() {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}
		no := strict(w, r)
		banned.Store(banned.Load() || no)
		return no
	}}
}

func TestForgeries(t *testing.T) {
	for _, tt := range forgeries {
		t.Run(tt.name, func(t *testing.T) {
			tt.check = "csrf"
			s, _ := tt.app.(*stall)
			if s != nil {
				s.sent, s.visitors = nil, 0 // of an earlier run of the test
			}
			r := audited(t, tt, audit.Options{Active: true, RequestTimeout: 2 * time.Second, Rate: 5000})
			tt.judge(t, r)
			for request, n := range s.sent {
				if strings.HasPrefix(request, "POST /buy") || strings.HasPrefix(request, "POST /go") || strings.HasPrefix(request, "POST /a") && tt.forge.Routes == nil {
					t.Errorf("%s was sent %d times, want never", request, n)
				}
				if strings.HasPrefix(request, "POST ") && n > 25 || request == "POST /login" && n > 3 {
					t.Errorf("%s was sent %d times, want a few", request, n)
				}
			}
		})
	}
}

// TestSeverityOfWhatBrowsersHoldBack holds that SameSite lowers what it lowers, and no
// more.
func TestSeverityOfWhatBrowsersHoldBack(t *testing.T) {
	crossAndSame := func(r *http.Request) bool {
		return r.Header.Get("Origin") != "null" && !strings.Contains(r.Header.Get("Sec-Fetch-Site"), "same-")
	}
	for cookie, want := range map[string]check.Severity{"": check.High, "SameSite=Lax": check.Medium, "SameSite=None; Secure": check.High, "none": check.Medium} {
		r := audited(t, trial{check: "csrf", app: &stall{cookie: cookie}}, audit.Options{Active: true, Rate: 5000})
		if len(r.Findings) != 1 || r.Findings[0].Severity != want {
			t.Errorf("with %q: %+v, want one finding of severity %s", cookie, r.Findings, want)
		}
	}
	// Of the user's own cookie nobody knows what it said.
	r := audited(t, trial{check: "csrf", app: &stall{private: true, cookie: "SameSite=Lax"}, credentials: "Cookie: user=alice-7781"}, audit.Options{Active: true, Rate: 5000})
	if len(r.Findings) != 1 || r.Findings[0].Severity != check.High {
		t.Errorf("with a cookie that was given: %+v, want one finding of severity high", r.Findings)
	}
	r = audited(t, trial{check: "csrf", app: &stall{cookie: "SameSite=Lax", guard: only(crossAndSame)}}, audit.Options{Active: true, Rate: 5000})
	for _, f := range r.Findings {
		if f.ID == "csrf/same-site" && f.Severity != check.Medium {
			t.Errorf("%s is %s, want medium: siblings get the cookies", f.ID, f.Severity)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID == "csrf/same-site" }) {
		t.Errorf("findings = %+v, want csrf/same-site", r.Findings)
	}
}

// TestCredentialsStayUnseen holds that a report shows what was sent, and not with what.
func TestCredentialsStayUnseen(t *testing.T) {
	r := audited(t, trial{check: "csrf", app: &stall{private: true}, credentials: "Cookie: user=alice-7781"}, audit.Options{Active: true, Rate: 5000})
	said := fmt.Sprintf("%+v", r)
	if strings.Contains(said, "alice-7781") || !strings.Contains(said, "Origin: https://evil.example") || !strings.Contains(said, "@credentials") && !strings.Contains(said, "logged in") {
		t.Errorf("result = %s, want the forged headers and no credentials", said)
	}
}

func TestOpenedBy(t *testing.T) {
	for script, want := range map[string]string{
		`new WebSocket("wss://shop.example/live?x=1")`:                                       "/live",
		`new WebSocket('ws://' + location.host + '/ws')`:                                     "/ws",
		"new WebSocket(`${p}//${location.host}/a/b`)":                                        "/a/b",
		`new WebSocket("/chat")`:                                                             "/chat",
		`new WebSocket(url)`:                                                                 "",
		`new WebSocket("wss://other.example/live")`:                                          "",
		`const u = "wss://shop.example/feed"; connect(u)`:                                    "/feed",
		`<script src="/socket.io/socket.io.js"></script>`:                                    "/socket.io/?EIO=4&transport=websocket",
		`new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + host + "/p")`: "/p",
	} {
		if got := strings.Join(active.OpenedBy(script, "https://shop.example/"), " "); got != want {
			t.Errorf("OpenedBy(%s) = %q, want %q", script, got, want)
		}
	}
}
