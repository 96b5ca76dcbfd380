package source_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/source"
)

// TestForgeriesAreWeighed holds what lowers a finding: what browsers do by themselves,
// and what the app cannot read.
func TestForgeriesAreWeighed(t *testing.T) {
	const post = "app.post('/transfer', (req, res) => res.end())"
	const forms = "app.use(express.urlencoded())\n"
	session := func(cookie string) string {
		return "app.use(require('express-session')({ secret: process.env.S" + cookie + " }))\n"
	}
	for _, tt := range []struct {
		name, app string
		want      check.Severity
		says      string
	}{
		{"a form and a bare cookie", forms + session("") + post, check.High, "goes along"},
		{"SameSite=None", forms + session(", cookie: { sameSite: 'none' }") + post, check.High, "goes along"},
		{"SameSite=Lax", forms + session(", cookie: { sameSite: 'lax' }") + post, check.Medium, "beside it in the same domain"},
		{"SameSite=Strict", forms + session(", cookie: { sameSite: true }") + post, check.Low, "beside it in the same domain"},
		{"no parser of forms", session("") + post, check.Medium, "reads no forms"},
		{"a JSON parser of any type", "app.use(express.json({ type: '*/*' }))\n" + session("") + post, check.High, "goes along"},
		{"a method that forms do not have", forms + session("") + "app.delete('/a', (req, res) => res.end())", check.Low, "browsers ask"},
		{"and method-override", forms + session("") + "app.use(require('method-override')('_method'))\napp.delete('/a', (req, res) => res.end())", check.High, "goes along"},
		{"and other sites with cookies", forms + session("") + "app.use(require('cors')({ credentials: true }))\napp.delete('/a', (req, res) => res.end())", check.High, "goes along"},
		{"a path of many parts", forms + session("") + "app.post('" + strings.Repeat("/a", 100) + "', (req, res) => res.end())", check.High, "made at run time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := csrf(t, tt.app)
			if len(r.Findings) != 1 || r.Findings[0].ID != "csrf/missing" {
				t.Fatalf("Run() = %+v, want csrf/missing alone", r)
			}
			if f := r.Findings[0]; f.Severity != tt.want || !strings.Contains(f.Message, tt.says) {
				t.Errorf("finding = %v %q, want %v and %q", f.Severity, f.Message, tt.want, tt.says)
			}
		})
	}
}

// TestDefencesCoverTheirPaths holds which registrations a request for a route meets.
func TestDefencesCoverTheirPaths(t *testing.T) {
	for _, tt := range []struct {
		name, app string
		want      check.Status
	}{
		{"all", "app.use(guard)\napp.post('/a/b', h)", check.Proved},
		{"a prefix", "app.use('/a', guard)\napp.post('/a/b', h)", check.Proved},
		{"another prefix", "app.use('/b', guard)\napp.post('/a/b', h)", check.Broken},
		{"a prefix in another case", "app.use('/A', guard)\napp.post('/a/b', h)", check.Proved},
		{"part of a name", "app.use('/a', guard)\napp.post('/ab', h)", check.Broken},
		{"a parameter", "app.use('/:x', guard)\napp.post('/a/b', h)", check.Proved},
		{"one value of a parameter", "app.use('/a', guard)\napp.post('/:x/b', h)", check.Broken},
		{"a wildcard of Express 4", "app.post('*', guard)\napp.post('/a/b', h)", check.Proved},
		{"a wildcard of Express 5", "app.all('/a/{*rest}', guard)\napp.post('/a/b', h)", check.Proved},
		{"a wildcard for another method", "app.put('*', guard)\napp.post('/a/b', h)", check.Broken},
		{"an earlier router", "app.use(express.Router().use(guard))\napp.post('/a/b', h)", check.Proved},
		{"the router's own", "const r = express.Router()\nr.use(guard)\nr.post('/b', h)\napp.use('/a', r)", check.Proved},
		{"the other router's own", "const r = express.Router()\nr.use(guard)\napp.use('/b', r)\napp.post('/a', h)", check.Broken},
		{"a list beside a router", "app.use('/a', [guard], express.Router().post('/b', h))", check.Proved},
		{"the route's own", "app.route('/a').all(guard).post(h)", check.Proved},
		{"one of two paths", "app.use('/a', guard)\napp.post(['/a', '/b'], h)", check.Broken},
		{"a regular expression", "app.use(/a/, guard)\napp.post('/a', h)", check.Unproven},
		{"a condition", "if (process.env.GUARD) app.use(guard)\napp.post('/a', h)", check.Unproven},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := csrf(t, "const h = (req, res) => res.end()\nconst guard = require('csrf-sync').csrfSync().csrfSynchronisedProtection\n"+
				"app.use(require('express-session')({ secret: process.env.S }))\n"+tt.app)
			if r.Status != tt.want {
				t.Errorf("Run() = %q (%s, %+v), want %q", r.Status, r.Reason, r.Findings, tt.want)
			}
		})
	}
}

// csrf runs the check over an app of one file.
func csrf(t *testing.T, app string) check.Result {
	t.Helper()
	for _, c := range source.Checks() {
		if c.ID == "csrf-source" {
			text := "const express = require('express')\nconst app = express()\n" + app
			return c.Run(context.Background(), &check.Session{Folder: fstest.MapFS{"app.js": {Data: []byte(text)}}})
		}
	}
	t.Fatal("there is no check csrf-source")
	return check.Result{}
}
