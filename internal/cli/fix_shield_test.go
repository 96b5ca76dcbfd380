package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFixShield: the wizard writes the shield of a hole that is known, says of the others
// why it does not, and what it writes is taken by validate, fix and audit.
func TestFixShield(t *testing.T) {
	base := t.TempDir()
	t.Setenv("HOME", base)
	t.Setenv("XDG_CACHE_HOME", base)
	put := func(name, text string) {
		t.Helper()
		name = filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"ejs", "forwarded", "jws", "left-pad", "node-serialize"}
	locked, needs := "", ""
	for _, name := range names {
		put("stored/"+name+".json", `{"name": "`+name+`", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {"name": "`+name+`", "version": "1.0.0", "dist": {"tarball": "https://registry.example/x.tgz"}}}}`)
		locked += `, "node_modules/` + name + `": {"version": "1.0.0"}`
		needs += `, "` + name + `": "1.0.0"`
	}
	put("shop/package.json", `{"name": "shop", "dependencies": {`+needs[2:]+`}}`)
	put("shop/package-lock.json", `{"name": "shop", "lockfileVersion": 3, "packages": {"": {"name": "shop", "dependencies": {`+needs[2:]+`}}`+locked+`}}`)
	put("a.jsonl", advisory("GHSA-phwq-j96m-2c2q", "ejs", "")+advisory("CVE-2017-16118", "forwarded", "")+advisory("GHSA-gjcw-v447-2w7q", "jws", "")+
		advisory("GHSA-none", "left-pad", "")+advisory("CVE-2017-5941", "node-serialize", ""))
	put("shop/panoply.yaml", "upstream: 127.0.0.1:3000\nstate: "+base+"/state\n\n# the end\n")
	shop := filepath.Join(base, "shop")
	common := []string{"fix", shop, "--advisories", filepath.Join(base, "a.jsonl"), "--packuments", filepath.Join(base, "stored")}

	code, out, errs := panoply(t, "", common...)
	for _, want := range []string{
		"shield available, which closes it: the name settings", "no shield is needed behind a door: the door writes X-Forwarded-For", "no shield can stand before it: whether a token",
		"shield available, which narrows it: the mark of a function",
	} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 1 and %q\n%s%s", code, want, out, errs)
		}
	}

	until := time.Now().AddDate(0, 3, 0).Format(time.DateOnly)
	wizard := append(common, "--interactive", "--answers")
	typed := "s\nwaits for \"${X}\"\n" + until + "\n" + "s\n\n" + "s\n\n" + "s\n\n" + "s\n\n" + "s\nr\n2020-01-01\n" + "s\nslow\n" + until + "\n"
	code, out, errs = panoply(t, typed, wizard...)
	for _, want := range []string{"closes the hole to what comes", "no shield is needed", "cannot shield this one", "no shield is known", "without a reason there is no shield", "no day of the coming year", "narrows the hole, and does not close it"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 1 and %q\n%s%s", code, want, out, errs)
		}
	}
	written := text(t, shop, "panoply.yaml")
	for _, want := range []string{
		"# the end\nshields:\n  # closes: the name settings", "  - id: \"GHSA-phwq-j96m-2c2q\"\n    reason: \"waits for \\\"$${X}\\\"\"\n    until: \"" + until + "\"\n    refuse:\n      - {in: field, name: \"settings.view options\"}\n",
		`- {in: field, matches: "_\\$$\\$$ND_FUNC\\$$\\$$_"}`,
	} {
		if !strings.Contains(written, want) {
			t.Errorf("panoply.yaml is\n%s\nwant it with\n%s", written, want)
		}
	}
	if code, out, errs := panoply(t, "", "validate", "--config", filepath.Join(shop, "panoply.yaml")); code != 0 || strings.Contains(errs, "warning: shields") {
		t.Errorf("validate: exit %d\n%s%s", code, out, errs)
	}
	if code, out, _ := panoply(t, "s\n\n\n\n\n\n\n", wizard...); code != 1 || !strings.Contains(out, "panoply.yaml:7 stands before it already") {
		t.Errorf("a second time: exit %d\n%s", code, out)
	}
	if code, out, _ = panoply(t, "", common...); code != 1 || !strings.Contains(out, "shield in panoply.yaml:7 (enforce), until "+until) {
		t.Errorf("fix with a shield: exit %d\n%s", code, out)
	}

	audit := []string{"audit", shop, "--only", "dependencies", "--advisories", filepath.Join(base, "a.jsonl")}
	if code, out, errs = panoply(t, "", audit...); code != 1 || !strings.Contains(out, "shielded at the door by panoply.yaml:7, as it says: not tested here") {
		t.Errorf("audit: exit %d\n%s%s", code, out, errs)
	}
	put("shop/panoply.yaml", strings.ReplaceAll(written, until, "2020-01-31")+"  - {id: CVE-2000-1, reason: r, until: 2999-01-31, refuse: [{in: path, longer: 9}]}\n")
	code, out, _ = panoply(t, "", append(audit, "--format", "json")...)
	for _, want := range []string{`"audit/shield-expired"`, `"audit/shield-unmatched"`, `"expired": true`, `"by": "panoply.yaml:7"`, "it stays in force, and the hole is not mended"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("audit after the day: exit %d, want 1 and %s\n%s", code, want, out)
		}
	}
	if code, _, errs := panoply(t, "", "validate", "--config", filepath.Join(shop, "panoply.yaml")); code != 0 || !strings.Contains(errs, "warning: shields[0] (GHSA-phwq-j96m-2c2q): its day was 2020-01-31; it stays in force") {
		t.Errorf("validate after the day: exit %d\n%s", code, errs)
	}
}
