package expresssession_test

import (
	"net/http"
	"testing"

	es "github.com/panoplysec/panoply/expresssession"
)

type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

func benchmark(b *testing.B, f func(w http.ResponseWriter, s *es.Session)) {
	m := strict(b, es.Options{Mode: es.Compat})
	first := ask(handle(m, set(b, "user", "ann")))
	r, _ := http.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", pair(first))
	r.RequestURI = "/"
	h, w := handle(m, f), &nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}

func BenchmarkChange(b *testing.B) {
	n := 0
	benchmark(b, func(_ http.ResponseWriter, s *es.Session) { n++; _ = s.Set("n", n) })
}

func BenchmarkRead(b *testing.B) {
	benchmark(b, func(_ http.ResponseWriter, s *es.Session) { _, _ = s.Get("user") })
}
