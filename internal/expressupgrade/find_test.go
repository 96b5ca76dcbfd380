package expressupgrade_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/expressupgrade"
	"github.com/panoplysec/panoply/internal/jsast"
)

// wanted reads the comments "// want API" of a folder: "file:line API", with " maybe" at
// the end where the API is under a condition.
func wanted(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for n := 1; lines.Scan(); n++ {
			if _, want, ok := strings.Cut(lines.Text(), "// want "); ok {
				all = append(all, fmt.Sprintf("%s:%d %s", name, n, want))
			}
		}
		return lines.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func TestApps(t *testing.T) {
	dirs, err := filepath.Glob("testdata/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal(err, dirs)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			project := jsast.Load(os.DirFS(dir))
			var got []string
			for _, u := range expressupgrade.Find(project, 2) {
				text := fmt.Sprintf("%s:%d %s", u.File, u.Line, u.API)
				if u.Maybe {
					text += " maybe"
				}
				got = append(got, text)
				if u.Instead == "" || u.Seen == "" || u.Gone < 3 || u.Gone > 5 || u.Column < 1 {
					t.Errorf("use %+v, want all fields", u)
				}
			}
			slices.Sort(got)
			if want := wanted(t, os.DirFS(dir)); !slices.Equal(got, want) {
				t.Errorf("uses =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestFrom(t *testing.T) {
	project := jsast.Load(os.DirFS("testdata/express3"))
	for _, u := range expressupgrade.Find(project, 4) {
		if u.Gone != 5 {
			t.Errorf("from 4, Find tells %+v", u)
		}
	}
	if all, some := len(expressupgrade.Find(project, 3)), len(expressupgrade.Find(project, 4)); some == 0 || some >= all {
		t.Errorf("from 3 there are %d, from 4 %d, want fewer and some", all, some)
	}
}

// TestForms are ways to say the same.
func TestForms(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"aliased":       {"const e = require('express'); const {bodyParser} = e; const a = e(); a.use(bodyParser())", "express.bodyParser"},
		"not called":    {"const e = require('express'); const a = e(); a.use(e.logger)", "express.logger"},
		"connect":       {"const c = require('connect'), e = require('express'); e().use(c.compress())", "connect.compress"},
		"router verb":   {"const e = require('express'); const r = e.Router(); r.get('/a*', function (q, s) { s.sendfile('x') })", "* without a name in a path, res.sendfile"},
		"class":         {"const e = require('express'); class C { go(req, res) { res.send(404) } }\nconst c = new C(); e().get('/', c.go)", "res.send(status)"},
		"app by name":   {"const app = other(); app.configure(); app.del('/')", ""},
		"res by name":   {"fetch('x').then(res => res.json({}, 200))", ""},
		"own express":   {"const express = require('./mine'); express.bodyParser()", ""},
		"send a number": {"require('express')().get('/', (req, res) => { const n = 404; res.send(n) })", "res.send(status)"},
		"send a text":   {"require('express')().get('/', (req, res) => { res.send('404') })", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, u := range expressupgrade.Find(jsast.Load(fstest.MapFS{"app.js": {Data: []byte(tc.text)}}), 2) {
				got = append(got, u.API)
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("Find = %q, want %q", got, tc.want)
			}
		})
	}
}
