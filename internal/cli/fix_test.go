package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/cli"
	"github.com/panoplysec/panoply/internal/need"
)

// fixShop is a folder with a package that has a hole, stored packuments of it, and the
// advisory.
func fixShop(t *testing.T) (dir, packuments, advisories string) {
	t.Helper()
	need.Program(t, "npm")
	base := t.TempDir()
	t.Setenv("HOME", base)
	t.Setenv("XDG_CACHE_HOME", base)
	files := map[string]string{
		"shop/package.json": "{\n  \"name\": \"shop\",\n  \"version\": \"1.0.0\",\n  \"scripts\": {\"test\": \"exit 1\"},\n  \"dependencies\": {\n    \"web\": \"1.0.0\",\n    \"old\": \"1.0.0\"\n  }\n}\n",
		"shop/package-lock.json": `{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
  "": {"name": "shop", "version": "1.0.0", "dependencies": {"web": "1.0.0", "old": "1.0.0"}},
  "node_modules/old": {"version": "1.0.0", "resolved": "https://registry.example/old/-/old-1.0.0.tgz"},
  "node_modules/web": {"version": "1.0.0", "resolved": "https://registry.example/web/-/web-1.0.0.tgz"}
}}
`,
		"shop/lib.js": "one\ntwo\nthree\n",
		"lib.patch":   "--- a/lib.js\n+++ b/lib.js\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n",
		"evil.patch":  "--- a/../shop2.js\n+++ b/../shop2.js\n@@ -1,1 +1,1 @@\n-one\n+two\n",
		"stored/web.json": `{"name": "web", "dist-tags": {"latest": "1.0.1"}, "versions": {
  "1.0.0": {"name": "web", "version": "1.0.0", "dist": {"tarball": "https://registry.example/web/-/web-1.0.0.tgz"}},
  "1.0.1": {"name": "web", "version": "1.0.1", "dist": {"tarball": "https://registry.example/web/-/web-1.0.1.tgz", "integrity": "sha512-AAAA"}}}}`,
		"stored/old.json":  `{"name": "old", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {"name": "old", "version": "1.0.0", "dist": {"tarball": "https://registry.example/old/-/old-1.0.0.tgz"}}}}`,
		"advisories.jsonl": advisory("GHSA-web", "web", `{"fixed": "1.0.1"}`) + advisory("GHSA-old", "old", ""),
	}
	for name, text := range files {
		name = filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(base, "shop"), filepath.Join(base, "stored"), filepath.Join(base, "advisories.jsonl")
}

func advisory(id, name, fixed string) string {
	if fixed != "" {
		fixed = ", " + fixed
	}
	return fmt.Sprintf(`{"id": %q, "modified": "2026-11-01T00:00:00Z", "summary": "a hole", "database_specific": {"severity": "HIGH"}, "affected": [{"package": {"ecosystem": "npm", "name": %q}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}%s]}]}]}`, id, name, fixed) + "\n"
}

// panoply runs a command line with what is typed.
func panoply(t *testing.T, typed string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Run(args, cli.Streams{In: strings.NewReader(typed), Out: &o, Err: &e}, "test")
	return code, o.String(), e.String()
}

func text(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFix(t *testing.T) {
	dir, stored, adv := fixShop(t)
	before := text(t, dir, "package.json") + text(t, dir, "package-lock.json")
	base := []string{"fix", dir, "--advisories", adv, "--packuments", stored}
	with := func(more ...string) []string { return append(base[:len(base):len(base)], more...) }

	code, out, errs := panoply(t, "", with()...)
	if code != 1 {
		t.Fatalf("a plan is exit %d, want 1: findings are there\n%s%s", code, out, errs)
	}
	for _, part := range []string{"bump", "1.0.0  1.0.1  package.json", "GHSA-web", "+    \"web\": \"1.0.1\",", "there is no later version of old", "nothing was changed: --write does it"} {
		if !strings.Contains(out, part) {
			t.Errorf("the plan has no %q:\n%s", part, out)
		}
	}

	code, out, errs = panoply(t, "", with("--write", "--run")...)
	if code != 3 || !strings.Contains(errs, "npm test failed") && !strings.Contains(errs, "could not be installed for the tests") {
		t.Errorf("--run with a test that fails: exit %d, want 3\n%s%s", code, out, errs)
	}
	if now := text(t, dir, "package.json") + text(t, dir, "package-lock.json"); now != before {
		t.Errorf("the folder changed:\n%s", now)
	}

	code, out, errs = panoply(t, "", with("--write", "--format", "json")...)
	var doc struct {
		Schema  int
		Results []struct {
			Written bool
			Steps   []struct{ Kind, Package, To string }
			Left    []struct{ Package string }
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 1 || doc.Schema != 1 || len(doc.Results) != 1 || !doc.Results[0].Written || len(doc.Results[0].Steps) != 1 || len(doc.Results[0].Left) != 1 {
		t.Errorf("--write: exit %d, %v\n%s%s", code, err, out, errs)
	}
	if now := text(t, dir, "package-lock.json"); !strings.Contains(now, "https://registry.example/web/-/web-1.0.1.tgz") {
		t.Errorf("the lockfile was not written:\n%s", now)
	}

	// What was asked for is mended, so nothing is left of it.
	if code, out, errs = panoply(t, "", with("--write", "--only", "GHSA-web")...); code != 0 {
		t.Errorf("--only a finding that is gone: exit %d, want 0\n%s%s", code, out, errs)
	}
	if code, out, errs = panoply(t, "", with("--severity", "critical")...); code != 0 {
		t.Errorf("--severity above all findings: exit %d, want 0\n%s%s", code, out, errs)
	}
}

func TestFixUsage(t *testing.T) {
	dir, stored, adv := fixShop(t)
	empty := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		part string
	}{
		{[]string{dir}, 2, "--advisories"},
		{[]string{filepath.Join(dir, "package.json"), "--advisories", adv}, 2, "is no folder"},
		{[]string{empty, "--advisories", adv}, 2, "no lockfile"},
		{[]string{dir, "--advisories", adv, "--run"}, 2, "--run"},
		{[]string{dir, "--advisories", adv, "--severity", "dire"}, 2, "--severity dire"},
		{[]string{dir, "--advisories", adv, "--packuments", filepath.Join(dir, "none")}, 2, "--packuments"},
		{[]string{dir, "--advisories", adv, "--packuments", stored, "--lockfile", "yarn.lock"}, 3, "yarn.lock is none of the folder's"},
		{[]string{dir, "--restore"}, 2, "no fix was interrupted"},
		{[]string{dir, "--advisories", adv, "--interactive"}, 2, "no terminal"},
		{[]string{dir, "--advisories", adv, "--patch", "x"}, 2, "--interactive"},
	} {
		code, _, errs := panoply(t, "", append([]string{"fix"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.part) {
			t.Errorf("fix %v = %d %q, want %d with %q", c.args, code, errs, c.code, c.part)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "yarn.lock"), []byte("# yarn lockfile v1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := panoply(t, "", "fix", dir, "--advisories", adv); code != 2 || !strings.Contains(errs, "several lockfiles") {
		t.Errorf("two lockfiles: %d %q, want 2", code, errs)
	}
	if err := os.WriteFile(filepath.Join(dir, "yarn.lock"), []byte("web@1:\n  version \"1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := panoply(t, "", "fix", dir, "--advisories", adv); code != 3 || !strings.Contains(errs, "yarn.lock:") {
		t.Errorf("a lockfile that cannot be read: %d %q, want 3", code, errs)
	}
}

func TestFixInteractive(t *testing.T) {
	dir, stored, adv := fixShop(t)
	until := time.Now().AddDate(0, 3, 0).Format(time.DateOnly)
	config := "# ours\nupstream: 127.0.0.1:3000 # the app\n\nbounds:\n    idle_timeout: 30s # short\n\n# the end\nsites: [shop.example]\n"
	if err := os.WriteFile(filepath.Join(dir, "panoply.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	base := []string{"fix", dir, "--advisories", adv, "--packuments", stored, "--interactive", "--answers"}

	// Answers that end write nothing.
	if code, _, errs := panoply(t, "s\n", base...); code != 3 || !strings.Contains(errs, "the answers ended") {
		t.Errorf("answers that end: %d %q, want 3", code, errs)
	}
	if now := text(t, dir, "panoply.yaml"); now != config {
		t.Errorf("panoply.yaml changed:\n%s", now)
	}

	// The findings come by severity and name: old, then web.
	code, out, errs := panoply(t, "u\ni\n\ni\nno \"path\" to it: x\n2020-01-01\ni\nno \"path\" to it: x\n"+until+"\nu\ny\n", base...)
	if code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	want := "# ours\nupstream: 127.0.0.1:3000 # the app\n\nbounds:\n    idle_timeout: 30s # short\n\n# the end\nsites: [shop.example]\nignore:\n" +
		"  - id: \"GHSA-old\"\n    path: \"old@1.0.0\"\n    reason: \"no \\\"path\\\" to it: x\"\n    until: \"" + until + "\"\n"
	if now := text(t, dir, "panoply.yaml"); now != want {
		t.Errorf("panoply.yaml is\n%s\nwant\n%s", now, want)
	}
	if now := text(t, dir, "package.json"); !strings.Contains(now, `"web": "1.0.1"`) {
		t.Errorf("package.json has no new version:\n%s", now)
	}

	// What is ignored is shown, and is no reason for exit 1; other scanners' files count too.
	code, out, errs = panoply(t, "", base[:len(base)-2]...)
	if code != 0 || !strings.Contains(out, "1 findings, 1 ignored,") || !strings.Contains(out, "panoply.yaml:10: no \"path\" to it: x, until "+until) || strings.Contains(out, "left:") {
		t.Errorf("with an ignore: exit %d\n%s%s", code, out, errs)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("panoply.yaml", config)
	put("osv-scanner.toml", "[[IgnoredVulns]]\nid = \"GHSA-old\"\nreason = \"theirs\"\nignoreUntil = "+until+"\n")
	if code, out, errs = panoply(t, "", append(base[:len(base)-2:len(base)-2], "--format", "json")...); code != 0 || !strings.Contains(out, `"by": "osv-scanner.toml:`) {
		t.Errorf("with an ignore of osv-scanner: exit %d\n%s%s", code, out, errs)
	}
	put("osv-scanner.toml", "[[IgnoredVulns]]\nid = \"GHSA-old\"\nignoreUntil = 2020-01-01\n")
	if code, out, errs = panoply(t, "", base[:len(base)-2]...); code != 1 || strings.Contains(out, "ignored:") {
		t.Errorf("with an ignore that has ended: exit %d\n%s%s", code, out, errs)
	}

	// A patch, and another ignore after the first.
	put("panoply.yaml", strings.ReplaceAll(want, "old", "web"))
	patch := filepath.Join(filepath.Dir(dir), "lib.patch")
	code, out, errs = panoply(t, "p\n"+until+"\ny\n", append(base, "--patch", patch)...)
	if code != 0 || text(t, dir, "lib.js") != "one\nTWO\nthree\n" || strings.Count(text(t, dir, "panoply.yaml"), "  - id:") != 2 {
		t.Errorf("patch: exit %d\n%s%s\n%s", code, out, errs, text(t, dir, "panoply.yaml"))
	}
	put("panoply.yaml", config)
	evil := filepath.Join(filepath.Dir(dir), "evil.patch")
	if code, out, errs = panoply(t, "p\n\n", append(base, "--patch", evil)...); code != 1 || !strings.Contains(out, "no file below the folder") {
		t.Errorf("a patch that leads out: exit %d\n%s%s", code, out, errs)
	}
}
