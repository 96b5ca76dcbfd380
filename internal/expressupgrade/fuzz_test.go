package expressupgrade_test

import (
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/expressupgrade"
	"github.com/panoplysec/panoply/internal/jsast"
)

// FuzzFind holds that each use has a line of the file, and that asking for fewer versions
// tells no more.
func FuzzFind(f *testing.F) {
	f.Add("const e = require('express'); const a = e(); a.configure(() => {}); a.get('/:x(a)*?', (req, res) => { res.send(404); res.redirect('back') })")
	f.Add("var app = require('express').createServer(); app.use(app.router)")
	f.Fuzz(func(t *testing.T, text string) {
		p := jsast.Load(fstest.MapFS{"app.js": {Data: []byte(text)}})
		all := expressupgrade.Find(p, 0)
		for _, u := range all {
			if u.File != "app.js" || u.Line < 1 || u.Instead == "" {
				t.Errorf("use %+v", u)
			}
		}
		if some := expressupgrade.Find(p, 4); len(some) > len(all) {
			t.Errorf("%d uses from 4 on, and %d in all", len(some), len(all))
		}
	})
}
