package jsast_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/jsast"
)

// FuzzLoad holds for any bytes, as JavaScript and as TypeScript: the walk ends within its
// bounds, two walks tell the same, what is told stands in the file, and a file is either
// read or skipped.
func FuzzLoad(f *testing.F) {
	filepath.WalkDir("testdata", func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) != ".want" {
			if text, err := os.ReadFile(path); err == nil {
				f.Add(text)
			}
		}
		return nil
	})
	f.Add([]byte("const a = require('express')(); for (const x of [1, 2]) a.get(`/${x}`, (q, s) => s.send(x))"))
	f.Add([]byte("class A<T> extends B { @x() private y?: Z<T>[] = <any>1; constructor(readonly a: A) {} }"))
	f.Add([]byte("a => b => { switch (a) { case /x/: return {...b, [a]: a?.b[`${b}`]} } }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			t.Skip("long inputs take long and find nothing that short ones do not")
		}
		files := fstest.MapFS{"a.js": {Data: text}, "b.ts": {Data: text}}
		p, q := jsast.Load(files), jsast.Load(files)
		if got, again := tableOf(p), tableOf(q); got != again {
			t.Fatalf("two walks differ: %s and %s", got, again)
		}
		if len(p.Calls) != len(q.Calls) || len(p.Sets) != len(q.Sets) {
			t.Fatalf("two walks saw %d and %d calls, %d and %d assignments", len(p.Calls), len(q.Calls), len(p.Sets), len(q.Sets))
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, c := range p.Calls {
			if c.Pos.Line < 0 || c.Pos.Line > lines || c.Pos.File != "" && c.Pos.File != "a.js" && c.Pos.File != "b.ts" {
				t.Fatalf("call of %q at %+v, in a file of %d lines", c.Callee, c.Pos, lines)
			}
			p.Excerpt(c.Pos)
		}
		for _, name := range []string{"a.js", "b.ts"} {
			known := false
			for _, file := range p.Files {
				known = known || file.Path == name
			}
			for _, s := range p.Skipped {
				known = known || s.File == name
			}
			if !known {
				t.Fatalf("%s was neither read nor skipped", name)
			}
		}
	})
}
