package audit_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
)

// lockedShop is a folder in which express and serve-static bring qs, which has a hole.
func lockedShop(t *testing.T, entries string) check.Target {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for name, text := range map[string]string{
		"shop/package.json": `{"dependencies":{"express":"4"}}`,
		"shop/package-lock.json": `{"lockfileVersion":3,"packages":{"":{"dependencies":{"express":"4","other":"1"}},
"node_modules/express":{"version":"4.17.1","dependencies":{"qs":"6.7.0"}},
"node_modules/other":{"version":"1.0.0","dependencies":{"qs":"6.7.0"}},
"node_modules/qs":{"version":"6.7.0"}` + entries + `}}`,
		"a.jsonl": `{"id":"TEST-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-2026-1"],"affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.7.3"}]}]}]}`,
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return check.Target{Folder: filepath.Join(dir, "shop"), Advisories: filepath.Join(dir, "a.jsonl")}
}

func TestIgnoresOfAdvisories(t *testing.T) {
	target := lockedShop(t, "")
	for _, tt := range []struct {
		name    string
		entry   audit.Ignore
		ignored int
		want    string
	}{
		{"by id", audit.Ignore{ID: "TEST-1", Scope: "*"}, 1, ""},
		{"by another name", audit.Ignore{ID: "CVE-2026-1", Path: "*"}, 1, ""},
		{"by rule and path", audit.Ignore{ID: "dependencies/vulnerable", Path: "* > qs@6.x"}, 1, ""},
		{"by package", audit.Ignore{ID: "dependencies/vulnerable", Scope: "qs@* *"}, 1, ""},
		{"one of two ways", audit.Ignore{ID: "TEST-1", Path: "express > qs"}, 0, "audit/ignore-unmatched"},
		{"another version", audit.Ignore{ID: "TEST-1", Path: "* > qs@>=6.8"}, 0, "audit/ignore-unmatched"},
		{"another id", audit.Ignore{ID: "CVE-2026-2", Scope: "*"}, 0, "audit/ignore-unmatched"},
		{"can be mended", audit.Ignore{ID: "TEST-1", Scope: "*", Unfixable: true}, 0, "audit/ignore-unmatched"},
		{"expired", audit.Ignore{ID: "TEST-1", Scope: "*", Until: "2020-01-01"}, 0, "audit/ignore-expired"},
		{"without a last day", audit.Ignore{ID: "TEST-1", Scope: "*", Until: "9999-12-31", Undated: true}, 1, "audit/ignore-undated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.entry
			if e.By, e.Reason = ".snyk:3", "nobody sends queries"; e.Until == "" {
				e.Until = "2999-12-31"
			}
			r := only(t, audit.Options{Ignores: []audit.Ignore{e}}, "dependencies", target)
			if len(r.Ignored) != tt.ignored || slices.Contains(ids(r), "dependencies/vulnerable") != (tt.ignored == 0) {
				t.Errorf("%d ignored, findings %v, want %d", len(r.Ignored), ids(r), tt.ignored)
			}
			if tt.ignored > 0 && (r.Ignored[0].By != ".snyk:3" || r.Ignored[0].Reason != e.Reason || r.Ignored[0].Until != e.Until) {
				t.Errorf("Ignored = %+v, want the entry's words", r.Ignored[0])
			}
			abouts := slices.DeleteFunc(ids(r), func(id string) bool { return !strings.HasPrefix(id, "audit/") })
			if strings.Join(abouts, " ") != tt.want {
				t.Errorf("findings about ignores = %v, want %q", abouts, tt.want)
			}
		})
	}
}

// A note about what is there is a finding about what came since the baseline.
func TestNewInstallScripts(t *testing.T) {
	const old = `,"node_modules/sharp":{"version":"0.33.0","hasInstallScript":true}`
	before := only(t, audit.Options{}, "dependencies", lockedShop(t, old))
	if i := slices.IndexFunc(before.Findings, func(f check.Finding) bool { return f.ID == "dependencies/install-script" }); i < 0 || before.Findings[i].Severity != check.Info {
		t.Fatalf("findings = %v, want a note about the script", ids(before))
	}
	baseline := func() audit.Options { return audit.Options{Baseline: saved(t, before)} }
	again := only(t, baseline(), "dependencies", lockedShop(t, strings.Replace(old, "0.33.0", "0.34.0", 1)))
	if again.Baseline.New != 0 || again.Outcome(check.Low) != audit.Clean {
		t.Errorf("another version of the same: %d new, outcome %d, want none", again.Baseline.New, again.Outcome(check.Low))
	}
	came := only(t, baseline(), "dependencies", lockedShop(t, old+`,"node_modules/esbuild":{"version":"0.20.0","hasInstallScript":true}`))
	i := slices.IndexFunc(came.Findings, func(f check.Finding) bool { return f.Subject == "esbuild" })
	if i < 0 || came.Findings[i].Severity != check.Medium || !strings.Contains(came.Findings[i].Message, "new since the baseline") || came.Baseline.New != 1 || came.Outcome(check.Low) != audit.Found {
		t.Errorf("findings = %+v, %+v, want one of medium severity that is new", came.Findings, came.Baseline)
	}
	if got := row(t, came, "dependencies"); got.Status != check.Broken {
		t.Errorf("dependencies = %s, want broken", got.Status)
	}
}
