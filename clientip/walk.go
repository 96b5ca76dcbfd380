package clientip

import (
	"net/http"
	"net/netip"
	"strings"
)

// walk follows the chain from a trusted peer to the client. Proto is "http", "https"
// or empty; host is as it was said, possibly malformed, or empty.
func (v *Resolver) walk(peer netip.Addr, h http.Header) (addr netip.Addr, proto, host string) {
	if v.header == Forwarded {
		return v.walkForwarded(peer, h["Forwarded"])
	}
	addr = v.walkList(peer, h["X-Forwarded-For"])
	// These two have no place in the chain. Most proxies write them anew; where one
	// appends, the values differ and none is taken.
	proto, _ = cleanProto(unanimous(h["X-Forwarded-Proto"]))
	return addr, proto, unanimous(h["X-Forwarded-Host"])
}

// walkList takes the entries of X-Forwarded-For from right to left. Each was written
// by the hop on its right, and is worth reading only while that hop is trusted. An
// empty entry ends the walk too: the hop that left it did not know its peer, and what
// stands left of it is the peer's own.
func (v *Resolver) walkList(hop netip.Addr, lines []string) netip.Addr {
	for i := len(lines) - 1; i >= 0; i-- {
		line, more := lines[i], true
		for more {
			entry := line
			comma := strings.LastIndexByte(line, ',')
			if more = comma >= 0; more {
				entry, line = line[comma+1:], line[:comma]
			}
			addr, ok := parseEntry(trimOWS(entry))
			if !ok {
				return hop
			}
			hop = addr
			if !v.trusted(hop) {
				return hop
			}
		}
	}
	return hop
}

// walkForwarded is walkList for RFC 7239. An element speaks of one connection, so
// its proto and host are those of the client that its for names.
func (v *Resolver) walkForwarded(hop netip.Addr, lines []string) (addr netip.Addr, proto, host string) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			var e element
			e, rest, more = lastElement(rest)
			if !e.ok {
				return hop, "", ""
			}
			proto, _ = cleanProto(e.proto)
			host = e.host
			addr, ok := parseNode(e.node)
			if !ok {
				return hop, proto, host
			}
			hop = addr
			if !v.trusted(hop) {
				return hop, proto, host
			}
		}
	}
	return hop, proto, host
}

// cleanProto returns "http" or "https", whatever the case. Some proxies call the
// opening request of a WebSocket ws or wss.
func cleanProto(s string) (string, bool) {
	switch {
	case strings.EqualFold(s, "https"), strings.EqualFold(s, "wss"):
		return "https", true
	case strings.EqualFold(s, "http"), strings.EqualFold(s, "ws"):
		return "http", true
	}
	return "", false
}

// unanimous returns the one value that all entries of all lines agree on without
// regard to case, or "".
func unanimous(lines []string) string {
	value := ""
	for _, line := range lines {
		for entry := range strings.SplitSeq(line, ",") {
			entry = trimOWS(entry)
			if entry == "" || value != "" && !strings.EqualFold(value, entry) {
				return ""
			}
			value = entry
		}
	}
	return value
}

func trimOWS(s string) string { return strings.Trim(s, " \t") }
