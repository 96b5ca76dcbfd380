package deps_test

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/osv"
)

// fetched makes a folder as panoply db update does.
func fetched(t *testing.T, record string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("A.json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(record))
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	from := osv.Fetched{URL: "https://example.test/npm/all.zip", At: time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)}
	if _, err := osv.FromArchive(f.Name(), filepath.Join(dir, "npm.osv"), "npm", from); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Of advisories that nobody named, the report tells the age, whatever it finds.
func TestFetched(t *testing.T) {
	dir := fetched(t, `{"id":"T-1","modified":"2026-01-14T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.10.0"}]}]}]}`)
	const rests = "1 advisories, the newest of 2026-01-14, fetched on 2026-01-15"
	on(t, "2026-01-20", func(t *testing.T) {
		r := run(t, "dependencies", "testdata/good/npm", dir)
		if r.Status != check.Proved || !strings.HasPrefix(r.Reason, rests) || slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID != "dependencies/no-checksum" }) {
			t.Errorf("result = %+v, want it proved by %s", r, rests)
		}
		r = run(t, "dependencies", "testdata/bad/npm", dir)
		last := r.Findings[len(r.Findings)-1]
		if r.Status != check.Broken || last.ID != "dependencies/advisories" || last.Severity != check.Info || last.Message != "Looked up in "+rests {
			t.Errorf("result = %+v, want it broken, and a note of %s", r, rests)
		}
	})
	on(t, "2026-03-20", func(t *testing.T) {
		r := run(t, "dependencies", "testdata/good/npm", dir)
		i := slices.IndexFunc(r.Findings, func(f check.Finding) bool { return f.ID == "dependencies/stale-advisories" })
		if i < 0 || r.Findings[i].Fix.Express != "panoply db update" {
			t.Errorf("findings = %+v, want a note that panoply db update is due", r.Findings)
		}
	})
}

func TestDamagedIndex(t *testing.T) {
	dir := fetched(t, `{"id":"T-1","affected":[{"package":{"ecosystem":"npm","name":"qs"}}]}`)
	if err := os.WriteFile(filepath.Join(dir, "npm.osv"), []byte("PNPLOSV3"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, "dependencies", "testdata/good/npm", dir)
	if r.Status != check.Unproven || !r.Failed || !strings.Contains(r.Reason, "npm.osv: the index is damaged") || !strings.Contains(r.Reason, "panoply db update") {
		t.Errorf("result = %+v, want it failed, with the file and what to do", r)
	}
}
