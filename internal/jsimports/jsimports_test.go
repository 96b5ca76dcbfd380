package jsimports_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/jsimports"
)

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

var kinds = [...]string{"never", "tests", "named", "stray", "imported"}

func told(g *jsimports.Graph, name string) string {
	use := g.Of(name)
	return strings.TrimSpace(kinds[use.Kind] + " " + strings.Trim(fmt.Sprint(use.At), "[]"))
}

// Each line is an import, alone in a server.js, and what is told of the package x.
func TestForms(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{`const x = require('x')`, "imported server.js:1"},
		{"\nrequire(\"x/lib/a.js\")", "imported server.js:2"},
		{"require(`x`)", "imported server.js:1"},
		{`import x from 'x'`, "imported server.js:1"},
		{`import { a, b as c } from "x"`, "imported server.js:1"},
		{"import {\n  a,\n  b,\n} from 'x'", "imported server.js:4"},
		{`import * as all from 'x/all'`, "imported server.js:1"},
		{`import 'x'`, "imported server.js:1"},
		{`import d, { type T } from 'x'`, "imported server.js:1"},
		{`import data from 'x' with { type: 'json' }`, "imported server.js:1"},
		{`export { a } from 'x'`, "imported server.js:1"},
		{`export * from 'x'`, "imported server.js:1"},
		{`export * as all from 'x'`, "imported server.js:1"},
		{`const x = await import('x')`, "imported server.js:1"},
		{`import(/* webpackChunkName: "c" */ 'x')`, "imported server.js:1"},
		{`require.resolve('x/package.json')`, "imported server.js:1"},
		{`import.meta.resolve('x')`, "imported server.js:1"},
		{`module.require('x')`, "imported server.js:1"},
		{`require?.('x')`, "imported server.js:1"},
		{"import { createRequire } from 'node:module'\nconst r = createRequire(import.meta.url)\nr('x')", "imported server.js:3"},
		{"import { createRequire as make } from 'module'\nmake(import.meta.url)('x')", "imported server.js:2"},
		{"const r = require('module').createRequire(process.cwd() + '/')\nr('x')", "imported server.js:2"},
		{"const r = (await import('node:module')).createRequire(u)\nr('x')", "imported server.js:2"},
		{"const r = process.getBuiltinModule('module').createRequire(u)\nr('x')", "imported server.js:2"},
		{"await import.defer('x')", "imported server.js:1"},
		{"import defer * as y from 'x'", "imported server.js:1"},
		{"const r = module.createRequire(__filename)\nr('x')", "imported server.js:2"},
		{"const load = require\nload('x')", "imported server.js:2"},
		{"const name = 'x'\nrequire(name)", "imported server.js:2"},
		{`require('x/' + name)`, "imported server.js:1"},
		{"const a = `${require('x')}`", "imported server.js:1"},
		{"const a = `${ `${1}` + {}}`; require('x')", "imported server.js:1"},
		{`a = b / c; require('x'); d = e / f`, "imported server.js:1"},
		{`a = /['"]/.test(b); require('x')`, "imported server.js:1"},
		{`if (a) return /[/'"]/; require('x')`, "imported server.js:1"},
		{"#!/usr/bin/env node\nrequire('x')", "imported server.js:2"},
		{`require("node:fs"), require('x?raw')`, "imported server.js:1"},
		{`app.set('view engine', 'x')`, "named server.js:1"},
		{`// require('x')`, "never"},
		{`/* require('x') */`, "never"},
		{"const a = `require('x')`", "never"},
		{`"require('x')"`, "never"},
		{`const a = "say \"require('x')\""`, "never"},
		{`require('xx'); require('./x'); import y from '@x/y'`, "never"},
		{`import type { T } from 'x'`, "never"},
		{`import type T from 'x'`, "never"},
		{`export type { T } from 'x'`, "never"},
		{`import type from 'x'`, "imported server.js:1"},
	} {
		g := jsimports.Read(folder(map[string]string{"server.js": c.code}))
		if got := told(g, "x"); got != c.want {
			t.Errorf("%q: %s, want %s", c.code, got, c.want)
		}
		if d, ok := g.Doubt("x"); ok {
			t.Errorf("%q: doubt %s, want none", c.code, d)
		}
	}
}

func TestFiles(t *testing.T) {
	for name, want := range map[string]string{
		"a.mjs": "import 'x'", "a.cjs": "require('x')", "a.jsx": "<p>It's http://a.test</p>\nimport 'x'", "a.mts": "import x = require('x')",
		"a.ts": "function f<T>(a: T): a is 'b' { return <T>a }\nimport { type A, b } from 'x'", "a.tsx": "const a = <T,>(b: T) => <i>don't</i>\nexport * from 'x'",
		"a.vue": "<template><p>it's</p></template>\n<script setup>\nimport 'x'\n</script>", "a.svelte": "<script>import 'x'</script>\n<p>don't</p>", "a.astro": "---\nimport 'x'\n---\n<p>it's</p>",
	} {
		g := jsimports.Read(folder(map[string]string{name: want}))
		if use := g.Of("x"); use.Kind != jsimports.Imported {
			t.Errorf("%s: %s, want imported", name, told(g, "x"))
		}
	}
	g := jsimports.Read(folder(map[string]string{"a.d.ts": "import 'x'", "node_modules/b/index.js": "require('x')", "dist/a.js": "require('x')", ".cache/a.js": "require('x')"}))
	if got := told(g, "x"); got != "never" {
		t.Errorf("declarations, packages and what tools built: %s, want never", got)
	}
}

func TestEntries(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"main":              {map[string]string{"package.json": `{"main":"lib/a"}`, "lib/a.js": "require('./b')", "lib/b.js": "require('x')"}, "imported lib/b.js:1"},
		"nothing leads":     {map[string]string{"package.json": `{"main":"lib/a"}`, "lib/a.js": "", "lib/b.js": "require('x')"}, "stray lib/b.js:1"},
		"exports":           {map[string]string{"package.json": `{"exports":{".":{"import":"./a.mjs"},"./b":["./b.js"]}}`, "a.mjs": "", "b.js": "require('x')"}, "imported b.js:1"},
		"exports with star": {map[string]string{"package.json": `{"exports":{"./*":"./lib/*.js"}}`, "lib/b.js": "require('x')"}, "imported lib/b.js:1"},
		"bin":               {map[string]string{"package.json": `{"bin":{"shop":"bin/shop"}}`, "bin/shop": "#!/usr/bin/env node\nrequire('x')"}, "imported bin/shop:2"},
		"script":            {map[string]string{"package.json": `{"scripts":{"start":"NODE_ENV=production node --max-old-space-size=99 jobs/run.js && echo"}}`, "jobs/run.js": "require('x')"}, "imported jobs/run.js:1"},
		"script of a test":  {map[string]string{"package.json": `{"main":"a.js","scripts":{"test":"node check.js"}}`, "a.js": "", "check.js": "require('x')"}, "stray check.js:1"},
		"preload":           {map[string]string{"package.json": "{\n\"scripts\":{\n\"start\":\"node -r x/config app.js\"}}"}, "imported package.json:3"},
		"tool":              {map[string]string{"package.json": `{"scripts":{"dev":"cross-env A=1 x app.js"}}`}, "imported package.json:1"},
		"no tool":           {map[string]string{"package.json": `{"scripts":{"dev":"npm run x"}}`}, "never"},
		"tests":             {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "test/a.js": "require('x')", "b.spec.ts": "import 'x'"}, "tests b.spec.ts:1 test/a.js:1"},
		"usual name":        {map[string]string{"package.json": "{}", "src/server.ts": "import './b.js'", "src/b.ts": "import 'x'"}, "imported src/b.ts:1"},
		"built":             {map[string]string{"package.json": `{"main":"dist/index.js"}`, "dist/index.js": "require('./b')", "dist/b.js": "require('x')"}, "imported dist/b.js:1"},
		"folder":            {map[string]string{"server.js": "require('./routes')", "routes/index.js": "require('x')"}, "imported routes/index.js:1"},
		"member": {map[string]string{"package.json": `{"workspaces":["packages/*"]}`, "packages/a/package.json": `{"name":"@shop/a","main":"m.js"}`, "packages/a/m.js": "require('@shop/b/lib')",
			"packages/b/package.json": `{"name":"@shop/b","main":"other.js"}`, "packages/b/other.js": "", "packages/b/lib.js": "require('x')"}, "imported packages/b/lib.js:1"},
		"alias":               {map[string]string{"server.ts": "import '@/b'", "tsconfig.json": "{ // paths\n\"compilerOptions\":{\"paths\":{\"@/*\":[\"./src/*\",],},}}", "src/b.ts": "import 'x'"}, "imported src/b.ts:1"},
		"own":                 {map[string]string{"package.json": `{"imports":{"#db/*":"./lib/*.js"}}`, "server.js": "import '#db/b'", "lib/b.js": "import 'x'"}, "imported lib/b.js:1"},
		"own package":         {map[string]string{"package.json": `{"imports":{"#db":{"node":"x/lib","default":"./lib/b.js"}}}`, "server.js": "import '#db'"}, "imported server.js:1"},
		"worker":              {map[string]string{"server.js": "new Worker(new URL('./w.js', import.meta.url))", "w.js": "require('x')"}, "imported w.js:1"},
		"all of folder":       {map[string]string{"models/index.js": "fs.readdirSync(__dirname).forEach(f => require(path.join(__dirname, f)))", "server.js": "require('./models')", "models/a.js": "require('x')"}, "imported models/a.js:1"},
		"told folder":         {map[string]string{"server.js": "require('./routes/' + name)", "routes/a.js": "require('x')", "lib/a.js": "require('y')"}, "imported routes/a.js:1"},
		"upwards":             {map[string]string{"boot/load.js": "require(path.join(__dirname, '..', 'lib', f))", "server.js": "require('./boot/load')", "lib/a.js": "require('x')"}, "imported lib/a.js:1"},
		"docker":              {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "Dockerfile": "FROM node\nCMD [\"node\", \"start/go.js\"]", "start/go.js": "require('x')"}, "imported start/go.js:1"},
		"container's options": {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "Dockerfile": "FROM node\nCMD [\"node\", \"-r\", \"x/config\", \"/usr/src/app/a.js\"]"}, "imported Dockerfile:2"},
		"container's folder":  {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "Dockerfile.prod": "CMD exec \\\n  node /usr/src/app/start/go.js", "start/go.js": "require('x')"}, "imported start/go.js:1"},
		"shell in container":  {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "Dockerfile": "ENTRYPOINT [\"sh\", \"-c\", \"cd /app && node start/go.js\"]", "start/go.js": "require('x')"}, "imported start/go.js:1"},
		"options of node":     {map[string]string{"package.json": `{"scripts":{"start":"NODE_OPTIONS='--require x/config' node a.js"}}`, "a.js": ""}, "imported package.json:1"},
		"options in one":      {map[string]string{"package.json": `{"scripts":{"start":"NODE_OPTIONS=--require=x node a.js"}}`, "a.js": ""}, "imported package.json:1"},
		"nodemon":             {map[string]string{"package.json": `{"scripts":{"dev":"nodemon --watch src --exec x -- jobs/run.ts"}}`, "jobs/run.ts": ""}, "imported package.json:1"},
		"concurrently":        {map[string]string{"package.json": `{"scripts":{"dev":"concurrently \"node jobs/run.js\" 'echo'"}}`, "jobs/run.js": "require('x')"}, "imported jobs/run.js:1"},
		"npm exec":            {map[string]string{"package.json": `{"scripts":{"dev":"npm exec -- x build"}}`}, "imported package.json:1"},
		"pnpm":                {map[string]string{"package.json": `{"scripts":{"dev":"pnpm x build"}}`}, "imported package.json:1"},
		"what is compiled":    {map[string]string{"package.json": `{"scripts":{"start":"node dist/jobs/run.js"}}`, "src/jobs/run.ts": "import 'x'"}, "imported src/jobs/run.ts:1"},
		"latest":              {map[string]string{"package.json": `{"main":"a.js","scripts":{"deploy-latest":"node jobs/run.js"}}`, "a.js": "", "jobs/run.js": "require('x')"}, "imported jobs/run.js:1"},
		"compose":             {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "docker-compose.yml": "services:\n  web:\n    command: node start/go.js", "start/go.js": "require('x')"}, "imported start/go.js:1"},
		"serverless":          {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "serverless.yml": "functions:\n  cart:\n    handler: src/cart.main", "src/cart.ts": "import 'x'"}, "imported src/cart.ts:1"},
		"plugin":              {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "serverless.yml": "plugins:\n  - y\n  - x\n"}, "imported serverless.yml:3"},
		"pm2":                 {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "ecosystem.config.js": "module.exports = { apps: [{ script: 'jobs/run', node_args: '-r x/config' }] }", "jobs/run.js": ""}, "imported ecosystem.config.js:1"},
		"pm2 in JSON":         {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "ecosystem.json": `{"apps":[{"script":"jobs/run.js"}]}`, "jobs/run.js": "require('x')"}, "imported jobs/run.js:1"},
		"page":                {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "index.html": "<script type=module src=\"/ui/start.tsx\"></script>", "ui/start.tsx": "import 'x'"}, "imported ui/start.tsx:1"},
		"next":                {map[string]string{"package.json": `{"dependencies":{"next":"14"}}`, "next.config.js": "", "src/app/cart/page.tsx": "import '@/lib/db'", "src/lib/db.ts": "import 'x'"}, "imported src/lib/db.ts:1"},
		"nuxt":                {map[string]string{"package.json": `{"devDependencies":{"nuxt":"3"}}`, "nuxt.config.ts": "", "pages/a.vue": "<script setup>\nimport '~/lib/db'\n</script>", "lib/db.ts": "import 'x'"}, "imported lib/db.ts:1"},
		"svelte":              {map[string]string{"package.json": `{"devDependencies":{"@sveltejs/kit":"2"}}`, "svelte.config.js": "", "src/routes/+page.server.ts": "import '$lib/db'", "src/lib/db.ts": "import 'x'"}, "imported src/lib/db.ts:1"},
		"astro":               {map[string]string{"package.json": `{"dependencies":{"astro":"4"}}`, "astro.config.mjs": "", "src/pages/index.astro": "---\nimport 'x'\n---\n"}, "imported src/pages/index.astro:2"},
		"remix":               {map[string]string{"package.json": `{"dependencies":{"@remix-run/react":"2"}}`, "vite.config.ts": "", "app/routes/_index.tsx": "import 'x'"}, "imported app/routes/_index.tsx:1"},
		"two aliases": {map[string]string{"package.json": `{"workspaces":["p/*"]}`, "p/a/package.json": `{"name":"a","main":"m.ts"}`, "p/a/m.ts": "import '@/c'", "p/a/tsconfig.json": `{"compilerOptions":{"paths":{"@/*":["./src/*"]}}}`, "p/a/src/c.ts": "import 'y'",
			"p/b/package.json": `{"name":"b","main":"m.ts"}`, "p/b/m.ts": "import '@/c'", "p/b/tsconfig.json": `{"compilerOptions":{"paths":{"@/*":["./src/*"]}}}`, "p/b/src/c.ts": "import 'x'"}, "imported p/b/src/c.ts:1"},
		"alias of a base": {map[string]string{"server.ts": "import '@org/db'", "tsconfig.base.json": `{"compilerOptions":{"paths":{"@org/db":["libs/db/src/index.ts"]}}}`, "libs/db/src/index.ts": "import 'x'"}, "imported libs/db/src/index.ts:1"},
		"tool of tests":   {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "jest.config.js": "require('x')"}, "tests jest.config.js:1"},
		"babel":           {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", ".babelrc": `{"presets":[["x"]]}`}, "named .babelrc:1"},
		"eslint in YAML":  {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", ".eslintrc.yml": "extends:\n  - x\n"}, "named .eslintrc.yml:2"},
		"field of a tool": {map[string]string{"package.json": "{\"main\":\"a.js\",\"keywords\":[\"y\"],\n\"jest\":{\"preset\":\"x\"}}", "a.js": ""}, "named package.json:2"},
		"keyword":         {map[string]string{"package.json": `{"main":"a.js","keywords":["x"]}`, "a.js": ""}, "never"},
		"configuration":   {map[string]string{"package.json": `{"main":"a.js"}`, "a.js": "", "vite.config.mjs": "import 'x'"}, "imported vite.config.mjs:1"},
	} {
		g := jsimports.Read(folder(c.files))
		if got := told(g, "x"); got != c.want {
			t.Errorf("%s: %s (entries %v), want %s", name, got, g.Entries, c.want)
		}
		if d, ok := g.Doubt("x"); ok {
			t.Errorf("%s: doubt %s, want none", name, d)
		}
	}
}

func TestDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"any name":  {map[string]string{"server.js": "\nrequire(name)"}, "server.js:2 loads a module whose name is made at run time"},
		"import":    {map[string]string{"server.js": "await import(`${a}`)"}, "server.js:1 loads a module whose name is made at run time"},
		"begins":    {map[string]string{"server.js": "require('x-' + a)"}, "server.js:1 loads a module whose name begins with x-"},
		"other":     {map[string]string{"server.js": "require('y-' + a)"}, ""},
		"in a test": {map[string]string{"test/a.js": "require(a)"}, ""},
		"unended":   {map[string]string{"server.js": "const a = `b"}, "server.js ends inside of a comment or a template, as far as it could be read"},
		"odd":       {map[string]string{"a.jsx": "<p>it's {require(\"x\")} </p>"}, "a.jsx:1 has a quote without an end, beside what may be an import"},
		"large":     {map[string]string{"server.js": strings.Repeat(" ", jsimports.MaxFileSize+1)}, "server.js is larger than 2 MiB"},
		"coffee":    {map[string]string{"a.coffee": ""}, "a.coffee is no JavaScript, and was not read"},
		"tsconfig":  {map[string]string{"tsconfig.json": "{"}, "tsconfig.json could not be read, and may give names another meaning"},
	} {
		d, ok := jsimports.Read(folder(c.files)).Doubt("x-y")
		if got := d.String(); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: doubt %q %v, want %q", name, got, ok, c.want)
		}
	}
}

