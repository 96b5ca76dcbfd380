package observatory

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// forbiddenInHost are the characters no host may have, besides controls.
const forbiddenInHost = "\x00\t\n\r #/:<>?@[\\]^|"

// parseHost reads a host as a browser does: percent escapes, IPv6 in brackets, IPv4 in
// all its spellings, and Punycode for what is not ASCII.
func parseHost(raw string) (string, bool) {
	if strings.HasPrefix(raw, "[") {
		ip, err := netip.ParseAddr(strings.TrimSuffix(raw[1:], "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" || !strings.HasSuffix(raw, "]") {
			return "", false
		}
		return "[" + ip.String() + "]", true
	}
	host := lower(unescapeHost(raw))
	if !isASCII(host) {
		host = toPunycode(lower(strings.Map(narrow, host)))
	}
	if host == "" || strings.ContainsAny(host, forbiddenInHost+"%\x7f") || strings.ContainsFunc(host, func(r rune) bool { return r < ' ' }) {
		return "", false
	}
	if !endsInNumber(host) {
		return host, true
	}
	return parseIPv4(host)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unescapeHost decodes percent escapes and leaves broken ones, which then make the host
// invalid.
func unescapeHost(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if c, ok := percentByte(s[i:]); ok {
			b = append(b, c)
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}

// percentByte decodes the escape that s begins with.
func percentByte(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, low := hexDigit(s[1]), hexDigit(s[2])
	return byte(high<<4 | low), high >= 0 && low >= 0
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// endsInNumber reports whether a host has to be an IPv4 address.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return false
	}
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	_, ok := parseIPv4Number(last)
	return ok
}

func parseIPv4(host string) (string, bool) {
	parts := strings.SplitN(strings.TrimSuffix(host, "."), ".", 5)
	if len(parts) > 4 {
		return "", false
	}
	var sum uint64
	for i, part := range parts {
		n, ok := parseIPv4Number(part)
		last := i == len(parts)-1
		if !ok || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return "", false
		}
		if last {
			sum += n
		} else {
			sum += n << (8 * (3 - i))
		}
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}).String(), true
}

// parseIPv4Number reads decimal, 0octal and 0xhex.
func parseIPv4Number(s string) (uint64, bool) {
	base := 10
	switch {
	case s == "":
		return 0, false
	case strings.HasPrefix(s, "0x"):
		base, s = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, s = 8, s[1:]
	}
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(s, base, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 1 << 40, true
	}
	return n, err == nil
}

// toPunycode encodes the labels that are not ASCII (RFC 3492).
func toPunycode(host string) string {
	labels := strings.FieldsFunc(host, isDot)
	if len(labels) == 0 {
		return host
	}
	for i, label := range labels {
		if !isASCII(label) {
			labels[i] = "xn--" + punycode(label)
		}
	}
	return strings.Join(labels, ".")
}

// narrow maps the full-width forms of ASCII, the one part of IDNA's mapping that is cheap.
func narrow(r rune) rune {
	if '！' <= r && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

func isDot(r rune) bool { return r == '.' || r == '。' || r == '．' || r == '｡' }

func punycode(label string) string {
	// Longer labels are no host names, and the encoding is quadratic.
	const longest = 256
	runes := []rune(label)
	if len(runes) > longest {
		return strings.Repeat("x", longest)
	}
	var out []byte
	for _, r := range runes {
		if r < utf8.RuneSelf {
			out = append(out, byte(r))
		}
	}
	basic := len(out)
	if basic > 0 {
		out = append(out, '-')
	}
	n, delta, bias := rune(128), 0, 72
	for handled := basic; handled < len(runes); {
		next := rune(utf8.MaxRune)
		for _, r := range runes {
			if r >= n {
				next = min(next, r)
			}
		}
		delta += int(next-n) * (handled + 1)
		n = next
		for _, r := range runes {
			if r < n {
				delta++
			}
			if r == n {
				out = appendVariable(out, delta, bias)
				bias = adapt(delta, handled+1, handled == basic)
				delta = 0
				handled++
			}
		}
		delta++
		n++
	}
	return string(out)
}

func appendVariable(out []byte, q, bias int) []byte {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	for k := 36; ; k += 36 {
		t := min(max(k-bias, 1), 26)
		if q < t {
			return append(out, digits[q])
		}
		out = append(out, digits[t+(q-t)%(36-t)])
		q = (q - t) / (36 - t)
	}
}

func adapt(delta, points int, first bool) int {
	if first {
		delta /= 700
	} else {
		delta /= 2
	}
	delta += delta / points
	k := 0
	for ; delta > 455; k += 36 {
		delta /= 35
	}
	return k + 36*delta/(delta+38)
}
