package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/need"
)

func TestPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	free := fmt.Sprint("localhost:", need.Port(t))
	o := Options{Config: &config.Config{Listen: "localhost:" + port, Redirect: "off", Admin: config.Admin{Listen: free}}}
	lines := checkPorts(t.Context(), &o)
	if len(lines) != 2 {
		t.Fatalf("%v, want two lines: redirect is off", lines)
	}
	lined(t, lines[0], Problem, "another program listens", "stop it")
	lined(t, lines[1], OK, "free", "")
	o.Unheard = errors.New("permission denied")
	lined(t, checkPorts(t.Context(), &o)[0], NotChecked, "whether it is the door is not known", "")
	o.Unheard, o.Running = nil, &admin.Status{Ports: []string{"127.0.0.1:" + port, "[::1]:" + port}}
	lines = checkPorts(t.Context(), &o)
	lined(t, lines[0], OK, "the running door listens there", "")
	lined(t, lines[1], Warning, "free, though a door runs", "reload")
	o = Options{Config: &config.Config{Listen: "192.0.2.99:" + port, Redirect: "off", Admin: config.Admin{Listen: "off"}}}
	lined(t, checkPorts(t.Context(), &o)[0], Problem, "assign", "an address of this machine")
}

func TestHeld(t *testing.T) {
	open := []string{"127.0.0.1:8443", "[::1]:8443", "[::]:443", "10.0.0.1:80"}
	for address, want := range map[string]bool{
		"localhost:8443": true, "127.0.0.1:8443": true, ":443": true, "0.0.0.0:443": true, "10.0.0.1:80": true,
		"localhost:443": false, ":8443": false, "10.0.0.2:80": false, "x": false,
	} {
		if got := held(open, address); got != want {
			t.Errorf("held(%s) = %t, want %t", address, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	shop := []string{"shop.example"}
	for _, tt := range []struct {
		name      string
		cfg       config.Config
		verdict   Verdict
		found, do string
	}{
		{"no site", config.Config{}, NotChecked, "no site", ""},
		{"off", config.Config{Sites: shop, Redirect: "off"}, Warning, "redirect is off", "add redirect"},
		{"another port", config.Config{Sites: shop, Redirect: ":8080"}, Warning, "listens on 8080", "add redirect"},
		{"mapped", config.Config{Sites: shop, Redirect: ":8080", PublicPort: 443}, NotChecked, "ports are mapped", ""},
		{"no door", config.Config{Sites: shop, Redirect: ":80"}, NotChecked, "no door runs", ""},
	} {
		l := checkPlain(t.Context(), &Options{Config: &tt.cfg})[0]
		lined(t, l, tt.verdict, tt.found, tt.do)
	}
	to := "https://shop.example/"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusPermanentRedirect) }))
	defer server.Close()
	if got, err := plainAnswer(t.Context(), strings.TrimPrefix(server.URL, "http://"), "shop.example"); err != nil || got != to {
		t.Errorf("plainAnswer = %q, %v, want %q", got, err, to)
	}
}

func TestApplication(t *testing.T) {
	status, location, stack := http.StatusOK, "", ""
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if location != "" {
			w.Header().Set("Location", location+r.URL.Path)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, stack)
	}))
	defer app.Close()
	address := strings.TrimPrefix(app.URL, "http://")
	o := Options{Config: &config.Config{Upstream: address, Listen: ":443", Sites: []string{"shop.example"}, Probes: "on"}, Addresses: here}
	check := func(upstream, trust, env Verdict, found string) {
		t.Helper()
		up, probes := checkUpstream(t.Context(), &o)[0], checkTrustProxy(t.Context(), &o)
		if up.Verdict != upstream || probes[0].Verdict != trust || probes[1].Verdict != env || !strings.Contains(fmt.Sprint(up, probes), found) {
			t.Errorf("%+v\n%+v\nwant %s, %s, %s and %s", up, probes, upstream, trust, env, found)
		}
	}
	check(OK, NotChecked, NotChecked, "answers / with 200")
	status, stack = http.StatusInternalServerError, "Error: x\n    at handle (/srv/app.js:3:9)\n"
	check(Warning, NotChecked, Problem, "NODE_ENV=production")
	status, stack, location = http.StatusFound, "", "http://shop.example:443"
	check(OK, Problem, NotChecked, "app.set('trust proxy', 'loopback')")
	o.Config.Probes = "off"
	check(OK, NotChecked, NotChecked, "probes: off")
	o.Config.Probes = "on"
	app.Close()
	check(Problem, NotChecked, NotChecked, "start the application")
	o.Config.Upstream = ""
	check(NotChecked, NotChecked, NotChecked, noApplication)
	lined(t, checkConfig(t.Context(), &o)[0], Warning, "names no application", "upstream")
	o.Config.Upstream, o.File = ":3000", "panoply.yaml"
	lined(t, checkConfig(t.Context(), &o)[0], OK, "panoply.yaml is valid", "")
}

