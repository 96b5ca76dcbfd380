package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
)

// source loads a file, unless text is empty, with an environment. Problems name no folder.
func source(t *testing.T, text string, environ []string, flags ...config.Flag) (*config.Config, string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	s := config.Source{Environ: environ, Flags: flags}
	if text != "" {
		s.File = filepath.Join(dir, config.FileName)
		if err := os.WriteFile(s.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := s.Load()
	if err != nil {
		if cfg != nil {
			t.Errorf("Load returned a Config beside the error %v", err)
		}
		return nil, strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
	}
	return cfg, ""
}

// No two keys have one variable, and none has that of another's file.
func TestEnvNamesAreUnambiguous(t *testing.T) {
	names := config.EnvNames()
	paths := map[string]string{}
	for name, path := range names {
		if other, twice := paths[path]; twice {
			t.Errorf("%s and %s both set %s", name, other, path)
		}
		paths[path] = name
		if _, taken := names[name+"_FILE"]; taken {
			t.Errorf("%s_FILE is a key and the file of %s", name, path)
		}
	}
	// As many variables as there are values: a name that two paths share is there once.
	cfg, problems := source(t, "headers: {helmet: {}}\nerrors: {404: panoply.yaml}\nupstream: ':1'\naudit: {key: ''}", nil)
	if problems != "" {
		t.Fatal(problems)
	}
	missing := 0
	for _, s := range cfg.Effective() {
		path := strings.TrimSuffix(s.Path, ".404")
		if _, ok := paths[path]; !ok && path != "version" {
			t.Errorf("%s has no variable", s.Path)
			missing++
		}
	}
	if missing == 0 && names["PANOPLY_BOUNDS_HEAD_TIMEOUT"] != "bounds.head_timeout" {
		t.Errorf("EnvNames() = %v", names)
	}
}

func TestEnvOverrides(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg, problems := source(t, "tls: {policy: intermediate}\nsites: [a.localhost]\nlog: {access: off}\nbounds: {head_bytes: 2048}\n", []string{
		"PANOPLY_TLS_POLICY=modern", "PANOPLY_BOUNDS_HEAD_TIMEOUT=3s", "PANOPLY_BOUNDS_BODY_MAX=5", "PANOPLY_LOG_QUERIES=true",
		"PANOPLY_SITES= b.localhost, c.localhost,", "PANOPLY_TRUST_PROXIES=[10.0.0.0/8, \"192.0.2.1\"]", "PANOPLY_HEADERS_MODE=observe",
		"PANOPLY_HEADERS_HELMET={\"hsts\": false, \"a\": [\"${HOME}\"]}",
		"PANOPLY_CSRF_ROUTES=[{route: POST /hooks/, exempt: 'signed by ${HOME}'}]", "PANOPLY_ERRORS={404: " + file("404.html", "gone") + "}",
		"PANOPLY_LISTEN=localhost:1", "PANOPLY_LOG_ACCESS=", "PANOPLY_UPSTREAM_FILE=" + file("upstream", "127.0.0.1:3000\r\n"),
		"PANOPLY_CONTACT_FILE=" + file("contact", "mailto:a@shop.example\n"), "HOME=/elsewhere", "PANOPLY_CONFIG=x.yaml", "PANOPLY_NPM_DIR=/n",
		"PANOPLY_PORT=tcp://10.0.0.1:443", "PANOPLY_SERVICE_HOST=10.0.0.1", "PANOPLY_SERVICE_PORT_HTTPS=443", "PANOPLY_PORT_443_TCP_ADDR=10.0.0.1",
		"PANOPLY_VALKEY_PORT=tcp://10.0.0.2:6379", "PANOPLY_VERSION=0.3.1", "PANOPLY_TEST_X=1",
	}, config.Flag{Path: "listen", Name: "--listen", Values: []string{"localhost:2"}})
	if problems != "" {
		t.Fatal(problems)
	}
	got := map[string]string{}
	for _, s := range cfg.Effective() {
		s.Origin.File = filepath.Base(s.Origin.File)
		got[s.Path] = s.Value + " " + s.Origin.String()
	}
	for path, want := range map[string]string{
		"tls.policy":            "modern env PANOPLY_TLS_POLICY",
		"bounds.head_timeout":   "3s env PANOPLY_BOUNDS_HEAD_TIMEOUT",
		"bounds.head_bytes":     "2048 panoply.yaml:4",
		"bounds.body_max":       "5 env PANOPLY_BOUNDS_BODY_MAX",
		"log.queries":           "true env PANOPLY_LOG_QUERIES",
		"log.access":            `off panoply.yaml:3`,
		"sites":                 "[b.localhost, c.localhost] env PANOPLY_SITES",
		"trust.proxies":         `["10.0.0.0/8", "192.0.2.1"] env PANOPLY_TRUST_PROXIES`,
		"headers.mode":          "observe env PANOPLY_HEADERS_MODE",
		"headers.helmet":        `{"hsts":false,"a":["$${HOME}"]} env PANOPLY_HEADERS_HELMET`,
		"csrf.routes[0].route":  `"POST /hooks/" env PANOPLY_CSRF_ROUTES`,
		"csrf.routes[0].exempt": `"signed by $${HOME}" env PANOPLY_CSRF_ROUTES`,
		"listen":                `"localhost:2" --listen`,
		"upstream":              `"127.0.0.1:3000" env PANOPLY_UPSTREAM_FILE`,
		"contact":               `["mailto:a@shop.example"] env PANOPLY_CONTACT_FILE`,
		"errors.404":            fmt.Sprintf("%q env PANOPLY_ERRORS", filepath.Join(dir, "404.html")),
	} {
		if got[path] != want {
			t.Errorf("Effective()[%s] = %s, want %s", path, got[path], want)
		}
	}
	if cfg.Headers.Mode != guard.Observe || len(cfg.CSRF.Routes) != 1 || cfg.Version != 1 {
		t.Errorf("Headers, CSRF, Version = %+v %+v %d", cfg.Headers, cfg.CSRF, cfg.Version)
	}
}

// A key that is the name of a file is named by both variables, so that a secret which an
// engine mounts is named once.
func TestEnvFileOfAFile(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "limits.secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PANOPLY_LIMITS_SECRET", "PANOPLY_LIMITS_SECRET_FILE"} {
		cfg, problems := source(t, "", []string{name + "=" + secret})
		if problems != "" || cfg.Limits.Secret != secret {
			t.Errorf("with %s: %+v, %s", name, cfg, problems)
		}
		if o := cfg.Origin("limits.secret").String(); o != "env "+name {
			t.Errorf("Origin(limits.secret) = %s, want env %s", o, name)
		}
	}
}

func TestEnvRefuses(t *testing.T) {
	dir := t.TempDir()
	path := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name    string
		environ []string
		want    []string
	}{
		{"unknown", []string{"PANOPLY_TLS_POLCY=modern"}, []string{`PANOPLY_TLS_POLCY: sets no key; did you mean PANOPLY_TLS_POLICY?`}},
		{"unknown file", []string{"PANOPLY_UPSTREM_FILE=x"}, []string{`PANOPLY_UPSTREM_FILE: sets no key; did you mean PANOPLY_UPSTREAM_FILE?`}},
		{"far from all", []string{"PANOPLY_FEATURE_OF_TOMORROW=1"}, []string{`PANOPLY_FEATURE_OF_TOMORROW: sets no key; a variable is called as its key: tls.policy is PANOPLY_TLS_POLICY`}},
		{"section", []string{"PANOPLY_LOG=off"}, []string{`PANOPLY_LOG: sets no key; a section has none; its keys have PANOPLY_LOG_ACCESS, PANOPLY_LOG_FILE, PANOPLY_LOG_QUERIES`}},
		{"escapes", []string{"PANOPLY_\x1b[2J=1"}, []string{`PANOPLY_\x1b[2J: sets no key; a variable is called as its key: tls.policy is PANOPLY_TLS_POLICY`}},
		{"both", []string{"PANOPLY_LISTEN=:1", "PANOPLY_LISTEN_FILE=" + path("listen", ":2")}, []string{
			`PANOPLY_LISTEN: listen: is ":1", which is beyond loopback, and no site is named; add --site NAME for each host name served, or a line sites: [NAME]`,
			`PANOPLY_LISTEN_FILE: listen: is set, and PANOPLY_LISTEN is too; keep one`}},
		{"all at once", []string{"PANOPLY_TLS_POLICY=old", "PANOPLY_BOUNDS_HEAD_TIMEOUT=10", "PANOPLY_LOG_QUERIES=yes", "PANOPLY_BOUNDS_BODY_MAX=1k", "PANOPLY_CSRF_MODE=on"}, []string{
			`PANOPLY_BOUNDS_BODY_MAX: bounds.body_max: is "1k", must be a whole number`,
			`PANOPLY_BOUNDS_HEAD_TIMEOUT: bounds.head_timeout: is "10", must be a duration with a unit, such as 10s, 5m or 7d`,
			`PANOPLY_CSRF_MODE: csrf.mode: is "on", must be one of enforce, observe, off`,
			`PANOPLY_LOG_QUERIES: log.queries: is "yes", must be true or false`,
			`PANOPLY_TLS_POLICY: tls.policy: is "old", must be one of intermediate, modern`}},
		{"list of mappings", []string{"PANOPLY_TLS_CERTIFICATES=a:b"}, []string{`PANOPLY_TLS_CERTIFICATES: tls.certificates: is "a:b", must be YAML in one line, such as [{…}, {…}]`}},
		{"mapping", []string{"PANOPLY_HEADERS_HELMET=on"}, []string{`PANOPLY_HEADERS_HELMET: headers.helmet: is "on", must be YAML in one line, such as {…}`}},
		{"kind within", []string{"PANOPLY_CSRF_ROUTES=[{rout: a}]"}, []string{`PANOPLY_CSRF_ROUTES: csrf.routes[0].rout: unknown key; did you mean route?`,
			`PANOPLY_CSRF_ROUTES: csrf.routes[0]: is "", must be a route with exempt`,
			`PANOPLY_CSRF_ROUTES: csrf.routes[0].route: is "", must be a method and a path`}},
		{"not YAML", []string{"PANOPLY_SITES=[a"}, []string{`PANOPLY_SITES: not YAML: sequence end token ']' not found`}},
		{"lines", []string{"PANOPLY_LISTEN=:1\n:2"}, []string{`PANOPLY_LISTEN: listen: is ":1\n:2", must be one line`}},
		{"control", []string{"PANOPLY_LISTEN=\x1b"}, []string{`PANOPLY_LISTEN: control character U+001B`}},
		{"no file", []string{"PANOPLY_LISTEN_FILE=" + filepath.Join(dir, "none")}, []string{`PANOPLY_LISTEN_FILE: listen: is "` + filepath.Join(dir, "none") + `", which cannot be read: no such file or directory`}},
		{"a folder", []string{"PANOPLY_LISTEN_FILE=" + dir}, []string{`PANOPLY_LISTEN_FILE: listen: is "` + dir + `", which is no file`}},
		{"empty file", []string{"PANOPLY_LISTEN_FILE=" + path("empty", "\n")}, []string{`PANOPLY_LISTEN_FILE: listen: is "` + filepath.Join(dir, "empty") + `", which is empty`}},
		{"large file", []string{"PANOPLY_LISTEN_FILE=" + path("large", strings.Repeat("a", 1<<16+1))}, []string{`PANOPLY_LISTEN_FILE: listen: is "` + filepath.Join(dir, "large") + `", which is larger than 65536 bytes`}},
		{"a secret in the wrong place", []string{"PANOPLY_TLS_POLICY_FILE=" + path("secret", "hunter2")}, []string{`PANOPLY_TLS_POLICY_FILE: tls.policy: is "…", must be one of intermediate, modern`}},
		{"a secret in a list", []string{"PANOPLY_LIMITS_REDIS_FILE=" + path("url", "redis://u:hunter2@host")}, []string{
			`PANOPLY_LIMITS_REDIS_FILE: limits.redis[0]: is "…", must be host:port, or the path of a socket`, `limits.secret: is needed with limits.redis, unless there is an install_key: all doors hash with the same one; head -c 32 /dev/urandom | base64 > limits.secret`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := source(t, "", tt.environ)
			lines := strings.Split(got, "\n")
			if len(lines) != len(tt.want) || slices.ContainsFunc(tt.want, func(want string) bool {
				return !slices.ContainsFunc(lines, func(line string) bool {
					return line == want || strings.HasPrefix(line, want+",") || strings.HasPrefix(line, want+" ")
				})
			}) {
				t.Errorf("with %q:\n got %s\nwant %s", tt.environ, got, strings.Join(tt.want, "\n"))
			}
		})
	}
}

