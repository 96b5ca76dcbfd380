package osv_test

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/osv"
)

// archive writes a zip of names and texts.
func archive(t *testing.T, files ...[2]string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, x := range files {
		part, err := w.Create(x[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(x[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func npmRecord(id, name string) string {
	return fmt.Sprintf(`{"id":%q,"modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":%q},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},{"package":{"ecosystem":"Go","name":"other"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`, id, name)
}

// An archive of one ecosystem tells of no other, and one bad record does not hide the rest.
func TestFromArchive(t *testing.T) {
	zipped := archive(t,
		[2]string{"A.json", npmRecord("A", "a")},
		[2]string{"../../etc/passwd.json", npmRecord("B", "b")},
		[2]string{"bad.json", `{"id":`},
		[2]string{"long.json", `"` + strings.Repeat("x", 5<<20) + `"`},
		[2]string{"go.json", `{"id":"C","affected":[{"package":{"ecosystem":"Go","name":"c"}}]}`},
		[2]string{"README", "no record"})
	dir := t.TempDir()
	to := filepath.Join(dir, "npm.osv")
	meta, err := osv.FromArchive(zipped, to, "npm", osv.Fetched{URL: "https://example.test/npm/all.zip", ETag: `"1"`})
	if err != nil || meta.Records != 2 || meta.Unread != 2 || meta.Other != 1 || meta.FirstUnread != "is no whole JSON document" || meta.Ecosystems["Go"] != 0 {
		t.Fatalf("FromArchive = %+v, %v, want 2 records of npm alone, 2 unread and 1 other", meta, err)
	}
	if again, err := osv.ReadMeta(to); err != nil || again.Fetched == nil || again.Fetched.ETag != `"1"` {
		t.Errorf("ReadMeta = %+v, %v, want where it came from", again, err)
	}
	if _, err := osv.FromArchive(zipped, to, "npm", osv.Fetched{}); err == nil {
		t.Error("FromArchive writes over a file that is there")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	// A folder of indexes is one.
	golang := archive(t, [2]string{"A.json", npmRecord("A", "a")})
	if _, err := osv.FromArchive(golang, filepath.Join(dir, "Go.osv"), "Go", osv.Fetched{}); err != nil {
		t.Fatal(err)
	}
	db := open(t, dir)
	for _, c := range [][3]string{{"npm", "a", "A"}, {"npm", "b", "B"}, {"Go", "other", "A"}, {"Go", "a", ""}} {
		hits, err := db.Match(c[0], c[1], "1.0.0")
		var got []string
		for _, h := range hits {
			got = append(got, h.ID)
		}
		if err != nil || strings.Join(got, " ") != c[2] {
			t.Errorf("Match(%s, %s) = %v, %v, want %s", c[0], c[1], got, err, c[2])
		}
	}
}

func TestArchiveIsRefused(t *testing.T) {
	whole, err := os.ReadFile(archive(t, [2]string{"A.json", npmRecord("A", strings.Repeat("a", 2000))}, [2]string{"B.json", npmRecord("B", "b")}))
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(whole)
	flipped[60] ^= 0x20 // within the first record
	for name, text := range map[string][]byte{
		"cut short": whole[:len(whole)-10], "no zip": []byte("<html>"), "empty": nil, "changed": flipped,
	} {
		path, to := filepath.Join(t.TempDir(), "all.zip"), filepath.Join(t.TempDir(), "npm.osv")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if meta, err := osv.FromArchive(path, to, "npm", osv.Fetched{}); err == nil {
			t.Errorf("%s: FromArchive = %+v, want an error", name, meta)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%s: there is an index", name)
		}
	}
}

// Each byte of an index counts: whichever is changed, no answer is another one but an
// error.
func TestDamageIsAnError(t *testing.T) {
	to := filepath.Join(t.TempDir(), "npm.osv")
	if _, err := osv.FromArchive(archive(t, [2]string{"A.json", npmRecord("A", "a")}, [2]string{"B.json", npmRecord("B", "b")}), to, "npm", osv.Fetched{}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		text := slices.Clone(whole)
		text[i] ^= 1
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := osv.Open(to, "")
		if err == nil {
			hits, wrong := db.Match("npm", "a", "1.0.0")
			db.Close()
			if err = wrong; err == nil && len(hits) == 1 && hits[0].ID == "A" {
				continue // the other bucket
			}
		}
		if err == nil {
			t.Fatalf("with byte %d of %d changed nothing is said", i, len(whole))
		}
		if i > 8 && (!errors.Is(err, osv.ErrDamaged) || !strings.Contains(err.Error(), to)) {
			t.Fatalf("with byte %d changed the error is %v, want ErrDamaged and the file", i, err)
		}
	}
}