// Each application is asked by the site of its routes: by another it may know no page.
func TestApplicationIsAskedBySite(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "api.localhost" && r.Host != "api.localhost:8443" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer api.Close()
	cfg := config.Default()
	cfg.Upstream, cfg.Sites = ":1", []string{"shop.localhost", "api.localhost"}
	u := config.DefaultUpstream()
	u.Name, u.To = "api", []string{strings.TrimPrefix(api.URL, "http://")}
	cfg.Upstreams, cfg.Routes = []config.Upstream{u}, []config.Route{{Path: "/x/", Upstream: "api"}, {Site: "api.localhost", Upstream: "api"}}
	for _, l := range checkUpstream(t.Context(), &Options{Config: cfg}) {
		if strings.HasPrefix(l.Subject, "api ") && l.Verdict != OK {
			t.Errorf("%+v, want ok", l)
		}
	}
}

func TestAround(t *testing.T) {
	app := httptest.NewServer(http.NotFoundHandler())
	defer app.Close()
	// 127.0.0.9 is what others would reach: the application listens on 127.0.0.1 only.
	o := Options{Config: &config.Config{Upstream: strings.TrimPrefix(app.URL, "http://")}, Addresses: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("127.0.0.9")}, nil }}
	lined(t, checkAround(t.Context(), &o)[0], OK, "answers on none of 127.0.0.9", "")
	o.Addresses = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil }
	lined(t, checkAround(t.Context(), &o)[0], Problem, "UNPROTECTED", "127.0.0.1")
	o.Addresses = func() ([]netip.Addr, error) { return nil, nil }
	lined(t, checkAround(t.Context(), &o)[0], NotChecked, "no address that others reach", "")
	o.Config.Upstream = "10.0.0.5:3000"
	lined(t, checkAround(t.Context(), &o)[0], NotChecked, "another machine", "firewall")
	o.Config.Upstream = fmt.Sprint("127.0.0.1:", need.Port(t))
	o.Addresses = here
	lined(t, checkAround(t.Context(), &o)[0], NotChecked, "does not answer", "")
}

func TestForwarded(t *testing.T) {
	for _, tt := range []struct {
		proxies   []string
		verdict   Verdict
		found, do string
	}{
		{nil, OK, "nobody is believed", ""},
		{[]string{"10.0.0.0/8", "203.0.113.0/24"}, OK, "x-forwarded-for is believed from 10.0.0.0/8, 203.0.113.0/24 only", ""},
		{[]string{"203.0.0.0/12"}, Warning, "203.0.0.0/12", "wide for a public network"},
		{[]string{"2001:d00::/24"}, Warning, "2001:d00::/24", "wide"},
		{[]string{"x"}, Problem, "trust.proxies[0]", ""},
	} {
		o := Options{Config: &config.Config{Trust: config.Trust{Proxies: tt.proxies, Header: "x-forwarded-for"}}}
		lined(t, checkForwarded(t.Context(), &o)[0], tt.verdict, tt.found, tt.do)
	}
}

