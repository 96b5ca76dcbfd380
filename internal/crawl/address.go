package crawl

import (
	"net/url"
	"strings"
)

// Where a reference leads.
type where uint8

const (
	// nowhere: to no page at all, such as mailto: or what is malformed.
	nowhere where = iota
	// inside: into the target's origin.
	inside
	// outside: to another origin.
	outside
)

// resolve reads a reference as browsers do, and says where it leads.
func (w *walk) resolve(base *url.URL, address string) (*url.URL, where) {
	if len(address) > 4*maxPath {
		address = address[:4*maxPath] // too long to be asked for, but worth counting
	}
	u, err := parse(base, address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, nowhere
	case !sameOrigin(u, w.URL) || u.User != nil:
		return u, outside
	}
	return u, inside
}

// parse resolves a reference to an address without its fragment. Like browsers it
// forgives what people write: spaces and line breaks around and in it, backslashes,
// percent signs that escape nothing.
func parse(base *url.URL, address string) (*url.URL, error) {
	address = strings.TrimFunc(address, func(r rune) bool { return r <= ' ' })
	if strings.ContainsAny(address, "\t\n\r") {
		address = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(address)
	}
	address, _, _ = strings.Cut(address, "#")
	path, query, has := strings.Cut(address, "?")
	if strings.Contains(path, `\`) {
		path = strings.ReplaceAll(path, `\`, "/")
	}
	for _, scheme := range []string{"", "http:", "https:"} {
		if rest, ok := strings.CutPrefix(path, scheme+"///"); ok {
			path = scheme + "//" + strings.TrimLeft(rest, "/") // a host follows, however many slashes
		}
	}
	if path = literalPercent(path); has {
		path += "?" + query
	}
	u, err := base.Parse(path)
	if err != nil {
		return nil, err
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// literalPercent escapes percent signs that are not followed by two hex digits.
func literalPercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// sameOrigin compares scheme, host and port, given or usual.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// target is what stands in the request line: the path and the query, escaped.
func target(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery == "" {
		return path
	}
	var b strings.Builder
	b.WriteString(path + "?")
	for i := range len(u.RawQuery) {
		switch c := u.RawQuery[i]; {
		case c <= ' ', c >= 0x7f, c == '"', c == '<', c == '>', c == '\'':
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// shapes counts how often paths that look alike were seen.
type shapes map[string]int

// rank counts the path and returns how many like it were seen, itself included. Alike
// are the pages of one folder, and pages that begin with the same word and are equally
// deep; either kind makes a rank high, so that neither the ten thousand items of a shop
// nor those of its ten thousand sellers come before the one page of something else.
func (s shapes) rank(path string) int {
	all := strings.Split(shape(path), "/")
	folder := strings.Join(all[:len(all)-1], "/") + "/*"
	if all[len(all)-1] == "#" {
		folder += "#"
	}
	s[folder]++
	if len(all) == 2 {
		return s[folder]
	}
	word := all[1] + strings.Repeat("/*", len(all)-2)
	s[word]++
	return max(s[folder], s[word])
}

// shape is a path with what numbers or names its items taken out.
func shape(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if isID(part) {
			parts[i] = "#"
		}
	}
	return strings.Join(parts, "/")
}

// isID says whether a part of a path is a number, a date, a UUID or something like it.
func isID(part string) bool {
	digits, hex := 0, 0
	for i := range len(part) {
		switch c := part[i]; {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case isHex(c), c == '-':
			hex++
		}
	}
	return digits > 0 && (digits*2 >= len(part) || len(part) >= 8 && hex == len(part) || len(part) >= 20)
}
