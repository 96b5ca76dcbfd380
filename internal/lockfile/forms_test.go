package lockfile_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// packages writes names, versions and flags of the only lockfile.
func packages(t *testing.T, found *lockfile.Found) string {
	t.Helper()
	if len(found.Errors) > 0 || len(found.Locks) != 1 {
		t.Fatalf("Read = %d lockfiles, errors %v, want one and none", len(found.Locks), found.Errors)
	}
	var all []string
	for _, p := range found.Locks[0].Packages {
		s := p.Name + "@" + p.Version
		if p.Alias != "" {
			s += " as " + p.Alias
		}
		if p.Source != lockfile.Registry {
			s += fmt.Sprintf(" source %d", p.Source)
		}
		if p.Dev {
			s += " dev"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// What pnpm writes of YAML: keys after a question mark where they are long, block texts,
// lists at the indentation of their key, comments, and brackets over lines.
func TestFormsOfYAML(t *testing.T) {
	found := readText("pnpm-lock.yaml", `---
# made by hand
lockfileVersion: '6.0'

importers:
  .:
    dependencies:
      'a': {specifier: ^1.0.0, version: 1.0.0}
      b:
        specifier: "npm:c@1"
        version: /c@1.2.3

packages:

  /a@1.0.0:
    resolution: {integrity: sha512-x==,
      tarball: https://host.test/a.tgz}
    cpu: [x64,
      'arm64']
    deprecated: >-
      several lines: of text

      # with this
    os:
    - linux
    - '!win32'
    dependencies:
      d: 1.0.0(peer@1.0.0)
    dev: false

  ? /d@1.0.0(peer@1.0.0)
  : resolution: {integrity: sha512-y}
    description: plain text
      that goes on
    dev: true

  /c@1.2.3: # an alias leads here
    resolution: {integrity: sha512-z}
    peerDependencies:
      ? 'long'
      : '*'
`)
	const want = "a@1.0.0, d@1.0.0, c@1.2.3 as b"
	if got := packages(t, found); got != want {
		t.Errorf("packages = %s, want %s", got, want)
	}
}

func TestFormsOfPNPM(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"5.3": {"lockfileVersion: 5.3\nspecifiers:\n  a: 1\ndependencies:\n  a: 1.0.0_p@2\n  g: github.com/o/r/0123\ndevDependencies:\n  '@s/b': 2.0.0\npackages:\n  /@s/b/2.0.0:\n    dev: true\n  /a/1.0.0_p@2:\n    dev: false\n  github.com/o/r/0123:\n    name: r\n    version: 3.0.0\n    resolution: {tarball: x}\n",
			"@s/b@2.0.0 dev, a@1.0.0, r@3.0.0 as g source 1"},
		"9.0": {"lockfileVersion: '9.0'\nimporters:\n  .:\n    devDependencies:\n      a:\n        specifier: 1\n        version: 1.0.0(p@2.0.0)\npackages:\n  a@1.0.0:\n    resolution: {integrity: x}\n  p@2.0.0: {}\n  t@https://host.test/t.tgz:\n    version: 4.0.0\nsnapshots:\n  a@1.0.0(p@2.0.0):\n    dependencies:\n      p: 2.0.0\n      t: https://host.test/t.tgz\n  p@2.0.0: {}\n  t@https://host.test/t.tgz: {}\n",
			"a@1.0.0 dev, p@2.0.0 dev, t@4.0.0 source 2 dev"},
		"two documents": {"---\nlockfileVersion: '9.0'\nimporters:\n  .:\n    packageManagerDependencies:\n      pnpm: {specifier: 12.0.0, version: 12.0.0}\npackages:\n  pnpm@12.0.0: {}\nsnapshots:\n  pnpm@12.0.0: {}\n\n---\nlockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: 1, version: 1.0.0}\n      b: {specifier: 1, version: work:2.0.0}\npackages:\n  a@1.0.0: {}\n  b@work:2.0.0: {}\nsnapshots:\n  a@1.0.0: {}\n  b@work:2.0.0: {}\n",
			"pnpm@12.0.0 dev, a@1.0.0, b@2.0.0"},
		"nothing": {"lockfileVersion: '9.0'\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := packages(t, readText("pnpm-lock.yaml", c.text)); got != c.want {
				t.Errorf("packages = %s, want %s", got, c.want)
			}
		})
	}
}

// Without a package.json a yarn.lock still tells its packages, and ways begin where nothing
// leads.
func TestYarnAlone(t *testing.T) {
	found := readText("yarn.lock", "# yarn lockfile v1\r\n\r\n\"@s/a@^1.0.0\", \"@s/a@~1.0.0\":\r\n  version \"1.0.1\"\r\n  dependencies:\r\n    \"b\" \">= 1 < 2\"\r\n\r\n\"b@>= 1 < 2\":\r\n  version \"1.5.0\"\r\n")
	if got := packages(t, found); got != "@s/a@1.0.1, b@1.5.0" {
		t.Errorf("packages = %s", got)
	}
	if got := fmt.Sprint(found.Locks[0].Ways(1, 3)); got != "[[@s/a@1.0.1 b@1.5.0]]" {
		t.Errorf("Ways(b) = %s, want by a", got)
	}
}

// A resolution puts another version in the place of what is asked for.
func TestYarnResolutions(t *testing.T) {
	found := lockfile.Read(fstest.MapFS{
		"package.json": {Data: []byte(`{"dependencies":{"a":"1"},"resolutions":{"b":"2.0.0"}}`)},
		"yarn.lock":    {Data: []byte("a@1:\n  version \"1.0.0\"\n  dependencies:\n    b \"^1.0.0\"\n\nb@2.0.0:\n  version \"2.0.0\"\n")},
	})
	if got := fmt.Sprint(packages(t, found), found.Locks[0].Ways(1, 1)); got != "a@1.0.0, b@2.0.0[[a@1.0.0 b@2.0.0]]" {
		t.Errorf("packages and way = %s", got)
	}
}

func TestManifest(t *testing.T) {
	found := lockfile.Read(fstest.MapFS{
		"package.json":            {Data: []byte(`{"name":"shop","dependencies":{"a":"^1","b":"1"},"optionalDependencies":{"b":"2"},"devDependencies":{"a":"3","c":"1"},"engines":{"node":">=20"},"workspaces":{"packages":["packages/*","!packages/x","absent"]},"overrides":{}}`)},
		"packages/m/package.json": {Data: []byte(`{"name":"m"}`)},
		"packages/n/package.json": {Data: []byte("{")},
	})
	m := found.Manifest
	var needs []string
	for _, n := range m.Needs {
		needs = append(needs, fmt.Sprintf("%s %s %v %v", n.Name, n.Spec, n.Optional, n.Dev))
	}
	if got := strings.Join(needs, ", "); got != "a ^1 false false, b 2 true false, c 1 false true" {
		t.Errorf("needs = %s", got)
	}
	if m.Name != "shop" || m.Node != ">=20" || !m.Overrides || len(found.Members) != 1 || found.Members[0].Name != "m" {
		t.Errorf("manifest = %+v with %d members, want the shop's with one", m, len(found.Members))
	}
	if len(found.Errors) != 1 || !strings.HasPrefix(found.Errors[0].Error(), "packages/n/package.json:1: ends in the middle") {
		t.Errorf("errors = %v, want one of packages/n", found.Errors)
	}
}
