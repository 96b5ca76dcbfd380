package panoply_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply"
	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
	"github.com/panoplysec/panoply/tlspolicy"
)

func quiet(context.Context, guard.Event) {}

func mustNew(t testing.TB, o panoply.Options) *panoply.Panoply {
	t.Helper()
	p, err := panoply.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewReportsEveryProblemAtOnce(t *testing.T) {
	_, err := panoply.New(panoply.Options{
		Headers: headers.Options{Mode: 9},
		Cookies: cookie.Options{Mode: 9},
		CSRF:    csrf.Options{TrustedOrigins: []string{"null"}},
		Login:   login.Options{MaxBody: 1},
		Limit:   limit.Options{Fields: 99},
		Trust:   clientip.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
	})
	found := map[string]bool{}
	for _, e := range guard.OptionErrors(err) {
		found[e.Package] = true
	}
	for _, want := range []string{"headers", "cookie", "csrf", "login", "limit", "clientip"} {
		if !found[want] {
			t.Errorf("New's error %q says nothing of %s", err, want)
		}
	}
}

func TestTheWholeChain(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Powered-By", "Express")
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: "s%3Aid.sig", Path: "/"})
		if id := panoply.RequestID(r.Context()); len(id) != 32 {
			t.Errorf("RequestID = %q, want 32 digits", id)
		}
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "hello")
	})
	srv := httptest.NewUnstartedServer(mustNew(t, panoply.Options{Sink: quiet}).Handler(app))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for _, path := range []string{"/", "/missing"} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := resp.Header.Get("X-Powered-By"); got != "" {
			t.Errorf("%s: X-Powered-By = %q, want none", path, got)
		}
		if got := resp.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options = %q, want nosniff", path, got)
		}
		line := resp.Header.Get("Set-Cookie")
		for _, want := range []string{"connect.sid=", "Secure", "HttpOnly", "SameSite=Lax"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s: Set-Cookie = %q, want %s in it", path, line, want)
			}
		}
		if strings.Contains(string(body), "404 page not found") {
			t.Errorf("%s: net/http's own page left: %q", path, body)
		}
	}
}

func TestForgedRequestsAreRefused(t *testing.T) {
	var events []guard.Event
	reached := 0
	h := mustNew(t, panoply.Options{Sink: func(_ context.Context, e guard.Event) {
		if e.Practice == "csrf" {
			events = append(events, e)
		}
	}}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	for origin, want := range map[string]int{"https://shop.example": 200, "https://evil.example": 403} {
		r := httptest.NewRequest("POST", "https://shop.example/pay", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Accept", "text/html")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("POST from %s = %d, want %d", origin, rec.Code, want)
		}
		if want == 403 && !strings.Contains(rec.Body.String(), "<html") {
			t.Errorf("refusal = %q, want the page of conceal", rec.Body)
		}
	}
	if reached != 1 || len(events) != 1 || len(events[0].Request) != 32 {
		t.Errorf("reached %d times, events %v, want one each, with the request's id", reached, events)
	}
}

func TestServerHasLimits(t *testing.T) {
	srv := mustNew(t, panoply.Options{}).Server(http.NotFoundHandler())
	if srv.ReadHeaderTimeout != panoply.HeadTimeout || srv.IdleTimeout != panoply.IdleTimeout || srv.MaxHeaderBytes != panoply.MaxHeadBytes {
		t.Errorf("Server has %v, %v, %d, want the documented bounds", srv.ReadHeaderTimeout, srv.IdleTimeout, srv.MaxHeaderBytes)
	}
	if !srv.DisableGeneralOptionsHandler {
		t.Error("OPTIONS * would be answered without the guards")
	}
}

func TestListenWantsACertificate(t *testing.T) {
	p := mustNew(t, panoply.Options{})
	if _, err := p.Listen("tcp", "127.0.0.1:0", tlspolicy.Intermediate()); err == nil {
		t.Error("Listen without a certificate gave no error")
	}
	if _, err := p.Listen("tcp", "127.0.0.1:0", nil); err == nil {
		t.Error("Listen without a policy gave no error")
	}
}

// reused is a ResponseWriter whose header map lives on, as that of an own loop.
type reused struct{ h http.Header }

func (w *reused) Header() http.Header         { return w.h }
func (w *reused) Write(p []byte) (int, error) { return len(p), nil }
func (w *reused) WriteHeader(int)             {}

// chain serves one request through everything, as a library user's server would.
func chain(t testing.TB) (handler http.Handler, r *http.Request, body []byte) {
	body = []byte(`{"id":42}`)
	ctype, length := []string{"application/json"}, []string{"9"}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = ctype, length
		w.Write(body)
	})
	r = httptest.NewRequest("GET", "/orders/42?x=1", nil)
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Cookie", "theme=dark")
	// As by default, but a benchmark asks more than a client may.
	many := panoply.DefaultLimit
	many.Points = 1 << 30
	o := panoply.Options{Sink: quiet, Limit: limit.Options{Policies: []limit.Policy{many}, Fields: limit.NoFields}}
	return mustNew(t, o).Handler(app), r, body
}

