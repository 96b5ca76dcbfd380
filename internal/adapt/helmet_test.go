package adapt_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/internal/adapt"
	"github.com/panoplysec/panoply/internal/config"
	"os"
	"path/filepath"
)

// helmetJSON is headers.helmet of a result, as the configuration reads it.
func helmetJSON(t *testing.T, r *adapt.Result) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(name, r.YAML(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(name, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.YAML())
	}
	if _, err := headers.FromHelmet(cfg.Headers.Helmet.JSON); err != nil {
		t.Fatalf("%v\n%s", err, r.YAML())
	}
	return string(cfg.Headers.Helmet.JSON)
}

func TestHelmet(t *testing.T) {
	for _, tt := range []struct{ name, file, in, want, notes string }{
		{"defaults", "a.js", "const helmet = require('helmet'); app.use(helmet())", `{}`, ""},
		{"esm", "a.mjs", "import helmet from 'helmet'\nuse(helmet({ noSniff: false, hsts: { maxAge: 60 * 60, preload: false } }))", `{"noSniff":false,"hsts":{"maxAge":3600,"preload":false}}`, ""},
		{"parts", "a.js", "const helmet = require('helmet'); app.use(helmet.frameguard({ action: 'deny' })); app.use(helmet.noSniff())", `{"frameguard":{"action":"deny"},"noSniff":true}`, "a.js: X-Frame-Options: set as: written, as Helmet accepts it by mistake: "},
		{"order of directives", "a.js", "require('helmet')({ contentSecurityPolicy: { directives: { zSrc: ['z'], aSrc: ['a'], upgradeInsecureRequests: null } } })", `{"contentSecurityPolicy":{"directives":{"zSrc":["z"],"aSrc":["a"],"upgradeInsecureRequests":null}}}`, "a.js: Content-Security-Policy z-src: set as: "},
		{"no default-src", "a.js", "const h = require('helmet'); h({ contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: h.contentSecurityPolicy.dangerouslyDisableDefaultSrc, imgSrc: ['*'] } } })",
			`{"contentSecurityPolicy":{"useDefaults":false,"directives":{"defaultSrc":{"$symbol":"dangerouslyDisableDefaultSrc"},"imgSrc":["*"]}}}`, ""},
		{"made at run time", "a.js", "require('helmet')({\n hsts: { maxAge: Number(process.env.AGE) },\n referrerPolicy: { policy: process.env.POLICY } })", `{"hsts":{},"referrerPolicy":{}}`,
			"a.js:2: hsts.maxAge: not carried over: process.env.AGE is not known here: write its value|a.js:3: referrerPolicy.policy: not carried over: process.env.POLICY is not known here: write its value"},
		{"refused by Helmet", "a.js", "require('helmet')({ frameguard: { action: 'nobody' }, noSniff: true })", `{"frameguard":{},"noSniff":true}`, "a.js:1: frameguard.action: not carried over: "},
		{"dollars and escapes", "a.js", "require('helmet')({ contentSecurityPolicy: { directives: { scriptSrc: ['${A}', '\\u001b[2J'] } } })", `{}`, "a.js:1: contentSecurityPolicy"},
		{"json", "a.json", `{"frameguard": {"action": "deny"}, "hsts": false}`, `{"frameguard":{"action":"deny"},"hsts":false}`, "a.json: X-Frame-Options: set as: "},
		{"typescript by another name", "stdin", "import helmet from 'helmet'\nconst o: object = {}\nhelmet({ noSniff: false } as object)", `{"noSniff":false}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := adapt.Helmet(tt.file, []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			var notes []string
			for _, n := range r.Notes {
				notes = append(notes, n.String())
			}
			got := strings.Join(notes, "|")
			if tt.name != "dollars and escapes" {
				if j := helmetJSON(t, r); j != tt.want {
					t.Errorf("Helmet = %s, want %s", j, tt.want)
				}
			} else {
				helmetJSON(t, r)
			}
			if tt.notes == "" && got != "" || !strings.HasPrefix(got, tt.notes) {
				t.Errorf("notes are %s, want %s", got, tt.notes)
			}
		})
	}
}

func TestHelmetRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"x = 1": "holds no call of helmet", `{"a": 1`: "a.js:1: no JSON", `{} {}`: "more follows", "a b c (": "could not be", strings.Repeat(`{"a":`, 80) + "1" + strings.Repeat("}", 80): "nests deeper",
	} {
		if _, err := adapt.Helmet("a.js", []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Helmet(%.20q) = %v, want %s", in, err, want)
		}
	}
}

// What is printed is always what FromHelmet and the configuration take.
func FuzzHelmet(f *testing.F) {
	for _, s := range []string{
		`{"hsts": {"maxAge": 1e3}, "frameguard": true}`, "require('helmet')({ hsts: { maxAge: 0x10 }, csp: [1, [2, { a: null }]] })",
		`{"contentSecurityPolicy": {"directives": {"img-src": ["${A}", "$$", "\u001b"], "a\nb": []}}}`, "import helmet from 'helmet'; helmet.hsts({ maxAge: -1 })",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := adapt.Helmet("a.js", text)
		if err != nil {
			return
		}
		sound(t, r)
		helmetJSON(t, r)
	})
}
