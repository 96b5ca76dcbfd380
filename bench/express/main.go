// Command express measures expresssession beside express-session in Node, in one run: each
// takes turns, several rounds, and the medians' ratio. The npm packages are found by
// NODE_PATH.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
)

const rounds = 7

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// ours returns microseconds a request.
func ours(act func(s *expresssession.Session)) float64 {
	m, err := expresssession.New(expresssession.Options{
		Mode: expresssession.Compat, Secret: [][]byte{[]byte("a secret for this benchmark")},
		Store: expresssession.NewMemoryStore(), Sink: func(context.Context, guard.Event) {},
	})
	if err != nil {
		fail(err)
	}
	handler := func(act func(s *expresssession.Session)) http.Handler {
		return m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { act(expresssession.From(r.Context())) }))
	}
	r, err := http.NewRequest("GET", "/", nil)
	if err != nil {
		fail(err)
	}
	w := &nowhere{http.Header{}}
	handler(func(s *expresssession.Session) { _ = s.Set("user", "ann") }).ServeHTTP(w, r)
	pair, _, _ := strings.Cut(w.h.Get("Set-Cookie"), ";")
	r.Header.Set("Cookie", pair)
	h := handler(act)
	return float64(testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			clear(w.h)
			h.ServeHTTP(w, r)
		}
	}).NsPerOp()) / 1e3
}

func theirs(what string) float64 {
	cmd := exec.Command("node", "express/peer.cjs", what)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		fail(err)
	}
	us, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		fail(err)
	}
	return us
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func main() {
	testing.Init()
	n := 0
	acts := map[string]func(s *expresssession.Session){
		"change": func(s *expresssession.Session) { n++; _ = s.Set("n", n) },
		"read":   func(s *expresssession.Session) { _, _ = s.Get("user") },
	}
	fmt.Println("| one request | panoply | express-session 1.19 in Node | ratio |")
	fmt.Println("|---|---|---|---|")
	for _, what := range []string{"change", "read"} {
		var mine, other []float64
		for range rounds {
			mine, other = append(mine, ours(acts[what])), append(other, theirs(what))
		}
		a, b := median(mine), median(other)
		fmt.Printf("| %s | %.1f µs | %.1f µs | 1/%.1f |\n", what, a, b, b/a)
	}
}
