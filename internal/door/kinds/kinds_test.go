package kinds_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/internal/door/kinds"
)

// answers gives a Watch n answers of one sort, each at another path, and returns the kind.
func answers(w *kinds.Watch, n, status int, contentType, tag string, fetch string) string {
	for i := range n {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprint("/", i), nil)
		if fetch != "" {
			r.Header.Set("Sec-Fetch-Dest", fetch)
		}
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		if tag != "" {
			h.Set("ETag", strings.ReplaceAll(tag, "%d", fmt.Sprint(i)))
		}
		w.Answer(r, status, h)
	}
	return w.Kind()
}

const (
	html = "text/html; charset=utf-8"
	data = "application/json"
)

func TestKinds(t *testing.T) {
	type step struct {
		n           int
		status      int
		contentType string
		tag, fetch  string
		want        string
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"api", []step{{39, 200, data, "", "", kinds.Auto}, {1, 201, "application/problem+json", "", "", kinds.API}}},
		{"grpc", []step{{40, 200, "application/grpc+proto", "", "", kinds.API}}},
		{"an api with errors as pages", []step{{50, 404, html, "", "", kinds.Auto}, {40, 200, data, "", "empty", kinds.API}}},
		{"an api that got pages", []step{{40, 200, data, "", "", kinds.API}, {1, 200, html, "", "document", kinds.Auto}, {100, 200, data, "", "", kinds.Auto}}},
		{"an api with fragments", []step{{40, 200, data, "", "", kinds.API}, {5, 200, html, "", "empty", kinds.API}}},
		{"pages", []step{{19, 200, html, "%d", "document", kinds.Auto}, {1, 200, html, "x", "", kinds.Pages}}},
		{"pages without tags", []step{{20, 200, html, "", "", kinds.Pages}, {100, 200, data, "", "", kinds.Pages}}},
		{"pages and JSON", []step{{30, 200, data, "", "empty", kinds.Auto}, {20, 200, html, "%d", "", kinds.Pages}}},
		{"spa", []step{{3, 200, html, "index", "document", kinds.Auto}, {5, 200, data, "", "empty", kinds.SPA}, {50, 200, html, "%d", "document", kinds.SPA}}},
		{"neither this nor that", []step{{1, 200, html, "index", "document", kinds.Auto}, {1, 200, html, "other", "", kinds.Auto}, {1997, 200, data, "", "", kinds.Auto}, {1, 200, data, "", "", kinds.Pages}}},
		{"one page alone", []step{{2, 200, html, "index", "document", kinds.Auto}, {39, 200, data, "", "empty", kinds.Auto}}},
		{"neither", []step{{100, 200, "image/png", "", "", kinds.Auto}, {100, 304, "", "", "", kinds.Auto}, {100, 302, html, "", "", kinds.Auto}, {100, 200, "application/manifest+json", "", "", kinds.Auto}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			told := 0
			var last kinds.Found
			w := kinds.New(kinds.Options{Tell: func(f kinds.Found) { told++; last = f }})
			changes, before := 0, kinds.Auto
			for i, s := range tt.steps {
				if got := answers(w, s.n, s.status, s.contentType, s.tag, s.fetch); got != s.want {
					t.Errorf("after step %d: %s, want %s", i+1, got, s.want)
				}
				if now := w.Kind(); now != before {
					changes, before = changes+1, now
				}
			}
			if told != changes || told > 0 && (last != w.Found() || last.Kind != kinds.Auto && (last.Why == "" || last.Since.IsZero())) {
				t.Errorf("told %d times, last %+v; want %d and %+v", told, last, changes, w.Found())
			}
			// After a restart it is known.
			if again := kinds.New(kinds.Options{Found: w.Found()}); again.Kind() != w.Kind() {
				t.Errorf("after a restart %s, want %s", again.Kind(), w.Kind())
			}
		})
	}
	if w := kinds.New(kinds.Options{Found: kinds.Found{Kind: "nonsense"}}); w.Kind() != kinds.Auto {
		t.Errorf("Kind = %s of a file that nobody wrote, want auto", w.Kind())
	}
}

// All at one address, and told apart by fragments that no server sees.
func TestKindOfOneAddress(t *testing.T) {
	w := kinds.New(kinds.Options{})
	for range 5 {
		answers(w, 1, 200, html, "index", "document")
	}
	if got := answers(w, 99, 200, data, "", "empty"); got != kinds.Auto {
		t.Errorf("Kind = %s, want auto", got)
	}
	if got := answers(w, 1, 200, data, "", "empty"); got != kinds.SPA {
		t.Errorf("Kind = %s, want spa", got)
	}
}

func TestKindsAtOnce(t *testing.T) {
	told := 0
	w := kinds.New(kinds.Options{Tell: func(kinds.Found) { told++ }})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { answers(w, 50, 200, data, "", "") })
	}
	wg.Wait()
	if w.Kind() != kinds.API || told != 1 {
		t.Errorf("Kind = %s, told %d times, want api and once", w.Kind(), told)
	}
}

// To tell may take its time, as while another door takes over: only the answer by which it
// was found waits, and what is told last is what was found last.
func TestTellingTakesItsTime(t *testing.T) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{})
	var told []string
	w := kinds.New(kinds.Options{Tell: func(f kinds.Found) {
		begun <- struct{}{}
		<-goOn
		told = append(told, f.Kind)
	}})
	var wg sync.WaitGroup
	wg.Go(func() { answers(w, 40, 200, data, "", "") })
	<-begun
	if got := answers(w, 5, 200, data, "", ""); got != kinds.API {
		t.Errorf("Kind() = %s while it is told, want api", got)
	}
	wg.Go(func() { answers(w, 1, 200, html, "", "document") })
	close(goOn)
	wg.Wait()
	if fmt.Sprint(told) != fmt.Sprint([]string{kinds.API, kinds.Auto}) {
		t.Errorf("told %v, want api and then auto", told)
	}
}
