package jsast_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/jsast"
)

func ExampleLoad() {
	p := jsast.Load(fstest.MapFS{"app.js": {Data: []byte(`
const express = require('express')
const app = express()
app.set('trust proxy', 1)
app.get('/users/:id', (req, res) => res.send(req.params.id))
app.listen(3000)
`)}})
	routes, _ := p.Routes()
	for _, r := range routes {
		fmt.Println(r.Method, r.Path, r.File, r.Line)
	}
	for _, c := range p.Calls {
		if c.Callee == "express().set" {
			fmt.Println(c.Pos.Line, c.Arg(0).Text, c.Arg(1).Text)
			fmt.Println(p.Excerpt(c.Pos))
		}
	}
	// Output:
	// GET /users/:id app.js 5
	// 4 trust proxy 1
	// app.set('trust proxy', 1)
}

func ExampleSample() {
	fmt.Println(jsast.Sample("/users/:id/orders/:order"))
	// Output: /users/1/orders/1 true
}

func TestSample(t *testing.T) {
	for _, tt := range []struct {
		path, want string
		ok         bool
	}{
		{"/", "/", true},
		{"", "/", true},
		{"/a/:id", "/a/1", true},
		{"/a/:from-:to", "/a/1-1", true},
		{`/a/:id(\d+)`, "/a/1", true},
		{"/a/:id(x|y)", "", false},
		{"/a/:id?", "/a", true},
		{"/a{/:id}", "/a", true},
		{"/a{/:id", "", false},
		{"/files/*", "/files/x", true},
		{"/files/*rest", "/files/x", true},
		{"/a/:id+", "/a/1", true},
		{"/(a|b)", "", false},
		{"/a[bc]", "", false},
	} {
		if got, ok := jsast.Sample(tt.path); got != tt.want || ok != tt.ok {
			t.Errorf("Sample(%q) = %q, %v, want %q, %v", tt.path, got, ok, tt.want, tt.ok)
		}
	}
}

// given writes the arguments of the calls of "see", which is how the tests ask what the
// interpreter knows.
func given(t *testing.T, source string) []string {
	t.Helper()
	p := jsast.Load(fstest.MapFS{"a.js": {Data: []byte(source)}})
	for _, s := range p.Skipped {
		t.Fatalf("skipped %+v", s)
	}
	var got []string
	for _, c := range p.Calls {
		if c.Callee == "see" {
			got = append(got, show(c.Arg(0)))
		}
	}
	return got
}

