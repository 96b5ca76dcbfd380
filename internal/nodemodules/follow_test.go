package nodemodules_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/jsrefs"
	"github.com/panoplysec/panoply/internal/nodemodules"
)

func folder(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		if to, link := strings.CutPrefix(text, "-> "); link {
			fsys[name] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func follow(files map[string]string, o nodemodules.Options, roots ...nodemodules.Root) *nodemodules.Tree {
	for i := range roots {
		if roots[i].File == "" {
			roots[i].Place = nodemodules.Place{File: "server.js", Line: 1}
		}
	}
	return nodemodules.Follow(context.Background(), folder(files), roots, o)
}

func named(t *nodemodules.Tree) string {
	var all []string
	for _, p := range t.Packages {
		all = append(all, strings.TrimPrefix(p.Dir, "node_modules/"))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// The app requires a; each row is what a has beside its package.json, and what is loaded
// of a, b, c and d, each of which has an index.js.
func TestResolution(t *testing.T) {
	for name, c := range map[string]struct {
		manifest string
		files    map[string]string
		root     nodemodules.Root
		want     string
	}{
		"main":               {`"main":"lib/x.js"`, map[string]string{"lib/x.js": "require('b')"}, nodemodules.Root{}, "a b"},
		"main without .js":   {`"main":"lib/x"`, map[string]string{"lib/x.js": "require('b')"}, nodemodules.Root{}, "a b"},
		"main is a folder":   {`"main":"./lib/"`, map[string]string{"lib/index.js": "require('b')"}, nodemodules.Root{}, "a b"},
		"main is not there":  {`"main":"gone.js"`, map[string]string{"index.js": "require('b')"}, nodemodules.Root{}, "a b"},
		"index":              {``, map[string]string{"index.js": "require('./x')", "x.js": "require('b')", "x/index.js": "require('c')"}, nodemodules.Root{}, "a b"},
		"folder by slash":    {``, map[string]string{"index.js": "require('./x/')", "x.js": "require('b')", "x/index.js": "require('c')"}, nodemodules.Root{}, "a c"},
		"nested manifest":    {``, map[string]string{"sub/package.json": `{"main":"m.js"}`, "sub/m.js": "require('b')"}, nodemodules.Root{Name: "a/sub"}, "a b"},
		"json":               {``, map[string]string{"index.js": "require('./x')", "x.json": `{"y":"require('b')"}`}, nodemodules.Root{}, "a"},
		"native":             {``, map[string]string{"index.js": "require('./x')", "x.node": "\x7fELF require('b')"}, nodemodules.Root{}, "a"},
		"late":               {``, map[string]string{"index.js": "exports.f = () => { try { return require('b') } catch {} }"}, nodemodules.Root{}, "a b"},
		"of a type":          {`"type":"module","main":"x.js"`, map[string]string{"x.js": "import 'b'; const c = await import('c')"}, nodemodules.Root{How: jsrefs.Import}, "a b c"},
		"exports a text":     {`"main":"m.js","exports":"./x.js"`, map[string]string{"x.js": "require('b')", "m.js": "require('c')"}, nodemodules.Root{}, "a b"},
		"required":           {`"exports":{"import":"./i.mjs","require":"./r.cjs"}`, map[string]string{"i.mjs": "import 'b'", "r.cjs": "require('c')"}, nodemodules.Root{}, "a c"},
		"imported":           {`"exports":{"import":"./i.mjs","require":"./r.cjs"}`, map[string]string{"i.mjs": "import 'b'", "r.cjs": "require('c')"}, nodemodules.Root{How: jsrefs.Dynamic}, "a b"},
		"either":             {`"exports":{"import":"./i.mjs","require":"./r.cjs"}`, map[string]string{"i.mjs": "import 'b'", "r.cjs": "require('c')"}, nodemodules.Root{How: jsrefs.Import}, "a b c"},
		"first condition":    {`"exports":{"node":"./r.cjs","require":"./i.cjs"}`, map[string]string{"i.cjs": "require('b')", "r.cjs": "require('c')"}, nodemodules.Root{}, "a c"},
		"nested conditions":  {`"exports":{".":{"browser":"./i.js","node":{"import":"./i.js","default":"./r.js"}}}`, map[string]string{"i.js": "require('b')", "r.js": "require('c')"}, nodemodules.Root{}, "a c"},
		"no branch within":   {`"exports":{"node":{"import":"./i.js"},"default":"./r.js"}`, map[string]string{"i.js": "require('b')", "r.js": "require('c')"}, nodemodules.Root{}, "a c"},
		"array":              {`"exports":{".":["b:invalid","./r.js","./i.js"]}`, map[string]string{"i.js": "require('b')", "r.js": "require('c')"}, nodemodules.Root{}, "a c"},
		"pattern":            {`"exports":{"./x/*":"./lib/*.js"}`, map[string]string{"lib/y/z.js": "require('b')"}, nodemodules.Root{Name: "a/x/y/z"}, "a b"},
		"pattern with end":   {`"exports":{"./x/*.js":"./lib/*.js"}`, map[string]string{"lib/y.js": "require('b')"}, nodemodules.Root{Name: "a/x/y.js"}, "a b"},
		"closest pattern":    {`"exports":{"./*":"./b.js","./x/*":"./c.js"}`, map[string]string{"b.js": "require('b')", "c.js": "require('c')"}, nodemodules.Root{Name: "a/x/y"}, "a c"},
		"null":               {`"exports":{"./*":"./lib/*.js","./own/*":null}`, map[string]string{"lib/own/y.js": "require('b')"}, nodemodules.Root{Name: "a/own/y"}, "a"},
		"not exported":       {`"exports":{".":"./x.js"}`, map[string]string{"x.js": "", "lib/y.js": "require('b')"}, nodemodules.Root{Name: "a/lib/y.js"}, "a"},
		"out of the package": {`"exports":{".":"./../b/index.js"}`, nil, nodemodules.Root{}, "a"},
		"own name":           {`"exports":{".":"./x.js","./y":"./y.js"}`, map[string]string{"x.js": "require('a/y')", "y.js": "require('b')"}, nodemodules.Root{}, "a b"},
		"imports":            {`"imports":{"#y":"./y.js","#z/*":"./z/*.js"}`, map[string]string{"index.js": "require('#y'); require('#z/a')", "y.js": "require('b')", "z/a.js": "require('c')"}, nodemodules.Root{}, "a b c"},
		"imports a package":  {`"imports":{"#y":{"node":"b","default":"./y.js"}}`, map[string]string{"index.js": "require('#y')", "y.js": "require('c')"}, nodemodules.Root{}, "a b"},
		"nested package":     {``, map[string]string{"index.js": "require('b')", "node_modules/b/index.js": "require('d')"}, nodemodules.Root{}, "a a/node_modules/b d"},
		"upwards":            {``, map[string]string{"node_modules/x/index.js": "require('b')", "index.js": "require('x')"}, nodemodules.Root{}, "a a/node_modules/x b"},
		"node's own":         {``, map[string]string{"index.js": "require('fs'); require('node:url'); require('fs/promises')"}, nodemodules.Root{}, "a"},
		"module for bundler": {`"main":"m.js","module":"x.js"`, map[string]string{"m.js": "", "x.js": "import 'b'"}, nodemodules.Root{}, "a"},
		"handed through":     {``, map[string]string{"index.js": "var r = require\nr('b'); if (1) /'/.test(x); require('c'); y('/')"}, nodemodules.Root{}, "a b c"},
	} {
		files := map[string]string{"node_modules/a/package.json": `{"name":"a","version":"1.0.0"` + strings.TrimRight(","+c.manifest, ",") + `}`}
		for name, text := range c.files {
			files["node_modules/a/"+name] = text
		}
		for _, p := range []string{"b", "c", "d"} {
			files["node_modules/"+p+"/package.json"] = `{"name":"` + p + `","version":"1.0.0"}`
			files["node_modules/"+p+"/index.js"] = ""
		}
		if c.root.Name == "" {
			c.root.Name = "a"
		}
		if got := named(follow(files, nodemodules.Options{}, c.root)); got != c.want {
			t.Errorf("%s: loaded %q, want %q", name, got, c.want)
		}
	}
}

// Bundlers may take any of what a package has.
func TestBundled(t *testing.T) {
	files := map[string]string{
		"node_modules/a/package.json": `{"name":"a","main":"m.js","module":"x.mjs","browser":{"./m.js":"./web.js","b":"c"}}`,
		"node_modules/a/m.js":         "require('b')", "node_modules/a/x.mjs": "import 'd'", "node_modules/a/web.js": "require('e')",
	}
	for _, p := range []string{"b", "c", "d", "e"} {
		files["node_modules/"+p+"/package.json"] = `{"name":"` + p + `","exports":{"browser":"./web.js","default":"./index.js"}}`
		files["node_modules/"+p+"/index.js"], files["node_modules/"+p+"/web.js"] = "", "require('./index')"
	}
	if got := named(follow(files, nodemodules.Options{Bundled: true}, nodemodules.Root{Name: "a"})); got != "a b c d e" {
		t.Errorf("loaded %q, want a b c d e", got)
	}
	if got := named(follow(files, nodemodules.Options{}, nodemodules.Root{Name: "a"})); got != "a b" {
		t.Errorf("loaded by Node %q, want a b", got)
	}
}

func TestLinks(t *testing.T) {
	pnpm := map[string]string{
		"node_modules/a": "-> .pnpm/a@1.0.0/node_modules/a",
		"node_modules/.pnpm/a@1.0.0/node_modules/a/package.json": `{"name":"a"}`,
		"node_modules/.pnpm/a@1.0.0/node_modules/a/index.js":     "\nrequire('b')",
		"node_modules/.pnpm/a@1.0.0/node_modules/b":              "-> ../../b@2.0.0/node_modules/b",
		"node_modules/.pnpm/b@2.0.0/node_modules/b/package.json": `{"name":"b","version":"2.0.0"}`,
		"node_modules/.pnpm/b@2.0.0/node_modules/b/index.js":     "",
	}
	tree := follow(pnpm, nodemodules.Options{}, nodemodules.Root{Name: "a"})
	if got, want := fmt.Sprint(tree.Packages[len(tree.Packages)-1].Way), "[server.js:1 node_modules/.pnpm/a@1.0.0/node_modules/a/index.js:2 node_modules/.pnpm/b@2.0.0/node_modules/b/index.js]"; got != want {
		t.Errorf("the way to b = %s, want %s", got, want)
	}
	for name, to := range map[string]string{"out": "../../x", "absolute": "/etc", "itself": "a"} {
		tree := follow(map[string]string{"node_modules/a": "-> " + to}, nodemodules.Options{}, nodemodules.Root{Name: "a"})
		if len(tree.Loose) != 1 || !strings.Contains(tree.Loose[0].Why, "is a link that is not followed") {
			t.Errorf("%s: %+v, want a that is loose for its link", name, tree)
		}
	}
}

func TestDoubts(t *testing.T) {
	for code, want := range map[string]string{
		"\nrequire(name)":             ":2 loads a module whose name is made at run time",
		"require('./locale/' + name)": ":1 loads a module whose name begins with ./locale/",
		"import(`b-${x}`)":            ":1 loads a module whose name begins with b-",
		"f(require)":                  ":1 hands require on",
		"module.exports = { r: typeof a ? require : 0 }":       ":1 hands require on",
		"module.exports = require.bind(null)":                  ":1 hands require on",
		"eval('require')('b')":                                 "",
		"eval(x)('b')":                                         ":1 evaluates code that is made at run time",
		"new Function('x', 'return import(x)')":                ":1 makes code of texts, and has what may be an import in one",
		"fork(path.join(__dirname, 'w'))":                      ":1 makes paths of __dirname",
		"new Worker(new URL('w', import.meta.url))":            ":1 makes paths of import.meta.url",
		"x({ r: require('module').createRequire(y) })":         ":1 makes a require without a name",
		"Module._load(x)":                                      ":1 uses Node's module._load",
		"typeof require; const a = `":                          " ends inside of a comment or a template, as far as it could be read",
		"define(function (require, exports) { require('b') })": "",
		"if (typeof require === 'function') require('b')":      "",
		"(require) => 1; x = { require: 1 }; y.require":        "",
	} {
		tree := follow(map[string]string{"node_modules/a/package.json": `{"name":"a"}`, "node_modules/a/index.js": code}, nodemodules.Options{}, nodemodules.Root{Name: "a"})
		got := strings.TrimPrefix(tree.Packages[0].Doubt, "node_modules/a/index.js")
		if got != want {
			t.Errorf("%q: doubt %q, want %q", code, got, want)
		}
	}
}

func TestLoose(t *testing.T) {
	files := map[string]string{
		"node_modules/a/package.json": `{"name":"a","dependencies":{"b":"1","c":"1","d":"1"}}`,
		"node_modules/a/index.js":     "require('b')\nload('c')\nrequire('d/' + x)\nprint('e')",
	}
	got := fmt.Sprint(follow(files, nodemodules.Options{}, nodemodules.Root{Name: "a"}).Packages[0].Loose)
	want := "[node_modules/a/index.js:1: b is loaded, and not installed node_modules/a/index.js:2: c is named in a text node_modules/a/index.js:3: d is loaded by a name that is made at run time]"
	if got != want {
		t.Errorf("loose = %s\nwant    %s", got, want)
	}
}

// Who loads names that are made at run time may load what nothing declares.
func TestPlugins(t *testing.T) {
	for code, want := range map[string]string{
		"require({ r: 'keyv-redis' }[k])": "[node_modules/a/index.js:1: keyv-redis is named in a text]",
		"require('keyv-' + k)":            "[node_modules/a/index.js:1: keyv- begins the name of a module that is loaded]",
		"require('@keyv/' + k)":           "[node_modules/a/index.js:1: @keyv/ begins the name of a module that is loaded]",
		"require('./' + k)":               "[]",
		"print('keyv-redis'), require":    "[node_modules/a/index.js:1: keyv-redis is named in a text]",
		"print('keyv-redis', exports)":    "[]",
	} {
		files := map[string]string{"node_modules/a/package.json": `{"name":"a"}`, "node_modules/a/index.js": code}
		o := nodemodules.Options{Has: func(name string) bool { return name == "keyv-redis" }}
		if got := fmt.Sprint(follow(files, o, nodemodules.Root{Name: "a"}).Packages[0].Loose); got != want {
			t.Errorf("%s: loose = %s, want %s", code, got, want)
		}
	}
}

func TestWhatDoesNotFitIsNotFollowed(t *testing.T) {
	files := map[string]string{
		"node_modules/a/package.json": `{"name":"a","version":"2.0.0"}`, "node_modules/a/index.js": "require('b')",
		"node_modules/b/package.json": `{"name":"b"}`, "node_modules/b/index.js": "",
	}
	tree := follow(files, nodemodules.Options{Fits: func(_, name, version string) bool { return name != "a" || version == "1.0.0" }}, nodemodules.Root{Name: "a"})
	if len(tree.Packages) != 1 || !tree.Packages[0].Unfit {
		t.Errorf("packages = %+v, want a alone, unfit", tree.Packages)
	}
}

func TestBrokenOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	tree := nodemodules.Follow(ctx, folder(map[string]string{"node_modules/a/index.js": ""}), []nodemodules.Root{{Name: "a", Place: nodemodules.Place{File: "x.js"}}}, nodemodules.Options{})
	if tree.Cut != "it was broken off" {
		t.Errorf("cut = %q, want that it was broken off", tree.Cut)
	}
}

func TestCommands(t *testing.T) {
	files := map[string]string{
		"node_modules/.bin/tool": "-> ../a/bin/cli.js", "node_modules/a/package.json": `{"name":"a"}`, "node_modules/a/bin/cli.js": "require('b')",
		"node_modules/.bin/shim":      "#!/bin/sh\nexec node  \"$basedir/../c/cli.js\" \"$@\"\n",
		"node_modules/c/package.json": `{"name":"c"}`, "node_modules/c/cli.js": "require('b')", "node_modules/c/index.js": "",
		"node_modules/b/package.json": `{"name":"b","bin":{"x":"x.js"}}`, "node_modules/b/index.js": "", "node_modules/b/x.js": "require('c')",
	}
	for command, want := range map[string]string{"tool": "a b", "shim": "b c", "b": "b c", "gone": "", "../a": "", "": ""} {
		if got := named(follow(files, nodemodules.Options{}, nodemodules.Root{Name: command, Command: true})); got != want {
			t.Errorf("%q loads %q, want %q", command, got, want)
		}
	}
}

func ExampleFollow() {
	tree := nodemodules.Follow(context.Background(), fstest.MapFS{
		"node_modules/express/package.json": {Data: []byte(`{"name":"express","version":"4.17.1"}`)},
		"node_modules/express/index.js":     {Data: []byte("module.exports = require('qs')")},
		"node_modules/qs/package.json":      {Data: []byte(`{"name":"qs","version":"6.7.0","main":"lib/index.js"}`)},
		"node_modules/qs/lib/index.js":      {},
	}, []nodemodules.Root{{Place: nodemodules.Place{File: "server.js", Line: 3}, Name: "express"}}, nodemodules.Options{})
	for _, p := range tree.Packages {
		fmt.Println(p.Name, p.Version, p.Way)
	}
	// Output:
	// express 4.17.1 [server.js:3 node_modules/express/index.js]
	// qs 6.7.0 [server.js:3 node_modules/express/index.js:1 node_modules/qs/lib/index.js]
}

func FuzzFollow(f *testing.F) {
	f.Add(`{"name":"a","main":"x","exports":{".":{"node":["./x.js",null]},"./*":"./*.js"},"imports":{"#*":"b/*"}}`, "require('#x'); require('a/y')", "a/x", "../b")
	f.Add(`{"exports":{"./":"./"},"browser":{"b":"a","a":"b"},"bin":"index.js"}`, "import 'b'", "a/../../x", "/a")
	f.Fuzz(func(t *testing.T, manifest, code, name, link string) {
		fsys := fstest.MapFS{
			"node_modules/a/package.json": {Data: []byte(manifest)}, "node_modules/a/index.js": {Data: []byte(code)}, "node_modules/a/x.js": {Data: []byte(code)},
			"node_modules/b/package.json": {Data: []byte(manifest)}, "node_modules/c": {Data: []byte(link), Mode: fs.ModeSymlink},
		}
		for _, bundled := range []bool{false, true} {
			tree := nodemodules.Follow(context.Background(), fsys, []nodemodules.Root{{Name: name}, {Name: "a"}, {Name: "c"}, {Name: name, Command: true}}, nodemodules.Options{Bundled: bundled})
			for _, p := range tree.Packages {
				if !fs.ValidPath(p.Dir) || len(p.Way) == 0 {
					t.Errorf("a package at %q by %v", p.Dir, p.Way)
				}
				for _, at := range p.Way[1:] {
					if _, err := fs.Stat(fsys, at.File); err != nil {
						t.Errorf("a way by %s: %v", at, err)
					}
				}
			}
		}
	})
}
