package fix_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// manager puts a package manager of npm's on the PATH under a name.
func manager(t *testing.T, name, module, script string) string {
	t.Helper()
	node := need.Program(t, "node")
	file := filepath.Join(need.Modules(t, module), filepath.FromSlash(module), filepath.FromSlash(script))
	bin := t.TempDir()
	shim := filepath.Join(bin, name)
	if err := os.WriteFile(shim, []byte(fmt.Sprintf("#!/bin/sh\nexec %q %q \"$@\"\n", node, file)), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return shim
}

func TestScenariosWithYarn1(t *testing.T) {
	yarn := manager(t, "yarn", "yarn", "bin/yarn.js")
	all := append(yarnScenarios("override query of web with ^1.0.1 in package.json", `"**/web/query": "^1.0.1"`), resolution("**/query"), resolution("web/query"), resolution("**/web/**/query"), resolution("query"))
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // the PATH stays until all of them are done
			dir := folder(t, s.files)
			r := s.lock(t, dir, yarn, "install", "--ignore-scripts", "--no-bin-links", "--non-interactive")
			if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			s.lacks = map[string]string{"yarn.lock": "/~"}
			s.prove(t, dir, client(t, r))
		})
	}
}

func TestScenariosWithYarn4(t *testing.T) {
	yarn := manager(t, "yarn", "@yarnpkg/cli-dist", "bin/yarn.js")
	all := append(yarnScenarios("override query of web with ^1.0.1 in package.json", `"web/query": "^1.0.1"`), resolution("query@npm:^1.0.0"), resolution("web/query"), resolution("web@npm:1.0.0/query"))
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // the PATH stays until all of them are done
			s.files[".yarnrc.yml"] = "nodeLinker: node-modules\nenableTelemetry: false\nunsafeHttpWhitelist: [127.0.0.1]\nenableGlobalCache: true\n"
			s.files["yarn.lock"] = ""
			dir := folder(t, s.files)
			r := s.lock(t, dir, yarn, "install", "--mode=update-lockfile")
			s.lacks = map[string]string{"yarn.lock": "127.0.0.1"}
			s.prove(t, dir, client(t, r))
		})
	}
}

