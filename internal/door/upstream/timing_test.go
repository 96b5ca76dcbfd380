package upstream_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
	"github.com/panoplysec/panoply/internal/need"
)

func TestTimed(t *testing.T) {
	const delay = 50 * time.Millisecond
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		time.Sleep(delay)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer app.Close()
	address := strings.TrimPrefix(app.URL, "http://")
	nobody := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	for _, tt := range []struct {
		path, address string
		status        int
		least         time.Duration
	}{{"/", address, http.StatusTeapot, delay}, {"/cut", address, 0, 0}, {"/", nobody, 0, 0}} {
		told := make(chan upstream.Timing, 10)
		f := newFront(t, tt.address, func(o *upstream.Options) {
			o.Timed = func(_ *http.Request, one upstream.Timing) { told <- one }
		})
		before := time.Now()
		res, err := http.Post(f.URL+tt.path, "text/plain", strings.NewReader("x")) // not sent again
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		one := <-told
		if took := one.Answered.Sub(one.Asked); one.Status != tt.status || one.Address != tt.address || took < tt.least || one.Asked.Before(before) || one.Answered.After(time.Now()) {
			t.Errorf("%s at %s: told %+v (%v), want status %d after %v", tt.path, tt.address, one, took, tt.status, tt.least)
		}
		if len(told) > 0 {
			t.Errorf("%s at %s: told again: %+v", tt.path, tt.address, <-told)
		}
	}
}
