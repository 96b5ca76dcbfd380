package sanity

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
)

// hosts is the set of hosts served, in lower case and without trailing dots.
type hosts struct {
	names    map[string]bool
	below    map[string]bool // "shop.example" for "*.shop.example"
	addrs    map[netip.Addr]bool
	loopback bool
}

func newHosts(list []string, loopback bool, problems *guard.Problems) hosts {
	h := hosts{names: map[string]bool{}, below: map[string]bool{}, addrs: map[netip.Addr]bool{}, loopback: loopback}
	if loopback {
		h.names["localhost"], h.below["localhost"] = true, true
	}
	if len(list) == 0 && !loopback {
		problems.Add("Hosts", "", "the names served", "without one every request would be refused")
	}
	for i, given := range list {
		text := strings.ToLower(strings.TrimSuffix(given, "."))
		if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil && addr.Zone() == "" {
			h.addrs[addr] = true
			continue
		}
		set := h.names
		if rest, ok := strings.CutPrefix(text, "*."); ok {
			text, set = rest, h.below
		}
		name, port, ok := clientip.SplitHost(text)
		if !ok || name != text || port != "" || name[len(name)-1] == '.' {
			hint := ""
			if ok && name != text {
				hint = fmt.Sprintf("write %s, every port of it is served", name)
			}
			problems.Add(fmt.Sprintf("Hosts[%d]", i), given, `a host name, "*." and a host name, or an IP address`, hint)
			continue
		}
		set[name] = true
	}
	return h
}

// Known tells whether host, a Host header with or without port, is well formed and
// served here.
func (s *Step) Known(host string) bool {
	name, _, ok := clientip.SplitHost(host)
	return ok && s.hosts.known(name)
}

// known expects a valid host without port.
func (h *hosts) known(name string) bool {
	if h.names[name] {
		return true // as nearly every request writes it
	}
	if first := name[0]; first == '[' || first <= '9' {
		if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			return h.addrs[addr] || h.loopback && (addr == ipv6Loopback || addr.Is4() && addr.IsLoopback())
		}
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if h.names[name] {
		return true
	}
	if len(h.below) == 0 {
		return false
	}
	for {
		dot := strings.IndexByte(name, '.')
		if dot < 0 {
			return false
		}
		name = name[dot+1:]
		if h.below[name] {
			return true
		}
	}
}

var ipv6Loopback = netip.IPv6Loopback()
