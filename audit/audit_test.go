package audit_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/practice"
)

// naked is an app with no protection; guarded is a door in front of it.
func naked(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Powered-By", "Express")
	w.Header().Set("Content-Type", "text/html")
	switch {
	case r.Method == http.MethodPost:
		http.Error(w, "panic: x\n\ngoroutine 34 [running]:", http.StatusBadRequest)
		return
	case r.URL.Path != "/":
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Set-Cookie", "connect.sid=s%3As3cret.s3cret; Path=/")
	fmt.Fprintf(w, "<p>hello %s", r.Header.Get("X-Forwarded-For"))
}

func guarded(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	r.Header.Del("X-Forwarded-For")
	naked(rec, r)
	h := w.Header()
	h.Set("Content-Type", "text/html")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Content-Security-Policy", "object-src 'none'; base-uri 'self'; frame-ancestors 'self'")
	if rec.Code != http.StatusOK {
		w.WriteHeader(rec.Code)
		io.WriteString(w, "<p>Nothing is here.")
		return
	}
	h.Set("Set-Cookie", "__Host-k3v9x2=s%3As3cret.s3cret; Path=/; Secure; HttpOnly; SameSite=Lax")
	w.Write(rec.Body.Bytes())
}

// overTLS serves without a word on the handshakes that are meant to fail.
func overTLS(h http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

func statuses(r *audit.Report) map[string]check.Status {
	all := make(map[string]check.Status)
	for _, p := range r.Practices {
		all[p.ID] = p.Status
	}
	return all
}

func TestNakedAndBehindTheDoor(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	door := overTLS(guarded)
	defer door.Close()

	before := run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL})
	after := run(t, audit.Options{Rate: 1000, Roots: []*x509.Certificate{door.Certificate()}},
		check.Target{URL: door.URL, Upstream: app.Listener.Addr().String()})

	for id, want := range map[string][2]check.Status{
		// httptest's server offers the suites of Go's default, which tls calls broken.
		"tls":         {check.Broken, check.Broken},
		"headers":     {check.Broken, check.Proved},
		"fingerprint": {check.Broken, check.Proved},
		"errors":      {check.Broken, check.Proved},
		"cookies":     {check.Broken, check.Proved},
		"proxy-trust": {check.Broken, check.Proved},
		"sessions":    {check.Unproven, check.Unproven},
	} {
		got := [2]check.Status{statuses(before)[id], statuses(after)[id]}
		if got != want {
			t.Errorf("%s = %v, want %v (%s)", id, got, want, row(t, after, id).Reason)
		}
	}
	for _, id := range []string{"headers", "fingerprint", "errors", "cookies"} {
		if got := row(t, after, id).Layer; got != check.Door {
			t.Errorf("%s is provided by %q, want the door: the app alone does not do it", id, got)
		}
	}
}

func TestReportHoldsEveryPracticeInThePagesOrder(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	r := run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL})
	var got []string
	for _, p := range r.Practices {
		got = append(got, p.ID)
		row, _ := practice.ByID(p.ID)
		if row.Pending != "" && len(row.Checks) == 0 && (p.Status != check.Unproven || p.Reason != row.Pending) {
			t.Errorf("%s = %q (%s), want not proven (%s)", p.ID, p.Status, p.Reason, row.Pending)
		}
		if p.Status != check.Broken && p.Reason == "" {
			t.Errorf("%s is %q without a reason", p.ID, p.Status)
		}
	}
	if !slices.Equal(got, practice.IDs()) {
		t.Errorf("practices = %v, want %v", got, practice.IDs())
	}
	if r.Schema != audit.Schema {
		t.Errorf("Schema = %q, want %q", r.Schema, audit.Schema)
	}
}

func TestEqualInputGivesEqualReports(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	text := func() string {
		r := run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL})
		r.Duration = 0
		return fmt.Sprintf("%+v", r)
	}
	first := text()
	for range 4 {
		if again := text(); again != first {
			t.Fatalf("second report = %s\nwant %s", again, first)
		}
	}
}

// TestOneRequestPerQuestion holds that checks share what they ask. Only the page that
// gives session ids is asked again, as by other visitors.
func TestOneRequestPerQuestion(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[string]int)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Method+" "+r.RequestURI+" "+r.Host+" "+fmt.Sprint(r.Header)]++
		mu.Unlock()
		naked(w, r)
	}))
	defer app.Close()
	r := run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL})
	total := 0
	for question, n := range seen {
		if total += n; n > 1 && !strings.HasPrefix(question, "GET / ") {
			t.Errorf("%s was asked %d times, want once", question, n)
		}
	}
	if total > 120 {
		t.Errorf("%d requests, want at most 120", total)
	}
	if r.Targets[0].Requests < total {
		t.Errorf("Requests = %d, want at least the %d that came", r.Targets[0].Requests, total)
	}
}