func show(v *jsast.Value) string {
	switch v.Kind {
	case jsast.Ref, jsast.Undefined, jsast.Null, jsast.Bool, jsast.Number, jsast.Regexp:
		return v.Text
	case jsast.String:
		return fmt.Sprintf("%q", v.Text)
	case jsast.Result:
		return v.Text + "(…)"
	case jsast.Object:
		var parts []string
		for _, p := range v.Props {
			parts = append(parts, p.Name+": "+show(p.Value))
		}
		if v.Open {
			parts = append(parts, "…")
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case jsast.Function:
		return "function " + v.Func.Name
	case jsast.Application:
		return "app"
	}
	var parts []string
	for _, o := range v.List {
		parts = append(parts, show(o))
	}
	if v.Open {
		parts = append(parts, "…")
	}
	return map[jsast.Kind]string{jsast.Template: "text", jsast.Array: "list", jsast.Choice: "one of"}[v.Kind] + "(" + strings.Join(parts, ", ") + ")"
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"a text", `see('a\u0041\n')`, `"aA\n"`},
		{"a constant", `const a = 'x'; see(a + 'y')`, `"xy"`},
		{"a template", "const a = 1; see(`${a}/b`)", `"1/b"`},
		{"a template with an unknown part", "see(`a${process.env.X}`)", `text("a", process.env.X, "")`},
		{"the environment", `see(process.env.NODE_ENV)`, `"production"`},
		{"the environment with another name", `see(config.get('env') === 'production')`, "true"},
		{"development is folded away", `see(process.env.NODE_ENV !== 'production' ? 1 : 2)`, "2"},
		{"a switch on the environment", `let a; switch (process.env.NODE_ENV) { case 'production': a = 1; break; default: a = 2 } see(a)`, "1"},
		{"a default", `see(process.env.SECRET || 'cat')`, `one of(process.env.SECRET, "cat")`},
		{"a condition that cannot be told", `let a = 1; if (process.env.X) a = 2; see(a)`, "one of(1, 2)"},
		{"a member set in production", `const o = { c: {} }; if (process.env.NODE_ENV === 'production') o.c.secure = true; see(o)`, "{c: {secure: true}}"},
		{"a member set under a condition", `const o = {}; if (process.env.X) o.a = 1; see(o)`, "{a: one of(undefined, 1)}"},
		{"a spread", `const a = { x: 1, y: 2 }; see({ ...a, y: 3 })`, "{x: 1, y: 3}"},
		{"a spread of something unknown", `see({ x: 1, ...require('y'), z: 2 })`, "{x: one of(1, ?), z: 2, …}"},
		{"a spread under a condition", `see({ x: 1, ...(process.env.X && { y: 2 }) })`, "{x: 1, y: one of(undefined, 2)}"},
		{"a spread under the environment", `const prod = process.env.NODE_ENV === 'production'; see({ ...(prod && { y: 2 }) })`, "{y: 2}"},
		{"Object.assign", `see(Object.assign({ a: 1 }, { b: 2 }))`, "{a: 1, b: 2}"},
		{"a member by the environment", `const c = { production: { a: 1 }, development: { a: 2 } }; see(c[process.env.NODE_ENV || 'development'].a)`, "1"},
		{"a function", `function f(a, b = 2) { return [a, b] } see(f(1))`, "list(1, 2)"},
		{"a closure", `const f = a => b => a + b; see(f('x')('y'))`, `"xy"`},
		{"a recursion ends", `function f(n) { return f(n) } see(f(1))`, "?"},
		{"patterns", `const { a: { b }, c = 3, ...rest } = { a: { b: 1 }, d: 4 }; see([b, c, rest])`, "list(1, 3, {d: 4})"},
		{"a class", `class A { x = 1; constructor(y) { this.y = y } get() { return [this.x, this.y] } } see(new A(2).get())`, "list(1, 2)"},
		{"a class above", `class A { constructor(y) { this.y = y } } class B extends A {} see(new B(2).y)`, "2"},
		{"a package", `const { Router: R } = require('express'); see(R)`, "express.Router"},
		{"a result", `const s = require('connect-redis')(require('express-session')); see(new s({}))`, "connect-redis()(…)"},
		{"a product", `see(7 * 24 * 60 * 60 * 1000)`, "604800000"},
		{"a list", `const a = [1]; a.push(2); see(a.concat([3]).map(x => [x]))`, "list(list(1), list(2), list(3))"},
		{"var is hoisted to its function", `function f() { if (process.env.NODE_ENV) { var a = 1 } return a } see(f())`, "1"},
		{"await", `(async () => { see(await Promise.resolve(1)) })()`, "1"},
		{"a callback of something unknown", `db.connect(err => see(err))`, "@err"},
		{"a regular expression after a bracket", `if (x) /a"b/.test(x); see(1)`, "1"},
		{"optional chaining", `const o = { a: { b: 1 } }; see(o?.a?.b)`, "1"},
		{"a module that returns", "see(1)\nif (process.env.X) return\nfoo()", "1"},
		{"comma and void", `see((void 0, 2))`, "2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := given(t, tt.source); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("value = %s, want %s", strings.Join(got, " and "), tt.want)
			}
		})
	}
}

func TestModules(t *testing.T) {
	p := jsast.Load(fstest.MapFS{
		"main.js":      {Data: []byte("import a, { b as c, d } from './lib/index.js'\nimport * as all from './lib'\nimport { f, h } from './lib/more.mjs'\nsee([a, c, d, all.b, f, h])")},
		"lib/index.js": {Data: []byte("export default 1\nconst b = 2\nexport { b }\nexport * from './more.mjs'\n")},
		"lib/more.mjs": {Data: []byte("export const d = 3\nexport const { e: f, g: [h] } = { e: 4, g: [5] }\n")},
		"circle.js":    {Data: []byte("const o = require('./round')\nexports.name = 'circle'\n")},
		"round.js":     {Data: []byte("const c = require('./circle')\nmodule.exports = { c }\n")},
		"gone.js":      {Data: []byte("require('express')\nrequire('./nowhere')\nrequire('./data.json')\n")},
	})
	for _, c := range p.Calls {
		if c.Callee == "see" {
			if got, want := show(c.Arg(0)), "list(1, 2, 3, 2, 4, 5)"; got != want {
				t.Errorf("imports = %s, want %s", got, want)
			}
		}
	}
	want := jsast.Skip{File: "gone.js", Line: 2, Reason: "asks for ./nowhere, which was not read", Server: true}
	if !slices.Equal(p.Skipped, []jsast.Skip{want}) {
		t.Errorf("Skipped = %+v, want %+v", p.Skipped, want)
	}
}