func TestAllocationsOfTheChain(t *testing.T) {
	h, r, _ := chain(t)
	w := &reused{http.Header{}}
	got := testing.AllocsPerRun(500, func() {
		clear(w.h)
		h.ServeHTTP(w, r)
	})
	if got > 6 {
		t.Errorf("the chain makes %v allocations on a reused map, want at most 6", got)
	}
	got = testing.AllocsPerRun(500, func() { h.ServeHTTP(&reused{http.Header{}}, r) })
	if got > 10 {
		t.Errorf("the chain makes %v allocations on a fresh map, want at most 10", got)
	}
}

func BenchmarkChain(b *testing.B) {
	h, r, body := chain(b)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Write(body)
	})
	for name, handler := range map[string]http.Handler{"bare": bare, "guarded": h} {
		b.Run(name+"/reused", func(b *testing.B) {
			b.ReportAllocs()
			w := &reused{http.Header{}}
			for b.Loop() {
				clear(w.h)
				handler.ServeHTTP(w, r)
			}
		})
		b.Run(name+"/fresh", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(&reused{http.Header{}}, r)
			}
		})
	}
}

func from(remote, method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = remote
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// TestLoginAndLimit counts logins and clients behind one New.
func TestLoginAndLimit(t *testing.T) {
	asked := 0
	p := mustNew(t, panoply.Options{
		Login: login.Options{Routes: []login.Route{{Pattern: "POST /login"}}},
		Limit: limit.Options{Policies: []limit.Policy{{Name: "client", Points: 30, Duration: time.Minute}}},
		Sink:  quiet,
	})
	h := p.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
	}))
	last := 0
	for range 20 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, from("203.0.113.7:1", "POST", "https://shop.test/login", "username=alice&password=x"))
		last = w.Code
	}
	if asked != 10 || last != http.StatusTooManyRequests {
		t.Errorf("%d of 20 guesses reached the app, the last with %d; want 10 and 429", asked, last)
	}
	for range 20 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, from("203.0.113.7:1", "GET", "https://shop.test/", ""))
		last = w.Code
	}
	if asked != 20 || last != http.StatusTooManyRequests {
		t.Errorf("%d requests reached the app, the last with %d; want 20 and 429", asked, last)
	}
	if p.Login() == nil {
		t.Error("Login = nil")
	}
}

// TestDefaultLimit bounds a public client, and not what may be a proxy.
func TestDefaultLimit(t *testing.T) {
	h := mustNew(t, panoply.Options{Sink: quiet}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for remote, want := range map[string]int{"203.0.113.7:1": http.StatusTooManyRequests, "10.0.0.1:1": http.StatusOK, "127.0.0.1:1": http.StatusOK} {
		last := 0
		for range panoply.DefaultLimit.Points + 100 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, from(remote, "GET", "https://shop.test/", ""))
			last = w.Code
		}
		if last != want {
			t.Errorf("more than the default from %s = %d, want %d", remote, last, want)
		}
	}
}

// TestLoginBehindAProxy does not refuse all clients of a proxy that nobody named for the
// failures of some, and does refuse a client.
func TestLoginBehindAProxy(t *testing.T) {
	wrong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	for _, c := range []struct {
		name, peer, header string
		trust              clientip.Options
		want               int
	}{
		{"a proxy next door", "127.0.0.1:9", "X-Forwarded-For", clientip.Options{}, 401},
		{"a proxy in the network", "10.0.0.7:9", "Forwarded", clientip.Options{}, 401},
		{"a client next door", "127.0.0.1:9", "X-Other", clientip.Options{}, 429},
		{"a client that writes a header", "203.0.113.9:9", "X-Forwarded-For", clientip.Options{}, 429},
		{"a proxy that is named", "10.0.0.7:9", "X-Forwarded-For", clientip.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")}}, 429},
	} {
		p := mustNew(t, panoply.Options{Trust: c.trust, Login: login.Options{Routes: []login.Route{{Pattern: "POST /login"}}}, Sink: quiet})
		h, status := p.Handler(wrong), 0
		for i := range 110 {
			r := httptest.NewRequest("POST", "https://shop.test/login", strings.NewReader(fmt.Sprintf("username=user%d&password=x", i)))
			r.RemoteAddr = c.peer
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(c.header, "203.0.113.7")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			status = w.Code
		}
		if status != c.want {
			t.Errorf("%s: the last of 110 users = %d, want %d", c.name, status, c.want)
		}
	}
}
