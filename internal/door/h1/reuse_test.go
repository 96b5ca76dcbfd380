package h1_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/internal/door/h1"
)

// kept is what a handler that breaks the rule keeps.
type kept struct {
	r *http.Request
	h http.Header
	v []string
	w http.ResponseWriter
}

// keeps serves n requests on one connection with a handler that keeps everything.
func keeps(t *testing.T, n int, ask bool, change func(*h1.Server)) []kept {
	var all []kept
	done := make(chan struct{}, n)
	addr, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ask {
			_ = r.Context().Done()
		}
		all = append(all, kept{r, r.Header, r.Header["X"], w})
		fmt.Fprint(w, r.Header.Get("X"))
		done <- struct{}{}
	}), change)
	c := dial(t, addr)
	for i := range n {
		c.send(fmt.Sprintf("GET / HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n", i))
		if _, body := c.answer("GET"); body != fmt.Sprint(i) {
			t.Errorf("answer %d = %q", i, body)
		}
		<-done
	}
	c.Close()
	return all
}

func TestRequestIsReused(t *testing.T) {
	all := keeps(t, 3, false, func(s *h1.Server) { s.Poison = false })
	if all[0].r != all[2].r || all[0].w != all[2].w {
		t.Error("request and writer are new, want them reused")
	}
	asked := keeps(t, 3, true, func(s *h1.Server) { s.Poison = false })
	if asked[0].r == asked[1].r || asked[0].w == asked[1].w {
		t.Error("what somebody may still hold through the context is reused")
	}
	if asked[0].r.Header.Get("X") != "0" || asked[0].v[0] != "0" || asked[0].r.Context().Err() == nil {
		t.Error("what somebody may still hold has changed")
	}
}

// TestPoison breaks the rule and is found out. Under the race detector these reads would
// be reported, as those of a guard are.
func TestPoison(t *testing.T) {
	if underRace {
		t.Skip("breaks the rule on purpose")
	}
	all := keeps(t, 2, false, func(s *h1.Server) { s.Poison = true })
	k := all[0]
	if all[1].r == k.r || k.r.Method != "poisoned" || k.h.Get("X") != "" || k.v[0] != "poisoned" {
		t.Errorf("kept are %s %v %v, want them poisoned", k.r.Method, k.h, k.v)
	}
	if _, err := k.w.Write([]byte("x")); err == nil {
		t.Error("a late Write goes well")
	}
}
