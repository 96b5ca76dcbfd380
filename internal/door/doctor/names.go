package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const noResolver = "no name server is known"

// checkDNS compares where each site leads with where this machine is.
func checkDNS(ctx context.Context, o *Options) []Line {
	var lines []Line
	own, ownErr := o.Addresses()
	for _, site := range o.Config.Sites {
		if addr, err := netip.ParseAddr(site); err == nil && !addr.IsLoopback() {
			lines = append(lines, ownAddress(site, addr, own, ownErr))
		}
	}
	sites := o.public()
	if len(sites) == 0 && len(lines) == 0 {
		return []Line{{"dns", "", NotChecked, "no site has a name that others ask for", ""}}
	}
	for _, site := range sites {
		l := Line{Check: "dns", Subject: site, Verdict: NotChecked}
		switch {
		case o.Resolver == nil:
			l.Found, l.Do = noResolver, "name one with --resolver"
		case ownErr != nil:
			l.Found = "this machine does not tell its addresses: " + ownErr.Error()
		default:
			there, err := o.Resolver.addresses(ctx, site)
			l.dns(there, err, own, len(o.Config.Trust.Proxies) > 0)
		}
		lines = append(lines, l)
	}
	return lines
}

func ownAddress(site string, addr netip.Addr, own []netip.Addr, err error) Line {
	l := Line{Check: "dns", Subject: site, Verdict: OK, Found: "is an address of this machine"}
	if err != nil {
		l.Verdict, l.Found = NotChecked, "this machine does not tell its addresses: "+err.Error()
	} else if !slices.Contains(own, addr) {
		l.Verdict, l.Found = Warning, fmt.Sprintf("is no address of this machine, which has %s", listed(own))
		l.Do = "right only where that address forwards to this machine"
	}
	return l
}

// dns judges the addresses of a site.
func (l *Line) dns(there []netip.Addr, err error, own []netip.Addr, proxied bool) {
	var strange []netip.Addr
	for _, a := range there {
		if !slices.Contains(own, a) {
			strange = append(strange, a)
		}
	}
	switch {
	case errors.Is(err, errNoName), err == nil && len(there) == 0:
		l.Verdict, l.Found, l.Do = Problem, "the name has no address", "add an A record, and an AAAA where the machine has such an address"
	case err != nil:
		l.Verdict, l.Found = NotChecked, err.Error()
	case len(strange) == 0:
		l.Verdict, l.Found = OK, fmt.Sprintf("leads to %s, this machine", listed(there))
	case proxied:
		l.Verdict, l.Found = NotChecked, fmt.Sprintf("leads to %s; trust.proxies names a proxy in front, whose addresses are not known here", listed(there))
	case slices.ContainsFunc(strange, func(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }):
		l.Verdict, l.Found, l.Do = Problem, fmt.Sprintf("leads to %s, which is everybody's own machine", listed(there)), "change the record"
	case len(strange) == len(there):
		l.Verdict, l.Found = Warning, fmt.Sprintf("leads to %s, this machine has %s", listed(there), listed(own))
		l.Do = "change the record, unless that address forwards to this machine"
	default:
		l.Verdict, l.Found = Warning, fmt.Sprintf("leads to this machine and to %s", listed(strange))
		l.Do = "remove those that are no other doors of this site"
	}
}

// listed writes addresses, not all of many.
func listed(all []netip.Addr) string {
	const most = 6
	if len(all) == 0 {
		return "none that others reach"
	}
	texts := make([]string, 0, most+1)
	for _, a := range all[:min(len(all), most)] {
		texts = append(texts, a.String())
	}
	if len(all) > most {
		texts = append(texts, "…")
	}
	return strings.Join(texts, ", ")
}
