package lockfile_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// The tarball of a registry, asked for by its address, is the package of that address.
func TestTarballsOfRegistries(t *testing.T) {
	const address = "https://registry.example/npm/qs/-/qs-6.5.1.tgz"
	for name, text := range map[string]string{
		"package-lock.json": `{"lockfileVersion": 1, "dependencies": {"rem": {"version": "` + address + `"}}}`,
		"yarn.lock":         "# yarn lockfile v1\n\n\"rem@" + address + "\":\n  version \"6.5.1\"\n  resolved \"" + address + "#349cdf6eef89ec45c12d7d5eb3fc0c870343a6d8\"\n",
		"bun.lock":          `{"lockfileVersion": 3, "workspaces": {"": {"dependencies": {"rem": "x"}}}, "packages": {"rem": ["rem@` + address + `", {}]}}`,
	} {
		if got := packages(t, readText(name, text)); got != "qs@6.5.1 as rem source 2" {
			t.Errorf("%s: packages = %s, want qs", name, got)
		}
	}
	for _, address := range []string{"https://host.test/qs-6.5.1.tgz", "https://host.test/qs/-/qs-next.tgz", "https://host.test/qs/-/ms-1.0.0.tgz", "https://host.test/-/-1.0.0.tgz", "https://host.test/a b/-/a b-1.0.0.tgz"} {
		if got := packages(t, readText("package-lock.json", fmt.Sprintf(`{"lockfileVersion": 1, "dependencies": {"rem": {"version": %q}}}`, address))); got != "rem@ source 2" {
			t.Errorf("%s: packages = %s, want no version", address, got)
		}
	}
	if got := packages(t, readText("package-lock.json", `{"lockfileVersion": 1, "dependencies": {"rem": {"version": "https://host.test/@s/qs/-/qs-1.0.0-rc.1.tgz"}}}`)); got != "@s/qs@1.0.0-rc.1 as rem source 2" {
		t.Errorf("packages = %s, want @s/qs", got)
	}
}

// Members of a workspace are found by every form of pattern that managers take.
func TestPatternsOfWorkspaces(t *testing.T) {
	folder := fstest.MapFS{"package.json": {Data: []byte(`{"workspaces": ["./packages/*/", "apps/**", "{libs,tools}/a", "!apps/old", "nowhere/*", "packages/a"]}`)}}
	for _, dir := range []string{"packages/a", "packages/b", "packages/b/node_modules/c", "packages/.x", "apps/web", "apps/x/y/web2", "apps/x/node_modules/z", "apps/old", "libs/a", "tools/a", "tools/b"} {
		folder[dir+"/package.json"] = &fstest.MapFile{Data: []byte(`{"name": "` + dir + `"}`)}
	}
	folder["packages/empty/x.js"] = &fstest.MapFile{}
	found := lockfile.Read(folder)
	var got []string
	for _, m := range found.Members {
		got = append(got, m.Name)
	}
	if want := "[packages/a packages/b apps/web apps/x/y/web2 libs/a tools/a]"; fmt.Sprint(got) != want || len(found.Errors) > 0 {
		t.Errorf("members = %v, errors %v, want %s", got, found.Errors, want)
	}
}

// A yarn.lock of Yarn 2 and later alone tells the members of the workspace, and what they need.
func TestBerryAlone(t *testing.T) {
	found := readText("yarn.lock", `__metadata:
  version: 8

"a@npm:1":
  version: 1.0.0
  resolution: "a@npm:1.0.0"
  languageName: node
  linkType: hard

"b@workspace:*, b@workspace:packages/b":
  version: 0.0.0-use.local
  resolution: "b@workspace:packages/b"
  dependencies:
    a: 1
  languageName: unknown
  linkType: soft

"shop@workspace:.":
  version: 0.0.0-use.local
  resolution: "shop@workspace:."
  dependencies:
    b: "workspace:*"
  languageName: unknown
  linkType: soft
`)
	if got := fmt.Sprint(packages(t, found), found.Locks[0].Ways(0, 3), found.Locks[0].Missing); got != "a@1.0.0[[b a@1.0.0]] []" {
		t.Errorf("packages, ways and missing = %s, want a by b", got)
	}
}

// What a file needs and does not have is told, with its place.
func TestMissing(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"npm":          {"package-lock.json", "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"dependencies\": {\"a\": \"1\"}},\n\"node_modules/a\": {\"version\": \"1.0.0\", \"dependencies\": {\n\"b\": \"1\"}, \"optionalDependencies\": {\"c\": \"1\"}, \"peerDependencies\": {\"d\": \"1\"}}}}", "package-lock.json:3: a@1.0.0 needs \"b\", which the file does not have"},
		"npm app":      {"package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"devDependencies": {"a": "1"}}}}`, `package-lock.json:1: the app needs "a", which the file does not have`},
		"npm 6":        {"package-lock.json", "{\"lockfileVersion\": 1, \"dependencies\": {\"a\": {\"version\": \"1.0.0\", \"requires\": {\n\"b\": \"1\"}}}}", "package-lock.json:2: a@1.0.0 needs \"b\", which the file does not have"},
		"yarn":         {"yarn.lock", "a@1:\n  version \"1.0.0\"\n  dependencies:\n    b \"1\"\n  optionalDependencies:\n    c \"1\"\n", "yarn.lock:4: a@1.0.0 needs \"b\", which the file does not have"},
		"bun":          {"bun.lock", "{\"lockfileVersion\": 1, \"workspaces\": {\"\": {\"dependencies\": {\n\"a\": \"1\"}, \"optionalDependencies\": {\"c\": \"1\"}}}}", "bun.lock:2: the app needs \"a\", which the file does not have"},
		"nothing else": {"package-lock.json", whole, ""},
	} {
		found := readText(c.file, c.text)
		if len(found.Errors) > 0 || len(found.Locks) != 1 {
			t.Errorf("%s: errors %v", name, found.Errors)
			continue
		}
		got := ""
		for _, err := range found.Locks[0].Missing {
			got += err.Error()
		}
		if got != c.want {
			t.Errorf("%s: missing = %s, want %s", name, got, c.want)
		}
	}
}
