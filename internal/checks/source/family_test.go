package source_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/source"
)

// A fixture is one app below testdata/<check>/<class>/<name>.
type fixture struct {
	check check.Check
	class string
	dir   string
	// want are the findings, "file:line rule", sorted.
	want []string
}

// statuses are the classes of fixtures and what becomes of the check.
var statuses = map[string]check.Status{"bad": check.Broken, "good": check.Proved, "unproven": check.Unproven}

func fixtures(t *testing.T) []fixture {
	t.Helper()
	var all []fixture
	for _, c := range source.Checks() {
		for class := range statuses {
			dirs, err := filepath.Glob(filepath.Join("testdata", c.ID, class, "*"))
			if err != nil || len(dirs) == 0 {
				t.Fatalf("check %s has no app in testdata/%s/%s", c.ID, c.ID, class)
			}
			for _, dir := range dirs {
				all = append(all, fixture{c, class, dir, wants(t, dir)})
			}
		}
	}
	return all
}

// wants reads the "want:" comments of a folder, and want.txt for files that know no
// comments.
func wants(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if name == "want.txt" {
			all = append(all, strings.Split(strings.TrimSpace(string(text)), "\n")...)
			return nil
		}
		for i, line := range strings.Split(string(text), "\n") {
			_, ids, ok := strings.Cut(line, "// want: ")
			for id := range strings.FieldsSeq(ids) {
				if ok {
					all = append(all, fmt.Sprintf("%s:%d %s", filepath.ToSlash(name), i+1, id))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func run(c check.Check, dir string) check.Result {
	return c.Run(context.Background(), &check.Session{Folder: os.DirFS(dir)})
}

func TestFixtures(t *testing.T) {
	for _, f := range fixtures(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(f.dir), "testdata/"), func(t *testing.T) {
			r := run(f.check, f.dir)
			var got []string
			for _, x := range r.Findings {
				if len(x.Evidence) == 0 || x.Evidence[0].Kind != check.Line {
					t.Fatalf("finding %+v has no line", x)
				}
				got = append(got, fmt.Sprintf("%s:%d %s", x.Evidence[0].File, x.Evidence[0].Line, x.ID))
				if x.Evidence[0].Seen == "" || x.Message == "" || x.Subject == "" {
					t.Errorf("finding %+v, want an excerpt, a message and a subject", x)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, f.want) {
				t.Errorf("findings =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
			}
			if r.Status != statuses[f.class] {
				t.Errorf("status = %q (%s), want %q", r.Status, r.Reason, statuses[f.class])
			}
			if r.Reason == "" {
				t.Error("the result gives no reason")
			}
			if again := run(f.check, f.dir); fmt.Sprint(again) != fmt.Sprint(r) {
				t.Errorf("a second run tells %+v, want %+v", again, r)
			}
		})
	}
}

// TestEveryRuleHasAFixture fails when a check has a rule that no app breaks.
func TestEveryRuleHasAFixture(t *testing.T) {
	all := fixtures(t)
	for _, c := range source.Checks() {
		for _, r := range c.Rules {
			if !slices.ContainsFunc(all, func(f fixture) bool {
				return f.check.ID == c.ID && slices.ContainsFunc(f.want, func(w string) bool { return strings.HasSuffix(w, " "+r.ID) })
			}) {
				t.Errorf("no app of %s shows %s", c.ID, r.ID)
			}
		}
	}
}

func TestMetadataIsWhole(t *testing.T) {
	ids := make(map[string]bool)
	for _, c := range source.Checks() {
		family, ok := strings.CutSuffix(c.ID, "-source")
		if !ok || c.Practice != family || c.Title == "" || c.Why == "" || c.Bad == "" || c.Good == "" || c.Needs != check.Source || len(c.Rules) == 0 {
			t.Errorf("check %q = %+v, want all metadata", c.ID, c)
		}
		for _, r := range c.Rules {
			if !strings.HasPrefix(r.ID, family+"/") || r.Title == "" || ids[r.ID] {
				t.Errorf("rule %q of %s: want a unique id under the practice's and a title", r.ID, c.ID)
			}
			if r.Severity > check.Info && r.CWE == 0 {
				t.Errorf("rule %q has no CWE", r.ID)
			}
			ids[r.ID] = true
		}
	}
}

func TestNoFolder(t *testing.T) {
	for _, c := range source.Checks() {
		if r := c.Run(context.Background(), &check.Session{}); r.Status != check.Unproven || !strings.Contains(r.Reason, "no Express app") {
			t.Errorf("%s without a folder = %+v, want not proven for want of an app", c.ID, r)
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
	allowed := []string{"/audit/check", "/internal/checks/source", "/internal/checks/wire", "/internal/jsast", "/internal/pattern", "/internal/weaksecret", "/csp",
		"/internal/crawl", "/internal/observatory", "/internal/tlsscan", "/internal/tlsscan/block", "/internal/tlsscan/mend", "/internal/tlsscan/records", "/internal/tlsscan/session", "/internal/tlsscan/wire"}
	for dep := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if path, ours := strings.CutPrefix(dep, module); ours && !slices.Contains(allowed, path) {
			t.Errorf("the source checks import %s; what enforces must not prove", dep)
		}
	}
}
