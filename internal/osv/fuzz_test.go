package osv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/osv"
)

// What is read as a record can be indexed and asked, and a foreign index never ends in
// more than an error.
func FuzzOpen(f *testing.F) {
	for line := range strings.Lines(records) {
		f.Add([]byte(line), ".jsonl")
	}
	dir := f.TempDir()
	source := filepath.Join(dir, "seed.jsonl")
	if err := os.WriteFile(source, []byte(records), 0o600); err != nil {
		f.Fatal(err)
	}
	if _, err := osv.Open(source, dir); err != nil {
		f.Fatal(err)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "*.osv"))
	if err != nil || len(kept) != 1 {
		f.Fatal(kept, err)
	}
	index, err := os.ReadFile(kept[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(index, ".osv")
	f.Fuzz(func(t *testing.T, text []byte, ending string) {
		switch ending {
		case ".jsonl", ".json", ".zip", ".osv":
		default:
			return
		}
		path := filepath.Join(t.TempDir(), "a"+ending)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := osv.Open(path, "")
		if err != nil {
			return
		}
		defer db.Close()
		for _, name := range []string{"qs", "pre", "listed", "x"} {
			if _, err := db.Match("npm", name, "1.0.0"); err != nil {
				return
			}
		}
	})
}

func FuzzScore(f *testing.F) {
	f.Add("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H")
	f.Add("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:P")
	f.Fuzz(func(t *testing.T, vector string) {
		if score, ok := osv.Score(vector); ok && (score < 0 || score > 10) {
			t.Errorf("Score(%q) = %v, want 0 to 10", vector, score)
		}
	})
}
