package door

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// TestEveryUpstreamIsLookedAt: the checks at the start find the way around the door to a
// member of a group, and the application that does not know of its proxy.
func TestEveryUpstreamIsLookedAt(t *testing.T) {
	sound := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(sound.Close)
	// 127.0.0.2 stands for an address that others can reach.
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	loops := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.RequestURI, http.StatusFound)
	}))
	loops.Listener.Close()
	loops.Listener = ln
	loops.Start()
	t.Cleanup(loops.Close)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	d, out := started(t, strings.TrimPrefix(sound.URL, "http://"), func(d *Door) {
		u := config.DefaultUpstream()
		u.Name, u.To = "api", []string{"127.0.0.1:" + port}
		d.opts.Config.Upstreams = []config.Upstream{u}
		d.opts.Config.Routes = []config.Route{{Site: "api.localhost", Upstream: "api"}}
		d.addresses = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil }
	})
	for _, want := range []string{
		fmt.Sprintf("UNPROTECTED: the application answers on 127.0.0.2:%s too", port),
		"api: trust proxy: the application redirects https to the very same address",
	} {
		out.await(t, want)
	}
	if n := strings.Count(strings.Join(d.checks.problems(), "\n"), "UNPROTECTED"); n != 1 {
		t.Errorf("problems = %q, want the one way around", d.checks.problems())
	}
}

// TestReloadLeavesTheLost: a reload that leaves a group only an address that is lost makes the
// door not ready, though nothing changes at that address.
func TestReloadLeavesTheLost(t *testing.T) {
	sound := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(sound.Close)
	gone := fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	u := config.DefaultUpstream()
	u.Name, u.To = "api", []string{gone, strings.TrimPrefix(sound.URL, "http://")}
	d, out := started(t, strings.TrimPrefix(sound.URL, "http://"), func(d *Door) {
		d.opts.Config.Upstreams, d.opts.Config.Probes = []config.Upstream{u}, "off"
	})
	out.await(t, "an address of the application is gone")
	if p := d.health.problems(); len(p) > 0 {
		t.Fatalf("problems = %q, want none while one address is well", p)
	}
	cfg := *d.current.Load().cfg
	u.To = u.To[:1]
	cfg.Upstreams = []config.Upstream{u}
	if err := d.Reload(&cfg); err != nil {
		t.Fatal(err)
	}
	if p := d.health.problems(); len(p) != 1 || p[0] != "the application api does not answer" {
		t.Errorf("problems = %q, want that api does not answer", p)
	}
	out.await(t, "panoply: the application api does not answer at http://"+gone)
}
