package door

import (
	"net/netip"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/door/metrics"
)

// localSite is the label of all loopback names, which are served when no site is named.
const localSite = "localhost"

// sites find the configured name that a host belongs to, for labels and log lines: a
// wildcard is one name, so clients cannot make more of them.
type sites struct {
	names map[string]*metrics.Site
	below map[string]*metrics.Site // "shop.example" for "*.shop.example"
	addrs map[netip.Addr]*metrics.Site
	local *metrics.Site // nil when sites are named
}

func newSites(m *metrics.Metrics, names []string) *sites {
	s := &sites{names: map[string]*metrics.Site{}, below: map[string]*metrics.Site{}, addrs: map[netip.Addr]*metrics.Site{}}
	if len(names) == 0 {
		s.local = m.Site(localSite)
		s.names[localSite] = s.local
	}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		site := m.Site(name)
		if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			s.addrs[addr] = site
		} else if rest, ok := strings.CutPrefix(name, "*."); ok {
			s.below[rest] = site
		} else {
			s.names[name] = site
		}
	}
	return s
}

// of returns the site of host, which may have a port; nil for one that is not served.
func (s *sites) of(host string) *metrics.Site {
	name, _, ok := clientip.SplitHost(host)
	if !ok {
		return nil
	}
	if site := s.names[name]; site != nil {
		return site // as nearly every request writes it
	}
	if first := name[0]; first == '[' || first <= '9' {
		if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			if site := s.addrs[addr]; site != nil || !addr.IsLoopback() || addr.Is4In6() {
				return site
			}
			return s.local
		}
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if site := s.names[name]; site != nil {
		return site
	}
	if s.local != nil && strings.HasSuffix(name, "."+localSite) {
		return s.local
	}
	for len(s.below) > 0 {
		dot := strings.IndexByte(name, '.')
		if dot < 0 {
			break
		}
		if name = name[dot+1:]; s.below[name] != nil {
			return s.below[name]
		}
	}
	return nil
}
