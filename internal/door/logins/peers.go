package logins

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/panoplysec/panoply/clientip"
)

const (
	// crowd is how many users one peer logs in within a day before it looks like a proxy,
	// and crowdForwarding how many when it also names clients of its own.
	crowd, crowdForwarding = 50, 10

	maxPeers = 4096
	// maxTries is how many peers are looked at for one to forget.
	maxTries = 32
)

// Peers tells peers that look like a proxy nobody has named in trust.proxies: then all
// their clients have one address, and what is counted by it would refuse all for one.
//
// A header alone proves nothing, since an attacker can write it, and so get rid of the
// limits by address: a public peer has to log many users in, too, each with a password
// that was right. For IPv6 a peer is its /64, as for what is counted.
type Peers struct {
	seed maphash.Seed

	mu    sync.Mutex
	peers map[netip.Addr]*peer
}

type peer struct {
	since     time.Time
	forwards  bool
	users     map[uint64]struct{}
	announced bool
}

// NewPeers makes a Peers.
func NewPeers() *Peers {
	return &Peers{seed: maphash.MakeSeed(), peers: map[netip.Addr]*peer{}}
}

// forwarding are the fields in which a proxy or a CDN names a client.
var forwarding = [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "Fastly-Client-Ip", "X-Client-Ip"}

// Names tells whether a request names a client other than its peer. It is asked before
// such fields are stripped.
func Names(h http.Header) bool {
	for _, name := range forwarding {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

// Success notes that user got in through a peer.
func (p *Peers) Success(addr netip.Addr, user string, forwards bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	addr = network(addr)
	one := p.peers[addr]
	if one == nil || !one.proxy() && time.Since(one.since) > 24*time.Hour {
		if one == nil {
			p.room()
		}
		one = p.add(addr)
	}
	one.forwards = one.forwards || forwards
	if len(one.users) < crowd {
		one.users[maphash.String(p.seed, user)] = struct{}{}
	}
}

// proxy tells whether a peer has logged in as many users as none but a proxy does.
func (one *peer) proxy() bool {
	return len(one.users) >= crowd || one.forwards && len(one.users) >= crowdForwarding
}

func (p *Peers) add(addr netip.Addr) *peer {
	one := &peer{since: time.Now(), users: map[uint64]struct{}{}}
	p.peers[addr] = one
	return one
}

// room makes room for a peer. Of some, the one that has logged the fewest users in goes:
// were it any, who has one account and many addresses would push a proxy out, and the
// limits by address would hold for all behind it.
func (p *Peers) room() {
	if len(p.peers) < maxPeers {
		return
	}
	var least netip.Addr
	tries, fewest := 0, crowd+1
	for addr, one := range p.peers {
		if n := len(one.users); n < fewest {
			least, fewest = addr, n
		}
		if tries++; tries == maxTries {
			break
		}
	}
	delete(p.peers, least)
}

// network is what one peer has: an IPv4 address, or the /64 of an IPv6 one.
func network(addr netip.Addr) netip.Addr {
	_, prefix := clientip.Network(addr)
	return prefix.Addr()
}

// Proxy tells whether a peer looks like a proxy; first, that it is the first time it does.
func (p *Peers) Proxy(addr netip.Addr, forwards bool) (proxy, first bool) {
	// On the machine or in its network: clients do not come from there.
	proxy = forwards && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast())
	p.mu.Lock()
	defer p.mu.Unlock()
	addr = network(addr)
	one := p.peers[addr]
	proxy = proxy || one != nil && one.proxy()
	if !proxy {
		return false, false
	}
	if one == nil {
		if len(p.peers) >= maxPeers {
			return true, false
		}
		one = p.add(addr)
	}
	first = !one.announced
	one.announced = true
	return true, first
}
