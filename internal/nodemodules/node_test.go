package nodemodules_test

import (
	"bufio"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/jsrefs"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/nodemodules"
)

// hook has Node write down what it loads: modules of ECMAScript by a loader, the others at
// the end. It runs in these tests and nowhere else.
const hook = `const fs = require('fs'), Module = require('module')
process.on('exit', () => fs.appendFileSync(process.env.LOADED, Object.keys(require.cache).join('\n') + '\n'))
Module.register('data:text/javascript,' + encodeURIComponent("import fs from 'fs'\nexport async function load(url, context, next) { fs.appendFileSync(" +
  JSON.stringify(process.env.LOADED) + ", url + '\\n'); return next(url, context) }"))
`

// loaded are the folders of packages of which Node loads something when it runs a script.
func loaded(t *testing.T, dir, script string) []string {
	t.Helper()
	out := t.TempDir()
	first, list := filepath.Join(out, "hook.js"), filepath.Join(out, "loaded")
	if err := os.WriteFile(first, []byte(hook), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need.Program(t, "node"), "-r", first, "-e", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LOADED="+list, "NODE_OPTIONS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("node -e %q: %v\n%s", script, err, text)
	}
	f, err := os.Open(list)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name := lines.Text()
		if u, err := url.Parse(name); err == nil && u.Scheme == "file" {
			name = u.Path
		}
		if rel, err := filepath.Rel(real, name); err == nil {
			if folder := nodemodules.Folder(filepath.ToSlash(rel)); folder != "" && !slices.Contains(all, folder) {
				all = append(all, folder)
			}
		}
	}
	return all
}

// What Node loads of real packages is found to be loaded.
func TestAsNodeLoads(t *testing.T) {
	packages := []string{
		"express", "fastify", "koa", "helmet", "csurf", "cookie-session", "express-session", "passport", "passport-oauth2", "redis", "connect-redis", "ws", "ajv",
		"compression", "cors", "puppeteer-core", "@cyclonedx/cyclonedx-library", "junit2json", "har-schema", "xml2js", "pino", "yargs",
	}
	dir := filepath.Dir(need.Modules(t, packages...))
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	missed, seen, exact := 0, 0, 0
	for _, name := range packages {
		for script, how := range map[string]jsrefs.How{"require('" + name + "')": jsrefs.Require, "import('" + name + "')": jsrefs.Dynamic} {
			if name == "junit2json" && how == jsrefs.Require {
				continue // Node 20 refuses it
			}
			start := time.Now()
			tree := nodemodules.Follow(t.Context(), root.FS(), []nodemodules.Root{{Place: nodemodules.Place{File: "server.js", Line: 1}, Name: name, How: how}}, nodemodules.Options{})
			took := time.Since(start)
			var got []string
			for _, p := range tree.Packages {
				got = append(got, p.Dir)
			}
			want := loaded(t, dir, script)
			for _, folder := range want {
				if seen++; !slices.Contains(got, folder) {
					missed++
					t.Errorf("%s: Node loads %s, and it was not followed there", script, folder)
				}
			}
			if len(got) == len(want) {
				exact++
			}
			t.Logf("%s: %d packages of Node's %d, %d files, %s", script, len(got), len(want), tree.Files, took.Round(time.Millisecond))
			if len(want) == 0 || !strings.HasPrefix(strings.Join(want, " ")+" ", "node_modules/") {
				t.Errorf("%s: Node tells that it loads %v", script, want)
			}
		}
	}
	t.Logf("%d packages loaded, %d missed, %d of the sets exact", seen, missed, exact)
}
