package lockfile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

func treeOf(t *testing.T, files map[string]string) []string {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	found := lockfile.Read(fsys)
	if len(found.Locks) != 1 || len(found.Errors) > 0 {
		t.Fatalf("Read = %d lockfiles, %v, want one", len(found.Locks), found.Errors)
	}
	tree := found.Locks[0].NPMTree(found.Manifest)
	if tree == nil {
		return nil
	}
	var all []string
	for _, e := range tree.Entries {
		line := fmt.Sprintf("%s %s@%s", e.Location, e.Name, e.Version)
		for _, f := range []struct {
			is   bool
			name string
		}{{e.Link, "link"}, {e.Member, "member"}, {e.Dev, "dev"}, {e.Optional, "optional"}, {e.Peer, "peer"}} {
			if f.is {
				line += " " + f.name
			}
		}
		for _, n := range e.Needs {
			to := "nothing"
			if n.To >= 0 {
				to = tree.Entries[n.To].Location
			}
			line += fmt.Sprintf(" [%s %s: %s]", n.Name, n.Spec, to)
		}
		all = append(all, line)
	}
	return all
}

func TestTree(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"v3": {map[string]string{"package-lock.json": `{"lockfileVersion":3,"packages":{
"":{"name":"shop","version":"1.0.0","dependencies":{"a":"^1.0.0"},"devDependencies":{"d":"*"},"peerDependencies":{"a":">=1"}},
"node_modules/a":{"version":"1.0.0","dependencies":{"b":"~1.0.0","o":"1"},"optionalDependencies":{"o":"2"},"devDependencies":{"never":"1"}},
"node_modules/a/node_modules/b":{"version":"1.0.9","name":"@s/real"},
"node_modules/b":{"version":"2.0.0","peer":true},
"node_modules/d":{"version":"3.0.0","dev":true,"dependencies":{"b":"2"}},
"node_modules/m":{"resolved":"packages/m","link":true},
"packages/m":{"version":"0.1.0","optional":true,"devDependencies":{"b":"2"}}
}}`}, []string{
			" shop@1.0.0 [a ^1.0.0: node_modules/a] [d *: node_modules/d] [m file:packages/m: node_modules/m]",
			"node_modules/a a@1.0.0 [b ~1.0.0: node_modules/a/node_modules/b] [o 2: nothing]",
			"node_modules/a/node_modules/b @s/real@1.0.9",
			"node_modules/b b@2.0.0 peer",
			"node_modules/d d@3.0.0 dev [b 2: node_modules/b]",
			"node_modules/m m@ link optional",
			"packages/m m@0.1.0 member optional [b 2: node_modules/b]",
		}},
		"v1": {map[string]string{"package-lock.json": `{"name":"shop","lockfileVersion":1,"dependencies":{
"a":{"version":"1.0.0","requires":{"b":"~1.0.0"},"dependencies":{"b":{"version":"1.0.9","dev":true}}},
"c":{"version":"npm:d@1.2.3","optional":true}}}`, "package.json": `{"name":"shop","version":"2.0.0","dependencies":{"a":"^1.0.0"}}`}, []string{
			" shop@2.0.0 [a ^1.0.0: node_modules/a]",
			"node_modules/a a@1.0.0 [b ~1.0.0: node_modules/a/node_modules/b]",
			"node_modules/a/node_modules/b b@1.0.9 dev",
			"node_modules/c d@1.2.3 optional",
		}},
		"of others": {map[string]string{"yarn.lock": "# yarn lockfile v1\n\na@1:\n  version \"1.0.0\"\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := treeOf(t, tc.files); !slices.Equal(got, tc.want) {
				t.Errorf("Tree =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

// TestChecksumsAndParts holds what a bill of materials is made of, for each form.
func TestChecksumsAndParts(t *testing.T) {
	const sum = "sha512-AA=="
	for name, tc := range map[string]struct {
		files map[string]string
		sum   string
	}{
		"package-lock v3": {map[string]string{"package-lock.json": `{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"}},"node_modules/a":{"version":"1.0.0","integrity":"sha512-AA==","license":"MIT","dependencies":{"b":"1"}},"node_modules/b":{"version":"1.0.0"}}}`}, sum},
		"package-lock v1": {map[string]string{"package.json": `{"dependencies":{"a":"1"}}`, "package-lock.json": `{"lockfileVersion":1,"dependencies":{"a":{"version":"1.0.0","integrity":"sha512-AA==","requires":{"b":"1"}},"b":{"version":"1.0.0"}}}`}, sum},
		"yarn 1":          {map[string]string{"package.json": `{"dependencies":{"a":"1"}}`, "yarn.lock": "# yarn lockfile v1\n\na@1:\n  version \"1.0.0\"\n  integrity sha512-AA==\n  dependencies:\n    b \"1\"\n\nb@1:\n  version \"1.0.0\"\n"}, sum},
		"pnpm 9": {map[string]string{"pnpm-lock.yaml": `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a:
        specifier: '1'
        version: 1.0.0
packages:
  a@1.0.0:
    resolution: {integrity: sha512-AA==}
  b@1.0.0:
    resolution: {integrity: sha512-BB==}
snapshots:
  a@1.0.0:
    dependencies:
      b: 1.0.0
  b@1.0.0: {}
`}, sum},
		"bun":    {map[string]string{"bun.lock": `{"lockfileVersion":1,"workspaces":{"":{"name":"shop","dependencies":{"a":"1"}}},"packages":{"a":["a@1.0.0","",{"dependencies":{"b":"1"}},"sha512-AA=="],"b":["b@1.0.0","",{},"sha512-BB=="]}}`}, sum},
		"go.mod": {map[string]string{"go.mod": "module m\n\ngo 1.26.0\n\nrequire a.test/a v1.0.0\n", "go.sum": "a.test/a v1.0.0 h1:AA=\na.test/a v1.0.0/go.mod h1:BB=\n"}, "h1:AA="},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range tc.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			found := lockfile.Read(fsys)
			if len(found.Locks) != 1 {
				t.Fatalf("Read = %+v, %v", found.Locks, found.Errors)
			}
			l := found.Locks[0]
			at := slices.IndexFunc(l.Packages, func(p lockfile.Package) bool { return p.Name == "a" || p.Name == "a.test/a" })
			if at < 0 || l.Packages[at].Integrity() != tc.sum {
				t.Fatalf("packages = %+v, want a with %s", l.Packages, tc.sum)
			}
			parts := l.Parts()
			if len(parts) != 1 || !slices.Contains(parts[0].Needs, at) {
				t.Errorf("parts = %+v, want one that needs %d", parts, at)
			}
			if l.Ecosystem == lockfile.NPM && (len(l.Needs(at)) != 1 || l.Packages[l.Needs(at)[0]].Name != "b") {
				t.Errorf("a needs %v, want b", l.Needs(at))
			}
		})
	}
}
