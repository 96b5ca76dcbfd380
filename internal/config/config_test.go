package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
)

// load writes the text as panoply.yaml in a fresh folder and loads it from there.
// Problems name the file without its folder.
func load(t *testing.T, text string, env map[string]string, flags ...config.Flag) (*config.Config, string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	path := filepath.Join(dir, config.FileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}, flags...)
	if err != nil {
		if cfg != nil {
			t.Errorf("Load returned a Config beside the error %v", err)
		}
		return nil, strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
	}
	return cfg, ""
}

func TestDefaultIsValid(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	if err := config.Default().Validate(); err != nil {
		t.Errorf("Default().Validate() = %v, want nil", err)
	}
	if config.Default().Public() {
		t.Error("Default().Public() = true, want false")
	}
}

func TestLoadReadsEveryKind(t *testing.T) {
	cfg, problems := load(t, `
upstream: :3000
listen: localhost:9443
redirect: off
sites: [localhost, "app.localhost"]
trust:
  proxies:
    - 10.0.0.0/8
    - 192.0.2.7
  header: forwarded
headers:
  mode: observe
  include_subdomains: true
  helmet:
    contentSecurityPolicy: {directives: {"z-src": ["'self'", b], a: null}}
    hsts: false
    n: [1, -2.5, 0x1f]
conceal: {keep: [server]}
tls:
cookies:
  migrate: 1d12h
bounds:
  head_timeout: 1m30s
  body_max: 1048576
  body_min_rate: -1
log: {access: off, queries: true}
`, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	if got := cfg.Upstream + cfg.Listen + cfg.Redirect; got != ":3000localhost:9443off" {
		t.Errorf("addresses = %s", got)
	}
	if all, err := cfg.Backends(); err != nil || len(all) != 1 || all[0].To[0].String() != "http://localhost:3000" {
		t.Errorf("Backends() = %v, %v, want http://localhost:3000", all, err)
	}
	proxies, err := cfg.TrustedProxies()
	if err != nil || len(proxies) != 2 || proxies[1].String() != "192.0.2.7/32" {
		t.Errorf("TrustedProxies() = %v, %v", proxies, err)
	}
	if cfg.Headers.Mode != guard.Observe || !cfg.Headers.IncludeSubDomains || cfg.Headers.HSTS != "auto" {
		t.Errorf("Headers = %+v", cfg.Headers)
	}
	const helmet = `{"contentSecurityPolicy":{"directives":{"z-src":["'self'","b"],"a":null}},"hsts":false,"n":[1,-2.5,31]}`
	if got := string(cfg.Headers.Helmet.JSON); got != helmet {
		t.Errorf("Helmet = %s, want %s", got, helmet)
	}
	if got := time.Duration(cfg.Cookies.Migrate); got != 36*time.Hour {
		t.Errorf("Migrate = %v, want 36h", got)
	}
	if b := cfg.Bounds; time.Duration(b.HeadTimeout) != 90*time.Second || b.BodyMax != 1<<20 || b.BodyMinRate != -1 || b.HeadBytes != 65536 {
		t.Errorf("Bounds = %+v", b)
	}
	if cfg.TLS.Policy != "intermediate" || cfg.Log.Access != "off" || !cfg.Log.Queries || cfg.Conceal.Keep[0] != "server" {
		t.Errorf("TLS, Log, Conceal = %+v %+v %+v", cfg.TLS, cfg.Log, cfg.Conceal)
	}
	if o := cfg.Origin("headers.helmet.hsts"); o.Line != 16 {
		t.Errorf("Origin(headers.helmet.hsts) = %v, want line 16", o)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "headers:\n  helmt: {}\n", []string{`panoply.yaml:2:3: headers.helmt: unknown key; did you mean helmet?`}},
		{"swapped letters", "usptream: :1", []string{`panoply.yaml:1:1: usptream: unknown key; did you mean upstream?`}},
		{"camel case", "bounds: {headTimeout: 1s}", []string{`panoply.yaml:1:10: bounds.headTimeout: unknown key; did you mean head_timeout?`}},
		{"key of elsewhere", "hsts: off", []string{`panoply.yaml:1:1: hsts: unknown key; did you mean headers.hsts?`}},
		{"far from all", "admin: {zzz: 1}", []string{`panoply.yaml:1:9: admin.zzz: unknown key; admin knows listen, allow_others, hosts`}},
		{"twice", "redirect: off\nredirect: :2", []string{`panoply.yaml:2:1: redirect: given twice, first in line 1; keep one`}},
		{"twice in helmet", "headers:\n  helmet:\n    a: 1\n    a: 2", []string{`panoply.yaml:4:5: headers.helmet.a: given twice, first in line 3; keep one`}},
		{"number for text", "upstream: 3000", []string{`panoply.yaml:1:11: upstream: is a number (3000), must be text; write "3000" with the quotes`}},
		{"text for number", "bounds:\n  head_bytes: big", []string{`panoply.yaml:2:15: bounds.head_bytes: is text (big), must be a whole number`}},
		{"fraction", "bounds: {head_bytes: 2048.5}", []string{`panoply.yaml:1:22: bounds.head_bytes: is "2048.5", must be a whole number`}},
		{"unit missing", "bounds: {head_timeout: 10}", []string{`panoply.yaml:1:24: bounds.head_timeout: is "10", must be a duration with a unit, such as 10s, 5m or 7d`}},
		{"text for bool", "log: {queries: yes}", []string{`panoply.yaml:1:16: log.queries: is text (yes), must be true or false`}},
		{"mode", "headers: {mode: on}", []string{`panoply.yaml:1:17: headers.mode: is "on", must be one of enforce, observe, off`}},
		{"text for list", "sites: a.localhost", []string{`panoply.yaml:1:8: sites: is text, must be a list; write [a, b], or one - line for each`}},
		{"list for text", "listen: [a]", []string{`panoply.yaml:1:9: listen: is a list, must be text`}},
		{"text for mapping", "tls: modern", []string{`panoply.yaml:1:6: tls: is text, must be a mapping; write key: value lines below it`}},
		{"list at the root", "- a", []string{`panoply.yaml:1:1: is a list, must be a mapping; write key: value lines below it`}},
		{"no value", "listen:\nredirect: off", []string{`panoply.yaml:1:8: listen: has no value; give it one, or remove the line for the default`}},
		{"anchor", "listen: &a :1\nredirect: *a", []string{
			`panoply.yaml:1:9: anchors, aliases and merge keys are not read; write the value out`,
			`panoply.yaml:2:11: anchors, aliases and merge keys are not read; write the value out`}},
		{"merge key", "tls: {<<: {policy: modern}}", []string{`panoply.yaml:1:7: anchors, aliases and merge keys are not read; write the value out`}},
		{"tag", "listen: !!binary aGk=", []string{`panoply.yaml:1:9: tags are not read; remove !!binary`}},
		{"infinity in helmet", "headers: {helmet: {a: .inf}}", []string{`panoply.yaml:1:23: headers.helmet.a: is .inf, which is no number in JSON; quote it if it is text`}},
		{"helmet is a list", "headers: {helmet: [a]}", []string{`panoply.yaml:1:19: headers.helmet: is a list, must be a mapping; paste the object given to helmet() here`}},
		{"two documents", "listen: :1\n---\nlisten: :2", []string{`panoply.yaml:2:1: a second document begins here; keep one document a file, without ---`}},
		{"not YAML", "a: [1", []string{`panoply.yaml:1:4: not YAML: sequence end token ']' not found`}},
		{"not UTF-8", "listen: \"\xff\"", []string{`panoply.yaml:1:10: not UTF-8 text`}},
		{"control character", "log:\n  access: \x1b[31m", []string{`panoply.yaml:2:11: control character U+001B`}},
		{"page status", "errors: {200: a.html}", []string{`panoply.yaml:1:10: errors.200: is not a status from 400 to 599, 4xx or 5xx`}},
		{"page twice", "errors: {4xx: panoply.yaml, 4: panoply.yaml}", []string{`panoply.yaml:1:29: errors.4xx: given twice; keep one`}},
		{"port of a default", "listen: localhost:8080", []string{`panoply.yaml:1:9: listen: is "localhost:8080", the address of redirect too; give one of them another port`}},
		{"all at once, in order", "listen: :9443\nheaders: {hsts: of}\nfoo: 1\nbounds: {head_timeout: 0s}\nadmin: {listen: 0.0.0.0:9}\n", []string{
			`panoply.yaml:1:9: listen: is ":9443", which is beyond loopback, and no site is named; add --site NAME for each host name served, or a line sites: [NAME]`,
			`panoply.yaml:2:17: headers.hsts: is "of", must be one of auto, off; did you mean off?`,
			`panoply.yaml:3:1: foo: unknown key; the file knows version, upstream, upstreams, routes, listen, redirect, public_port, sites, state, install_key, probes, kind, contact, http1, exchange, tls, trust, headers, conceal, errors, cookies, sessions, csrf, login, limits, shields, bounds, admin, log, dependencies, audit, ignore`,
			`panoply.yaml:4:24: bounds.head_timeout: is "0s", must be from 1ms to 1h`,
			`panoply.yaml:5:17: admin.listen: is "0.0.0.0:9", must be a loopback address or off; write 127.0.0.1:9180, and fetch it through SSH or an agent on this machine; admin.allow_others: REASON lets others read it`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := load(t, tt.text, nil)
			if want := strings.Join(tt.want, "\n"); got != want {
				t.Errorf("Load(%q):\n got %s\nwant %s", tt.text, got, want)
			}
		})
	}
}

