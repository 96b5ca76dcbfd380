package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// TestSchemeIsTheClients holds that what counts is how the client came, not how the
// last proxy did, also where a foreign middleware stands between the two guards.
func TestSchemeIsTheClients(t *testing.T) {
	trust, err := clientip.New(clientip.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	g := mustNew(t, renaming(new(told)))
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Set-Cookie", session) })
	foreign := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(r.Context()))
		})
	}
	for _, c := range []struct {
		name, peer, proto string
		chain             http.Handler
		secure            bool
	}{
		{"https at a trusted proxy", "192.0.2.1:999", "https", trust.Handler(g.Handler(app)), true},
		{"https at a trusted proxy, foreign middleware", "192.0.2.1:999", "https", trust.Handler(foreign(g.Handler(foreign(app)))), true},
		{"http at a trusted proxy", "192.0.2.1:999", "http", trust.Handler(g.Handler(app)), false},
		{"a stranger's word", "203.0.113.1:999", "https", trust.Handler(g.Handler(app)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://shop.example/", nil)
			r.RemoteAddr = c.peer
			r.Header.Set("X-Forwarded-For", "198.51.100.7")
			r.Header.Set("X-Forwarded-Proto", c.proto)
			w := httptest.NewRecorder()
			c.chain.ServeHTTP(w, r)
			line := w.Header().Get("Set-Cookie")
			if got := strings.Contains(line, "; Secure") && strings.HasPrefix(line, "__Host-"); got != c.secure {
				t.Errorf("Set-Cookie = %q, want Secure and renamed %t", line, c.secure)
			}
		})
	}
}

func TestSwitchingProtocols(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	outsideOf(t, g, session)
	h := http.Header{"Set-Cookie": {session}}
	r := httptest.NewRequest("GET", shop, nil)
	r.Header.Set("Cookie", "connect.sid=old")
	proxy := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, _, _ := hook.Begin(w, r)
		defer x.End()
		x.Apply(http.StatusSwitchingProtocols, h)
	}))
	proxy.ServeHTTP(httptest.NewRecorder(), r)
	if set := h["Set-Cookie"]; len(set) != 2 || !strings.HasPrefix(set[0], "__Host-") || !strings.HasPrefix(set[1], "connect.sid=; ") {
		t.Errorf("Set-Cookie of the 101 = %q, want the session renamed and the old name deleted", set)
	}
}

func TestObserveLeavesTheRequestAlone(t *testing.T) {
	o := renaming(new(told))
	g := mustNew(t, o)
	name := outsideOf(t, g, session)
	o.Mode, o.Seen = guard.Observe, g.Seen()
	cookies := "connect.sid=a; " + name + "=b"
	if set, saw := exchange(mustNew(t, o), shop, cookies); saw != cookies || len(set) != 0 {
		t.Errorf("observe: saw %q, Set-Cookie = %q, want %q and none", saw, set, cookies)
	}
}

func TestSeveralCookieLines(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	name := outsideOf(t, g, session)
	r := httptest.NewRequest("GET", shop, nil)
	r.Header["Cookie"] = []string{"a=1", name + "=v", "b=2"}
	var saw []string
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { saw = r.Header["Cookie"] })).
		ServeHTTP(httptest.NewRecorder(), r)
	if want := []string{"a=1; connect.sid=v; b=2"}; !slices.Equal(saw, want) {
		t.Errorf("the application saw %q, want %q", saw, want)
	}
}

func TestNoSinkLogs(t *testing.T) {
	// Nothing is renamed and nothing told below Debug; it must only not fail.
	set, _ := exchange(mustNew(t, cookie.Options{}), shop, "", session)
	if want := session + "; Secure; SameSite=Lax"; !slices.Equal(set, []string{want}) {
		t.Errorf("Set-Cookie = %q, want %q", set, want)
	}
}