func TestOnlyTheTargetIsContacted(t *testing.T) {
	var contacted []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { contacted = append(contacted, r.RequestURI) }))
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/" {
			fmt.Fprintf(w, `<a href="%s/x">other</a> <a href="//%s/y">other</a> <a href="/away">away</a> <a href="/logout">out</a>`, other.URL, other.Listener.Addr())
			return
		}
		if r.URL.Path == "/logout" {
			t.Error("the audit followed the link to /logout")
		}
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	t.Setenv("HTTP_PROXY", other.URL)
	run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL})
	app.Close()
	other.Close()
	if len(contacted) > 0 {
		t.Errorf("another host was asked %v, want nothing", contacted)
	}
}

func TestEvidenceIsRedacted(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "connect.sid=s3cret; Path=/")
		w.Header().Set("Server", "nginx/1.0 \u009b31m")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "\x1b]0;owned\x07 Error: GET /pay?card=s3cret\n    at pay (/srv/shop/pay.js:3:1)\nCookie: a=s3cret\nAuthorization: Bearer s3cret")
	}))
	defer app.Close()
	r := run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL})
	text := fmt.Sprintf("%+v", r)
	if strings.Contains(text, "s3cret") || strings.ContainsAny(text, "\x1b\x07\u009b") {
		t.Errorf("the report shows a secret or a control character: %s", text)
	}
	if !strings.Contains(text, "pay.js:3:1") {
		t.Errorf("the report does not show the stack trace it found: %s", text)
	}
}

func TestFingerprintsOutliveThePort(t *testing.T) {
	prints := func() []string {
		app := httptest.NewServer(http.HandlerFunc(naked))
		defer app.Close()
		var all []string
		for _, f := range run(t, audit.Options{Rate: 1000}, check.Target{URL: app.URL}).Findings {
			all = append(all, f.Fingerprint)
		}
		return all
	}
	first, second := prints(), prints()
	if !slices.Equal(first, second) {
		t.Errorf("fingerprints = %v, then %v, want the same on another port", first, second)
	}
	slices.Sort(first)
	if n := len(slices.Compact(first)); n != len(second) {
		t.Errorf("%d different fingerprints of %d findings, want all different", n, len(second))
	}
}

func TestChecksAreHeldToTheirContract(t *testing.T) {
	finding := check.Rules{{ID: "x/bad", Title: "bad", Severity: check.Low}}.Find("x/bad", "")
	for _, tt := range []struct {
		name   string
		needs  check.Need
		run    func(context.Context, *check.Session) check.Result
		status check.Status
		reason string
	}{
		{"panics", check.Wire, func(context.Context, *check.Session) check.Result { panic("ouch") }, check.Unproven, "the check failed: ouch"},
		{"says nothing", check.Wire, func(context.Context, *check.Session) check.Result { return check.Result{} }, check.Unproven, "no answer"},
		{"gives no reason", check.Wire, func(context.Context, *check.Session) check.Result { return check.Result{Status: check.Unproven} }, check.Unproven, "no reason"},
		{"proves with a finding", check.Wire, func(context.Context, *check.Session) check.Result {
			return check.Result{Status: check.Proved, Findings: []check.Finding{finding}}
		}, check.Broken, "bad"},
		{"doubts with a finding", check.Wire, func(context.Context, *check.Session) check.Result { return check.NotProven("late", finding) }, check.Broken, "bad"},
		{"needs the source", check.Source, func(context.Context, *check.Session) check.Result { return check.Conclude("", nil) }, check.Unproven, "needs the app's folder"},
		{"needs permission", check.Wire | check.Active, func(context.Context, *check.Session) check.Result { return check.Conclude("", nil) }, check.Unproven, "needs permission"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := check.Check{ID: "x", Practice: "headers", Needs: tt.needs, Run: tt.run}
			r, err := audit.Run(t.Context(), []check.Target{{URL: "http://127.0.0.1:1"}}, []check.Check{c}, audit.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := row(t, r, "headers"); got.Status != tt.status || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("headers = %q (%s), want %q (…%s…)", got.Status, got.Reason, tt.status, tt.reason)
			}
		})
	}
}

