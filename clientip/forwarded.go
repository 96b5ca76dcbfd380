package clientip

import (
	"net/netip"
	"strings"
)

// An element is one forwarded-element of RFC 7239 section 4. Ok is false when it
// cannot be read; parameters that nobody needs here are read and dropped.
type element struct {
	node, proto, host string
	ok                bool
}

// lastElement reads the rightmost element of a Forwarded line, and returns what is
// left of the comma before it. More is false when it was the only one.
//
// It reads from right to left, which the grammar allows without looking back: a
// quoted string is preceded by "=", so its opening quote is the first one leftwards
// that no backslash escapes. Read from the left, an open quote that a client sent
// would swallow what the trusted proxy appended.
//
// Beyond the grammar it allows blanks around ";" and ":", "[" and "]" in values
// without quotes, which proxies send. A parameter that stands twice makes the
// element unreadable (section 4: it must not).
func lastElement(line string) (e element, rest string, more bool) {
	var seen byte
	s := strings.TrimRight(line, " \t")
	for {
		// At the end of a pair, or where a pair may be missing.
		if s == "" {
			e.ok = true
			return e, "", false
		}
		switch s[len(s)-1] {
		case ',':
			e.ok = true
			return e, s[:len(s)-1], true
		case ';':
			s = strings.TrimRight(s[:len(s)-1], " \t")
			continue
		}
		name, value, left, ok := lastPair(s)
		if !ok {
			return element{}, "", false
		}
		var bit byte
		switch {
		case strings.EqualFold(name, "for"):
			e.node, bit = value, 1
		case strings.EqualFold(name, "proto"):
			e.proto, bit = value, 2
		case strings.EqualFold(name, "host"):
			e.host, bit = value, 4
		case strings.EqualFold(name, "by"):
			bit = 8
		}
		if seen&bit != 0 {
			return element{}, "", false
		}
		seen |= bit
		s = strings.TrimRight(left, " \t")
		if s != "" && s[len(s)-1] != ',' && s[len(s)-1] != ';' {
			return element{}, "", false
		}
	}
}

// lastPair reads name=value at the end of s, which is not empty.
func lastPair(s string) (name, value, left string, ok bool) {
	i := len(s)
	if s[i-1] == '"' {
		open := openingQuote(s[:i-1])
		if open < 0 {
			return "", "", "", false
		}
		value, ok = unquote(s[open+1 : i-1])
		if !ok {
			return "", "", "", false
		}
		i = open
	} else {
		for i > 0 && (tokenByte[s[i-1]] || s[i-1] == ':' || s[i-1] == '[' || s[i-1] == ']') {
			i--
		}
		value = s[i:]
		if value == "" {
			return "", "", "", false
		}
	}
	if i == 0 || s[i-1] != '=' {
		return "", "", "", false
	}
	end := i - 1
	start := end
	for start > 0 && tokenByte[s[start-1]] {
		start--
	}
	if start == end {
		return "", "", "", false
	}
	return s[start:end], value, s[:start], true
}

// openingQuote returns the place of the last quote in s that is not escaped, or -1.
func openingQuote(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != '"' {
			continue
		}
		slashes := 0
		for slashes < i && s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
	return -1
}

// unquote undoes the escapes of a quoted string's inside (RFC 9110 section 5.6.4).
func unquote(s string) (string, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return "", false
		}
	}
	if strings.IndexByte(s, '\\') < 0 {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			if i++; i == len(s) {
				return "", false // the backslash escapes the closing quote
			}
		}
		out = append(out, s[i])
	}
	return string(out), true
}

// parseNode reads the node of RFC 7239 section 6: IPv4 or bracketed IPv6, with an
// optional port that may be obfuscated. "unknown" and obfuscated names give false.
func parseNode(s string) (netip.Addr, bool) {
	if s == "" || len(s) > maxEntry {
		return netip.Addr{}, false
	}
	// The port is of no use here, so an obfuscated one is cut off.
	if i := strings.LastIndexByte(s, ':'); i > 0 && isObfuscated(s[i+1:]) {
		s = s[:i]
	}
	if s[0] == '[' {
		return parseBracketed(s)
	}
	if strings.Count(s, ":") > 1 {
		return netip.Addr{}, false // IPv6 must be in brackets
	}
	return parseEntry(s)
}

// isObfuscated tells whether s is an obfport or obfnode.
func isObfuscated(s string) bool {
	if len(s) < 2 || s[0] != '_' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !hostByte[s[i]] {
			return false
		}
	}
	return true
}

// tokenByte holds tchar of RFC 9110 section 5.6.2.
var tokenByte = func() (t [256]bool) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] = true
	}
	return t
}()
