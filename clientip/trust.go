package clientip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// Header names the header in which trusted proxies pass the client on.
type Header uint8

const (
	// XForwardedFor is X-Forwarded-For with X-Forwarded-Proto and X-Forwarded-Host,
	// which most proxies write.
	XForwardedFor Header = iota
	// Forwarded is the header of RFC 7239.
	Forwarded
)

var headerNames = [...]string{XForwardedFor: "x-forwarded-for", Forwarded: "forwarded"}

// String returns the header's name in lower case.
func (h Header) String() string {
	if int(h) < len(headerNames) {
		return headerNames[h]
	}
	return fmt.Sprintf("Header(%d)", uint8(h))
}

// MarshalText writes the header's name; an unknown value is an error.
func (h Header) MarshalText() ([]byte, error) {
	if int(h) >= len(headerNames) {
		return nil, headerError(h.String())
	}
	return []byte(headerNames[h]), nil
}

// UnmarshalText reads a header's name in any case.
func (h *Header) UnmarshalText(text []byte) error {
	i := slices.Index(headerNames[:], strings.ToLower(string(text)))
	if i < 0 {
		return headerError(string(text))
	}
	*h = Header(i)
	return nil
}

func headerError(value string) error {
	return &guard.OptionError{Package: "clientip", Field: "Header", Value: value, Allowed: "x-forwarded-for or forwarded"}
}

// The widest networks that may be trusted: 10.0.0.0/8 and fc00::/7 are in use, and
// whatever is wider holds strangers.
const (
	widest4 = 8
	widest6 = 7
)

func checkProxies(given []netip.Prefix, header Header) ([]netip.Prefix, error) {
	problems := guard.Problems{Package: "clientip"}
	if int(header) >= len(headerNames) {
		problems.Note(headerError(header.String()))
	}
	proxies := make([]netip.Prefix, 0, len(given))
	for i, p := range given {
		field := fmt.Sprintf("Proxies[%d]", i)
		if !p.IsValid() {
			problems.Add(field, p.String(), "a network such as 10.0.0.0/8", "")
			continue
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		switch {
		case p.Addr().Is4In6():
			problems.Add(field, p.String(), "an IPv4 network or an IPv6 network", "write the IPv4 networks in it as such")
			continue
		case p.Bits() < widest(p.Addr()):
			problems.Add(field, given[i].String(), fmt.Sprintf("an IPv4 network of /%d or an IPv6 network of /%d at the widest", widest4, widest6),
				"it holds strangers, and whoever is trusted chooses the client's address: name the networks of your own proxies")
			continue
		case p != p.Masked():
			problems.Add(field, given[i].String(), "a network given by its first address",
				fmt.Sprintf("write %s for the whole network or %s for this one proxy", p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen())))
			continue
		}
		proxies = append(proxies, p)
	}
	return proxies, problems.Err()
}

func widest(addr netip.Addr) int {
	if addr.Is4() {
		return widest4
	}
	return widest6
}

// trusted expects a plain address.
func (v *Resolver) trusted(addr netip.Addr) bool {
	for _, p := range v.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// ParseProxies reads networks from text: "10.0.0.0/8", a single address, or one of
// Express's names loopback, linklocal and uniquelocal. All problems are reported at
// once as *[guard.OptionError]s whose Field is "Proxies[i]". It does not judge what
// [New] judges.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	problems := guard.Problems{Package: "clientip"}
	var proxies []netip.Prefix
	for i, text := range list {
		name := strings.TrimSpace(text)
		if nets, ok := named(name); ok {
			proxies = append(proxies, nets...)
			continue
		}
		if p, err := netip.ParsePrefix(name); err == nil {
			proxies = append(proxies, p)
			continue
		}
		if addr, err := netip.ParseAddr(name); err == nil {
			addr = plain(addr)
			proxies = append(proxies, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		problems.Add(fmt.Sprintf("Proxies[%d]", i), text,
			"a network such as 10.0.0.0/8, an address, or one of loopback, linklocal, uniquelocal", "")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return proxies, nil
}

// named returns the networks that Express's "trust proxy" knows by name.
func named(name string) ([]netip.Prefix, bool) {
	var nets []string
	switch name {
	case "loopback":
		nets = []string{"127.0.0.0/8", "::1/128"}
	case "linklocal":
		nets = []string{"169.254.0.0/16", "fe80::/10"}
	case "uniquelocal":
		nets = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
	default:
		return nil, false
	}
	prefixes := make([]netip.Prefix, len(nets))
	for i, n := range nets {
		prefixes[i] = netip.MustParsePrefix(n)
	}
	return prefixes, true
}
