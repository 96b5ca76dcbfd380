package audit_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

// plainApp breaks headers in a way that one ignore can cover.
func plainApp(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNotFound)
		}
		w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func only(t *testing.T, o audit.Options, id string, targets ...check.Target) *audit.Report {
	t.Helper()
	o.Rate = 1000
	checks := slices.DeleteFunc(standardChecks(), func(c check.Check) bool { return c.ID != id })
	r, err := audit.Run(t.Context(), targets, checks, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(r *audit.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.ID)
	}
	return all
}

func TestIgnores(t *testing.T) {
	app := plainApp(t)
	entry := audit.Ignore{ID: "headers/nosniff", Scope: "*", Reason: "an old client", Until: "2999-12-31", By: "panoply.yaml:7"}
	for _, tt := range []struct {
		name    string
		change  func(*audit.Ignore)
		ignored int
		want    string // a finding that must be there
		status  check.Status
		outcome audit.Outcome
	}{
		{"holds", func(*audit.Ignore) {}, 1, "", check.Unproven, audit.Clean},
		{"by practice", func(e *audit.Ignore) { e.ID = "headers" }, 1, "", check.Unproven, audit.Clean},
		{"by path", func(e *audit.Ignore) { e.Scope = "/" }, 1, "", check.Unproven, audit.Clean},
		{"by subject", func(e *audit.Ignore) { e.Scope = "X-Content-*" }, 1, "", check.Unproven, audit.Clean},
		{"expired", func(e *audit.Ignore) { e.Until = "2020-01-01" }, 0, "audit/ignore-expired", check.Broken, audit.Found},
		{"another path", func(e *audit.Ignore) { e.Scope = "/elsewhere" }, 0, "audit/ignore-unmatched", check.Broken, audit.Found},
		{"another rule", func(e *audit.Ignore) { e.ID = "headers/framing" }, 0, "audit/ignore-unmatched", check.Broken, audit.Found},
		{"a rule of a check that did not run", func(e *audit.Ignore) { e.ID = "cookies/secure" }, 0, "", check.Broken, audit.Found},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := entry
			tt.change(&e)
			r := only(t, audit.Options{Ignores: []audit.Ignore{e}}, "headers", check.Target{URL: app})
			if len(r.Ignored) != tt.ignored {
				t.Errorf("Ignored = %d, want %d", len(r.Ignored), tt.ignored)
			}
			if tt.ignored > 0 && (r.Ignored[0].By != "panoply.yaml:7" || r.Ignored[0].Reason != "an old client" || r.Ignored[0].Until != e.Until) {
				t.Errorf("Ignored = %+v, want the entry's words", r.Ignored[0])
			}
			if got := slices.Contains(ids(r), "headers/nosniff"); got != (tt.ignored == 0) {
				t.Errorf("findings = %v", ids(r))
			}
			abouts := slices.DeleteFunc(ids(r), func(id string) bool { return !strings.HasPrefix(id, "audit/") })
			if strings.Join(abouts, " ") != tt.want {
				t.Errorf("findings about ignores = %v, want %q", abouts, tt.want)
			}
			if got := row(t, r, "headers"); got.Status != tt.status {
				t.Errorf("headers = %q (%s), want %q: what is ignored is not proved", got.Status, got.Reason, tt.status)
			}
			if got := r.Outcome(check.Low); got != tt.outcome {
				t.Errorf("Outcome = %d, want %d", got, tt.outcome)
			}
		})
	}
}

func TestIgnoresThatCannotBe(t *testing.T) {
	_, err := audit.Run(t.Context(), []check.Target{{URL: "http://127.0.0.1/"}}, nil, audit.Options{Ignores: []audit.Ignore{{ID: "headers/no-sniff", Until: "soon"}}})
	for _, want := range []string{"headers/nosniff", "Scope", "Reason", "2026-12-31"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run() = %v, want %q in it", err, want)
		}
	}
}

