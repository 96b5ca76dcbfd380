package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Others says who beyond this machine may read health and metrics. The zero value is nobody.
type Others struct {
	Allowed bool
	// Hosts are the names by which they ask, beside the address.
	Hosts []string
}

// admits judges the Host of a request. A page of another site can have a visitor's browser
// ask here under a name that it controls (DNS rebinding), but not under an address, and not
// under a name that the operator chose.
func (o Others) admits(host string) bool {
	if Loopback(host) {
		return true
	}
	if !o.Allowed {
		return false
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return slices.Contains(o.Hosts, strings.ToLower(name))
}

// shown is what a peer is told of the problems: on this machine all, elsewhere how many,
// since a way around the door is among what they name.
func shown(r *http.Request, problems []string) []string {
	if len(problems) == 0 || Loopback(r.RemoteAddr) {
		return problems
	}
	return []string{fmt.Sprintf("%d problems; panoply status names them on that machine", len(problems))}
}
