package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

func TestBackendsOfOneAddress(t *testing.T) {
	const forms = ", must be :port, host:port, http://, https:// or h2c://host:port, or unix:/path"
	tests := []struct{ in, want string }{
		{":3000", "http://localhost:3000"},
		{"127.0.0.1:3000", "http://127.0.0.1:3000"},
		{"[::1]:3000", "http://[::1]:3000"},
		{"app_1:80", "http://app_1:80"},
		{"http://app.internal:8080", "http://app.internal:8080"},
		{"HTTP://app.internal/", "http://app.internal:80"},
		{"http://[::1]", "http://[::1]:80"},
		{"https://app.internal", "https://app.internal:443"},
		{"h2c://127.0.0.1:50051", "h2c://127.0.0.1:50051"},
		{"unix:/run/app.sock", "unix:/run/app.sock"},
		{"", `upstream: is missing; name the application: panoply serve :3000, or a line upstream: :3000`},
		{"3000", `upstream: is "3000"` + forms + `; write ":3000"`},
		{"http://app:3000/base", `upstream: is "http://app:3000/base"` + forms + `; a path or a query has no place there`},
		{"http://u:p@app:3000", `upstream: holds a name or password, must be only the address`},
		{"http://app:3000#", `upstream: is "http://app:3000#"` + forms + `; a path or a query has no place there`},
		{"localhost", `upstream: is "localhost"` + forms},
		{"unix:app.sock", `upstream: is "unix:app.sock"` + forms + `; write the whole path, such as unix:/run/app.sock`},
		{"unix:/run/../app.sock", `upstream: is "unix:/run/../app.sock"` + forms + `; write the whole path, such as unix:/run/app.sock`},
		{"unix:/" + strings.Repeat("a", 100), `upstream: is "unix:/` + strings.Repeat("a", 74) + `"…, a path of 101 bytes; systems take 100`},
		{"https+unix:///app.sock", `upstream: is "https+unix:///app.sock"` + forms},
		{"localhost:0", `upstream: is "localhost:0"` + forms},
		{"localhost:70000", `upstream: is "localhost:70000"` + forms},
		{"a b:80", `upstream: is "a b:80"` + forms},
		{"http://", `upstream: is "http://"` + forms},
	}
	for _, tt := range tests {
		all, err := (&config.Config{Upstream: tt.in}).Backends()
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = all[0].To[0].String()
		}
		if got != tt.want {
			t.Errorf("Backends of %q = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestBackends(t *testing.T) {
	cfg, problems := load(t, `
upstream: web
upstreams:
  - {name: rpc, to: ["h2c://127.0.0.1:50051"]}
  - name: web
    to: [":3000", "127.0.0.1:3001", "unix:/run/web.sock"]
    balance: least-connections
    health: {path: /healthz, rise: 1}
`, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	all, err := cfg.Backends()
	if err != nil || len(all) != 2 || all[0].Name != "web" || all[1].Name != "rpc" {
		t.Fatalf("Backends() = %+v, %v, want web first, then rpc", all, err)
	}
	h := all[0].Health
	if len(all[0].To) != 3 || all[0].Balance != "least-connections" || h.Rise != 1 || h.Fall != 3 || time.Duration(h.Interval) != 5*time.Second {
		t.Errorf("web = %+v", all[0])
	}
	if all[1].Balance != "two-choices" || all[1].To[0].Scheme != "h2c" {
		t.Errorf("rpc = %+v", all[1])
	}
}

func TestUpstreamsRefused(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, false, "door.internal")
	const good = "upstream: :3000\nupstreams: [{name: api, to: [':3001']}]\n"
	tests := []struct{ name, text, want string }{
		{"unknown group", good + "routes: [{path: /x/, upstream: apy}]", `routes[0].upstream: is "apy", must be one of upstreams, or default; did you mean api?`},
		{"no groups", "upstream: :3000\nroutes: [{upstream: api}]", `routes[0].upstream: is "api", must be one of upstreams, or default; name it in upstreams`},
		{"unknown group for the rest", "upstream: wb\nupstreams: [{name: web, to: [':3001']}]", `upstream: is "wb", must be an address or one of upstreams; did you mean web?`},
		{"name twice", "upstream: :3000\nupstreams: [{name: api, to: [':1']}, {name: api, to: [':2']}]", `upstreams[1].name: is "api", which is named twice`},
		{"name of the rest", "upstream: :3000\nupstreams: [{name: default, to: [':1']}]", `upstreams[0].name: is "default", which is what the key upstream names; choose another name`},
		{"name", "upstream: :3000\nupstreams: [{name: Api, to: [':1']}]", `upstreams[0].name: is "Api", must be 1 to 63 letters in lower case, digits, - _ and .`},
		{"no address", "upstream: :3000\nupstreams: [{name: a}]", `upstreams[0].to: names no address; write to: [http://10.0.0.5:3000]`},
		{"address twice", "upstream: :3000\nupstreams: [{name: a, to: [':1', 'http://localhost:1']}]", `upstreams[0].to[1]: is "http://localhost:1", which is named twice`},
		{"mixed", "upstream: :3000\nupstreams: [{name: a, to: [':1', 'https://b:1']}]", `upstreams[0].to[1]: is "https://b:1" beside one of http: a group is all http, all https or all h2c; make it a group of its own`},
		{"the door itself", "upstream: :3000\nupstreams: [{name: a, to: ['localhost:8443']}]", `upstreams[0].to[0]: is "localhost:8443", where the door itself listens; name the port of the application`},
		{"balance", "upstream: :3000\nupstreams: [{name: a, to: [':1'], balance: round-robin}]", `upstreams[0].balance: is "round-robin", must be one of two-choices, least-connections, client`},
		{"health", "upstream: :3000\nupstreams: [{name: a, to: [':1'], health: {path: x, interval: 1ms, timeout: 2h, fall: 0, rise: 101}}]",
			`upstreams[0].health.path: is "x", must be a path such as /healthz
upstreams[0].health.interval: is "1ms", must be from 100ms to 1h
upstreams[0].health.timeout: is "2h", must be from 10ms to 1h
upstreams[0].health.fall: is "0", must be 1 to 100
upstreams[0].health.rise: is "101", must be 1 to 100`},
		{"tls of http", "upstream: :3000\nupstreams: [{name: a, to: [':1'], tls: {name: b}}]", `upstreams[0].tls: has no effect on http; write the addresses as https://host:port`},
		{"tls files", "upstream: :3000\nupstreams: [{name: a, to: ['https://b'], tls: {ca: absent.pem, name: B, key: site.key}}, {name: c, to: ['https://b'], tls: {ca: " + junk + ", cert: site.pem, key: " + junk + "}}]",
			`upstreams[0].tls.cert: is missing; a certificate is a cert file and a key file
upstreams[0].tls.ca: is "absent.pem", which cannot be read: no such file or directory
upstreams[0].tls.name: is "B", must be a host name in lower case, or an IP address
upstreams[1].tls.ca: is "junk.pem", which holds no certificate in PEM
upstreams[1].tls.key: junk.pem: `},
		{"site", good + "sites: [localhost]\nroutes: [{site: locahost, upstream: api}]", `routes[0].site: is "locahost", must be one of sites; did you mean localhost?`},
		{"site without sites", good + "routes: [{site: shop.example, upstream: api}]", `routes[0].site: is "shop.example", must be a loopback name, since no sites are named; add it to sites`},
		{"paths", good + "routes: [{path: x, upstream: api}, {path: /a/../b, upstream: api}, {path: /a%2fb, upstream: api}, {path: '/*', upstream: api}]",
			`routes[0].path: is "x", must be a path such as /api/ or /feed.xml; without wildcards and query, and not one that servers read in two ways
routes[1].path: is "/a/../b", must be a path such as /api/ or /feed.xml; without wildcards and query, and not one that servers read in two ways
routes[2].path: is "/a%2fb", must be a path such as /api/ or /feed.xml; without wildcards and query, and not one that servers read in two ways
routes[3].path: is "/*", must be a path such as /api/ or /feed.xml; without wildcards and query, and not one that servers read in two ways`},
		{"route twice", good + "routes: [{path: /%61/, upstream: api}, {path: /a/, upstream: default}]", `routes[1]: has the site and the path of a route above; keep one`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			path := filepath.Join(dir, config.FileName)
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(path, nil)
			if err == nil {
				t.Fatalf("Load took it, want %s", tt.want)
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
			want := strings.Split(tt.want, "\n")
			if len(got) != len(want) {
				t.Fatalf("Load:\n got %s\nwant %s", strings.Join(got, "\n"), tt.want)
			}
			for i := range want {
				_, text, _ := strings.Cut(got[i], ": ")
				if !strings.HasPrefix(text, want[i]) {
					t.Errorf("problem %d:\n got %s\nwant %s", i, text, want[i])
				}
			}
		})
	}
}

func TestEffectiveItems(t *testing.T) {
	cfg, problems := load(t, "upstream: :3000\nupstreams:\n  - name: api\n    to: [':3001']\nroutes: [{path: /a/, upstream: api}]\n", nil)
	if problems != "" {
		t.Fatal(problems)
	}
	got := map[string]string{}
	for _, s := range cfg.Effective() {
		if s.Origin.File != "" {
			s.Origin.File = filepath.Base(s.Origin.File)
		}
		got[s.Path] = s.Value + " " + s.Origin.String()
	}
	for path, want := range map[string]string{
		"upstreams[0].name": "api panoply.yaml:3", "upstreams[0].to": `[":3001"] panoply.yaml:4`, "upstreams[0].balance": "two-choices default",
		"upstreams[0].health.fall": "3 default", "routes[0].path": `"/a/" panoply.yaml:5`, "tls.certificates": "[] default",
	} {
		if got[path] != want {
			t.Errorf("Effective()[%s] = %q, want %q", path, got[path], want)
		}
	}
}