// saved is the report as a baseline.
func saved(t *testing.T, r *audit.Report) *audit.Baseline {
	t.Helper()
	var out bytes.Buffer
	if err := report.JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	b, err := audit.ReadBaseline(&out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBaseline(t *testing.T) {
	bad := true
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if bad {
			w.Header().Set("X-Powered-By", "Express")
		} else {
			w.Header().Set("X-Generator", "thing 1.0")
		}
		w.WriteHeader(http.StatusOK)
	}))
	defer app.Close()
	first := only(t, audit.Options{}, "fingerprint", check.Target{URL: app.URL})
	if first.Outcome(check.Low) != audit.Found {
		t.Fatalf("findings = %v, want some", ids(first))
	}
	again := only(t, audit.Options{Baseline: saved(t, first)}, "fingerprint", check.Target{URL: app.URL})
	if got := again.Outcome(check.Low); got != audit.Clean || again.Baseline.New != 0 || again.Baseline.Known == 0 {
		t.Errorf("the same again: outcome %d, %+v, want clean and nothing new", got, again.Baseline)
	}
	bad = false
	changed := only(t, audit.Options{Baseline: saved(t, first)}, "fingerprint", check.Target{URL: app.URL})
	if got := changed.Outcome(check.Low); got != audit.Found || changed.Baseline.New != 1 || len(changed.Baseline.Gone) == 0 {
		t.Errorf("another banner: outcome %d, %+v, want one new and one gone", got, changed.Baseline)
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "<html>", "another schema": `{"schema":"other/1"}`, "another type": `{"schema":"panoply.audit/1","findings":{}}`,
	} {
		if _, err := audit.ReadBaseline(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadBaseline(f *testing.F) {
	f.Add(`{"schema":"panoply.audit/1","practices":[{"id":"tls","status":"proved"}],"findings":[{"id":"a","fingerprint":"b","severity":"low"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := audit.ReadBaseline(strings.NewReader(text))
		if (b == nil) == (err == nil) {
			t.Errorf("ReadBaseline(%q) = %v, %v, want one of the two", text, b, err)
		}
	})
}

func TestComments(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
		ignored    int
	}{
		{"none", "one\nBAD\n", []string{"fingerprint/banner"}, 0},
		{"on its line", "one\nBAD // panoply-ignore: fingerprint/banner for the demo until=2999-01-01\n", nil, 1},
		{"above", "// panoply-ignore: fingerprint/banner for the demo until=2999-01-01\nBAD\n", nil, 1},
		{"two above", "# panoply-ignore: cookies for the demo until=2999-01-01\n# panoply-ignore: fingerprint for the demo until=2999-01-01\nBAD\n", nil, 1},
		{"too far above", "// panoply-ignore: fingerprint/banner for the demo until=2999-01-01\none\nBAD\n", []string{"audit/ignore-unmatched", "fingerprint/banner"}, 0},
		{"of the line before", "one // panoply-ignore: fingerprint/banner for the demo until=2999-01-01\nBAD\n", []string{"audit/ignore-unmatched", "fingerprint/banner"}, 0},
		{"expired", "BAD // panoply-ignore: fingerprint/banner for the demo until=2020-01-01\n", []string{"audit/ignore-expired", "fingerprint/banner"}, 0},
		{"no reason", "BAD // panoply-ignore: fingerprint/banner until=2999-01-01\n", []string{"audit/ignore-invalid", "fingerprint/banner"}, 0},
		{"no day", "BAD // panoply-ignore: fingerprint/banner for ever\n", []string{"audit/ignore-invalid", "fingerprint/banner"}, 0},
		{"no such rule", "BAD // panoply-ignore: fingerprint/baner x until=2999-01-01\n", []string{"audit/ignore-invalid", "fingerprint/banner"}, 0},
		{"in HTML", "<!-- panoply-ignore: fingerprint/banner for the demo until=2999-01-01 -->\nBAD\n", nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "app.js", tt.text)
			r, err := audit.Run(t.Context(), []check.Target{{Folder: dir}}, []check.Check{twoLines}, audit.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := ids(r)
			slices.Sort(got)
			if !slices.Equal(got, tt.want) || len(r.Ignored) != tt.ignored {
				t.Errorf("findings = %v, %d ignored, want %v and %d", got, len(r.Ignored), tt.want, tt.ignored)
			}
		})
	}
}

// TestTheFolderCannotExcuseItself: beside a baseline a new comment, or a new entry of
// the folder's panoply.yaml, ignores nothing.
func TestTheFolderCannotExcuseItself(t *testing.T) {
	dir := t.TempDir()
	checks := []check.Check{twoLines}
	target := []check.Target{{Folder: dir}}
	write(t, dir, "app.js", "one\n")
	clean, err := audit.Run(t.Context(), target, checks, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "app.js", "BAD // panoply-ignore: fingerprint/banner trust me until=2999-01-01\n")
	comment := audit.Options{Baseline: saved(t, clean)}
	yaml := comment
	yaml.Ignores = []audit.Ignore{{ID: "fingerprint", Scope: "*", Reason: "trust me", Until: "2999-01-01", By: "panoply.yaml:1", Project: true}}
	trusted := comment
	trusted.TrustProject = true
	for _, tt := range []struct {
		name string
		o    audit.Options
		want audit.Outcome
	}{{"comment", comment, audit.Found}, {"panoply.yaml", yaml, audit.Found}, {"trusted", trusted, audit.Clean}} {
		r, err := audit.Run(t.Context(), target, checks, tt.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Outcome(check.Low); got != tt.want {
			t.Errorf("%s: Outcome = %d with %v, want %d", tt.name, got, ids(r), tt.want)
		}
		if tt.want == audit.Found && !slices.Contains(ids(r), "audit/ignore-untrusted") {
			t.Errorf("%s: findings = %v, want the refusal told", tt.name, ids(r))
		}
	}
	// What the baseline knows as ignored stays ignored.
	before, err := audit.Run(t.Context(), target, checks, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.Run(t.Context(), target, checks, audit.Options{Baseline: saved(t, before)})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Ignored) != 1 {
		t.Errorf("Ignored = %d, want the one that the baseline knows", len(r.Ignored))
	}
}
