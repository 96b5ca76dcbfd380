package fix_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/need"
)

// formScenarios are about how an app asks for what it needs, and what packages may be.
var formScenarios = []scenario{
	{
		name:       "optional",
		files:      map[string]string{"package.json": app(`"optionalDependencies": {"web": "1.0.0"}`)},
		then:       "web@1.0.0 optional:query@^1.0.0\nquery@1.0.0",
		now:        "web@1.0.1 optional:query@^1.0.0\nquery@1.0.1",
		advisories: "GHSA-1 web 1.0.1\nGHSA-2 query 1.0.1",
		steps:      []string{"update query 1.0.0 to 1.0.1 in the lockfile", "ask for web 1.0.1 in place of 1.0.0 in package.json"},
		holds:      map[string]string{"package.json": `"optionalDependencies": {"web": "1.0.1"}`},
	},
	{
		name:       "platform packages stay for all platforms",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
		then:       "web@1.0.0 optional:web-a@1.0.0 optional:web-b@1.0.0\nweb-a@1.0.0 os=win32\nweb-b@1.0.0 os=linux",
		now:        "web@1.0.1 optional:web-a@1.0.1 optional:web-b@1.0.1\nweb-a@1.0.1 os=win32\nweb-b@1.0.1 os=linux",
		advisories: "GHSA-1 web-a 1.0.1",
		steps:      []string{"update web 1.0.0 to 1.0.1 in the lockfile", "update web-a 1.0.0 to 1.0.1 in the lockfile"},
		holds:      map[string]string{"package-lock.json": "web-b-1.0.1.tgz"},
	},
	{
		name:       "a tag",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "latest"}`)},
		then:       "web@1.0.0",
		now:        "web@1.0.1",
		advisories: "GHSA-1 web 1.0.1",
		steps:      []string{"update web 1.0.0 to 1.0.1 in the lockfile"},
		holds:      map[string]string{"package.json": `"web": "latest"`},
	},
	{
		name:       "only a prerelease mends it",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
		then:       "web@1.0.0",
		now:        "web@2.0.0-rc.1",
		advisories: "GHSA-1 web 2.0.0-rc.1",
		breaking:   true,
		left:       map[string]string{"web@1.0.0": "are no releases (2.0.0-rc.1)"},
	},
	{
		name:       "a prerelease is mended by a later one",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "2.0.0-rc.1"}`)},
		then:       "web@2.0.0-rc.1",
		now:        "web@2.0.0-rc.2\nweb@2.1.0-rc.1",
		advisories: "GHSA-1 web 2.0.0-rc.2 2.0.0-rc.0",
		steps:      []string{"ask for web 2.0.0-rc.2 in place of 2.0.0-rc.1 in package.json"},
	},
	{
		name:       "only what its authors gave up mends it",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}`)},
		then:       "web@1.0.0",
		now:        "web@1.0.1 deprecated=broken",
		advisories: "GHSA-1 web 1.0.1",
		left:       map[string]string{"web@1.0.0": "its authors gave up the later versions of web that are under no advisory (1.0.1)"},
	},
	{
		name:       "an exact version with a sign",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "=1.0.0"}`)},
		then:       "web@1.0.0",
		now:        "web@1.0.1\nweb@1.0.2",
		advisories: "GHSA-1 web 1.0.1",
		steps:      []string{"ask for web =1.0.1 in place of =1.0.0 in package.json"},
	},
	{
		name:       "ranges of several kinds",
		files:      map[string]string{"package.json": app(`"dependencies": {"a": ">=1.0.0 <1.1.0", "b": "1.x", "c": "^1.0.0 || ^2.0.0"}`)},
		then:       "a@1.0.0\nb@1.0.0\nc@1.0.0",
		now:        "a@1.1.0\nb@1.1.0\nc@2.0.0",
		advisories: "GHSA-1 a 1.1.0\nGHSA-2 b 1.1.0\nGHSA-3 c 2.0.0",
		steps:      []string{"update b 1.0.0 to 1.1.0 in the lockfile", "update c 1.0.0 to 2.0.0 in the lockfile", "ask for a ^1.1.0 in place of >=1.0.0 <1.1.0 in package.json"},
	},
	{
		name:       "a nested override is changed where it is",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "overrides": {"web": {"query": "1.0.0"}}`)},
		then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
		now:        "query@1.0.1",
		advisories: "GHSA-1 query 1.0.1",
		steps:      []string{"override query of web with ^1.0.1 in package.json"},
		holds:      map[string]string{"package.json": `"overrides": {"web": {"query": "^1.0.1"}}`},
	},
	{
		name:       "an override of some versions is changed where it is",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "overrides": {"query@1": "1.0.0", "query@3": "3.0.0"}`)},
		then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
		now:        "query@1.0.1",
		advisories: "GHSA-1 query 1.0.1",
		steps:      []string{"override query with ^1.0.1 in package.json"},
		holds:      map[string]string{"package.json": `"overrides": {"query@1": "^1.0.1", "query@3": "3.0.0"}`},
	},
	{
		name:       "an override of itself and below is changed where it is",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "overrides": {"query": {".": "1.0.0", "deep": "1.0.0"}}`)},
		then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0 deep@^1.0.0\ndeep@1.0.0",
		now:        "query@1.0.1 deep@^1.0.0\ndeep@1.0.1",
		advisories: "GHSA-1 query 1.0.1",
		steps:      []string{"override query with ^1.0.1 in package.json"},
		holds:      map[string]string{"package.json": `"query": {".": "^1.0.1", "deep": "1.0.0"}`},
	},
	{
		name:       "two users, of which one allows another version",
		files:      map[string]string{"package.json": app(`"dependencies": {"a": "^1.0.0", "b": "^1.0.0"}`)},
		then:       "a@1.0.0 query@^1.0.0\nb@1.0.0 query@1.0.0\nquery@1.0.0",
		now:        "query@1.0.1",
		advisories: "GHSA-1 query 1.0.1",
		steps:      []string{"update query 1.0.0 to 1.0.1 in the lockfile", "override query with ^1.0.1 in package.json"},
	},
	{
		name:       "a folder inside the app asks for it",
		files:      map[string]string{"package.json": app(`"dependencies": {"lib": "file:./lib"}`), "lib/package.json": `{"name": "lib", "version": "1.0.0", "dependencies": {"web": "^1.0.0"}}`},
		then:       "web@1.0.0",
		now:        "web@1.0.1",
		advisories: "GHSA-1 web 1.0.1",
		steps:      []string{"update web 1.0.0 to 1.0.1 in the lockfile"},
	},
	{
		name:       "a plugin goes along with what it is for",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0", "plugin": "^1.0.0"}`)},
		then:       "web@1.0.0\nplugin@1.0.0 peer:web@^1.0.0",
		now:        "web@2.0.0\nplugin@2.0.0 peer:web@^2.0.0",
		advisories: "GHSA-1 web 2.0.0",
		breaking:   true,
		steps:      []string{"ask for plugin ^2.0.0 in place of ^1.0.0 in package.json, breaking (major)", "ask for web ^2.0.0 in place of ^1.0.0 in package.json, breaking (major)"},
	},
	{
		name:       "a package manager with a checksum",
		files:      map[string]string{"package.json": app(`"packageManager": "npm@99.0.0+sha512.00", "devEngines": {"packageManager": {"name": "npm", "version": "99", "onFail": "error"}}, "dependencies": {"web": "1.0.0"}`)},
		then:       "",
		now:        "web@1.0.1",
		advisories: "GHSA-1 web 1.0.1",
		steps:      []string{"ask for web 1.0.1 in place of 1.0.0 in package.json"},
		holds:      map[string]string{"package.json": `"npm@99.0.0+sha512.00"`},
	},
	{
		name:       "a version that this Node.js cannot run is passed over",
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}`)},
		then:       "web@1.0.0",
		now:        "web@1.0.1 node=>=999\nweb@1.0.2",
		advisories: "GHSA-1 web 1.0.1",
		steps:      []string{"ask for web 1.0.2 in place of 1.0.0 in package.json"},
	},
}

func TestForms(t *testing.T) {
	npm := need.Program(t, "npm")
	for _, s := range formScenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, s.files)
			if s.then == "" { // with what npm would refuse
				s.then = "web@1.0.0"
				whole := s.files["package.json"]
				if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(app(`"dependencies": {"web": "1.0.0"}`)), 0o600); err != nil {
					t.Fatal(err)
				}
				r := s.lock(t, dir, npm, "install", "--package-lock-only", "--ignore-scripts", "--no-fund")
				if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(whole), 0o600); err != nil {
					t.Fatal(err)
				}
				s.prove(t, dir, client(t, r))
				return
			}
			r := s.lock(t, dir, npm, "install", "--package-lock-only", "--ignore-scripts", "--no-fund")
			s.prove(t, dir, client(t, r))
		})
	}
}

// The form of package.json and of the lockfile stays: line ends, tabs, marks of an editor,
// the order of keys, the end of the last line, modes.
func TestTheFormOfFilesStays(t *testing.T) {
	npm := need.Program(t, "npm")
	s := scenario{
		then: "web@1.0.0 query@1.0.0\nquery@1.0.0", now: "query@1.0.1", advisories: "GHSA-1 query 1.0.1",
		steps: []string{"override query with ^1.0.1 in package.json"},
	}
	dos := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	for name, form := range map[string]func(string) string{
		"DOS":             dos,
		"tabs":            func(text string) string { return strings.ReplaceAll(text, "  ", "\t") },
		"a mark":          func(text string) string { return "\ufeff" + text },
		"no end":          func(text string) string { return strings.TrimRight(text, "\n") },
		"a mark, DOS":     func(text string) string { return "\ufeff" + dos(text) },
		"order of the Zs": func(text string) string { return strings.Replace(text, "{\n", "{\n  \"zzz\": 1,\n", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"package.json": form(app(`"dependencies": {"web": "1.0.0"}`))})
			r := s.lock(t, dir, npm, "install", "--package-lock-only", "--ignore-scripts", "--no-fund")
			lock := strings.ReplaceAll(form(read(t, dir, "package-lock.json")), "\ufeff", "")
			if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(lock), 0o600); err != nil {
				t.Fatal(err)
			}
			s.prove(t, dir, client(t, r))
			want := form(app("\"dependencies\": {\"web\": \"1.0.0\"},\n  \"overrides\": {\n    \"query\": \"^1.0.1\"\n  }"))
			if got := read(t, dir, "package.json"); got != want {
				t.Errorf("package.json is %q, want %q", got, want)
			}
			now := read(t, dir, "package-lock.json")
			if strings.HasPrefix(name, "a mark") && strings.Contains(now, "\r") != strings.Contains(lock, "\r") || strings.Contains(lock, "\r\n") != strings.Contains(now, "\r\n") || strings.Contains(lock, "\n\t") != strings.Contains(now, "\n\t") {
				t.Errorf("package-lock.json was %.80q and is %.80q", lock, now)
			}
		})
	}
}

// A manifest that a package manager can read and we cannot is not in the copy: with a mark
// before it, or comments in it, it would lead out of the folder unseen.
func TestAManifestWithAMarkIsRead(t *testing.T) {
	for name, text := range map[string]string{"a mark": "\ufeff" + app(`"dependencies": {"web": "1.0.0", "x": "file:../../x"}`)} {
		dir := folder(t, map[string]string{"package.json": text, "bun.lock": bunLock})
		if _, err := fix.New(dir, fix.Options{Advisories: advisories(t, "npm", "GHSA-1 web 1.0.1")}); err == nil || !strings.Contains(err.Error(), "does not follow") {
			t.Errorf("%s: New = %v, want it refused", name, err)
		}
	}
}
