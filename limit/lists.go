package limit

import (
	"net/netip"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// Lists are subjects that are not counted. An address is the same however it is written;
// a network stands for all its addresses, and for a key that is a network within it. Any
// other text is compared as it is.
type Lists struct {
	// Allow is never refused; it wins over Deny.
	Allow []string
	// Deny is always refused.
	Deny []string
	// CountAnyway counts what is on a list, without an effect on it.
	CountAnyway bool
}

type lists struct {
	empty       bool
	allow, deny set
}

// A set is texts, addresses and networks.
type set struct {
	texts    map[string]bool
	networks []netip.Prefix
}

func (l Lists) compile() (*lists, error) {
	c := &lists{empty: len(l.Allow)+len(l.Deny) == 0}
	problems := guard.Problems{Package: "limit"}
	c.allow = newSet("Lists.Allow", l.Allow, &problems)
	c.deny = newSet("Lists.Deny", l.Deny, &problems)
	return c, problems.Err()
}

func newSet(field string, entries []string, problems *guard.Problems) set {
	s := set{texts: map[string]bool{}}
	for _, e := range entries {
		if e == "" {
			problems.Add(field, e, "an address, a network or a text", "")
			continue
		}
		if p, ok := networkOf(e); ok {
			s.networks = append(s.networks, p)
			continue
		}
		if host, bits, ok := strings.Cut(e, "/"); ok {
			if _, err := netip.ParseAddr(host); err == nil {
				problems.Add(field, e, "a network with its length", "not /"+bits)
				continue
			}
		}
		s.texts[e] = true
	}
	return s
}

// networkOf reads an address or a network, an IPv4-mapped one as IPv4.
func networkOf(text string) (netip.Prefix, bool) {
	if len(text) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128") {
		return netip.Prefix{}, false
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		if p.Addr().Is4In6() {
			if p.Bits() < 96 {
				return netip.Prefix{}, false
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (s *set) has(text string, p netip.Prefix, isNetwork bool) bool {
	if !isNetwork {
		return s.texts[text]
	}
	for _, n := range s.networks {
		if n.Bits() <= p.Bits() && n.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

func (l *lists) decide(key string, p netip.Prefix, ok bool) (Decision, bool) {
	switch {
	case l.allow.has(key, p, ok):
		return Decision{Result{Allowed: true, Remaining: maxPoints}, "allow-list"}, true
	case l.deny.has(key, p, ok):
		return Decision{Result{Blocked: true, Wait: Forever, Reset: Forever}, "deny-list"}, true
	}
	return Decision{}, false
}
