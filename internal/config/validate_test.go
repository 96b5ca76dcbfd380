package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/testcert"
)

func TestValidate(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	tests := []struct {
		name   string
		change func(*config.Config)
		want   string
	}{
		{"public with local sites", func(c *config.Config) { c.Listen, c.Sites = ":8443", []string{"localhost", "a.localhost"} }, ""},
		{"free ports", func(c *config.Config) {
			c.Listen, c.Redirect, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "[::1]:0"
		}, ""},
		{"all off", func(c *config.Config) { c.Redirect, c.Admin.Listen = "off", "off" }, ""},
		{"public redirect alone", func(c *config.Config) { c.Redirect = "0.0.0.0:80" }, `redirect: is "0.0.0.0:80", which is beyond loopback, and no site is named; add --site NAME for each host name served, or a line sites: [NAME]`},
		{"listen off", func(c *config.Config) { c.Listen = "off" }, `listen: is "off", must be host:port with an IP address or localhost, or :port for every address`},
		{"listen port alone", func(c *config.Config) { c.Listen = "8443" }, `listen: is "8443", must be host:port with an IP address or localhost, or :port for every address; write ":8443"`},
		{"listen on a name", func(c *config.Config) { c.Listen, c.Sites = "shop.localhost:8443", []string{"localhost"} }, `listen: is "shop.localhost:8443", must be host:port with an IP address or localhost, or :port for every address; names of sites belong in sites`},
		{"listen on bare IPv6", func(c *config.Config) { c.Listen = "::1:443" }, `listen: is "::1:443", must be host:port with an IP address or localhost, or :port for every address; write an IPv6 address in brackets`},
		{"listen service name", func(c *config.Config) { c.Redirect = "localhost:http" }, `redirect: is "localhost:http", must be host:port with an IP address or localhost, or :port for every address, or off`},
		{"same ports", func(c *config.Config) { c.Redirect = "127.0.0.1:8443" }, `redirect: is "127.0.0.1:8443", the address of listen too; give one of them another port`},
		{"admin on the port of redirect", func(c *config.Config) { c.Admin.Listen = "localhost:8080" }, `admin.listen: is "localhost:8080", the address of redirect too; give one of them another port`},
		{"upstream is the door", func(c *config.Config) { c.Upstream = ":8443" }, `upstream: is ":8443", where the door itself listens; name the port of the application`},
		{"admin public", func(c *config.Config) { c.Admin.Listen = ":9180" }, `admin.listen: is ":9180", must be a loopback address or off; write 127.0.0.1:9180, and fetch it through SSH or an agent on this machine; admin.allow_others: REASON lets others read it`},
		{"site as URL", func(c *config.Config) { c.Sites = []string{"https://App.localhost:8443/x"} }, `sites[0]: is "https://App.localhost:8443/x", must be a host name in lower case; write app.localhost`},
		{"site with a dot", func(c *config.Config) { c.Sites = []string{"localhost."} }, `sites[0]: is "localhost.", must be a host name in lower case; write localhost`},
		{"site pattern", func(c *config.Config) { c.Sites = []string{"*.localhost"} }, `sites[0]: is "*.localhost", must be a host name in lower case; name each host: a pattern would let in names nobody chose`},
		{"site in Unicode", func(c *config.Config) { c.Sites = []string{"bücher.localhost"} }, `sites[0]: is "bücher.localhost", must be a host name in lower case; write it as DNS has it, xn--…`},
		{"site as odd address", func(c *config.Config) { c.Sites = []string{"127.1"} }, `sites[0]: is "127.1", must be a host name in lower case`},
		{"site as IPv4 in IPv6", func(c *config.Config) { c.Sites = []string{"::ffff:127.0.0.1"} }, `sites[0]: is "::ffff:127.0.0.1", must be a host name in lower case`},
		{"site empty", func(c *config.Config) { c.Sites = []string{""} }, `sites[0]: is "", must be a host name in lower case`},
		{"site twice", func(c *config.Config) { c.Sites = []string{"localhost", "::1", "localhost"} }, `sites[2]: is "localhost", which is named twice`},
		{"site without certificate", func(c *config.Config) { c.Sites = []string{"localhost", "shop.example"} }, `sites[1]: shop.example has no certificate: the local CA is for localhost, *.localhost, 127.0.0.1 and ::1 only; add tls: {certificates: [{cert: FILE, key: FILE}]}`},
		{"no state", func(c *config.Config) { c.State = "" }, `state: has no default here, since the environment names no home folder; add state: /path/to/folder`},
		{"state is a file", func(c *config.Config) { c.State = "validate_test.go" }, `state: is "validate_test.go", must be a folder`},
		{"policy", func(c *config.Config) { c.TLS.Policy = "Modern" }, `tls.policy: is "Modern", must be one of intermediate, modern; did you mean modern?`},
		{"half a pair", func(c *config.Config) { c.TLS.Certificates = []config.Certificate{{Cert: "a.pem"}} }, `tls.certificates[0].key: is missing; a certificate is a cert file and a key file`},
		{"everyone a proxy", func(c *config.Config) { c.Trust.Proxies = []string{"0.0.0.0/0", "::/0", "128.0.0.0/1"} }, `trust.proxies[0]: is "0.0.0.0/0", must be the network of your proxies, /7 or longer; this lets strangers name their own address
trust.proxies[1]: is "::/0", must be the network of your proxies, /7 or longer; this lets strangers name their own address
trust.proxies[2]: is "128.0.0.0/1", must be the network of your proxies, /7 or longer; this lets strangers name their own address`},
		{"host bits", func(c *config.Config) { c.Trust.Proxies = []string{"10.1.2.3/8"} }, `trust.proxies[0]: is "10.1.2.3/8", must be a network without host bits; write 10.0.0.0/8`},
		{"no CIDR", func(c *config.Config) {
			c.Trust.Proxies = []string{"cloud", "fe80::1%eth0", "::ffff:10.0.0.0/104", "fd00::/8"}
		}, `trust.proxies[0]: is "cloud", must be a CIDR such as 10.0.0.0/8, or an address
trust.proxies[1]: is "fe80::1%eth0", must be a CIDR such as 10.0.0.0/8, or an address
trust.proxies[2]: is "::ffff:10.0.0.0/104", must be a CIDR such as 10.0.0.0/8, or an address`},
		{"trust header", func(c *config.Config) { c.Trust.Header = "x-real-ip" }, `trust.header: is "x-real-ip", must be one of x-forwarded-for, forwarded`},
		{"preload alone", func(c *config.Config) { c.Headers.Preload = true }, `headers.preload: needs include_subdomains; the browsers' lists take no domain without it`},
		{"HSTS off and wide", func(c *config.Config) { c.Headers.HSTS, c.Headers.IncludeSubDomains = "off", true }, `headers.include_subdomains: has no effect while headers.hsts is off; remove one of the two`},
		{"unknown mode", func(c *config.Config) { c.Cookies.Mode = guard.Mode(7) }, `cookies.mode: is "Mode(7)", must be one of enforce, observe, off`},
		{"banner", func(c *config.Config) { c.Conceal.Keep = []string{"via", "x y"} }, `conceal.keep[1]: is "x y", must be the name of a header`},
		{"cookie name", func(c *config.Config) { c.Cookies.Session = []string{"a;b", "sid"} }, `cookies.session[0]: is "a;b", must be the name of a cookie`},
		{"cookie in both lists", func(c *config.Config) { c.Cookies.Session, c.Cookies.Script = []string{"sid"}, []string{"sid"} }, `cookies.script[0]: is "sid", which is in cookies.session too; a cookie that scripts read cannot be hidden from them`},
		{"rename", func(c *config.Config) { c.Cookies.Rename = "on" }, `cookies.rename: is "on", must be one of auto, off`},
		{"migrate", func(c *config.Config) { c.Cookies.Migrate = 0 }, `cookies.migrate: is "0s", must be more than 0s and at most 365d`},
		{"bounds", func(c *config.Config) {
			c.Bounds = config.Bounds{HeadBytes: 10, BodyMax: -1, StreamIdle: config.Duration(31 * 24 * time.Hour), DrainTimeout: -1, HeadTimeout: 1, IdleTimeout: config.Duration(time.Hour), BodyGrace: config.Duration(time.Second), ConnectTimeout: config.Duration(time.Second), ResponseTimeout: config.Duration(24 * time.Hour)}
		}, `bounds.head_timeout: is "1ns", must be from 1ms to 1h
bounds.drain_timeout: is "-1ns", must be from 1ms to 1h
bounds.stream_idle: is "31d", must be from 1ms to 30d
bounds.head_bytes: is "10", must be from 1024 to 16777216
bounds.body_min_rate: is "0", must be from 1 to 1073741824; write -1 for no bound
bounds.body_max: is "-1", must be 0 or more; 0 is no limit`},
		{"log", func(c *config.Config) { c.Log.Access = "yes" }, `log.access: is "yes", must be one of on, off`},
		{"log folder", func(c *config.Config) { c.Log.File = "/nonexistent/access.log" }, `log.file: is in "/nonexistent", which is no folder; make it first`},
		{"log file", func(c *config.Config) { c.Log.File = "/" }, `log.file: is "/", must be a file or a device; leave it empty for stdout`},
		{"pages", func(c *config.Config) {
			c.Errors = map[int]string{404: "absent.html", 5: ".", 200: "validate_test.go", 503: "validate_test.go"}
		}, `errors.5xx: is ".", must be a file
errors.200: is not a status from 400 to 599, 4xx or 5xx
errors.404: is "absent.html", which cannot be read: no such file or directory`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := config.Default()
			tt.change(c)
			got := ""
			if err := c.Validate(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Validate:\n got %s\nwant %s", got, tt.want)
			}
			if got != "" && len(config.Problems(c.Validate())) != strings.Count(got, "\n")+1 {
				t.Errorf("Problems = %v, want one for each line of %s", config.Problems(c.Validate()), got)
			}
		})
	}
}

