package depreport_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/deps"
	"github.com/panoplysec/panoply/internal/depreport"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/need"
)

const (
	records = `{"id":"GHSA-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-0-1"],"summary":"A hole\u001b[2J\u202e ##[error]","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"6.7.0"},{"fixed":"6.7.3"}]}]}],"references":[{"type":"ADVISORY","url":"https://example.test/GHSA-1"}],"database_specific":{"cwe_ids":["CWE-1321"]}}
{"id":"SNYK-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-0-1"],"affected":[{"package":{"ecosystem":"npm","name":"qs"},"versions":["6.7.0"]}]}
{"id":"GHSA-2","modified":"2026-01-02T00:00:00Z","summary":"Another","affected":[{"package":{"ecosystem":"npm","name":"@scope/dev"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
{"id":"GO-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-0-3"],"affected":[{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.26.5"}]}]}]}
`
	packageJSON = `{"name":"shop","version":"1.2.3","dependencies":{"express":"4.17.1","mine":"file:./mine"},"devDependencies":{"@scope/dev":"1.0.0"},"workspaces":["packages/a"]}`
	packageLock = `{"name":"shop","version":"1.2.3","lockfileVersion":3,"packages":{
"":{"name":"shop","version":"1.2.3","dependencies":{"express":"4.17.1"},"devDependencies":{"@scope/dev":"1.0.0"},"workspaces":["packages/a"]},
"node_modules/@scope/dev":{"version":"1.0.0","dev":true,"license":"(MIT OR Apache-2.0)","integrity":"sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
"node_modules/a":{"resolved":"packages/a","link":true},
"node_modules/express":{"version":"4.17.1","license":"MIT","dependencies":{"qs":"6.7.0"},"integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},
"node_modules/fsevents":{"version":"2.0.0","optional":true},
"node_modules/git":{"version":"1.0.0","resolved":"git+ssh://git@example.test/git.git#abc"},
"node_modules/qs":{"version":"6.7.0","integrity":"junk sha512-!!"},
"packages/a":{"name":"a","version":"0.1.0","dependencies":{"express":"4.17.1"}}
}}`
	goMod = "module example.test/shop\n\ngo 1.26.0\n\nrequire golang.org/x/mod v0.30.0\n"
	goSum = "golang.org/x/mod v0.30.0 h1:AAAA=\n"
)

