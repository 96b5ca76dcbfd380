package jsast_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/jsast"
)

func TestReads(t *testing.T) {
	p := jsast.Load(fstest.MapFS{"app.js": {Data: []byte(`
const app = require('express')()
const token = (req) => req.cookies?.token
app.use(function guard (req, res, next) {
  const { origin, 'sec-fetch-site': site } = req.headers
  if (req.headers.origin) throw new Error('no')
  if (token(req) || req.cookies[name]) next()
})
app.post('/', function save (req, res) { token(req) })
`)}})
	var got []string
	for _, r := range p.Reads {
		got = append(got, fmt.Sprintf("%s %s:%d", r.Path, r.In.Name, r.Pos.Line))
		if want := r.In.Name == "guard"; r.In.Throws != want {
			t.Errorf("%s.Throws = %v, want %v", r.In.Name, r.In.Throws, want)
		}
	}
	slices.Sort(got)
	want := []string{
		"@req.cookies guard:3", "@req.cookies save:3", "@req.cookies.? guard:7", "@req.cookies.token guard:3", "@req.cookies.token save:3",
		"@req.headers guard:5", "@req.headers.origin guard:0", "@req.headers.sec-fetch-site guard:0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Reads =\n%q\nwant\n%q", got, want)
	}
}
