package source_test

import (
	"fmt"
	"testing"

	"github.com/panoplysec/panoply/internal/checks/source"
	"github.com/panoplysec/panoply/internal/jsast"
)

func TestSetupOf(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", `app.get('/x')`, "[] [] [] [] [] [] [] -"},
		{"names", `app.use(session({ key: 'a' })); app.use(cookieSession()); app.use(session({ name: process.env.N })); app.use(session(options))`, "[a session] [] [] [] [] [] [] -"},
		{"cookies", `app.get('/', (req, res) => { res.cookie('xsrf-token', t, {}); res.cookie('auth_token', 1); res.cookie('csrf', t, { httpOnly: true }); res.cookie('lang', 'en') })`, "[auth_token] [xsrf-token] [] [] [] [] [] -"},
		{"routes", `const r = express.Router(); app.use('/a', r); r.post('/login', h); r.get('/login', h); r.all('/logout', h); r.put('/reset-password', h); r.post('/users/:id/login', h)`, "[] [] [] [POST /a/login] [PUT /a/reset-password] [ALL /a/logout] [] -"},
		{"fields", `app.post('/login', (req, res) => { const { mail, pw } = req.body; check(req.body.code) })`, "[] [] [] [POST /login code mail pw] [] [] [] -"},
		{"csrf", `app.use(require('csurf')()); require('csrf-sync').csrfSync()`, "[] [] [csurf csrf-sync] [] [] [] [] -"},
		{"listens", `app.listen(1); require('http').createServer(app).listen(process.env.PORT || '2', 'localhost'); app.listen({ port: 3 }); app.listen('/run/x'); app.listen(process.env.PORT)`, "[] [] [] [] [] [] [:1 localhost:2+ :3 :0 :0+] -"},
		{"trust", `app.enable('trust proxy')`, "[] [] [] [] [] [] [] true"},
		{"trust of what is not known", `app.set('trust proxy', process.env.P)`, "[] [] [] [] [] [] [] ?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := jsast.Single("app.js", []byte("const express = require('express'), session = require('express-session'), cookieSession = require('cookie-session')\nconst app = express()\n"+tt.in))
			s := source.SetupOf(p)
			names := func(all []source.Named) (out []string) {
				for _, n := range all {
					out = append(out, n.Name)
				}
				return out
			}
			routes := func(all []source.Credentials) (out []string) {
				for _, r := range all {
					text := r.Method + " " + r.Path
					for _, f := range r.Fields {
						text += " " + f
					}
					out = append(out, text)
				}
				return out
			}
			var listens []string
			for _, l := range s.Listens {
				text := fmt.Sprintf("%s:%d", l.Host, l.Port)
				if l.Fallback {
					text += "+"
				}
				listens = append(listens, text)
			}
			trust := "-"
			if s.TrustProxy != nil {
				trust = s.TrustProxy.Name
			}
			got := fmt.Sprintf("%v %v %v %v %v %v %v %s",
				names(s.Sessions), names(s.Scripts), names(s.CSRF), routes(s.Logins), routes(s.Resets), routes(s.Logouts), listens, trust)
			if got != tt.want {
				t.Errorf("SetupOf = %s, want %s", got, tt.want)
			}
		})
	}
}
