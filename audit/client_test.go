package audit

import (
	"net/netip"
	"testing"
)

// TestClientAddr holds for every salt that all clients differ in the octet that tells
// networks apart, and that none has the address of the plain client's network.
func TestClientAddr(t *testing.T) {
	for salt := range 256 {
		seen := make(map[byte]int)
		for n := 1; n <= 255; n++ {
			addr := clientAddr([3]byte{byte(salt), 255, 255}, uint8(n))
			network := addr.As4()[1]
			if other, twice := seen[network]; twice || network == 0 {
				t.Fatalf("salt %d: client %d has %v, as client %d or 127.0.0.1 has", salt, n, addr, other)
			}
			seen[network] = n
			if !addr.IsLoopback() || addr == netip.AddrFrom4([4]byte{127, 255, 255, 255}) {
				t.Fatalf("salt %d: client %d has %v", salt, n, addr)
			}
		}
	}
}