func TestBounds(t *testing.T) {
	files := fstest.MapFS{
		"ok.js":                   {Data: []byte("see(1)")},
		"big.js":                  {Data: make([]byte, jsast.MaxFileSize+1)},
		"deep.js":                 {Data: []byte("/* express */" + strings.Repeat("[", 100_000))},
		"chain.js":                {Data: []byte("a" + strings.Repeat(".b()", 200_000))},
		"sum.js":                  {Data: []byte("see(1" + strings.Repeat("+1", 300_000) + ")")},
		"loop.js":                 {Data: []byte("let a = [], o = {}; a.push(a); o.o = o; let s = 'x'; function f() { s = s + s; o = { ...o, [s]: a }; a = a.concat(a, [o]); g(); g(); g() } function g() { for (const x of a) h() } function h() { app.use([a, a], a); app.get(a, a) } const app = require('express')(); " + strings.Repeat("f();", 10_000))},
		"minus.js":                {Data: []byte(strings.Repeat("-", 1) + strings.Repeat("!", 900_000) + "1")},
		"broken.js":               {Data: []byte("const = ")},
		"node_modules/x/index.js": {Data: []byte("see(2)")},
		"public/app.js":           {Data: []byte("see(2)")},
		"dist/app.js":             {Data: []byte("see(2)")},
		"jquery.min.js":           {Data: []byte("see(2)")},
		"app.test.js":             {Data: []byte("see(2)")},
		".hidden/app.js":          {Data: []byte("see(2)")},
		"bin/www":                 {Data: []byte("#!/usr/bin/env node\nsee(3)")},
		"bin/tool":                {Data: []byte("#!/bin/sh\nsee 4")},
		strings.Repeat("d/", jsast.MaxDepth+2) + "a.js": {Data: []byte("see(2)")},
	}
	p := jsast.Load(files)
	var seen []string
	for _, f := range p.Files {
		seen = append(seen, f.Path)
	}
	for _, name := range []string{"ok.js", "bin/www"} {
		if !slices.Contains(seen, name) {
			t.Errorf("files = %v, want %s among them", seen, name)
		}
	}
	for _, c := range p.Calls {
		if c.Callee == "see" && c.Arg(0).Text == "2" {
			t.Errorf("%s was read, want it left out", c.Pos.File)
		}
	}
	for file, reason := range map[string]string{
		"big.js": "larger", "deep.js": "nests", "broken.js": "could not be parsed", "minus.js": "could not be parsed",
		strings.Repeat("d/", jsast.MaxDepth) + "d": "lies deeper",
	} {
		if !slices.ContainsFunc(p.Skipped, func(s jsast.Skip) bool { return s.File == file && strings.Contains(s.Reason, reason) }) {
			t.Errorf("Skipped = %+v, want %s with %q", p.Skipped, file, reason)
		}
	}
	if u := p.Unseen(); !slices.ContainsFunc(u, func(s jsast.Skip) bool { return s.File == "deep.js" }) || slices.ContainsFunc(u, func(s jsast.Skip) bool { return s.File == "big.js" }) {
		t.Errorf("Unseen() = %+v, want deep.js, which speaks of Express, and not big.js", u)
	}
}

// TestHostileAppsEnd walks what would take for ever without bounds: each case doubles or
// multiplies with every line.
func TestHostileAppsEnd(t *testing.T) {
	var mounts strings.Builder
	mounts.WriteString("const e = require('express'), a = e(), r0 = e.Router();\n")
	for i := range 30 {
		fmt.Fprintf(&mounts, "const r%d = e.Router();%s\n", i+1, strings.Repeat(fmt.Sprintf("r%d.use('/x', r%d);", i, i+1), 30))
	}
	for name, source := range map[string]string{
		"mounts":    mounts.String() + "r30.get('/y', h); a.use(r0)",
		"paths":     "const e = require('express')(); let p = ['/a']; for (const x of [1,2,3,4,5,6,7,8,9,10,11,12]) p = [p, p, p];" + strings.Repeat("e.get(p, p, p);", 20_000),
		"texts":     "let s = 'x'; function f() { s = s + s + s; s = `${s}y` }" + strings.Repeat("f();", 50_000),
		"spreads":   "let o = {}; function f(n) { o = { ...o, ...o, [n]: o } }" + strings.Repeat("f('a' + 1);", 50_000),
		"calls":     "function a() { b(); b(); b() } function b() { c(); c(); c() } function c() { q() }" + strings.Repeat("a();", 50_000),
		"variables": strings.Repeat("function f() {", 90) + strings.Repeat("a;b;c;", 50_000) + strings.Repeat("}", 90),
	} {
		p := jsast.Load(fstest.MapFS{"a.js": {Data: []byte(source)}})
		if routes, _ := p.Routes(); len(routes) > 25_000 {
			t.Errorf("%s: %d routes, want a bounded table", name, len(routes))
		}
	}
}

