package npmregistry_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/npmregistry"
)

func TestMain(m *testing.M) {
	npmregistry.Hurry()
	os.Exit(m.Run())
}

func file(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), ".npmrc")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func load(t testing.TB, from npmregistry.Sources) *npmregistry.Settings {
	t.Helper()
	s, err := npmregistry.Load(from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRegistries(t *testing.T) {
	user := file(t, "; a comment\n# another\nregistry = https://user.example/npm\n@shop:registry=\"https://shop.example/\"\n@old:registry='https://old.example/'\n[section]\nregistry=https://section.example\n")
	machine := file(t, "registry=https://machine.example\n@m:registry=https://m.example/a ; of the machine\n")
	project := file(t, "registry=https://project.example\n@shop:registry=${EVIL}\n@p:registry=https://p.example\n")
	for name, c := range map[string]struct {
		from   npmregistry.Sources
		want   string
		scopes map[string]string
	}{
		"nothing": {npmregistry.Sources{}, npmregistry.PublicRegistry, nil},
		"user":    {npmregistry.Sources{User: user, Machine: machine}, "https://user.example/npm/", map[string]string{"@shop": "https://shop.example/", "@old": "https://old.example/", "@m": "https://m.example/a/"}},
		"machine": {npmregistry.Sources{Machine: machine, User: "/absent/.npmrc"}, "https://machine.example/", map[string]string{"@m": "https://m.example/a/"}},
		"variables": {npmregistry.Sources{User: user, Environ: []string{"NPM_CONFIG_REGISTRY=https://env.example", "npm_config_@shop:registry=https://s.example", "npm_config_x=", "OTHER=1"}},
			"https://env.example/", map[string]string{"@shop": "https://s.example/", "@old": "https://old.example/"}},
		"named files": {npmregistry.Sources{User: "/absent", Environ: []string{"npm_config_userconfig=" + user, "npm_config_globalconfig=" + machine}}, "https://user.example/npm/",
			map[string]string{"@shop": "https://shop.example/", "@old": "https://old.example/", "@m": "https://m.example/a/"}},
		"expanded": {npmregistry.Sources{User: file(t, "registry=https://${HOST}/${NONE?}x\n@a:registry=https://a.example/\\${HOST}"), Environ: []string{"HOST=h.example"}}, "https://h.example/x/",
			map[string]string{"@a": "https://a.example/$%7BHOST%7D/"}},
	} {
		s := load(t, c.from)
		if s.Registry != c.want || len(s.Scopes) != len(c.scopes) {
			t.Errorf("%s: %s and %v, want %s and %v", name, s.Registry, s.Scopes, c.want, c.scopes)
		}
		for scope, want := range c.scopes {
			if s.Scopes[scope] != want {
				t.Errorf("%s: %s is at %s, want %s", name, scope, s.Scopes[scope], want)
			}
		}
	}
	// Of a project, that is trusted, nothing is expanded.
	if _, err := npmregistry.Load(npmregistry.Sources{Project: project, User: user, Environ: []string{"EVIL=https://evil.example"}}); err == nil || !strings.Contains(err.Error(), "${EVIL}") {
		t.Errorf("Load = %v, want ${EVIL} told as no address", err)
	}
}

func TestCredentials(t *testing.T) {
	s := load(t, npmregistry.Sources{
		User: file(t, `//a.example/:_authToken=${TOKEN}
//a.example/deep/:_authToken=deep
//b.example:8443/:_auth=dTpw
//c.example/npm/:username=u
//c.example/npm/:_password=cA==
//d.example/:_authToken=${UNSET}
//e.example/:always-auth=true
always-auth=true
`), Environ: []string{"TOKEN=t0ken"},
		// A project names no credentials, and gets none that are not for its host.
		Project: file(t, "//evil.example/:_authToken=${TOKEN}\n//a.example/:_authToken=theirs\nstrict-ssl=false\nproxy=http://evil.example\n"),
	})
	for address, want := range map[string]string{
		"https://a.example/-/npm/v1/x":      "Bearer t0ken",
		"https://a.example/deep/-/npm":      "Bearer deep",
		"https://a.example/deeper/-/npm":    "Bearer t0ken",
		"https://a.example:8443/-/npm":      "",
		"https://sub.a.example/":            "",
		"https://b.example:8443/x":          "Basic dTpw",
		"https://b.example/x":               "",
		"https://c.example/npm/-/x":         "Basic dTpw",
		"https://c.example/other":           "",
		"https://evil.example/":             "",
		"https://e.example/":                "",
		"https://d.example/":                "error names a variable that is not set",
		"https://a.example.evil.example/":   "",
		"https://evil.example/a.example/-/": "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		got, err := npmregistry.Credential(s, u)
		if text, wrong := strings.CutPrefix(want, "error "); wrong {
			if err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), ".npmrc:6") {
				t.Errorf("%s gets %q, %v, want an error with its line and %q", address, got, err, text)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s gets %q, %v, want %q", address, got, err, want)
		}
	}
}

func TestSettingsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"strict-ssl=false":                        "strict-ssl=false is refused",
		"registry=http://registry.example":        "without TLS",
		"@a:registry=http://10.0.0.1":             "without TLS",
		"registry=nothing":                        "no address of a registry",
		"registry=https://u:secret@host.example/": "//host.example/:_auth",
		"_authToken=secret":                       "//HOST/:_authToken",
		"_auth=secret":                            "//HOST/:_auth",
		"\n\n_password=secret":                    ".npmrc:3: _password",
	} {
		if s, err := npmregistry.Load(npmregistry.Sources{User: file(t, text)}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: Load = %+v, %v, want %q and no secret", text, s, err, want)
		}
	}
	for text, want := range map[string]string{
		"cafile=/absent.pem":  "cafile: open /absent.pem",
		"ca=\"no pem\"":       "no certificate",
		"https-proxy=nothing": "no address of a proxy",
	} {
		s := load(t, npmregistry.Sources{User: file(t, text)})
		if _, err := npmregistry.New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: New = %v, want %q", text, err, want)
		}
	}
	if _, err := npmregistry.Load(npmregistry.Sources{User: t.TempDir()}); err == nil {
		t.Error("Load takes a folder for a file")
	}
	if _, err := npmregistry.Load(npmregistry.Sources{User: file(t, strings.Repeat("x", 1<<20+1))}); err == nil {
		t.Error("Load takes a file of more than a megabyte")
	}
}

// Whatever a file says, no host gets a credential that was written for another, and none
// is asked without TLS.
func FuzzLoad(f *testing.F) {
	f.Add("registry=https://a.example\n//a.example/:_authToken=${TOKEN}\n", "registry=https://b.example")
	f.Add("@s:registry = 'http://127.0.0.1:1'\nca[]=\"x\\ny\"\nca[]=z\n", "@s:registry=\"https://b\"")
	f.Add("[a]\nb=c\n=\n[]\n\\;=\\#", "${TOKEN}")
	f.Fuzz(func(t *testing.T, user, project string) {
		s, err := npmregistry.Load(npmregistry.Sources{User: file(t, user), Project: file(t, project), Environ: []string{"TOKEN=s3cret"}})
		if err != nil {
			return
		}
		for _, address := range append([]string{s.Registry}, s.Scopes["@s"]) {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			if u.Scheme == "http" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127.") && u.Hostname() != "::1" {
				t.Errorf("%s is asked without TLS", u)
			}
			value, err := npmregistry.Credential(s, u)
			if err == nil && value != "" && !strings.Contains(user, "//") {
				t.Errorf("%s gets %q, which %q does not say", u, value, user)
			}
		}
	})
}