func TestLoadBounds(t *testing.T) {
	for name, text := range map[string]string{
		"brackets":  "headers: {helmet: {a: " + strings.Repeat("[", 100000),
		"dashes":    "sites:\n" + strings.Repeat("- ", 100000),
		"keys":      strings.Repeat("a: 1\n", 100000),
		"size":      strings.Repeat("#", 1<<20+1),
		"questions": strings.Repeat("? ", 100000),
		"tags":      strings.Repeat("!a ", 100000),
		"dollars":   "listen: " + strings.Repeat("${", 100000),
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			if _, problems := load(t, text, nil); problems == "" {
				t.Error("Load took it, want a problem")
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("Load took %v, want a refusal at once", took)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	env := map[string]string{"PORT": "3000", "EMPTY": "", "N": "2048", "B": "true", "QUOTE": `a": "b`}
	tests := []struct{ name, text, want string }{
		{"plain", "upstream: :${PORT}", ":3000"},
		{"quoted", `upstream: ":${PORT}"`, ":3000"},
		{"default", "upstream: ${NONE:-:4000}", ":4000"},
		{"default for empty", "upstream: :${EMPTY:-1}", ":1"},
		{"set but empty", "upstream: :${PORT}${EMPTY}", ":3000"},
		{"in a flow list", `{upstream: ":${PORT}"}`, ":3000"},
		{"twice", "upstream: :${PORT}${PORT:-1}", ":30003000!"},
		{"number", "upstream: :1\nbounds: {head_bytes: \"${N}\"}\nlog: {queries: \"${B}\"}", ":1"},
		{"escaped", "upstream: $${PORT}", "${PORT}!"},
		{"not expanded again", "upstream: '${QUOTE}'", `a": "b!`},
		{"comment", "upstream: :1 # ${NONE}", ":1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, problems := load(t, tt.text, env)
			want, refused := strings.CutSuffix(tt.want, "!") // a text that is read, then found no address
			if refused {
				if part := "upstream: is " + quote(want) + ","; !strings.Contains(problems, part) {
					t.Errorf("Load(%q) = %s, want …%s…", tt.text, problems, part)
				}
				return
			}
			if problems != "" || cfg.Upstream != want {
				t.Errorf("Load(%q) = %+v, %s, want upstream %s", tt.text, cfg, problems, want)
			}
		})
	}
	_, problems := load(t, "upstream: :${NONE}\nlisten: ${}\nredirect: ${A-b}\nadmin: {listen: \"${A\"}\nheaders: {helmet: {a: \"${NO}\"}}", env)
	want := `panoply.yaml:1:11: upstream: the variable NONE is not set: set it, or write ${NONE:-default}
panoply.yaml:2:9: listen: ${} is not ${NAME} or ${NAME:-default}: write $$ for a dollar sign
panoply.yaml:3:11: redirect: ${A-b} is not ${NAME} or ${NAME:-default}: write $$ for a dollar sign
panoply.yaml:4:17: admin.listen: ${ without its }: quote the value within [ ] and { }, or write $$ for a dollar sign
panoply.yaml:5:23: headers.helmet.a: the variable NO is not set: set it, or write ${NO:-default}`
	if problems != want {
		t.Errorf("Load:\n got %s\nwant %s", problems, want)
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }
