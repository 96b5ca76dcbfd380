package audit_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
)

func standardChecks() []check.Check { return standard.Checks() }

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var banner = check.Rules{{ID: "fingerprint/banner", Title: "bad", Severity: check.Low}}

// twoLines finds each line of app.js that begins with BAD.
var twoLines = check.Check{
	ID: "fingerprint-lines", Practice: "fingerprint", Title: "t", Why: "w", Needs: check.Source, Rules: banner,
	Run: func(_ context.Context, s *check.Session) check.Result {
		f, err := s.Folder.Open("app.js")
		if err != nil {
			return check.NotProven(err.Error())
		}
		defer f.Close()
		var found []check.Finding
		in := bufio.NewScanner(f)
		for n := 1; in.Scan(); n++ {
			if strings.HasPrefix(in.Text(), "BAD") {
				found = append(found, banner.Find("fingerprint/banner", "X-Powered-By", check.SourceLine("app.js", n, in.Text())))
			}
		}
		return check.Conclude("app.js", found)
	},
}

// TestJoin: what source and wire both show is one finding with both evidences, and what
// only the code lacks is a note.
func TestJoin(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		banner       bool
		findings     int
		severity     check.Severity
		status       check.Status
		layer        check.Layer
		kinds        string
	}{
		{"both", "BAD\n", true, 1, check.Low, check.Broken, check.Code, "answer line"},
		{"both, and twice in the code", "BAD\nBAD\n", true, 1, check.Low, check.Broken, check.Code, "answer line line"},
		{"wire only", "good\n", true, 1, check.Low, check.Broken, check.Code, "answer"},
		{"neither", "good\n", false, 0, 0, check.Proved, "", ""},
		{"code only: something in front mends it", "BAD\n", false, 1, check.Info, check.Proved, check.Network, "line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.banner {
					w.Header().Set("X-Powered-By", "Express")
				}
				w.Header().Set("Content-Type", "text/html")
				if r.URL.Path != "/" || r.Method != http.MethodGet || r.Header.Get("Range") != "" {
					w.WriteHeader(http.StatusBadRequest)
				}
				w.Write([]byte("<p>hello"))
			}))
			defer app.Close()
			dir := t.TempDir()
			write(t, dir, "app.js", tt.source)
			checks := []check.Check{twoLines}
			for _, c := range standardChecks() {
				if c.ID == "fingerprint" {
					checks = append([]check.Check{c}, checks...)
				}
			}
			r, err := audit.Run(t.Context(), []check.Target{{URL: app.URL, Folder: dir}}, checks, audit.Options{Rate: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Findings) != tt.findings {
				t.Fatalf("findings = %v, want %d", ids(r), tt.findings)
			}
			p := row(t, r, "fingerprint")
			if p.Status != tt.status || p.Status == check.Proved && p.Layer != tt.layer {
				t.Errorf("fingerprint = %q by %q (%s), want %q by %q", p.Status, p.Layer, p.Reason, tt.status, tt.layer)
			}
			if tt.findings == 0 {
				return
			}
			f := r.Findings[0]
			var kinds []string
			for _, e := range f.Evidence {
				if len(kinds) == 0 || string(e.Kind) != "answer" {
					kinds = append(kinds, string(e.Kind))
				}
			}
			if f.Severity != tt.severity || strings.Join(kinds, " ") != tt.kinds {
				t.Errorf("finding = %s with %v, want %s with %s", f.Severity, kinds, tt.severity, tt.kinds)
			}
			if strings.Contains(tt.kinds, "answer line") && !strings.Contains(f.Message, "in the code: app.js:1") {
				t.Errorf("message = %q, want the place in the code", f.Message)
			}
		})
	}
}

// TestFingerprintsDoNotDependOnTheWay: a problem has the same fingerprint whether it was
// seen in the source alone or on the wire too.
func TestFingerprintsDoNotDependOnTheWay(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(naked))
	defer app.Close()
	dir := t.TempDir()
	write(t, dir, "app.js", "BAD\n")
	checks := []check.Check{twoLines}
	for _, c := range standardChecks() {
		if c.ID == "fingerprint" {
			checks = append(checks, c)
		}
	}
	find := func(target check.Target) string {
		r, err := audit.Run(t.Context(), []check.Target{target}, checks, audit.Options{Rate: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if f.ID == "fingerprint/banner" {
				return f.Fingerprint
			}
		}
		t.Fatalf("findings = %v, want the banner", ids(r))
		return ""
	}
	if alone, both := find(check.Target{Folder: dir}), find(check.Target{Folder: dir, URL: app.URL}); alone != both {
		t.Errorf("fingerprints %s and %s, want one", alone, both)
	}
}