func TestStore(t *testing.T) {
	server := need.Program(t, "valkey-server", "redis-server")
	port := need.Port(t)
	cmd := exec.Command(server, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	o := Options{Config: &config.Config{State: t.TempDir(), Limits: config.Limits{Redis: []string{fmt.Sprint("127.0.0.1:", port)}, Instances: 2}}}
	lines := checkStore(t.Context(), &o)
	if len(lines) != 2 || lines[0].Verdict == NotChecked || !strings.Contains(lines[0].Found, "MB are left") {
		t.Fatalf("%+v, want the disk and the Redis", lines)
	}
	lined(t, lines[1], OK, "2 doors", "")
	o.Config.Limits.Redis[0] = fmt.Sprint("127.0.0.1:", need.Port(t))
	lined(t, checkStore(t.Context(), &o)[1], Problem, "the Redis does not answer", "start it")
	o.Config.Limits.RedisPassword = filepath.Join(t.TempDir(), "gone")
	lined(t, checkStore(t.Context(), &o)[1], Problem, "gone", "")
	o.Config.State = filepath.Join(t.TempDir(), "later")
	lined(t, checkStore(t.Context(), &o)[0], NotChecked, "made at the first start", "")
}

func TestState(t *testing.T) {
	dir := t.TempDir()
	o := Options{Config: &config.Config{State: filepath.Join(dir, "state")}}
	lined(t, checkState(t.Context(), &o)[0], NotChecked, "made at the first start", "")
	if err := os.Mkdir(o.Config.State, 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(o.Config.State, "install.key")
	write(t, key, "x")
	for _, tt := range []struct {
		dir, key  os.FileMode
		verdict   Verdict
		found, do string
	}{
		{0o700, 0o600, OK, "mode 0700", ""}, {0o755, 0o600, Warning, "others can look", "chmod 700"},
		{0o770, 0o600, Problem, "others can write", "chmod 700"}, {0o700, 0o644, Problem, "install.key has mode 0644", "chmod 600"},
	} {
		if err := errors.Join(os.Chmod(o.Config.State, tt.dir), os.Chmod(key, tt.key)); err != nil {
			t.Fatal(err)
		}
		lined(t, checkState(t.Context(), &o)[0], tt.verdict, tt.found, tt.do)
	}
	o.Config.InstallKey = filepath.Join(dir, "shared.key")
	lined(t, checkState(t.Context(), &o)[1], Problem, "shared.key", "")
	write(t, o.Config.InstallKey, "x")
	lined(t, checkState(t.Context(), &o)[1], OK, "owner and group", "")
	if err := os.Chmod(o.Config.InstallKey, 0o644); err != nil {
		t.Fatal(err)
	}
	lined(t, checkState(t.Context(), &o)[1], Problem, "everybody", "chmod o=")
}

func TestFiles(t *testing.T) {
	for _, tt := range []struct {
		n       uint64
		err     error
		verdict Verdict
		found   string
	}{
		{1 << 20, nil, OK, "1048576 files"}, {4096, nil, Warning, "about 2048 clients"}, {1024, nil, Problem, "about 512 clients"}, {0, errUnknown, NotChecked, "not known"},
	} {
		o := Options{FileLimit: func() (uint64, error) { return tt.n, tt.err }}
		lined(t, checkFiles(t.Context(), &o)[0], tt.verdict, tt.found, "")
	}
	o := Options{Running: &admin.Status{}, Socket: filepath.Join(t.TempDir(), "none")}
	lined(t, checkFiles(t.Context(), &o)[0], NotChecked, "the running door", "")
}

func TestDoor(t *testing.T) {
	o := Options{Config: &config.Config{State: "/state"}}
	lined(t, checkDoor(t.Context(), &o)[0], NotChecked, "no door runs with the state folder /state", "")
	o.Unheard = errors.New("another user's")
	lined(t, checkDoor(t.Context(), &o)[0], NotChecked, "another user's", "")
	o = Options{Running: &admin.Status{Since: time.Now(), Problems: []string{"a"}, Hints: []string{"b"}}}
	lines := checkDoor(t.Context(), &o)
	lined(t, lines[0], OK, "runs since", "")
	lined(t, lines[1], Problem, "not ready: a", "")
	lined(t, lines[2], Warning, "says: b", "")
}

// What a stranger wrote reaches no terminal as it is, and every line says something.
func TestExamine(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	cfg := config.Default()
	cfg.Redirect, cfg.Admin.Listen, cfg.Listen = "off", "off", fmt.Sprint("127.0.0.1:", need.Port(t))
	lines := Examine(t.Context(), Options{Config: cfg, Running: &admin.Status{Problems: []string{"evil \x1b[2J"}}, Addresses: here})
	seen := map[string]bool{}
	for _, l := range lines {
		seen[l.Check] = true
		if l.Verdict == "" || l.Found == "" || strings.ContainsAny(l.Found+l.Do+l.Subject, "\x1b\n") {
			t.Errorf("%+v", l)
		}
	}
	for _, name := range []string{"config", "door", "port", "plain", "dns", "caa", "certificate", "clock", "upstream", "trust-proxy", "node-env", "around", "forwarded", "store", "state", "files", "release"} {
		if !seen[name] {
			t.Errorf("no line of %s", name)
		}
	}
}
