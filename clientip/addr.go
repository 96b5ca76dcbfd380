package clientip

import (
	"net/netip"
	"strings"
)

// parsePeer reads a RemoteAddr. Anything but an IP address, with or without port,
// gives the zero Addr.
func parsePeer(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return plain(ap.Addr())
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return plain(addr)
}

// parseEntry reads one entry of X-Forwarded-For: ip, ip:port, [v6] or [v6]:port.
// The unspecified address names nobody, so it cannot be read either.
func parseEntry(s string) (netip.Addr, bool) {
	if s == "" || len(s) > maxEntry {
		return netip.Addr{}, false
	}
	if s[0] == '[' {
		return parseBracketed(s)
	}
	// One colon is an IPv4 port; more are IPv6, which has a port only in brackets.
	if i := strings.IndexByte(s, ':'); i >= 0 && strings.IndexByte(s[i+1:], ':') < 0 {
		if !isPort(s[i+1:]) {
			return netip.Addr{}, false
		}
		s = s[:i]
	}
	return parseIP(s)
}

// maxEntry is longer than any address with zone and port that a proxy writes.
const maxEntry = 128

// parseBracketed reads [v6] or [v6]:port.
func parseBracketed(s string) (netip.Addr, bool) {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return netip.Addr{}, false
	}
	if rest := s[end+1:]; rest != "" && (rest[0] != ':' || !isPort(rest[1:])) {
		return netip.Addr{}, false
	}
	inner := s[1:end]
	if strings.IndexByte(inner, ':') < 0 {
		return netip.Addr{}, false // brackets are for IPv6
	}
	return parseIP(inner)
}

func parseIP(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.IsUnspecified() {
		return netip.Addr{}, false
	}
	return plain(addr), true
}

// isPort tells whether s is 1 to 5 digits, at most 65535.
func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

// plain drops the zone and turns an IPv4-mapped address into the IPv4 one: both are
// other spellings of the same client. Trust is decided on this form.
func plain(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// nat64 is the well-known prefix of RFC 6052 section 2.1.
var nat64 = [12]byte{0x00, 0x64, 0xff, 0x9b}

// embedded returns the IPv4 address that a NAT64 gateway put into addr, or addr. The
// prefix must not carry other than public addresses (RFC 6052 section 3.1), so one
// that does stays what it is instead of turning into 127.0.0.1.
func embedded(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	raw := addr.As16()
	if [12]byte(raw[:12]) != nat64 {
		return addr
	}
	v4 := netip.AddrFrom4([4]byte(raw[12:]))
	if !v4.IsGlobalUnicast() || v4.IsPrivate() {
		return addr
	}
	return v4
}
