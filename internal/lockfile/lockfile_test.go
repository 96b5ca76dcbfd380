package lockfile_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/lockfile"
)

var update = flag.Bool("update", false, "write the golden files")

func read(t *testing.T, dir string) *lockfile.Lock {
	t.Helper()
	found := lockfile.Read(os.DirFS(dir))
	if len(found.Errors) > 0 || len(found.Locks) != 1 {
		t.Fatalf("Read(%s) = %d lockfiles, errors %v, want one and none", dir, len(found.Locks), found.Errors)
	}
	return found.Locks[0]
}

// The vectors hold what real lockfiles list and what is found in them; see README.md.
func TestVectorsHaveTheirPackages(t *testing.T) {
	dirs, err := filepath.Glob("testdata/vectors/*/expected.json")
	if err != nil || len(dirs) < 9 {
		t.Fatalf("Glob = %v, %v, want the vectors", dirs, err)
	}
	for _, name := range dirs {
		dir := filepath.Dir(name)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Packages, Distinct int
				Findings           []struct {
					Package, Version, Path string
					Dev                    *bool
				}
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			l := read(t, dir)
			distinct := map[string]bool{}
			for i, p := range l.Packages {
				distinct[p.Name+"@"+p.Version] = true
				if len(l.Ways(i, 1)) == 0 {
					t.Errorf("%s@%s (%s) has no way from the app", p.Name, p.Version, p.Key)
				}
			}
			if len(l.Packages) != want.Packages || len(distinct) != want.Distinct {
				t.Errorf("%d packages, %d distinct, want %d and %d", len(l.Packages), len(distinct), want.Packages, want.Distinct)
			}
			for _, f := range want.Findings {
				if !slices.ContainsFunc(l.Packages, func(p lockfile.Package) bool {
					return p.Name == f.Package && p.Version == f.Version && (f.Path == "" || p.Key == f.Path) && (f.Dev == nil || p.Dev == *f.Dev)
				}) {
					t.Errorf("no entry %+v", f)
				}
			}
		})
	}
}

// describe writes a lockfile as a golden file has it.
func describe(l *lockfile.Lock) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", l.Format, l.Ecosystem)
	for i, p := range l.Packages {
		fmt.Fprintf(&b, "%d %s@%s", p.Line, p.Name, p.Version)
		if p.Alias != "" {
			fmt.Fprintf(&b, " as %s", p.Alias)
		}
		if p.Source != lockfile.Registry {
			fmt.Fprintf(&b, " source %d %s", p.Source, p.Address)
		}
		for _, f := range []struct {
			name string
			is   bool
		}{{"dev", p.Dev}, {"optional", p.Optional}, {"peer", p.Peer}, {"least", p.Least}} {
			if f.is {
				b.WriteString(" " + f.name)
			}
		}
		for _, way := range l.Ways(i, 3) {
			b.WriteString(" | " + strings.Join(way, " > "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// One app, locked by nine package managers: express and an alias of lodash, a member of a
// workspace that needs the other, a folder, development and optional dependencies, and an
// override.
func TestShopByEachManager(t *testing.T) { golden(t, "shop", 10) }

// A workspace with catalogs.
func TestCatalogsByEachManager(t *testing.T) { golden(t, "catalogs", 3) }

func golden(t *testing.T, of string, folders int) {
	names, err := filepath.Glob("testdata/" + of + "/*/package.json")
	if err != nil || len(names) != folders {
		t.Fatalf("Glob = %v, %v, want %d folders", names, err, folders)
	}
	for _, name := range names {
		dir := filepath.Dir(name)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := describe(read(t, dir))
			golden := filepath.Join(dir, "want.txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is read as\n%s\nwant\n%s", dir, got, want)
			}
		})
	}
}
