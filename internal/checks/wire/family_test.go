package wire_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/x509"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// A twin is one app that a check judges: a bad one, or a good one.
type twin struct {
	check, name string
	bad         bool
	handler     http.HandlerFunc
	// plain serves without TLS, active permits active probes.
	plain, active bool
	// idle is how long a session is left unused.
	idle time.Duration
	// target changes what is audited, once the server runs.
	target func(t *testing.T, s *httptest.Server) check.Target
	// want is the exact list of findings, notes included, in any order.
	want   []string
	status check.Status
}

// twins is filled by the file of each check.
var twins = slices.Concat(headersTwins, cspTwins, corsTwins, contentTwins, cachingTwins, fingerprintTwins, errorsTwins, cookiesTwins, sessionsTwins, leftoversTwins, methodsTwins, proxyTrustTwins, tlsTwins, profileTwins)

func TestTwins(t *testing.T) {
	for _, tw := range twins {
		t.Run(tw.check+"/"+tw.name, func(t *testing.T) {
			t.Parallel()
			r := audited(t, tw)
			var got []string
			for _, f := range r.Findings {
				if !slices.Contains(got, f.ID) {
					got = append(got, f.ID)
				}
			}
			want := slices.Clone(tw.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("findings = %v, want %v", got, want)
				for _, f := range r.Findings {
					t.Logf("%s %s: %s", f.ID, f.Severity, f.Message)
				}
			}
			i := slices.IndexFunc(wire.Checks(), func(c check.Check) bool { return c.ID == tw.check })
			row := rowOf(t, r, wire.Checks()[i].Practice)
			status := tw.status
			if status == "" {
				status = check.Proved
				if tw.bad {
					status = check.Broken
				}
			}
			if row.Status != status {
				t.Errorf("status = %q (%s), want %q", row.Status, row.Reason, status)
			}
			if row.Reason == "" {
				t.Error("the row gives no reason")
			}
			for _, f := range r.Findings {
				if f.Severity > check.Info && (len(f.Evidence) == 0 || f.Reproduce == "" || f.Fix.Express == "" || f.Fix.Go == "" || f.Fix.Door == "") {
					t.Errorf("%s = %+v, want evidence, a command and three fixes", f.ID, f)
				}
			}
		})
	}
}

// TestEveryCheckHasTwins fails when a check has no bad or no good app, or a rule that no
// app of this package breaks.
func TestEveryCheckHasTwins(t *testing.T) {
	for _, c := range wire.Checks() {
		for _, bad := range []bool{true, false} {
			if !slices.ContainsFunc(twins, func(tw twin) bool { return tw.check == c.ID && tw.bad == bad }) {
				t.Errorf("check %s has no app with bad = %v", c.ID, bad)
			}
		}
		for _, r := range c.Rules {
			if !slices.ContainsFunc(twins, func(tw twin) bool { return slices.Contains(tw.want, r.ID) }) && !slices.Contains(elsewhere, r.ID) {
				t.Errorf("no app shows %s", r.ID)
			}
		}
	}
}

func TestMetadataIsWhole(t *testing.T) {
	ids := make(map[string]bool)
	for _, c := range wire.Checks() {
		if c.ID == "" || c.Practice == "" || c.Title == "" || c.Why == "" || c.Bad == "" || c.Good == "" || c.Needs == 0 || len(c.Rules) == 0 {
			t.Errorf("check %q = %+v, want all metadata", c.ID, c)
		}
		for _, r := range c.Rules {
			if !strings.HasPrefix(r.ID, c.ID+"/") || r.Title == "" || ids[r.ID] {
				t.Errorf("rule %q of %s: want a unique id under the check's and a title", r.ID, c.ID)
			}
			ids[r.ID] = true
		}
	}
}

// TestIndependence holds that what enforces a practice does not prove it.
func TestIndependence(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	const module = "github.com/panoplysec/panoply"
	allowed := []string{"/audit/check", "/internal/checks/wire", "/internal/pattern", "/internal/crawl", "/internal/observatory", "/internal/weaksecret", "/csp",
		"/internal/tlsscan", "/internal/tlsscan/block", "/internal/tlsscan/mend", "/internal/tlsscan/records", "/internal/tlsscan/session", "/internal/tlsscan/wire"}
	// Parsers of what other people wrote: HTML, YAML for the crawl, OCSP; and the one
	// cipher of TLS that the standard library keeps to itself.
	parsers := []string{"golang.org/x/net/html", "golang.org/x/net/publicsuffix", "golang.org/x/net/dns/dnsmessage", "golang.org/x/net/http2/hpack", "github.com/goccy/go-yaml", "golang.org/x/crypto", "golang.org/x/sys/cpu"}
	for dep := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if path, ours := strings.CutPrefix(dep, module); ours && !slices.Contains(allowed, path) {
			t.Errorf("the wire checks import %s; what enforces must not prove", dep)
		}
		parser := slices.ContainsFunc(parsers, func(p string) bool { return dep == p || strings.HasPrefix(dep, p+"/") })
		if strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") && !strings.HasPrefix(dep, module) && !strings.HasPrefix(dep, "vendor/") && !parser {
			t.Errorf("the wire checks import %s, want the standard library and parsers only", dep)
		}
	}
}

func audited(t *testing.T, tw twin) *audit.Report {
	t.Helper()
	i := slices.IndexFunc(wire.Checks(), func(c check.Check) bool { return c.ID == tw.check })
	if i < 0 {
		t.Fatalf("no check %q", tw.check)
	}
	handler := http.Handler(tw.handler)
	if tw.handler == nil {
		handler = http.NotFoundHandler()
	}
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = quiet
	if tw.plain {
		s.Start()
	} else {
		s.StartTLS()
	}
	defer s.Close()
	target := check.Target{URL: s.URL}
	o := audit.Options{Rate: 1000, RequestTimeout: 5 * time.Second, Active: tw.active, Idle: tw.idle}
	if tw.target != nil {
		target = tw.target(t, s)
	}
	if c := s.Certificate(); c != nil {
		o.Roots = []*x509.Certificate{c}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := audit.Run(ctx, []check.Target{target}, wire.Checks()[i:i+1], o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rowOf(t *testing.T, r *audit.Report, id string) audit.Practice {
	t.Helper()
	row, ok := r.Practice(id)
	if !ok {
		t.Fatalf("no row %q", id)
	}
	return row
}