func TestRunRefusesEverythingWrongAtOnce(t *testing.T) {
	_, err := audit.Run(t.Context(), []check.Target{{}, {URL: "ftp://x"}, {URL: "shop.example"}, {URL: "https://u:p@x"}, {URL: "https://x", Upstream: "://", Plain: "x"}},
		[]check.Check{{ID: "a", Practice: "nonsense"}}, audit.Options{Timeout: -1, RequestTimeout: -1, Rate: -1, Parallel: -1, Requests: -1})
	var got []string
	for _, e := range guard.OptionErrors(err) {
		got = append(got, e.Field)
	}
	want := []string{"Timeout", "RequestTimeout", "Rate", "Parallel", "Requests", "targets[0]", "targets[1].URL", "targets[2].URL",
		"targets[3].URL", "targets[4].Upstream", "checks[0]", "checks[0].Practice"}
	if !slices.Equal(got, want) {
		t.Errorf("Run() refused %v, want %v", got, want)
	}
	if _, err := audit.Run(t.Context(), nil, standard.Checks(), audit.Options{}); err == nil {
		t.Error("Run() of no target gave no error")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer app.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	r, err := audit.Run(ctx, []check.Target{{URL: app.URL}}, standard.Checks(), audit.Options{})
	if err != nil || time.Since(start) > 20*time.Second {
		t.Fatalf("Run() = %v after %v, want a report soon", err, time.Since(start))
	}
	if r.Outcome(check.Low) != audit.Incomplete {
		t.Errorf("Outcome = %d, want Incomplete", r.Outcome(check.Low))
	}
}

func TestRateIsKept(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	start := time.Now()
	r := run(t, audit.Options{Rate: 50}, check.Target{URL: app.URL})
	least := time.Duration(r.Targets[0].Requests-1) * time.Second / 50
	if took := time.Since(start); took < least*9/10 {
		t.Errorf("%d requests took %v, want at least %v at 50 a second", r.Targets[0].Requests, took, least)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	r := run(t, audit.Options{Rate: 1000, Requests: 5}, check.Target{URL: app.URL})
	if r.Targets[0].Requests != 5 {
		t.Errorf("Requests = %d, want 5", r.Targets[0].Requests)
	}
}

func TestProgress(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	var last, all int
	run(t, audit.Options{Rate: 1000, Progress: func(done, n int, what string) {
		if done != last+1 || what == "" {
			t.Errorf("Progress(%d, %d, %q) after %d", done, n, what, last)
		}
		last, all = done, n
	}}, check.Target{URL: app.URL})
	if last != all || all != len(standard.Checks()) {
		t.Errorf("progress ended at %d of %d, want %d", last, all, len(standard.Checks()))
	}
}

func TestOutcome(t *testing.T) {
	low := check.Finding{Severity: check.Low, Target: "https://a"}
	answered := []audit.Target{{URL: "https://a", Answered: true}}
	proved := []audit.Practice{{Status: check.Proved}}
	for _, tt := range []struct {
		name      string
		report    audit.Report
		threshold check.Severity
		want      audit.Outcome
	}{
		{"clean", audit.Report{Targets: answered, Practices: proved}, check.Low, audit.Clean},
		{"found", audit.Report{Targets: answered, Practices: proved, Findings: []check.Finding{low}}, check.Low, audit.Found},
		{"below the threshold", audit.Report{Targets: answered, Practices: proved, Findings: []check.Finding{low}}, check.Medium, audit.Clean},
		{"no answer", audit.Report{Targets: []audit.Target{{URL: "https://a"}}}, check.Low, audit.Incomplete},
		{"one of two does not answer", audit.Report{Targets: append(answered, audit.Target{URL: "https://b"}), Practices: proved}, check.Low, audit.Incomplete},
		{"a finding tells something", audit.Report{Targets: []audit.Target{{URL: "https://a"}}, Practices: proved, Findings: []check.Finding{low}}, check.Medium, audit.Clean},
		{"tls alone, which asks nothing over http", audit.Report{Targets: []audit.Target{{URL: "https://a"}}, Practices: []audit.Practice{{Status: check.Proved, Checks: []string{"tls"}}, {Status: check.Unproven}}}, check.Low, audit.Clean},
		{"tls is proved and nothing else was answered", audit.Report{Targets: []audit.Target{{URL: "https://a"}}, Practices: []audit.Practice{{Status: check.Proved, Checks: []string{"tls"}}, {Status: check.Unproven, Checks: []string{"headers"}}}}, check.Low, audit.Incomplete},
		{"nothing proven", audit.Report{Targets: answered, Practices: []audit.Practice{{Status: check.Unproven}}}, check.Low, audit.Incomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.report.Outcome(tt.threshold); got != tt.want {
				t.Errorf("Outcome(%v) = %d, want %d", tt.threshold, got, tt.want)
			}
		})
	}
}

func TestUnknownHost(t *testing.T) {
	r := run(t, patient, check.Target{URL: "https://no-such-host.invalid"})
	for _, p := range r.Practices {
		if p.Status != check.Unproven {
			t.Errorf("%s = %q, want not proven", p.ID, p.Status)
		}
	}
	if got := row(t, r, "headers").Reason; !strings.Contains(got, "no-such-host.invalid was not found") {
		t.Errorf("reason = %q, want the name that was not found", got)
	}
}
