package depreport_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

type on = map[string]string

// deprecated marks a version of a packument.
func deprecated(p map[string]any, version string) map[string]any {
	p["versions"].(map[string]any)[version].(map[string]any)["deprecated"] = "do not"
	return p
}

// with sets a member of a version of a packument.
func with(p map[string]any, version, member string, value any) map[string]any {
	p["versions"].(map[string]any)[version].(map[string]any)[member] = value
	return p
}

// TestMadeTrees compares with npm where packages are not as simple as at random.
func TestMadeTrees(t *testing.T) {
	need.Program(t, "npm")
	bad := []advisory{{"TEST-1", "leaf", "HIGH", [][2]string{{"0", "1.2.0"}}}}
	leaf := func() map[string]any {
		return versions("leaf", map[string]map[string]string{"1.0.0": nil, "1.1.0": nil, "1.2.0": nil, "2.0.0": nil})
	}
	for name, tc := range map[string]struct {
		packuments []map[string]any
		manifest   map[string]any
		members    map[string]map[string]any
		advisories []advisory
		// gone are packuments that the registry has no more when it is asked for the audit.
		gone []string
	}{
		"workspace": {
			packuments: []map[string]any{leaf(), versions("mid", map[string]map[string]string{"1.0.0": {"leaf": "1.0.0"}, "1.1.0": {"leaf": "^1.2.0"}})},
			manifest:   map[string]any{"name": "shop", "workspaces": []string{"packages/*"}},
			members: map[string]map[string]any{
				"a": {"name": "a", "version": "1.0.0", "dependencies": on{"mid": "1.0.0"}},
				"b": {"name": "@shop/b", "version": "1.0.0", "dependencies": on{"leaf": "1.1.0", "a": "1.0.0"}},
			},
			advisories: bad,
		},
		"alias": {
			packuments: []map[string]any{leaf(), versions("mid", map[string]map[string]string{"1.0.0": {"blatt": "npm:leaf@1.0.0"}})},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"mid": "^1.0.0", "old": "npm:leaf@~1.0.0", "older": "npm:leaf@1.1.0"}},
			advisories: bad,
		},
		"tag and deprecated": {
			packuments: []map[string]any{
				deprecated(leaf(), "2.0.0"),
				deprecated(versions("mid", map[string]map[string]string{"1.0.0": {"leaf": "~1.0.0"}, "1.0.1": {"leaf": "~1.0.0"}, "2.0.0": {"leaf": "2"}, "3.0.0": {"leaf": "2"}}), "3.0.0"),
			},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"leaf": "1.0.0", "mid": "~1.0.0"}},
			advisories: bad,
		},
		"no fix": {
			packuments: []map[string]any{versions("leaf", map[string]map[string]string{"1.0.0": nil}), versions("mid", map[string]map[string]string{"1.0.0": {"leaf": "*"}})},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"mid": "*"}},
			advisories: []advisory{{"TEST-1", "leaf", "LOW", [][2]string{{"0", ""}}}, {"TEST-2", "leaf", "CRITICAL", [][2]string{{"0.5.0", "1.0.1"}}}},
		},
		"cycle": {
			packuments: []map[string]any{
				versions("leaf", map[string]map[string]string{"1.0.0": {"mid": "^1.0.0"}, "1.2.0": {"mid": "^1.0.0"}}),
				versions("mid", map[string]map[string]string{"1.0.0": {"leaf": "1.0.0"}}),
			},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"mid": "1"}},
			advisories: bad,
		},
		"peer and optional": {
			packuments: []map[string]any{
				leaf(),
				with(versions("plugin", map[string]map[string]string{"1.0.0": nil, "2.0.0": nil}), "1.0.0", "peerDependencies", on{"leaf": "~1.1.0"}),
				with(versions("extra", map[string]map[string]string{"1.0.0": nil, "2.0.0": nil}), "1.0.0", "optionalDependencies", on{"leaf": "1.1.0"}),
			},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"plugin": "1.0.0"}, "optionalDependencies": on{"extra": "1.0.0"}},
			advisories: bad,
		},
		"unheard of": {
			packuments: []map[string]any{leaf(), versions("mid", map[string]map[string]string{"1.0.0": {"leaf": "1.0.0"}, "2.0.0": {"leaf": "^2.0.0"}})},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"mid": "1.0.0"}},
			advisories: bad, gone: []string{"mid"},
		},
		"nothing": {
			packuments: []map[string]any{leaf()},
			manifest:   map[string]any{"name": "shop", "dependencies": on{"leaf": "^1.2.0"}},
			advisories: bad,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &registry{packuments: map[string]map[string]any{}, advisories: tc.advisories}
			for _, p := range tc.packuments {
				r.packuments[p["name"].(string)] = p
			}
			dir := t.TempDir()
			put := func(name string, v any) {
				text, err := json.Marshal(v)
				if err == nil {
					err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
				}
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			put("package.json", tc.manifest)
			for name, m := range tc.members {
				put("packages/"+name+"/package.json", m)
			}
			address := r.start(t)
			npm(t, dir, address, "install", "--package-lock-only", "--no-audit", "--json")
			for _, name := range tc.gone {
				r.forget(name)
			}
			want := decode(t, npm(t, dir, address, "audit", "--json"))
			got := decode(t, ours(t, dir, r, "npm-audit", true))
			anyOf(want)
			anyOf(got)
			equal(t, got, want, "report")
			direct(t, decode(t, ours(t, dir, r, "npm-audit", false)), want)
			if n := len(want["vulnerabilities"].(map[string]any)); (n == 0) != (name == "nothing") {
				lock, _ := os.ReadFile(filepath.Join(dir, "package-lock.json"))
				t.Errorf("npm tells of %d packages: the tree shows nothing: %s", n, lock)
			}
		})
	}
}
