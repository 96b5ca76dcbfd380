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
