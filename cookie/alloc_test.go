package cookie_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// nothing is a ResponseWriter that costs nothing.
type nothing struct{ h http.Header }

func (n nothing) Header() http.Header         { return n.h }
func (n nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n nothing) WriteHeader(int)             {}

func TestAllocations(t *testing.T) {
	g := mustNew(t, renaming(new(told)))
	name := outsideOf(t, g, session)
	h := http.Header{"Content-Type": {"text/html"}}
	for _, c := range []struct {
		name    string
		cookies []string
		out     float64
	}{
		{"no Cookie, no Set-Cookie", nil, 0},
		{"cookies without a renamed name", []string{`a=1; b="x y"; theme=dark`, "c=3"}, 0},
	} {
		r := httptest.NewRequest("GET", shop, nil)
		if c.cookies != nil {
			r.Header["Cookie"] = c.cookies
		}
		if got := testing.AllocsPerRun(100, func() {
			if g.Inward(r) != r {
				t.Fatal("Inward changed the request")
			}
			g.Outward(h, r, 200)
		}); got != c.out {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.out)
		}
		// The whole Handler costs what any guard's Handler costs, the exchange.
		w := nothing{h}
		done := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) })
		bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := hook.Begin(w, r)
			defer x.End()
			done.ServeHTTP(w, r)
		})
		guarded := g.Handler(done)
		want := testing.AllocsPerRun(100, func() { bare.ServeHTTP(w, r) })
		if got := testing.AllocsPerRun(100, func() { guarded.ServeHTTP(w, r) }); got != want {
			t.Errorf("%s: Handler makes %v allocations, want %v as an empty guard", c.name, got, want)
		}
	}
	// An answer to a client that is logged in allocates nothing either.
	r := httptest.NewRequest("GET", shop, nil)
	r.Header.Set("Cookie", name+"="+signed)
	if got := testing.AllocsPerRun(100, func() { g.Outward(h, r, 200) }); got != 0 {
		t.Errorf("Outward for a renamed cookie: %v allocations, want 0", got)
	}
	if got := testing.AllocsPerRun(100, func() { g.Inward(r) }); got > 6 {
		t.Errorf("Inward of a renamed cookie: %v allocations, want 6 or less", got)
	}
}

func quiet(context.Context, guard.Event) {}

func BenchmarkGuard(b *testing.B) {
	g := mustNew(b, renaming(new(told)))
	set, _ := exchange(g, shop, "", session)
	for _, c := range []struct{ name, cookies, set string }{
		{"bare", "", ""},
		{"foreign cookies", "a=1; theme=dark; _ga=GA1.2.3.4", ""},
		{"renamed", "a=1; " + nameOf(set[0]) + "=" + signed, ""},
		{"set", "", session},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", shop, nil)
			if c.cookies != "" {
				r.Header.Set("Cookie", c.cookies)
			}
			h := http.Header{}
			line := []string{c.set}
			g := mustNew(b, cookie.Options{Sink: quiet, Seen: g.Seen(), Rename: cookie.Rename{Key: installKey, Site: "shop.example"}})
			b.ReportAllocs()
			for b.Loop() {
				if c.set != "" {
					h["Set-Cookie"] = line
				}
				g.Inward(r)
				g.Outward(h, r, 200)
			}
		})
	}
}
