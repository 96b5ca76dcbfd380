package headers_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/internal/hook"
)

// byHand is the default set as a careful person writes it down.
var byHand = func() map[string][]string {
	h := http.Header{}
	g, err := headers.New(headers.Options{})
	if err == nil {
		err = g.Apply(h, nil, 200)
	}
	if err != nil {
		panic(err)
	}
	return h
}()

var contentType = []string{"text/html; charset=utf-8"}

// BenchmarkApply is the decision alone, on a header map that is used again and on a
// fresh one, beside a loop that assigns the same headers and does nothing else.
func BenchmarkApply(b *testing.B) {
	g := mustNew(b, headers.Options{})
	first := mustNew(b, headers.FirstDay())
	r := get()
	type set struct {
		key   string
		value []string
	}
	var sets []set
	for key, value := range byHand {
		sets = append(sets, set{key, value})
	}
	for _, c := range []struct {
		name string
		f    func(h http.Header)
	}{
		{"bare", func(http.Header) {}},
		{"by-hand", func(h http.Header) {
			for i := range sets {
				h[sets[i].key] = sets[i].value
			}
		}},
		{"default", func(h http.Header) { _ = g.Apply(h, r, 200) }},
		{"first-day", func(h http.Header) { _ = first.Apply(h, r, 200) }},
	} {
		b.Run("reused/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			h := http.Header{}
			for b.Loop() {
				clear(h)
				h["Content-Type"] = contentType
				c.f(h)
			}
		})
		b.Run("fresh/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h := make(http.Header)
				h["Content-Type"] = contentType
				c.f(h)
				kept = h
			}
		})
	}
}

var kept http.Header

// BenchmarkHandler is the guard with the exchange that carries it, beside the bare
// handler and the exchange alone.
func BenchmarkHandler(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = contentType
		w.WriteHeader(200)
	})
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"bare", bare},
		{"exchange", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := hook.Begin(w, r)
			defer x.End()
			bare(w, r)
		})},
		{"default", mustNew(b, headers.Options{}).Handler(bare)},
		{"first-day", mustNew(b, headers.FirstDay()).Handler(bare)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			w, r := &writer{header: http.Header{}}, get()
			for b.Loop() {
				clear(w.header)
				c.handler.ServeHTTP(w, r)
			}
		})
	}
}

// writer is a ResponseWriter that keeps its header map for the next answer.
type writer struct{ header http.Header }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }
func (w *writer) WriteHeader(int)             {}

func TestApplyAllocates(t *testing.T) {
	app := http.Header{"Content-Type": contentType, "Content-Length": {"2"}, "Cache-Control": {"no-cache"}, "X-Powered-By": {"Express"}}
	hsts := headers.FirstDay()
	hsts.StrictTransportSecurity.MaxAgeFor = func(*http.Request) time.Duration { return time.Hour }
	for name, o := range map[string]headers.Options{"default": {}, "first day": headers.FirstDay(), "first day with HSTS": hsts} {
		g, r, h := mustNew(t, o), get(), http.Header{}
		if n := testing.AllocsPerRun(100, func() {
			clear(h)
			for key, value := range app {
				h[key] = value
			}
			if err := g.Apply(h, r, 200); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: Apply on a reused map allocates %v times, want 0", name, n)
		}
	}
	g, r := mustNew(t, headers.Options{}), get()
	bare := testing.AllocsPerRun(100, func() { kept = make(http.Header); kept["Content-Type"] = contentType })
	n := testing.AllocsPerRun(100, func() {
		kept = make(http.Header)
		kept["Content-Type"] = contentType
		_ = g.Apply(kept, r, 200)
	})
	if n-bare > 5 {
		t.Errorf("Apply on a fresh map allocates %v times, want at most 5", n-bare)
	}
	// The exchange is one allocation, the request that carries it another.
	w := &writer{header: http.Header{}}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) })
	handler := g.Handler(next)
	if n := testing.AllocsPerRun(100, func() { clear(w.header); handler.ServeHTTP(w, r) }); n > 2 {
		t.Errorf("Handler allocates %v times, want at most 2", n)
	}
}

func TestSharedValuesCannotBeAppendedTo(t *testing.T) {
	g := mustNew(t, headers.Options{})
	one, two := http.Header{}, http.Header{}
	_ = g.Apply(one, get(), 200)
	_ = g.Apply(two, get(), 200)
	for key := range one {
		one[key] = append(one[key], "more")
	}
	one.Add("Content-Security-Policy", "x")
	for key, values := range two {
		if len(values) != 1 || cap(values) != 1 {
			t.Errorf("%s = %q with room for %d, want one value and no room", key, values, cap(values))
		}
	}
}
