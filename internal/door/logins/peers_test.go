package logins_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/internal/door/logins"
)

func TestPeers(t *testing.T) {
	public, private := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("172.17.0.1")
	users := func(p *logins.Peers, addr netip.Addr, n int, forwards bool) {
		for i := range n {
			p.Success(addr, fmt.Sprint("user", i), forwards)
			p.Success(addr, fmt.Sprint("user", i), forwards)
		}
	}
	for _, c := range []struct {
		name     string
		addr     netip.Addr
		users    int
		forwards bool
		want     bool
	}{
		{"a client", public, 1, false, false},
		{"a client that writes a header", public, 1, true, false},
		{"an office", public, 49, false, false},
		{"a crowd", public, 50, false, true},
		{"a CDN", public, 10, true, true},
		{"fewer behind a header", public, 9, true, false},
		{"a proxy on the machine", netip.MustParseAddr("127.0.0.1"), 0, true, true},
		{"a proxy in the network", private, 0, true, true},
		{"a client in the network", private, 3, false, false},
	} {
		p := logins.NewPeers()
		users(p, c.addr, c.users, c.forwards)
		proxy, first := p.Proxy(c.addr, c.forwards)
		if proxy != c.want || first != c.want {
			t.Errorf("%s: Proxy = %v, %v, want %v", c.name, proxy, first, c.want)
		}
		if _, again := p.Proxy(c.addr, c.forwards); again {
			t.Errorf("%s: said to be first twice", c.name)
		}
	}
	// Many peers push nobody into being a proxy, and memory is bounded.
	p := logins.NewPeers()
	for i := range 20_000 {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		p.Success(addr, "user", false)
		p.Proxy(addr, true)
	}
	if proxy, _ := p.Proxy(public, true); proxy {
		t.Error("a public peer without a user is a proxy")
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"X-Forwarded-For": true, "Cf-Connecting-Ip": true, "Forwarded": true, "X-Other": false} {
		if got := logins.Names(http.Header{name: {"203.0.113.7"}}); got != want {
			t.Errorf("Names(%s) = %v, want %v", name, got, want)
		}
	}
}

// TestPeersAreNotPushedOut logs one account in from more addresses than are kept: the proxy
// that was there stays one.
func TestPeersAreNotPushedOut(t *testing.T) {
	p, proxy := logins.NewPeers(), netip.MustParseAddr("203.0.113.7")
	for i := range 50 {
		p.Success(proxy, fmt.Sprint("user", i), false)
	}
	for i := range 30_000 {
		p.Success(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), "mallory", true)
	}
	if is, _ := p.Proxy(proxy, false); !is {
		t.Error("one account with many addresses pushed a proxy out")
	}
}

// TestPeersAreNetworks takes the addresses of one IPv6 network for one peer, as they are
// counted.
func TestPeersAreNetworks(t *testing.T) {
	p := logins.NewPeers()
	for i := range 50 {
		p.Success(netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1::%x", i)), fmt.Sprint("user", i), false)
	}
	for addr, want := range map[string]bool{"2001:db8:0:1:ffff::1": true, "2001:db8:0:2::1": false} {
		if is, _ := p.Proxy(netip.MustParseAddr(addr), false); is != want {
			t.Errorf("%s is a proxy: %v, want %v", addr, is, want)
		}
	}
}

// TestPeersForget counts the users of a day: an office has more than a crowd in a year.
func TestPeersForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := logins.NewPeers()
		office, cdn := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")
		for i := range 50 {
			p.Success(cdn, fmt.Sprint("user", i), true)
		}
		for day := range 4 {
			for i := range 20 {
				p.Success(office, fmt.Sprint(day, "user", i), false)
			}
			time.Sleep(25 * time.Hour)
		}
		if is, _ := p.Proxy(office, false); is {
			t.Error("an office with 20 users a day is a proxy")
		}
		if is, _ := p.Proxy(cdn, false); !is {
			t.Error("a CDN that was found is forgotten")
		}
	})
}
