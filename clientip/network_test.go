package clientip_test

import (
	"net/netip"
	"testing"

	"github.com/panoplysec/panoply/clientip"
)

func TestNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.7":        "203.0.113.7/32",
		"::ffff:203.0.113.7": "203.0.113.7/32",
		"64:ff9b::cb00:7107": "203.0.113.7/32",
		"64:ff9b::7f00:1":    "64:ff9b::/64",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
	} {
		addr, prefix := clientip.Network(netip.MustParseAddr(text))
		if prefix.String() != want || !prefix.Contains(addr) {
			t.Errorf("Network(%s) = %v, %v, want %s", text, addr, prefix, want)
		}
	}
	if addr, prefix := clientip.Network(netip.Addr{}); addr.IsValid() || prefix.IsValid() {
		t.Errorf("Network of no address = %v, %v", addr, prefix)
	}
}