// shop is a folder with several kinds of lockfiles, and what an audit finds in it.
func shop(t *testing.T) *depreport.Subject {
	t.Helper()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"package.json": packageJSON, "package-lock.json": packageLock, "go.mod": goMod, "go.sum": goSum, "all.jsonl": records,
		"packages/a/package.json": `{"name":"a","version":"0.1.0","dependencies":{"express":"4.17.1"}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	target := check.Target{Folder: dir, Advisories: filepath.Join(dir, "all.jsonl")}
	ignore := audit.Ignore{ID: "dependencies/vulnerable", Scope: "@scope/dev*", Reason: "never shipped", Until: "2099-12-31", By: "panoply.yaml:3"}
	report, err := audit.Run(t.Context(), []check.Target{target}, deps.Checks(), audit.Options{Ignores: []audit.Ignore{ignore}})
	if err != nil {
		t.Fatal(err)
	}
	db, err := deps.Database(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &depreport.Subject{Report: report, Found: lockfile.Read(os.DirFS(dir)), Look: db.Match, Version: "1.0.0", Time: time.Unix(1_800_000_000, 0)}
}

func written(t *testing.T, format string, s *depreport.Subject) string {
	t.Helper()
	var out bytes.Buffer
	if err := depreport.Write(&out, format, s); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(text, "##[") || !json.Valid(out.Bytes()) {
		t.Errorf("%s lets pass what a terminal obeys, or is no JSON: %q", format, text)
	}
	return text
}

func TestEqualInputEqualBytes(t *testing.T) {
	s := shop(t)
	for _, format := range depreport.Formats() {
		if a, b := written(t, format, s), written(t, format, s); a != b {
			t.Errorf("%s differs between two runs", format)
		}
	}
	if err := depreport.Write(&bytes.Buffer{}, "xml", s); err == nil || !strings.Contains(err.Error(), "openvex") {
		t.Errorf("Write of xml = %v, want an error that names the formats", err)
	}
}

// TestCycloneDX holds what the schema does not: that all references lead somewhere.
func TestCycloneDX(t *testing.T) {
	s := shop(t)
	var doc struct {
		SerialNumber string
		Metadata     struct {
			Timestamp string
			Component struct {
				Ref  string `json:"bom-ref"`
				PURL string
			}
		}
		Components []struct {
			Ref      string `json:"bom-ref"`
			Type     string
			Scope    string
			PURL     string
			Hashes   []struct{ Alg, Content string }
			Licenses []struct{ License struct{ ID, Name string } }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
		Vulnerabilities []struct {
			ID       string
			CWEs     []int
			Ratings  []struct{ Severity, Method, Vector string }
			Analysis struct{ State, Detail string }
			Affects  []struct{ Ref string }
		}
	}
	if err := json.Unmarshal([]byte(written(t, "cyclonedx", s)), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Metadata.Timestamp != "2027-01-15T08:00:00Z" || doc.Metadata.Component.PURL != "pkg:npm/shop@1.2.3" || !strings.HasPrefix(doc.SerialNumber, "urn:uuid:") {
		t.Errorf("metadata = %+v, %s", doc.Metadata, doc.SerialNumber)
	}
	refs := []string{doc.Metadata.Component.Ref}
	var got []string
	for _, c := range doc.Components {
		refs = append(refs, c.Ref)
		line := c.Type + " " + c.PURL + " " + c.Scope
		for _, h := range c.Hashes {
			line += " " + h.Alg
		}
		for _, l := range c.Licenses {
			line += " " + l.License.ID + l.License.Name
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{
		"application pkg:npm/a@0.1.0 ",
		"library pkg:golang/golang.org/x/mod@v0.30.0 required",
		"library pkg:golang/stdlib@1.26.0 required",
		"library pkg:npm/%40scope/dev@1.0.0 excluded SHA-1 (MIT OR Apache-2.0)",
		"library pkg:npm/express@4.17.1 required SHA-512 MIT",
		"library pkg:npm/fsevents@2.0.0 optional",
		"library pkg:npm/git@1.0.0?vcs_url=git%2Bssh%3A%2F%2Fgit%40example.test%2Fgit.git%23abc required",
		"library pkg:npm/qs@6.7.0 required",
	}
	if !slices.Equal(got, want) {
		t.Errorf("components =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	edges := map[string][]string{}
	for _, d := range doc.Dependencies {
		edges[d.Ref] = d.DependsOn
		for _, ref := range append(d.DependsOn, d.Ref) {
			if !slices.Contains(refs, ref) {
				t.Errorf("dependency %s leads nowhere", ref)
			}
		}
	}
	for from, to := range map[string]string{doc.Metadata.Component.Ref: "member:packages/a", "member:packages/a": "pkg:npm/express@4.17.1", "pkg:npm/express@4.17.1": "pkg:npm/qs@6.7.0"} {
		if !slices.Contains(edges[from], to) {
			t.Errorf("%s needs %q, want %s", from, edges[from], to)
		}
	}
	var told []string
	for _, v := range doc.Vulnerabilities {
		for _, a := range v.Affects {
			if !slices.Contains(refs, a.Ref) {
				t.Errorf("%s affects %s, which is nowhere", v.ID, a.Ref)
			}
			told = append(told, strings.TrimSpace(strings.Join([]string{v.ID, a.Ref, v.Ratings[0].Severity, v.Ratings[0].Method, v.Analysis.State, v.Analysis.Detail}, " ")))
		}
	}
	slices.Sort(told)
	wantTold := []string{
		"GHSA-1 pkg:npm/qs@6.7.0 high CVSSv31 in_triage",
		"GHSA-2 pkg:npm/%40scope/dev@1.0.0 unknown  exploitable ignored by panoply.yaml:3 until 2099-12-31: never shipped",
		"GO-1 pkg:golang/stdlib@1.26.0 unknown  in_triage",
		"SNYK-1 pkg:npm/qs@6.7.0 unknown  in_triage",
	}
	if !slices.Equal(told, wantTold) {
		t.Errorf("vulnerabilities =\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(wantTold, "\n"))
	}
}

// TestOpenVEX holds the rules of OpenVEX 0.2.0 that documents break: a status of its list,
// an action for what is affected, and a justification for what is not.
func TestOpenVEX(t *testing.T) {
	s := shop(t)
	var doc struct {
		Context    string `json:"@context"`
		ID         string `json:"@id"`
		Author     string
		Timestamp  time.Time
		Version    int
		Statements []struct {
			Vulnerability struct{ Name string }
			Products      []struct {
				ID            string `json:"@id"`
				Subcomponents []struct {
					ID string `json:"@id"`
				}
			}
			Status        string
			Notes         string `json:"status_notes"`
			Justification string
			Action        string `json:"action_statement"`
		}
	}
	d := json.NewDecoder(strings.NewReader(written(t, "openvex", s)))
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.Context != "https://openvex.dev/ns/v0.2.0" || !strings.HasPrefix(doc.ID, "urn:uuid:") || doc.Author == "" || doc.Version != 1 || doc.Timestamp.Unix() != 1_800_000_000 {
		t.Errorf("document = %+v", doc)
	}
	var got []string
	for _, x := range doc.Statements {
		if x.Status == "affected" && x.Action == "" || x.Status == "not_affected" && x.Justification == "" || x.Products[0].ID != "pkg:npm/shop@1.2.3" {
			t.Errorf("statement = %+v", x)
		}
		got = append(got, strings.Join([]string{x.Vulnerability.Name, x.Products[0].Subcomponents[0].ID, x.Status, x.Notes}, " "))
	}
	want := []string{
		"GHSA-1 pkg:npm/qs@6.7.0 affected ",
		"GHSA-2 pkg:npm/%40scope/dev@1.0.0 affected ignored by panoply.yaml:3 until 2099-12-31: never shipped",
		"GO-1 pkg:golang/stdlib@1.26.0 under_investigation ",
		"SNYK-1 pkg:npm/qs@6.7.0 affected ",
	}
	for label, why := range map[check.Reach]string{
		check.NotCalled: "vulnerable_code_not_in_execute_path", check.NotImported: "vulnerable_code_not_present", check.Never: "", check.Called: "",
	} {
		for i := range s.Report.Findings {
			if d := s.Report.Findings[i].Dependency; d != nil {
				d.Reachability = &check.Reachability{Label: label}
			}
		}
		// Of three open findings one is of Go.
		text := written(t, "openvex", s)
		if n := strings.Count(text, "\"not_affected\""); n != min(len(why), 1) || !strings.Contains(text, why) {
			t.Errorf("labelled %q, %d are not affected: %s", label, n, text)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("statements =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOSVScanner(t *testing.T) {
	s := shop(t)
	var doc struct {
		Results []struct {
			Source   struct{ Path, Type string }
			Packages []struct {
				Package         struct{ Name, Version, Ecosystem string }
				Vulnerabilities []struct {
					ID       string
					Affected []any
				}
				Groups []struct {
					IDs, Aliases []string
					MaxSeverity  string `json:"max_severity"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(written(t, "osv", s)), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.Results {
		for _, p := range r.Packages {
			line := r.Source.Path + " " + p.Package.Ecosystem + " " + p.Package.Name + "@" + p.Package.Version
			for _, v := range p.Vulnerabilities {
				if line += " " + v.ID; len(v.Affected) == 0 {
					t.Errorf("%s has no record", v.ID)
				}
			}
			for _, g := range p.Groups {
				line += " [" + strings.Join(g.IDs, " ") + "|" + strings.Join(g.Aliases, " ") + "|" + g.MaxSeverity + "]"
			}
			got = append(got, line)
		}
	}
	want := []string{
		"go.mod Go stdlib@1.26.0 GO-1 [GO-1|CVE-0-3 GO-1|]",
		"package-lock.json npm qs@6.7.0 GHSA-1 SNYK-1 [GHSA-1 SNYK-1|CVE-0-1 GHSA-1 SNYK-1|7.5]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("packages =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWithoutAdvisories is a bill of materials and nothing else, and so is one of an empty
// folder.
func TestWithoutAdvisories(t *testing.T) {
	s := shop(t)
	s.Report, s.Look, s.Time = new(audit.Report), nil, time.Time{}
	if text := written(t, "cyclonedx", s); strings.Contains(text, "vulnerabilit") || strings.Contains(text, "timestamp") || !strings.Contains(text, "pkg:npm/qs@6.7.0") {
		t.Errorf("the bill is %s", text)
	}
	for _, format := range depreport.Formats() {
		written(t, format, &depreport.Subject{Report: new(audit.Report), Found: new(lockfile.Found)})
	}
}

const validate = `const fs = require('fs'), path = require('path')
const [modules, file] = process.argv.slice(1)
const Ajv = require(path.join(modules, 'ajv')), formats = require(path.join(modules, 'ajv-formats'))
const at = path.join(modules, '@cyclonedx/cyclonedx-library/res/schema/')
const read = name => JSON.parse(fs.readFileSync(at + name + '.SNAPSHOT.schema.json'))
const ajv = new Ajv({strict: false, allErrors: true, formats: {'iri-reference': true, 'idn-email': true}})
formats(ajv)
for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs']) ajv.addSchema(read(name), 'http://cyclonedx.org/schema/' + name + '.SNAPSHOT.schema.json')
const valid = ajv.compile(read('bom-1.6'))
if (!valid(JSON.parse(fs.readFileSync(file)))) { console.log(JSON.stringify(valid.errors)); process.exit(1) }
`

// TestSchema asks the schema of CycloneDX itself.
func TestSchema(t *testing.T) {
	node, modules := need.Program(t, "node"), need.Modules(t, "ajv", "ajv-formats", "@cyclonedx/cyclonedx-library")
	check := func(text string) (string, error) {
		file := filepath.Join(t.TempDir(), "bom.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(node, "-e", validate, modules, file).CombinedOutput()
		return string(out), err
	}
	text := written(t, "cyclonedx", shop(t))
	if out, err := check(text); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := check(strings.Replace(text, `"SHA-512"`, `"SHA-9"`, 1)); err == nil {
		t.Error("the schema takes SHA-9, so it holds nothing")
	}
}
