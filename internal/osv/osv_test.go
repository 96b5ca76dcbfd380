package osv_test

import (
	"archive/zip"
	"bufio"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/osv"
)

var _ = flag.Bool("update", false, "there is nothing to update here")

const records = `{"id":"T-1","modified":"2026-01-02T00:00:00Z","aliases":["CVE-1"],"summary":"one","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"6.7.0"},{"fixed":"6.7.3"}]},{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.2.4"}]}]}],"references":[{"type":"WEB","url":"https://example.test/web"},{"type":"ADVISORY","url":"https://example.test/T-1"}]}
{"id":"T-2","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"6.5.2"}]}],"database_specific":{"severity":"MODERATE"}},{"package":{"ecosystem":"NuGet","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
{"id":"T-3","modified":"2026-01-01T00:00:00Z","withdrawn":"2026-01-03T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}

{"id":"T-4","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"Axios"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
{"id":"T-5","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"listed"},"versions":["1.0.0","1.2.0"]},{"package":{"ecosystem":"npm","name":"listed"},"versions":["2.0.0"]}]}
{"id":"T-6","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"cut"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"2.0.0"},{"limit":"3.0.0"}]}]}]}
{"id":"T-7","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"example.test/m"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"0.0.0-20200131131040-063a3fb69896"}]}]},{"package":{"ecosystem":"Go","name":"stdlib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.21.0-0"},{"fixed":"1.21.3"}]}]}]}
{"id":"T-8","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"pre"},"ranges":[{"type":"SEMVER","events":[{"introduced":"5.0.0-alpha.1"},{"fixed":"5.0.0-beta.2"}]}]}]}
{"id":"T-9","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"odd"},"ranges":[{"type":"SEMVER","events":[{"introduced":"latest"}]}]}]}
`

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *osv.DB {
	t.Helper()
	db, err := osv.Open(path, filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestMatch(t *testing.T) {
	db := open(t, file(t, "a.jsonl", records))
	for _, c := range []struct{ ecosystem, name, version, want string }{
		{"npm", "qs", "6.7.0", "T-1 high 7.5 [6.7.3]"},
		{"npm", "qs", "6.7.3", ""},
		{"npm", "qs", "6.7.3-rc.1", "T-1 high 7.5 [6.7.3]"},
		{"npm", "qs", "6.2.3", "T-1 high 7.5 [6.2.4]; T-2 medium 0 []"},
		{"npm", "qs", "6.5.2", "T-2 medium 0 []"},
		{"npm", "qs", "6.5.3", ""},
		{"npm", "qs", "0.0.0-alpha", "T-1 high 7.5 [6.2.4]; T-2 medium 0 []"},
		{"npm", "axios", "1.0.0", ""},
		{"npm", "Axios", "1.0.0", "T-4 unknown 0 []"},
		{"npm", "listed", "1.2.0", "T-5 unknown 0 []"},
		{"npm", "listed", "1.1.0", ""},
		{"npm", "listed", "2.0.0", "T-5 unknown 0 []"},
		{"npm", "cut", "0.9.0", "T-6 unknown 0 [1.0.0]"},
		{"npm", "cut", "1.5.0", ""},
		{"npm", "cut", "2.5.0", "T-6 unknown 0 []"},
		{"npm", "cut", "3.0.0", ""},
		{"npm", "pre", "5.0.0-beta.1", "T-8 unknown 0 [5.0.0-beta.2]"},
		{"npm", "pre", "5.0.0-beta.2", ""},
		{"npm", "pre", "5.0.0-alpha.0", ""},
		{"Go", "example.test/m", "0.0.0-20160722212129-ac0cc4484ad4", "T-7 unknown 0 [0.0.0-20200131131040-063a3fb69896]"},
		{"Go", "stdlib", "1.21rc2", "T-7 unknown 0 [1.21.3]"},
		{"Go", "stdlib", "1.21", "T-7 unknown 0 [1.21.3]"},
		{"Go", "stdlib", "1.21.3", ""},
		{"npm", "nothing", "1.0.0", ""},
	} {
		hits, err := db.Match(c.ecosystem, c.name, c.version)
		if err != nil {
			t.Errorf("Match(%s, %s) = %v", c.name, c.version, err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, fmt.Sprintf("%s %s %v %v", h.ID, h.Level, h.Score, h.Fixed))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("Match(%s, %s, %s) = %v, want %s", c.ecosystem, c.name, c.version, got, c.want)
		}
	}
	if m := db.Meta; m.Records != 8 || m.Withdrawn != 1 || m.Newest.Format("2006-01-02") != "2026-01-02" || m.Ecosystems["npm"] != 7 || m.Ecosystems["Go"] != 1 {
		t.Errorf("Meta = %+v, want 8 records, 1 withdrawn, of 2026-01-02, 7 of npm and 1 of Go", m)
	}
	hits, err := db.Match("npm", "qs", "6.7.0")
	if err != nil || len(hits) != 1 || len(hits[0].References) != 1 || hits[0].References[0].URL != "https://example.test/T-1" || !slices.Equal(hits[0].Aliases, []string{"CVE-1"}) {
		t.Errorf("Match = %+v, %v, want the address of the advisory and its alias", hits, err)
	}
}

func TestWhatCannotBeComparedIsAnError(t *testing.T) {
	db := open(t, file(t, "a.jsonl", records))
	for _, c := range [][2]string{{"qs", "latest"}, {"qs", ""}, {"odd", "1.0.0"}} {
		if hits, err := db.Match("npm", c[0], c[1]); err == nil {
			t.Errorf("Match(%s, %s) = %v, want an error", c[0], c[1], hits)
		}
	}
}

func TestEachKindOfSourceTellsTheSame(t *testing.T) {
	folder := t.TempDir()
	packed := filepath.Join(t.TempDir(), "all.zip")
	z, err := os.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(z)
	for line := range strings.Lines(records) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		id := line[7:10]
		if err := os.WriteFile(filepath.Join(folder, id+".json"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := w.Create(id + ".json")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, line)
	}
	if err := os.WriteFile(filepath.Join(folder, "other.json"), []byte(`{"fixed_in":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	gz := filepath.Join(t.TempDir(), "a.jsonl.gz")
	g, err := os.Create(gz)
	if err != nil {
		t.Fatal(err)
	}
	gw := gzip.NewWriter(g)
	fmt.Fprint(gw, records)
	if err := gw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, packed, gz} {
		db := open(t, path)
		hits, err := db.Match("npm", "qs", "6.2.3")
		if err != nil || len(hits) != 2 || db.Meta.Records != 8 {
			t.Errorf("%s: Match = %d hits, %v, of %d records, want 2 of 8", path, len(hits), err, db.Meta.Records)
		}
	}
}

func TestBadSources(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"cut short":   {"a.jsonl", records[:len(records)-40], "a.jsonl:10: "},
		"no record":   {"a.jsonl", "{}\n", "a.jsonl:1: "},
		"empty":       {"a.jsonl", "", "no advisory"},
		"other kind":  {"a.txt", "x", "want a folder"},
		"not zip":     {"a.zip", "x", "a.zip: "},
		"two events":  {"a.jsonl", `{"id":"X","affected":[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0","fixed":"1"}]}]}]}`, "names 2 versions"},
		"long record": {"a.jsonl", `{"id":"` + strings.Repeat("x", 5<<20) + `"}`, "4 MiB"},
	} {
		db, err := osv.Open(file(t, c.file, c.text), "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Open = %v, %v, want an error with %q", name, db, err, c.want)
		}
	}
	if _, err := osv.Open(filepath.Join(t.TempDir(), "absent"), ""); err == nil {
		t.Error("Open of what is not there gives no error")
	}
}

func TestIndexIsKeptUntilTheSourceChanges(t *testing.T) {
	path, cache := file(t, "a.jsonl", records), t.TempDir()
	count := func() int {
		t.Helper()
		db, err := osv.Open(path, cache)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return db.Meta.Records
	}
	if n := count(); n != 8 {
		t.Fatalf("%d records, want 8", n)
	}
	kept, err := filepath.Glob(filepath.Join(cache, "*.osv"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("the cache holds %v, %v, want one index", kept, err)
	}
	if db, err := osv.Open(kept[0], ""); err != nil || db.Meta.Records != 8 {
		t.Errorf("Open of the index = %v, want 8 records", err)
	} else {
		db.Close()
	}
	if err := os.WriteFile(path, []byte(records[:strings.Index(records, "\n")]), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 1 {
		t.Errorf("%d records after the source changed, want 1", n)
	}
	if err := os.WriteFile(kept[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 1 {
		t.Errorf("%d records with a damaged index, want 1", n)
	}
}

func TestNodeCore(t *testing.T) {
	db := open(t, file(t, "core.json", `[{"n":1,"cve":["CVE-7","CVE-8"],"vulnerable":"18.x || 20.x","patched":"^18.20.4 || ^20.15.1","severity":"high","ref":"https://example.test/node"}]`))
	for version, want := range map[string]string{"18.20.3": "[18.20.4]", "20.15.0": "[20.15.1]", "18.20.4": "", "22.0.0": ""} {
		v, err := npmsemver.Parse(version, npmsemver.Options{})
		if err != nil {
			t.Fatal(err)
		}
		hits, err := db.MatchNode(v)
		got := ""
		if len(hits) == 1 && hits[0].ID == "CVE-7" && hits[0].Level == osv.High {
			got = fmt.Sprint(hits[0].Fixed)
		}
		if err != nil || got != want || want == "" && len(hits) > 0 {
			t.Errorf("MatchNode(%s) = %+v, %v, want %q", version, hits, err, want)
		}
	}
}

// testdata/cvss.txt was recorded from another implementation by testdata/record.cjs.
func TestScoresAreThoseRecorded(t *testing.T) {
	f, err := os.Open("testdata/cvss.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		vector, number, _ := strings.Cut(lines.Text(), " ")
		want, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := osv.Score(vector); !ok || got != want {
			t.Errorf("Score(%s) = %v, %v, want %v", vector, got, ok, want)
		}
	}
	if n < 2000 {
		t.Errorf("%d vectors, want 2000", n)
	}
	for _, bad := range []string{"", "CVSS:3.1", "CVSS:3.1/AV:N", "CVSS:2.0/AV:N", "CVSS:4.0/AV:N/AV:N", "AV:N/AC:L/Au:N/C:P/I:P/A:P"} {
		if got, ok := osv.Score(bad); ok {
			t.Errorf("Score(%q) = %v, want none", bad, got)
		}
	}
}