func TestScenariosWithPNPM(t *testing.T) {
	pnpm := manager(t, "pnpm", "pnpm", "bin/pnpm.cjs")
	all := append(yarnScenarios("override query of web with ^1.0.1 in package.json", `"web>query": "^1.0.1"`),
		scenario{
			name:       "an override that is there is changed where it is",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "pnpm": {"overrides": {"other": "1.0.0", "web@1>query@1": "1.0.0"}}`)},
			then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"override query of web with ^1.0.1 in package.json"},
			holds:      map[string]string{"package.json": `{"other": "1.0.0", "web@1>query@1": "^1.0.1"}`},
		},
		scenario{
			name: "an override in pnpm-workspace.yaml is changed there",
			files: map[string]string{
				"package.json":        app(`"dependencies": {"web": "1.0.0"}`),
				"pnpm-workspace.yaml": "# settings\noverrides:\n  'query': 1.0.0 # until web moves\nautoInstallPeers: true\n",
			},
			then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"override query with ^1.0.1 in pnpm-workspace.yaml"},
			holds:      map[string]string{"pnpm-workspace.yaml": "# settings\noverrides:\n  'query': \"^1.0.1\" # until web moves\nautoInstallPeers: true\n"},
		},
		scenario{
			name: "an override is added to those in pnpm-workspace.yaml",
			files: map[string]string{
				"package.json":        app(`"dependencies": {"web": "1.0.0"}`),
				"pnpm-workspace.yaml": "overrides:\r\n    other: 1.0.0\r\n\r\nautoInstallPeers: true\r\n",
			},
			then:       "web@1.0.0 query@1.0.0\nquery@1.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{"override query with ^1.0.1 in pnpm-workspace.yaml"},
			holds:      map[string]string{"pnpm-workspace.yaml": "    other: 1.0.0\r\n    \"query\": \"^1.0.1\"\r\n\r\nautoInstallPeers"},
		},
	)
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // the PATH stays until all of them are done
			if s.files["packages/a/package.json"] != "" {
				s.files["pnpm-workspace.yaml"] = "packages:\n  - packages/*\n"
			}
			dir := folder(t, s.files)
			r := s.lock(t, dir, pnpm, "install", "--lockfile-only", "--ignore-scripts")
			s.lacks = map[string]string{"pnpm-lock.yaml": "127.0.0.1"}
			s.prove(t, dir, client(t, r))
		})
	}
}

// resolution is an app with one that is written in some way.
func resolution(key string) scenario {
	of := ""
	if strings.HasPrefix(key, "web") {
		of = " of web"
	}
	return scenario{
		name:       "a resolution that is there is changed: " + key,
		files:      map[string]string{"package.json": app(`"dependencies": {"web": "1.0.0"}, "resolutions": {"` + key + `": "1.0.0"}`)},
		then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
		now:        "query@1.0.1",
		advisories: "GHSA-1 query 1.0.1",
		steps:      []string{"override query" + of + " with ^1.0.1 in package.json"},
		holds:      map[string]string{"package.json": `"` + key + `": "^1.0.1"`},
	}
}

// yarnScenarios are those that all package managers share.
func yarnScenarios(override, written string) []scenario {
	return []scenario{
		{
			name:       "in range",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0 @s/query@^2.0.0\n@s/query@2.0.0",
			now:        "@s/query@2.0.1\n@s/query@2.1.0",
			advisories: "GHSA-1 @s/query 2.0.1",
			steps:      []string{"update @s/query 2.0.0 to 2.1.0 in the lockfile"},
		},
		{
			name:       "in range, by another version of what asks for it",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0 query@2.0.0\nquery@2.0.0",
			now:        "web@1.0.1 query@2.0.1\nquery@2.0.1",
			advisories: "GHSA-1 query 2.0.1",
			steps:      []string{"update query 2.0.0 to 2.0.1 in the lockfile", "update web 1.0.0 to 1.0.1 in the lockfile"},
		},
		{
			name:       "major",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0",
			now:        "web@2.0.0\nweb@3.0.0",
			advisories: "GHSA-1 web 2.0.0",
			breaking:   true,
			steps:      []string{"ask for web ^2.0.0 in place of ^1.0.0 in package.json, breaking (major)"},
		},
		{
			name:       "override",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0", "query": "^3.0.0"}`)},
			then:       "web@1.0.0 query@1.0.0\nquery@1.0.0\nquery@3.0.0",
			now:        "query@1.0.1",
			advisories: "GHSA-1 query 1.0.1",
			steps:      []string{override},
			holds:      map[string]string{"package.json": written},
		},
		{
			name: "workspace",
			files: map[string]string{
				"package.json":            app(`"private": true, "workspaces": ["packages/*"]`),
				"packages/a/package.json": `{"name": "a", "version": "1.0.0", "dependencies": {"web": "~1.0.0"}}`,
			},
			then:       "web@1.0.0",
			now:        "web@1.1.0",
			advisories: "GHSA-1 web 1.1.0",
			steps:      []string{"ask for web ~1.1.0 in place of ~1.0.0 in packages/a/package.json"},
		},
		{
			name:       "the highest in range brings another finding",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0",
			now:        "web@1.0.1\nweb@1.0.2 evil@^1.0.0\nevil@1.0.0",
			advisories: "GHSA-1 web 1.0.1\nGHSA-2 evil -",
			steps:      []string{"update web 1.0.0 to 1.0.1 in the lockfile"},
		},
		{
			name:       "no fix",
			files:      map[string]string{"package.json": app(`"dependencies": {"web": "^1.0.0"}`)},
			then:       "web@1.0.0 query@^1.0.0\nquery@1.0.0",
			now:        "query@1.1.0",
			advisories: "GHSA-1 query -",
			left:       map[string]string{"query@1.0.0": "no later version of web takes a version of query that is under no advisory"},
		},
	}
}
