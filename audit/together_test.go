package audit_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// probing is a check that does what the test says.
func probing(id string, needs check.Need, do func(ctx context.Context, s *check.Session)) check.Check {
	return check.Check{ID: id, Practice: "csrf", Title: "t", Why: "w", Needs: needs, Run: func(ctx context.Context, s *check.Session) check.Result {
		do(ctx, s)
		return check.Conclude("done", nil)
	}}
}

// TestTogether holds that the requests are open at one moment, more of them than the
// bound on open ones, and that they are counted and listed like all others.
func TestTogether(t *testing.T) {
	const n = 20
	for _, serve := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
		var open sync.WaitGroup
		open.Add(n)
		app := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			open.Done()
			open.Wait() // nobody is answered before all have come
			fmt.Fprint(w, r.URL.Path)
		}))
		r := run1(t, app.URL, audit.Options{Active: true, RequestTimeout: time.Minute}, probing("burst", check.Wire|check.Active, func(ctx context.Context, s *check.Session) {
			var all []check.Request
			for i := range n {
				all = append(all, check.Request{Method: http.MethodPost, Path: fmt.Sprintf("/%d", i), Body: "x", Active: true})
			}
			got, errs := s.Wire.Together(ctx, all)
			for i := range n {
				if errs[i] != nil || string(got[i].Body) != all[i].Path {
					t.Errorf("answer %d = %v, %v, want its own", i, got[i], errs[i])
				}
			}
		}))
		app.Close()
		if r.Targets[0].Requests != n || len(r.Sent) != n {
			t.Errorf("%d requests, %d listed, want %d", r.Targets[0].Requests, len(r.Sent), n)
		}
	}
}

func TestTogetherRefuses(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	defer app.Close()
	one := check.Request{Path: "/", Turn: 1}
	for name, all := range map[string][]check.Request{
		"too many":      make([]check.Request, check.MaxTogether+1),
		"equal ones":    {one, one},
		"a user's":      {{As: check.User}},
		"the plain":     {{To: check.Plain}},
		"not permitted": {{Active: true}},
	} {
		run1(t, app.URL, audit.Options{}, probing("burst", check.Wire, func(ctx context.Context, s *check.Session) {
			for _, err := range second(s.Wire.Together(ctx, all)) {
				if err == nil {
					t.Errorf("%s: no error", name)
				}
			}
		}))
	}
}

func TestTogetherIsPaidFor(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer app.Close()
	run1(t, app.URL, audit.Options{Rate: 20, Requests: 12}, probing("burst", check.Wire, func(ctx context.Context, s *check.Session) {
		var all []check.Request
		for i := range 10 {
			all = append(all, check.Request{Turn: i + 1})
		}
		start := time.Now()
		s.Wire.Together(ctx, all)
		if _, err := s.Wire.Do(ctx, check.Request{}); err != nil || time.Since(start) < 400*time.Millisecond {
			t.Errorf("the next request came after %v, %v, want half a second", time.Since(start), err)
		}
		for i := range all {
			all[i].Turn += 100
		}
		if errs := second(s.Wire.Together(ctx, all)); errs[0] == nil {
			t.Error("more requests were sent than a target gets")
		}
	}))
}

// TestClients holds that each client has an address of its own, and another in the next
// run.
func TestClients(t *testing.T) {
	var mu sync.Mutex
	from := make(map[string]bool)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		defer mu.Unlock()
		from[host] = true
	}))
	defer app.Close()
	var alone atomic.Bool
	for range 2 {
		run1(t, app.URL, audit.Options{}, probing("clients", check.Wire, func(ctx context.Context, s *check.Session) {
			for client := range uint8(4) {
				_, err := s.Wire.Do(ctx, check.Request{Client: client, Turn: int(client)})
				if client == 1 && errors.Is(err, check.ErrOneClient) {
					alone.Store(true)
					return
				}
				if err != nil {
					t.Errorf("client %d: %v", client, err)
				}
				_, errs := s.Wire.Together(ctx, []check.Request{{Client: client, Turn: 10}, {Client: client, Turn: 11}})
				if err := errors.Join(errs...); err != nil {
					t.Errorf("client %d together: %v", client, err)
				}
			}
		}))
	}
	if alone.Load() {
		t.Skip("this system has one loopback address only")
	}
	if len(from) != 1+2*3 {
		t.Errorf("requests came from %v, want 127.0.0.1 and three others in each run", from)
	}
}

// TestActiveChecksComeLast holds that what they provoke disturbs nobody.
func TestActiveChecksComeLast(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer app.Close()
	var open, passive atomic.Int32
	attack := func(context.Context, *check.Session) {
		if open.Add(1) != 1 || passive.Load() != 2 {
			t.Errorf("an active check ran beside another, or after %d of 2 others", passive.Load())
		}
		time.Sleep(20 * time.Millisecond)
		open.Add(-1)
	}
	look := func(context.Context, *check.Session) {
		time.Sleep(20 * time.Millisecond)
		passive.Add(1)
	}
	run1(t, app.URL, audit.Options{Active: true}, probing("a", check.Wire|check.Active, attack), probing("b", check.Wire, look),
		probing("c", check.Wire|check.Active, attack), probing("d", check.Wire, look))
}

func TestGuessIsChecked(t *testing.T) {
	for name, g := range map[string]check.Guess{
		"no path":        {Route: "POST"},
		"lower case":     {Route: "post /login"},
		"whole address":  {Route: "POST https://other.example/login"},
		"another host":   {Route: "POST //other.example/login"},
		"a second line":  {Route: "POST /login\nX: y"},
		"no format":      {Format: "xml"},
		"too many tries": {Tries: 1000},
		"too few tries":  {Tries: 1},
		"a line break":   {User: "a\nb"},
	} {
		if _, err := audit.Run(t.Context(), []check.Target{{URL: "http://127.0.0.1:1", Guess: g}}, nil, audit.Options{}); err == nil {
			t.Errorf("%s: Run gave no error", name)
		}
	}
}

func run1(t *testing.T, url string, o audit.Options, checks ...check.Check) *audit.Report {
	t.Helper()
	r, err := audit.Run(t.Context(), []check.Target{{URL: url}}, checks, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func second[A, B any](_ A, b B) B { return b }
