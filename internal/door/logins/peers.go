package logins

import (
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// crowd is how many users one peer logs in within a day before it looks like a proxy,
	// and crowdForwarding how many when it also names clients of its own.
	crowd, crowdForwarding = 50, 10

	maxPeers = 4096
)

// Peers tells peers that look like a proxy nobody has named in trust.proxies: then all
// their clients have one address, and what is counted by it would refuse all for one.
//
// A header alone proves nothing, since an attacker can write it, and so get rid of the
// limits by address: a public peer has to log many users in, too, each with a password
// that was right.
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
	one := p.peers[addr]
	if one == nil || time.Since(one.since) > 24*time.Hour && len(one.users) < crowdForwarding {
		if len(p.peers) >= maxPeers {
			for other := range p.peers { // any
				delete(p.peers, other)
				break
			}
		}
		one = &peer{since: time.Now(), users: map[uint64]struct{}{}}
		p.peers[addr] = one
	}
	one.forwards = one.forwards || forwards
	if len(one.users) < crowd {
		one.users[maphash.String(p.seed, user)] = struct{}{}
	}
}

// Proxy tells whether a peer looks like a proxy; first, that it is the first time it does.
func (p *Peers) Proxy(addr netip.Addr, forwards bool) (proxy, first bool) {
	// On the machine or in its network: clients do not come from there.
	proxy = forwards && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast())
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.peers[addr]
	if one != nil {
		proxy = proxy || len(one.users) >= crowd || one.forwards && len(one.users) >= crowdForwarding
	}
	if !proxy {
		return false, false
	}
	if one == nil {
		if len(p.peers) >= maxPeers {
			return true, false
		}
		one = &peer{since: time.Now(), users: map[uint64]struct{}{}}
		p.peers[addr] = one
	}
	first = !one.announced
	one.announced = true
	return true, first
}