// An audited folder is data: nobody's variables change what it says.
func TestEnvIsNotAudited(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PANOPLY_UPSTREAM", ":9999")
	t.Setenv("PANOPLY_AUDIT_PRODUCTION", "true")
	p, err := config.ReadProject("panoply.yaml", []byte("upstream: :3000\n"))
	if err != nil || p.Upstream != ":3000" || p.Production {
		t.Errorf("ReadProject = %+v, %v, want what the text says", p, err)
	}
}

// FuzzEnv holds: no value makes Load panic, and a refusal names the variable.
func FuzzEnv(f *testing.F) {
	for _, seed := range []string{"modern", "[a, b]", "{a: 1}", "[{route: POST /a}]", "[", "{404: x}", "a\x00", "- a", "[[[[", "true", "3", "&a [*a]", "\xff"} {
		f.Add(uint(0), seed)
	}
	var names []string
	for name := range config.EnvNames() {
		names = append(names, name)
	}
	slices.Sort(names)
	f.Setenv("HOME", f.TempDir())
	f.Fuzz(func(t *testing.T, which uint, value string) {
		name := names[which%uint(len(names))]
		if strings.HasPrefix(value, "/") || strings.HasPrefix(value, ".") {
			return // a file of this machine
		}
		_, err := config.Source{Environ: []string{fmt.Sprintf("%s=%s", name, value)}}.Load()
		for _, p := range config.Problems(err) {
			if p.Text == "" || strings.ContainsAny(p.Error(), "\n\x1b\x00") {
				t.Errorf("%s=%q: %q, want one line", name, value, p)
			}
		}
	})
}