// What is nested, long or without an end costs time in proportion.
func TestHostile(t *testing.T) {
	for name, text := range map[string]string{
		"calls": strings.Repeat("require(", 200_000), "templates": strings.Repeat("`${", 300_000), "makers": strings.Repeat("createRequire(", 100_000),
		"imports": strings.Repeat("import{a,", 200_000), "quotes": strings.Repeat("'\n", 500_000), "made": strings.Repeat("require(__dirname+a);", 80_000),
	} {
		files := map[string]string{"server.js": text}
		for i := range 200 {
			files[fmt.Sprintf("a%d.js", i)] = ""
		}
		if g := jsimports.Read(folder(files)); g.Files != 201 {
			t.Errorf("%s: %d files, want 201", name, g.Files)
		}
	}
}

func TestEmptyFolder(t *testing.T) {
	g := jsimports.Read(os.DirFS(t.TempDir()))
	if _, doubt := g.Doubt("x"); doubt || g.Of("x").Kind != jsimports.Never || len(g.Names(jsimports.Tests)) > 0 {
		t.Errorf("an empty folder = %+v, want nothing", g)
	}
}

func ExampleRead() {
	g := jsimports.Read(fstest.MapFS{
		"package.json": {Data: []byte(`{"main":"server.js"}`)},
		"server.js":    {Data: []byte("const express = require('express')\napp.set('view engine', 'pug')\n")},
	})
	fmt.Println(g.Of("express").At, g.Of("pug").Kind == jsimports.Named, g.Of("qs").Kind == jsimports.Never)
	// Output: [server.js:1] true true
}

func FuzzRead(f *testing.F) {
	f.Add("import a from 'x'; require(`y${z}`) /re'/ // c\n<p>it's</p>")
	f.Add("`${`${a}`}`/*")
	f.Fuzz(func(t *testing.T, text string) {
		g := jsimports.Read(fstest.MapFS{"a.tsx": {Data: []byte(text)}, "package.json": {Data: []byte(text)}, "tsconfig.json": {Data: []byte(text)}, "b.vue": {Data: []byte(text)}})
		lines := strings.Count(text, "\n") + 1
		for _, name := range g.Names(jsimports.Tests) {
			for _, at := range g.Of(name).At {
				if name == "" || at.Line < 1 || at.Line > lines {
					t.Errorf("package %q at %s of %d lines", name, at, lines)
				}
			}
		}
	})
}

// Each name is held against each pattern: there is a bound.
func TestManyAliases(t *testing.T) {
	var paths []string
	for i := range 3000 {
		paths = append(paths, fmt.Sprintf(`"k%d*":["x"]`, i))
	}
	g := jsimports.Read(folder(map[string]string{"server.js": "", "tsconfig.json": `{"compilerOptions":{"paths":{` + strings.Join(paths, ",") + `}}}`}))
	if d, ok := g.Doubt("k1"); !ok || !strings.Contains(d.Reason, "more than 2000 paths") {
		t.Errorf("doubt = %v, want one about the paths", d)
	}
}
