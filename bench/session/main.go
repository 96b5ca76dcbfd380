// Command session measures the session manager beside its Go peers, in one run: each
// case of each package in turn, several rounds, and the medians' ratio.
package main

import (
	"context"
	"encoding/gob"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/session"
)

// rounds is how often each case runs; peers take turns, so that noise meets all.
const rounds = 7

type account struct {
	User    string
	Visits  int
	Country string
}

// listed has a list of three as well, of which encoding/json makes six allocations.
type listed struct {
	account
	Cart []string
}

func (a *account) visit() { a.Visits++ }

// counted is what both kinds of data do in a request.
type counted[T any] interface {
	*T
	visit()
}

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// visit runs one request that carries cookie through h.
func visit(h http.Handler, cookie string) http.Header {
	r, err := http.NewRequest("GET", "https://shop.example/", nil)
	if err != nil {
		panic(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := &nowhere{h: http.Header{}}
	h.ServeHTTP(w, r)
	return w.h
}

// prepared is a handler with a session of its own.
type prepared struct {
	name string
	h    http.Handler
	r    *http.Request
}

func prepare(name string, first, h http.Handler) prepared {
	pair, _, _ := strings.Cut(visit(first, "").Get("Set-Cookie"), ";")
	if pair == "" {
		fmt.Fprintln(os.Stderr, name, "set no cookie")
		os.Exit(1)
	}
	r, _ := http.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", pair)
	return prepared{name, h, r}
}

var (
	start       = account{User: "ann", Country: "NZ"}
	startListed = listed{start, []string{"bread", "wine", "salt"}}
)

func ours[T any, P counted[T]](start T) map[string]prepared {
	store, err := session.NewMemory(session.MemoryOptions{})
	if err != nil {
		panic(err)
	}
	m, err := session.New[T](session.Options{
		Store: store, Keys: [][]byte{[]byte("a benchmark's key, of 32 bytes...")},
		Sink: func(context.Context, guard.Event) {},
	})
	if err != nil {
		panic(err)
	}
	handler := func(f func(s *session.Session[T])) http.Handler {
		return m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(session.From[T](r.Context())) }))
	}
	first := handler(func(s *session.Session[T]) { _ = s.Set(start) })
	return map[string]prepared{
		"load, put, commit": prepare("panoply", first, handler(func(s *session.Session[T]) {
			_ = s.Update(func(a *T) error { P(a).visit(); return nil })
		})),
		"read, decoded":     prepare("panoply", first, handler(func(s *session.Session[T]) { _, _ = s.Get() })),
		"loaded, untouched": prepare("panoply", first, handler(func(s *session.Session[T]) { _, _ = s.IsNew() })),
	}
}

func theirs[T any, P counted[T]](start T) map[string]prepared {
	gob.Register(start)
	m := scs.New()
	handler := func(f func(ctx context.Context)) http.Handler {
		return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f(r.Context())
			w.WriteHeader(http.StatusOK)
		}))
	}
	first := handler(func(ctx context.Context) { m.Put(ctx, "account", start) })
	return map[string]prepared{
		"load, put, commit": prepare("scs", first, handler(func(ctx context.Context) {
			a, _ := m.Get(ctx, "account").(T)
			P(&a).visit()
			m.Put(ctx, "account", a)
		})),
		"read, decoded":     prepare("scs", first, handler(func(ctx context.Context) { _ = m.Get(ctx, "account") })),
		"loaded, untouched": prepare("scs", first, handler(func(context.Context) {})),
	}
}

// sealed puts our sealed cookie beside gorilla's encrypted one.
func sealed() (ours, theirs prepared) {
	m, err := session.New[account](session.Options{
		Sealed: &session.Sealed{}, Keys: [][]byte{[]byte("a benchmark's key, of 32 bytes...")},
		Sink: func(context.Context, guard.Event) {},
	})
	if err != nil {
		panic(err)
	}
	put := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = session.From[account](r.Context()).Update(func(a *account) error {
			if a.User == "" {
				*a = start
			}
			a.Visits++
			return nil
		})
	}))
	store := sessions.NewCookieStore([]byte("a benchmark's key, of 32 bytes.."), []byte("a benchmark's key, of 32 bytes.."))
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := store.New(r, "id") // Get would keep the session of the first round in r's context
		a, ok := s.Values["account"].(account)
		if !ok {
			a = start
		}
		a.Visits++
		s.Values["account"] = a
		if err := s.Save(r, w); err != nil {
			panic(err)
		}
	})
	return prepare("panoply", put, put), prepare("gorilla", other, other)
}

func measure(p prepared) testing.BenchmarkResult {
	w := &nowhere{h: http.Header{}}
	return testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(w.h)
			p.h.ServeHTTP(w, p.r)
		}
	})
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func main() {
	testing.Init()
	a, b := ours[account](start), theirs[account](start)
	fmt.Println("| one request | panoply | allocations | scs 2.9.0 | allocations | ratio |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, name := range []string{"load, put, commit", "read, decoded", "loaded, untouched"} {
		compare(name, a[name], b[name])
	}
	a, b = ours[listed](startListed), theirs[listed](startListed)
	for _, name := range []string{"load, put, commit", "read, decoded"} {
		compare(name+"; with a list of three", a[name], b[name])
	}
	mine, gorilla := sealed()
	compare("sealed cookie: open, change, seal; beside gorilla/sessions 1.4.0, encrypted", mine, gorilla)
	population()
}

// compare prints one row.
func compare(name string, a, b prepared) {
	var mine, other []time.Duration
	var mineAllocs, otherAllocs int64
	for range rounds {
		r := measure(a)
		mine, mineAllocs = append(mine, time.Duration(r.NsPerOp())), r.AllocsPerOp()
		r = measure(b)
		other, otherAllocs = append(other, time.Duration(r.NsPerOp())), r.AllocsPerOp()
	}
	x, y := median(mine), median(other)
	fmt.Printf("| %s | %.2f µs | %d | %.2f µs | %d | 1/%.1f |\n", name,
		float64(x)/1e3, mineAllocs, float64(y)/1e3, otherAllocs, float64(y)/float64(x))
}

// population fills a store with a million sessions and looks at what each costs and at
// how long a call takes at worst.
func population() {
	const many = 1_000_000
	before := heap()
	store, err := session.NewMemory(session.MemoryOptions{MaxSessions: 2 * many})
	if err != nil {
		panic(err)
	}
	ctx, key, data := context.Background(), session.Key{}, make([]byte, 200)
	next := func(i int) session.Key {
		x := uint64(i+1) * 0x9e3779b97f4a7c15
		for j := range 8 {
			key[j] = byte(x >> (8 * j))
		}
		return key
	}
	for i := range many {
		if _, err := store.Save(ctx, next(i), session.Record{Data: data, Expires: time.Now().Add(time.Hour)}); err != nil {
			panic(err)
		}
	}
	each := float64(heap()-before)/many - float64(len(data))
	took := make([]time.Duration, 0, many)
	for i := range many {
		k := next(i * 7 % many)
		at := time.Now()
		r, ok, err := store.Load(ctx, k)
		if err == nil && ok && i%4 == 0 {
			_, err = store.Save(ctx, k, r)
		}
		took = append(took, time.Since(at))
		if err != nil {
			panic(err)
		}
	}
	slices.Sort(took)
	fmt.Printf("\n%d sessions in memory: %.0f bytes each beside their data; load, and every fourth time save: p50 %v, p99.9 %v\n",
		store.Len(), each, took[len(took)/2], took[len(took)*999/1000])
}