func TestFileBound(t *testing.T) {
	files := fstest.MapFS{}
	for i := range jsast.MaxFiles + 5 {
		files[fmt.Sprintf("f%05d.js", i)] = &fstest.MapFile{Data: []byte("a()")}
	}
	p := jsast.Load(files)
	if len(p.Files) != jsast.MaxFiles || len(p.Unseen()) != 1 {
		t.Errorf("Load() read %d files and says %+v, want %d and one reason", len(p.Files), p.Unseen(), jsast.MaxFiles)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.js"), []byte("see(1)"), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"secret.js": filepath.Join(outside, "secret.js"), "folder": outside} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Skip("no links here:", err)
		}
	}
	p := jsast.Load(os.DirFS(dir))
	if len(p.Files) != 0 || len(p.Calls) != 0 {
		t.Errorf("Load() read %d files through links, want none", len(p.Files))
	}
	if len(p.Skipped) != 1 || p.Skipped[0].File != "secret.js" {
		t.Errorf("Skipped = %+v, want the link", p.Skipped)
	}
}

func TestPositions(t *testing.T) {
	const source = `// app.use('comment')
const app = require('express')()
app
  .use(first({
    a: 1,
    'b-c': "app",
  }), /* app.use */ function (req, res, next) {
    next(second` + "(`${third(1)}`)" + `)
  })
  .get('/x', fourth)
fifth( /x"/, 'y', sixth())
`
	p := jsast.Load(fstest.MapFS{"a.js": {Data: []byte(source)}})
	got := map[string]string{}
	for _, c := range p.Calls {
		got[c.Callee] = fmt.Sprintf("%d:%d", c.Pos.Line, c.Pos.Column)
	}
	want := map[string]string{
		"express": "2:21", "express().use": "4:4", "first": "4:8", "@next": "8:5", "second": "8:10", "third": "8:20",
		"express().get": "10:4", "fifth": "11:1", "sixth": "11:19",
	}
	for callee, at := range want {
		if got[callee] != at {
			t.Errorf("position of %s = %s, want %s", callee, got[callee], at)
		}
	}
	for _, c := range p.Calls {
		if c.Callee == "first" {
			if b, ok := c.Arg(0).Prop("b-c"); !ok || b.Pos.Line != 6 {
				t.Errorf("position of 'b-c' = %+v, want line 6", b.Pos)
			}
		}
	}
}

func TestHandlersAreTold(t *testing.T) {
	p := jsast.Load(fstest.MapFS{"a.js": {Data: []byte(`
const app = require('express')()
app.post('/login', (req, res) => {
  db.find(req.body.name, (err, user) => { remember(req, user) })
})
const remember = (req, user) => { req.session.user = user }
app.use((err, req, res, next) => res.status(500).send(err.stack))
function never (req) { req.session.other = 1 }
`)}})
	var sets []string
	for _, s := range p.Sets {
		sets = append(sets, fmt.Sprintf("%s in handler: %v", s.Target, s.In != nil))
	}
	if want := []string{"@req.session.user in handler: true", "@req.session.other in handler: false"}; !slices.Equal(sets, want) {
		t.Errorf("Sets = %q, want %q", sets, want)
	}
	i := slices.IndexFunc(p.Calls, func(c *jsast.Call) bool { return c.Callee == "@res.status().send" })
	if i < 0 || !p.Calls[i].Arg(0).Mentions("@err.stack") || p.Calls[i].In.Params != 4 {
		t.Errorf("Calls = %+v, want a send of the stack in a handler of errors", p.Calls)
	}
}
