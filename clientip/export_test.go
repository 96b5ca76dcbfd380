package clientip

import "net/netip"

// Elements reads a Forwarded line as the walk would if it trusted everybody: from
// right to left, up to the first element that cannot be read.
func Elements(line string) (elements [][3]string, whole bool) {
	for {
		e, rest, more := lastElement(line)
		if !e.ok {
			return elements, false
		}
		elements = append(elements, [3]string{e.node, e.proto, e.host})
		if !more {
			return elements, true
		}
		line = rest
	}
}

func ParseEntry(s string) (netip.Addr, bool) { return parseEntry(s) }
