package clientip

import (
	"net/netip"
	"strings"
)

// CleanHost returns host, as a Host header has it, in the one spelling that Panoply
// compares: lower case, without the scheme's own port (80 for http, 443 for https)
// and without an empty port. It returns false, and no text, for what is not a host
// name of letters, digits, "-", "_" and "." (an IDN comes as its A-labels), an IPv4
// address or a bracketed IPv6 address, followed by an optional port of 1 to 65535.
// A trailing dot stays, as browsers hold it to be another origin.
//
// It allocates only where it has to lower letters.
func CleanHost(host, scheme string) (string, bool) {
	name, port, ok := SplitHost(host)
	if !ok {
		return "", false
	}
	switch {
	case port == "", port == "443" && scheme == "https", port == "80" && scheme == "http":
		return strings.ToLower(name), true
	}
	return strings.ToLower(host), true
}

// SplitHost splits a valid host and optional port, as [CleanHost] understands them,
// without changing letters. Brackets stay on an IPv6 address; port has no colon, and
// is empty where there is none.
func SplitHost(host string) (name, port string, ok bool) {
	if host == "" || len(host) > maxHost {
		return "", "", false
	}
	end := 0
	if host[0] == '[' {
		end = strings.IndexByte(host, ']') + 1
		if end == 0 {
			return "", "", false
		}
		addr, err := netip.ParseAddr(host[1 : end-1])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", false
		}
	} else {
		for end < len(host) && hostByte[host[end]] {
			if host[end] == '.' && (end == 0 || host[end-1] == '.') {
				return "", "", false // empty label
			}
			end++
		}
		if end == 0 {
			return "", "", false
		}
	}
	name, port = host[:end], host[end:]
	if port == "" {
		return name, "", true
	}
	if port[0] != ':' {
		return "", "", false
	}
	if port = port[1:]; port == "" {
		return name, "", true
	}
	// "0443" would be a second spelling of a port.
	if port[0] == '0' || !isPort(port) {
		return "", "", false
	}
	return name, port, true
}

// maxHost is a DNS name of 253 bytes, a dot and a port.
const maxHost = 260

var hostByte = func() (t [256]bool) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	t['-'], t['_'], t['.'] = true, true, true
	return t
}()
