package lockfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// fuzz reads foreign bytes as one kind of lockfile. What is read has names, lines within
// the file and ways that end; what is not is an error of that file.
func fuzz(f *testing.F, name string, manifest string) {
	for _, pattern := range []string{"testdata/vectors/*/", "testdata/shop/*/"} {
		names, err := filepath.Glob(pattern + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, n := range names {
			text, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		folder := fstest.MapFS{name: {Data: text}}
		if manifest != "" && name != "package.json" {
			folder["package.json"] = &fstest.MapFile{Data: []byte(manifest)}
		}
		found := lockfile.Read(folder)
		if len(found.Locks) == 0 && len(found.Errors) == 0 && found.Manifest == nil {
			t.Error("neither read nor refused")
		}
		if len(found.Errors) > 0 && manifest == "" && len(found.Locks) > 0 {
			t.Errorf("read and refused: %v", found.Errors)
		}
		for _, l := range found.Locks {
			lines := strings.Count(string(text), "\n") + 1
			for i, p := range l.Packages {
				if p.Name == "" || p.Line < 1 || p.Line > lines {
					t.Errorf("package %+v of %d lines, want a name and a line of the file", p, lines)
				}
				if i < 100 {
					for _, way := range l.Ways(i, 3) {
						if len(way) == 0 {
							t.Errorf("%+v has an empty way", p)
						}
					}
				}
			}
		}
	})
}

const shop = `{"dependencies":{"express":"4.17.1","lodash4":"npm:lodash@4.17.11"},"devDependencies":{"minimist":"1.2.0"}}`

func FuzzPackageLock(f *testing.F) { fuzz(f, "package-lock.json", shop) }
func FuzzYarn(f *testing.F)        { fuzz(f, "yarn.lock", shop) }
func FuzzPNPM(f *testing.F)        { fuzz(f, "pnpm-lock.yaml", "") }
func FuzzBun(f *testing.F)         { fuzz(f, "bun.lock", "") }
func FuzzManifest(f *testing.F)    { fuzz(f, "package.json", "") }

func FuzzGoMod(f *testing.F) {
	f.Add([]byte("module m\n\ngo 1.16\n\nrequire a.test/x v1.0.0\n"))
	f.Add([]byte("module m\n\ngo 1.25\n\ntoolchain go1.25.3\n\nrequire a.test/x v1.0.0\n\nreplace a.test/x => ../x\n"))
	fuzz(f, "go.mod", "")
}
