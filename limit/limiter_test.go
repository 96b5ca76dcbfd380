package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

func TestNewNamesEveryProblem(t *testing.T) {
	_, err := limit.New(limit.Options{
		Policies: []limit.Policy{{Name: "a", Points: 1, Duration: time.Hour}, {Name: "a", Points: 2, Duration: time.Hour}, {}},
		Store:    &faulty{}, Fields: 9,
		Lists: limit.Lists{Allow: []string{"10.0.0.0/40"}, Deny: []string{""}},
	})
	var fields []string
	for _, e := range guard.OptionErrors(err) {
		fields = append(fields, e.Field)
	}
	want := "Policies Policy.Name Policy[].Duration Secret Lists.Allow Lists.Deny Fields"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("problems with %q, want %q", got, want)
	}
	if _, err := limit.New(limit.Options{}); err == nil {
		t.Error("New without a policy, want an error")
	}
}

func TestLists(t *testing.T) {
	l, err := limit.New(limit.Options{
		Policies: []limit.Policy{{Name: "p", Points: 0, Duration: time.Hour}},
		Lists: limit.Lists{
			Allow: []string{"10.0.0.0/8", "2001:DB8::1", "key-7"},
			Deny:  []string{"10.1.0.0/16", "192.0.2.1", "2001:db8:1::/48"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"10.1.2.3":                "allow-list",
		"::ffff:10.1.2.3":         "allow-list",
		"2001:db8:0:0:0:0:0:1":    "allow-list",
		"key-7":                   "allow-list",
		"key-77":                  "p",
		"2001:db8::2":             "p",
		"192.0.2.1":               "deny-list",
		"::ffff:192.0.2.1":        "deny-list",
		"2001:db8:1:2::/64":       "deny-list",
		"2001:db8::/32":           "p",
		strings.Repeat("1", 5000): "p",
	} {
		d, err := l.Consume(t.Context(), key, 1)
		if err != nil || d.Policy != want || d.Allowed != (want == "allow-list") {
			t.Errorf("Consume(%.40s) = %s, %v, want %s", key, d.Policy, d.Allowed, want)
		}
	}
}

func TestNegativePointsAreRefused(t *testing.T) {
	l, err := limit.New(limit.Options{Policies: []limit.Policy{{Name: "p", Points: 3, Duration: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for name, call := range map[string]func() (limit.Decision, error){
		"Consume": func() (limit.Decision, error) { return l.Consume(ctx, "a", -1) },
		"Penalty": func() (limit.Decision, error) { return l.Penalty(ctx, "a", -1) },
		"Reward":  func() (limit.Decision, error) { return l.Reward(ctx, "a", -1) },
		"Set":     func() (limit.Decision, error) { return l.Set(ctx, "a", -1, 0) },
		"Block":   func() (limit.Decision, error) { return l.Block(ctx, "a", 0) },
	} {
		if _, err := call(); err == nil {
			t.Errorf("%s takes it, want an error", name)
		}
	}
	if d, _ := l.Get(ctx, "a"); d.Found {
		t.Errorf("refused calls counted: %+v", d)
	}
}

func TestHandlerFields(t *testing.T) {
	for _, c := range []struct {
		fields         limit.Fields
		passed, denied string
	}{
		{
			limit.StandardFields,
			`Ratelimit-Policy: "p";q=2;w=10, "for-ever";q=100|Ratelimit: "p";r=0;t=20`,
			`Ratelimit-Policy: "p";q=2;w=10, "for-ever";q=100|Ratelimit: "p";r=0;t=15|Retry-After: 15`,
		},
		{
			limit.DraftFields,
			"Ratelimit-Limit: 2|Ratelimit-Remaining: 0|Ratelimit-Reset: 20",
			"Ratelimit-Limit: 2|Ratelimit-Remaining: 0|Ratelimit-Reset: 15|Retry-After: 15",
		},
		{
			limit.LegacyFields,
			"X-Ratelimit-Limit: 2|X-Ratelimit-Remaining: 0|X-Ratelimit-Reset: 20",
			"Retry-After: 15|X-Ratelimit-Limit: 2|X-Ratelimit-Remaining: 0|X-Ratelimit-Reset: 15",
		},
		{limit.NoFields, "", "Retry-After: 15"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, err := limit.New(limit.Options{
				Policies: []limit.Policy{{Name: "p", Points: 2, Duration: 10 * time.Second}, {Name: "for-ever", Points: 100, Duration: limit.Forever}},
				Fields:   c.fields, Sink: func(context.Context, guard.Event) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			h := l.Handler(ok)
			get(h, "203.0.113.7:1")
			if got := limitFields(get(h, "203.0.113.7:1").Header); got != c.passed {
				t.Errorf("passed with %s, want %s", got, c.passed)
			}
			denied := get(h, "203.0.113.7:1")
			if got := limitFields(denied.Header); got != c.denied || denied.StatusCode != 429 {
				t.Errorf("%d with %s, want 429 with %s", denied.StatusCode, got, c.denied)
			}
		})
	}
}

// limitFields are the header fields that say something of limits, in order.
func limitFields(h http.Header) string {
	var all []string
	for name, values := range h {
		if strings.Contains(name, "Ratelimit") || name == "Retry-After" {
			all = append(all, name+": "+strings.Join(values, "; "))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "|")
}

func get(h http.Handler, remote string) *http.Response {
	r := httptest.NewRequest("GET", "http://shop.test/", nil)
	r.RemoteAddr = remote
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("fine")) })

func TestHandlerCountsByPrefix(t *testing.T) {
	var told []string
	l, err := limit.New(limit.Options{
		Policies: []limit.Policy{{Name: "p", Points: 1, Duration: time.Hour}},
		Sink: func(_ context.Context, e guard.Event) {
			told = append(told, e.Practice+" "+e.Rule+" "+e.Action.String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := l.Handler(ok)
	for _, c := range []struct {
		remote string
		want   int
	}{
		{"203.0.113.7:1", 200}, {"203.0.113.7:2", 429}, {"203.0.113.8:1", 200},
		{"[2001:db8::1]:1", 200}, {"[2001:db8::2]:1", 429}, {"[2001:db8:0:1::1]:1", 200},
		{"[::ffff:203.0.113.7]:1", 429},
	} {
		if got := get(h, c.remote).StatusCode; got != c.want {
			t.Errorf("from %s = %d, want %d", c.remote, got, c.want)
		}
	}
	if len(told) != 3 || told[0] != "brute-force p denied" {
		t.Errorf("told %q", told)
	}
}

func TestHandlerModes(t *testing.T) {
	for mode, want := range map[guard.Mode]string{
		guard.Observe: "200 would-deny", guard.Off: "200 ", guard.Enforce: "429 denied",
	} {
		told := ""
		l, err := limit.New(limit.Options{
			Policies: []limit.Policy{{Name: "p", Points: 1, Duration: time.Hour}}, Mode: mode,
			Sink: func(_ context.Context, e guard.Event) { told = e.Action.String() },
		})
		if err != nil {
			t.Fatal(err)
		}
		h := l.Handler(ok)
		get(h, "203.0.113.7:1")
		status := get(h, "203.0.113.7:1").StatusCode
		if got := fmt.Sprintf("%d %s", status, told); got != want {
			t.Errorf("%v: %q, want %q", mode, got, want)
		}
	}
}

// TestHandlerStoreDown lets pass and tells so.
func TestHandlerStoreDown(t *testing.T) {
	store := &faulty{Memory: memory(t, 0)}
	store.mode.Store(refuses)
	var failed error
	l, err := limit.New(limit.Options{
		Policies: []limit.Policy{{Name: "p", Points: 1, Duration: time.Hour}},
		Store:    store, Secret: []byte("0123456789abcdef"),
		Sink: func(_ context.Context, e guard.Event) { failed = e.Err },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(l.Handler(ok), "203.0.113.7:1").StatusCode; got != 200 || !errors.Is(failed, errDown) {
		t.Errorf("with a store that is down = %d, told %v", got, failed)
	}
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := limit.New(limit.Options{Policies: []limit.Policy{{Name: "p", Algorithm: limit.GCRA, Points: 10, Duration: time.Second, Burst: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		q, err := limit.NewQueue(l, 3)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		order := make(chan int, 3)
		for i := range 3 {
			go func() {
				if _, err := q.Wait(t.Context(), "k", 1); err != nil {
					t.Error(err)
				}
				order <- i
			}()
			synctest.Wait()
		}
		if _, err := q.Wait(t.Context(), "k", 2); !errors.Is(err, limit.ErrTooMany) {
			t.Errorf("Wait for more than Burst = %v", err)
		}
		go func() { // two wait: there is room for one more, and not for two
			gone, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := q.Wait(gone, "k", 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Wait of one that leaves = %v", err)
			}
		}()
		synctest.Wait()
		if _, err := q.Wait(t.Context(), "k", 1); !errors.Is(err, limit.ErrQueueFull) {
			t.Errorf("Wait in a full queue = %v", err)
		}
		for i := range 3 {
			if got := <-order; got != i {
				t.Errorf("caller %d was served as number %d", got, i)
			}
		}
		if took := time.Since(start).Round(10 * time.Millisecond); took != 200*time.Millisecond {
			t.Errorf("three took %v, want 200ms", took)
		}
		if _, err := limit.NewQueue(nil, -1); err == nil {
			t.Error("NewQueue(nil, -1), want an error")
		}
	})
}

// TestHandlerKeys holds that Handler counts under the text of ByPrefix, for Get and Delete.
func TestHandlerKeys(t *testing.T) {
	for _, secret := range []string{"", "0123456789abcdef"} {
		l, err := limit.New(limit.Options{Policies: []limit.Policy{{Name: "p", Points: 5, Duration: time.Hour}}, Secret: []byte(secret)})
		if err != nil {
			t.Fatal(err)
		}
		for remote, key := range map[string]string{"203.0.113.7:1": "203.0.113.7", "[2001:db8::7]:1": "2001:db8::/64", "@": ""} {
			get(l.Handler(ok), remote)
			if d, _ := l.Get(t.Context(), key); d.Consumed != 1 {
				t.Errorf("a request from %s counts %d for %q, want 1", remote, d.Consumed, key)
			}
		}
	}
}