// writePair writes a certificate for names and its key into dir.
func writePair(t *testing.T, dir string, expired bool, names ...string) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	if expired {
		until = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	certificate, key := testcert.SelfSigned(t, until, names...)
	for name, text := range map[string][]byte{"site.pem": certificate, "site.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Files are named from the folder of panoply.yaml; problems of a pair stand at the line
// of the file that they are about.
func TestCertificates(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	const text = "listen: :8443\nsites: [shop.example, a.wild.example, other.example]\ntls:\n  certificates:\n    - cert: site.pem\n      key: site.key\n"
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"good", func(t *testing.T, dir string) {
			writePair(t, dir, false, "shop.example", "*.wild.example", "other.example")
		}, ""},
		{"a site is missing", func(t *testing.T, dir string) { writePair(t, dir, false, "shop.example", "*.wild.example") },
			"panoply.yaml:2:39: sites[2]: other.example is in none of the certificates; add a pair to tls.certificates"},
		{"expired", func(t *testing.T, dir string) { writePair(t, dir, true, "shop.example") },
			"panoply.yaml:5:13: tls.certificates[0].cert: site.pem: expired on 2021-01-01: renew it"},
		{"absent", func(*testing.T, string) {},
			"panoply.yaml:5:13: tls.certificates[0].cert: site.pem: cannot be read: no such file or directory\n" +
				"panoply.yaml:6:12: tls.certificates[0].key: site.key: cannot be read: no such file or directory"},
		{"another's key", func(t *testing.T, dir string) {
			writePair(t, dir, false, "shop.example")
			other := t.TempDir()
			writePair(t, other, false, "shop.example")
			if err := os.Rename(filepath.Join(other, "site.key"), filepath.Join(dir, "site.key")); err != nil {
				t.Fatal(err)
			}
		}, "panoply.yaml:6:12: tls.certificates[0].key: site.key: is not the key of site.pem"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.make(t, dir)
			path := filepath.Join(dir, config.FileName)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(path, os.LookupEnv)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
			}
			if got != tt.want {
				t.Errorf("Load:\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	cfg, problems := load(t, "upstream: :1\nlisten: :8443\nsites: [bad.example]\n", nil,
		config.Flag{Path: "upstream", Name: "UPSTREAM", Values: []string{":3000"}},
		config.Flag{Path: "sites", Name: "--site", Values: []string{"localhost", "b.localhost"}},
		config.Flag{Path: "bounds.drain_timeout", Name: "--drain", Values: []string{"1s"}},
		config.Flag{Path: "headers.mode", Name: "--headers", Values: []string{"observe"}},
		config.Flag{Path: "log.queries", Name: "--log-queries", Values: []string{"true"}})
	if problems != "" {
		t.Fatal(problems)
	}
	if cfg.Upstream != ":3000" || len(cfg.Sites) != 2 || cfg.Sites[1] != "b.localhost" || cfg.Bounds.DrainTimeout != config.Duration(time.Second) || cfg.Headers.Mode != guard.Observe || !cfg.Log.Queries {
		t.Errorf("Load with flags = %+v", cfg)
	}
	if o := cfg.Origin("sites[1]"); o.Flag != "--site" || o.String() != "--site" {
		t.Errorf("Origin(sites[1]) = %v, want --site", o)
	}
	if !cfg.Public() {
		t.Error("Public() = false, want true")
	}
	_, err := config.Source{Flags: []config.Flag{
		{Path: "listen", Name: "--listen", Values: []string{"nowhere"}},
		{Path: "sites", Name: "--site", Values: []string{"localhost", "A"}},
		{Path: "bounds.drain_timeout", Name: "--drain", Values: []string{"1"}},
		{Path: "upstream", Name: "UPSTREAM", Values: []string{":1", ":2"}},
		{Path: "tls.certificates", Name: "--cert", Values: []string{"x"}},
		{Path: "tls", Name: "--tls", Values: []string{"x"}},
		{Path: "nope", Name: "--nope", Values: []string{"x"}},
	}}.Load()
	const want = `--drain: is "1", must be a duration with a unit, such as 10s, 5m or 7d
UPSTREAM: given 2 times, must be given once
--cert: is "x", must be CERT:KEY, two PEM files
--tls: sets tls, which is more than one value
--nope: sets nope, which the configuration does not have
--listen: listen: is "nowhere", must be host:port with an IP address or localhost, or :port for every address
--site: sites[1]: is "A", must be a host name in lower case; write a`
	if err == nil || err.Error() != want {
		t.Errorf("Load:\n got %v\nwant %s", err, want)
	}
	for text, want := range map[string]config.Certificate{
		"a.pem:b.key":           {Cert: "a.pem", Key: "b.key"},
		`C:\a.pem:C:\b.key`:     {Cert: `C:\a.pem`, Key: `C:\b.key`},
		"/etc/a.pem:/etc/b.key": {Cert: "/etc/a.pem", Key: "/etc/b.key"},
	} {
		_, err := config.Source{Flags: []config.Flag{{Path: "tls.certificates", Name: "--cert", Values: []string{text}}}}.Load()
		if err == nil || !strings.Contains(err.Error(), want.Cert+": cannot be read") || !strings.Contains(err.Error(), want.Key+": cannot be read") {
			t.Errorf("--cert %s = %v, want the files %s and %s asked for", text, err, want.Cert, want.Key)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if path, err := config.Find(dir); path != "" || err != nil {
		t.Errorf("Find in an empty folder = %q, %v, want none", path, err)
	}
	yml := filepath.Join(dir, "panoply.yml")
	if err := os.WriteFile(yml, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := config.Find(dir); path != "" || err == nil || err.Error() != yml+": is not read; rename it to panoply.yaml" {
		t.Errorf("Find beside panoply.yml = %q, %v, want a refusal", path, err)
	}
	want := filepath.Join(dir, "panoply.yaml")
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := config.Find(dir); path != want || err != nil {
		t.Errorf("Find = %q, %v, want %s", path, err, want)
	}
	if _, err := config.Load(filepath.Join(dir, "x"), nil); err == nil || !strings.HasSuffix(err.Error(), "x: cannot be read: no such file or directory") {
		t.Errorf("Load of no file = %v", err)
	}
}
