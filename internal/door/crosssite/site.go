package crosssite

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/panoplysec/panoply/clientip"
)

// sameSite tells whether an origin and a host belong to one site, as browsers mean it:
// the registrable domain, or the whole host where there is none. Ports do not count.
//
// Source: HTML Standard section 7.1.1.1 (site), without its scheme.
func sameSite(origin, host string) bool {
	_, rest, ok := strings.Cut(origin, "://")
	a, _, okA := clientip.SplitHost(rest)
	b, _, okB := clientip.SplitHost(host)
	if !ok || !okA || !okB {
		return false
	}
	return siteOf(a) == siteOf(b)
}

func siteOf(name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return name
	}
	site, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name // a public suffix itself, or localhost
	}
	return site
}
