package observatory

import (
	"strconv"
	"strings"
)

// address is the part of a URL that a verdict depends on, read by the rules of the URL
// standard, which are laxer than net/url's: blanks around it, backslashes and any number
// of slashes are fine.
type address struct {
	// scheme is in lower case and without the colon.
	scheme string
	// host is as a browser would show it; empty when the scheme has none.
	host string
	// path begins with a slash, but for an address without an authority.
	path string
	// opaque is true for an address that nothing can be relative to, such as about:blank.
	opaque bool
}

// String gives scheme and host, which is all that is looked at.
func (a address) String() string {
	if specialScheme[a.scheme] {
		return a.scheme + "://" + a.host + "/"
	}
	return a.scheme + ":"
}

var specialScheme = map[string]bool{"http": true, "https": true, "ws": true, "wss": true, "ftp": true}

var dropBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// parseAddress reads an address, relative to base when there is one. ok is false for
// what is no address.
func parseAddress(raw string, base *address) (a address, ok bool) {
	raw = strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' })
	raw = dropBreaks.Replace(raw)
	scheme, rest, ok := cutScheme(raw)
	if !ok {
		return relative(raw, base)
	}
	switch {
	case specialScheme[scheme]:
		if base != nil && base.scheme == scheme && !base.opaque && !strings.HasPrefix(rest, "//") {
			return relative(rest, base)
		}
		return authority(scheme, strings.TrimLeft(rest, `/\`))
	case scheme == "file":
		return fileAddress(rest)
	case strings.HasPrefix(rest, "//"):
		return authority(scheme, rest[2:])
	}
	return address{scheme: scheme, path: rest, opaque: !strings.HasPrefix(rest, "/")}, true
}

func cutScheme(raw string) (scheme, rest string, ok bool) {
	for i := range len(raw) {
		c := raw[i]
		switch {
		case isAlpha(c):
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return strings.ToLower(raw[:i]), raw[i+1:], true
		default:
			return "", "", false
		}
	}
	return "", "", false
}

func relative(raw string, base *address) (address, bool) {
	switch {
	case base == nil:
		return address{}, false
	case base.opaque:
		return *base, strings.HasPrefix(raw, "#")
	case base.scheme == "file":
		return fileAddress(raw)
	}
	slashes := "/"
	if specialScheme[base.scheme] {
		slashes = `/\`
	}
	if len(raw) > 1 && strings.IndexByte(slashes, raw[0]) >= 0 && strings.IndexByte(slashes, raw[1]) >= 0 {
		if specialScheme[base.scheme] {
			return authority(base.scheme, strings.TrimLeft(raw, slashes))
		}
		return authority(base.scheme, raw[2:])
	}
	// Nothing that reads a relative address looks at its path.
	return address{scheme: base.scheme, host: base.host, path: "/"}, true
}

// fileAddress reads what follows file:, of which only the validity matters.
func fileAddress(rest string) (address, bool) {
	host := strings.ReplaceAll(rest, `\`, "/")
	host, ok := strings.CutPrefix(host, "//")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	a := address{scheme: "file", path: "/"}
	drive := len(host) == 2 && isAlpha(host[0]) && (host[1] == ':' || host[1] == '|')
	if !ok || host == "" || drive {
		return a, true
	}
	a.host, ok = parseHost(host)
	return a, ok
}

// authority reads an address from behind its slashes.
func authority(scheme, rest string) (address, bool) {
	special := specialScheme[scheme]
	ends := "/?#"
	if special {
		ends = `/?#\`
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, ends); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
		if host == "" {
			return address{}, false
		}
	}
	host, port := cutPort(host)
	if !validPort(port) || host == "" && (special || port != "") {
		return address{}, false
	}
	a := address{scheme: scheme, host: host, path: cleanPath(path, special)}
	if !special && !strings.HasPrefix(host, "[") {
		return a, !strings.ContainsAny(host, forbiddenInHost)
	}
	var ok bool
	a.host, ok = parseHost(host)
	return a, ok
}

// cutPort cuts at the first colon that is not inside brackets, as the standard does.
func cutPort(host string) (name, port string) {
	bracket := false
	for i := range len(host) {
		switch host[i] {
		case '[':
			bracket = true
		case ']':
			bracket = false
		case ':':
			if !bracket {
				return host[:i], host[i+1:]
			}
		}
	}
	return host, ""
}

func validPort(port string) bool {
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	port = strings.TrimLeft(port, "0")
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n <= 65535
}

// cleanPath resolves dots in a path and drops query and fragment.
func cleanPath(path string, special bool) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if !special {
		return path
	}
	path = strings.ReplaceAll(path, `\`, "/")
	if !strings.Contains(path, "/.") && !strings.Contains(path, "/%2") {
		if path == "" {
			return "/"
		}
		return path
	}
	var kept []string
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".":
			if last {
				kept = append(kept, "")
			}
		case "..":
			kept = kept[:max(0, len(kept)-1)]
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}
