// Package clientip decides, once for a whole request, who sent it, by which scheme,
// and to which host. Everything else asks [Of].
//
//	trust, err := clientip.New(clientip.Options{Proxies: proxies})
//	…
//	http.ListenAndServe(addr, trust.Handler(mux)) // and in mux: clientip.Of(r).Prefix
//
// Without trusted proxies only the connection counts. A peer within Options.Proxies
// is believed about the one before it, and so on from right to left over all header
// lines in order, up to the first address that is not trusted. What stands further
// left was written by that client and is never looked at. An entry that cannot be
// read ends the walk at the last trusted hop: it is never used as text.
//
// The scheme and the host come from the same peer under the same trust. What a
// trusted proxy says wins over r.TLS, which then describes the proxy's own
// connection; what it says twice and differently counts as not said.
//
// [Resolver.Strip] removes from a request what an untrusted peer has no business
// saying, and [WriteForwarded] tells the application behind the truth.
//
// # What it does not protect against
//
// An address is not a person: many people share one, and one person has many. A
// proxy that is trusted here and hands on a client's own header unchanged makes that
// header believed. Loopback in Proxies trusts every program on the machine. The
// request's RemoteAddr is left alone; code that reads it sees the proxy.
//
// Sources: RFC 7239; RFC 9110 sections 7.2 and 7.6.1; RFC 6052; RFC 4291 section
// 2.5.5.2. Practice: proxy-trust.
package clientip

import (
	"net/http"
	"net/netip"

	"github.com/panoplysec/panoply/internal/hook"
)

// A Client is what is known about who sent a request.
type Client struct {
	// Addr is the client's address, without zone, an IPv4-mapped one as IPv4, and a
	// NAT64 one (64:ff9b::/96) as the IPv4 address within when that is a public one.
	// It is not valid when the peer has no IP address, as on a Unix socket.
	Addr netip.Addr
	// Prefix is what to count or block by: the address itself for IPv4, its /64 for
	// IPv6, where one client usually owns all of it. It is the zero Prefix when Addr
	// is not valid.
	Prefix netip.Prefix
	// Scheme is "https" or "http": how the client reached the first trusted hop.
	Scheme string
	// Host is the host that the client asked for, with a port where it is not the
	// scheme's own, in lower case; see [CleanHost]. It is empty when the request
	// names none or one that is malformed.
	Host string
	// Trusted tells that the direct peer is a trusted proxy. It says nothing about
	// the client.
	Trusted bool
}

// Options says whose word is taken. The zero value trusts nobody.
type Options struct {
	// Proxies are the networks of the proxies in front, each as its first address
	// and length; [ParseProxies] reads them from text. IPv4-mapped networks are
	// taken as IPv4. Networks wider than an IPv4 /8 or an IPv6 /7 are refused, since
	// they let clients choose their own address.
	Proxies []netip.Prefix
	// Header is the one header in which these proxies name the client. The other is
	// never read.
	Header Header
}

// A Resolver decides by its Options. It is made by [New] and safe for concurrent use.
type Resolver struct {
	proxies []netip.Prefix
	header  Header
}

// New returns a Resolver, or all problems of o at once as joined
// *[guard.OptionError]s.
func New(o Options) (*Resolver, error) {
	proxies, err := checkProxies(o.Proxies, o.Header)
	if err != nil {
		return nil, err
	}
	return &Resolver{proxies: proxies, header: o.Header}, nil
}

type clientKey struct{}

// Handler resolves each request once and keeps the answer for [Of]. It changes
// nothing else of the request.
func (v *Resolver) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := v.Resolve(r)
		next.ServeHTTP(w, hook.With(r, clientKey{}, &c))
	})
}

var nobody = &Resolver{}

// Of returns what [Resolver.Handler] found for this request. Where no Handler ran it
// trusts nobody and decides from RemoteAddr, TLS and Host alone.
func Of(r *http.Request) Client {
	if c, ok := Lookup(r); ok {
		return c
	}
	return nobody.Resolve(r)
}

// Lookup returns what [Resolver.Handler] found for this request, and whether one ran. It is
// for guards that need less than Of finds out where none did.
func Lookup(r *http.Request) (Client, bool) {
	if c, ok := r.Context().Value(clientKey{}).(*Client); ok {
		return *c, true
	}
	return Client{}, false
}

// Resolve is the bare decision. It reads RemoteAddr, TLS, Host and, from a trusted
// peer, the configured headers. It never fails: what cannot be known is left empty.
func (v *Resolver) Resolve(r *http.Request) Client {
	peer := parsePeer(r.RemoteAddr)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if !v.trusted(peer) {
		return client(peer, scheme, "", r.Host, false)
	}
	addr, proto, host := v.walk(peer, r.Header)
	if proto != "" {
		scheme = proto
	}
	return client(addr, scheme, host, r.Host, true)
}

// Network returns the Addr and the Prefix of a Client at addr, however that is written:
// what to count or block it by. Both are not valid where addr is not.
func Network(addr netip.Addr) (netip.Addr, netip.Prefix) {
	addr = embedded(plain(addr))
	if !addr.IsValid() {
		return addr, netip.Prefix{}
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // bits suit the family
	return addr, prefix
}

// client puts the findings together. The said host is preferred where it is valid.
func client(addr netip.Addr, scheme, said, own string, trusted bool) Client {
	c := Client{Scheme: scheme, Trusted: trusted}
	c.Addr, c.Prefix = Network(addr)
	if said != "" {
		if host, ok := CleanHost(said, scheme); ok {
			c.Host = host
			return c
		}
	}
	c.Host, _ = CleanHost(own, scheme)
	return c
}
