package observatory

import (
	"net/netip"
	"strings"
)

// cookie is what a jar keeps of one.
type cookie struct {
	name             string
	domain, path     string
	secure, httpOnly bool
	// sameSite is lax, strict, none or empty.
	sameSite string
}

// cookieID is what makes a later cookie replace an earlier one.
type cookieID struct{ domain, path, name string }

// keptCookies returns the cookies that tough-cookie would keep for a page. One that is
// expired from the start is kept too.
func keptCookies(raw []string, page address) map[cookieID]*cookie {
	kept := map[cookieID]*cookie{}
	host := strings.Trim(page.host, "[]")
	for _, text := range raw {
		c := parseCookie(text)
		if c == nil || !c.settle(host, page.path) {
			continue
		}
		kept[cookieID{c.domain, c.path, c.name}] = c
	}
	return kept
}

// parseCookie reads a Set-Cookie value; nil when it has no name.
func parseCookie(text string) *cookie {
	pair, rest, _ := strings.Cut(trimBlank(text), ";")
	if i := strings.IndexAny(pair, "\n\r\x00"); i >= 0 {
		pair = pair[:i]
	}
	name, value, ok := strings.Cut(pair, "=")
	if !ok || name == "" {
		return nil
	}
	c := &cookie{name: trimBlank(name)}
	if hasControl(c.name) || hasControl(trimBlank(value)) {
		return nil
	}
	for attribute := range strings.SplitSeq(rest, ";") {
		key, value, _ := strings.Cut(trimBlank(attribute), "=")
		c.attribute(lower(trimBlank(key)), trimBlank(value))
	}
	return c
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}

func (c *cookie) attribute(key, value string) {
	switch key {
	case "domain":
		if domain := strings.TrimPrefix(value, "."); domain != "" {
			c.domain = lower(domain)
		}
	case "path":
		c.path = ""
		if strings.HasPrefix(value, "/") {
			c.path = value
		}
	case "secure":
		c.secure = true
	case "httponly":
		c.httpOnly = true
	case "samesite":
		c.sameSite = ""
		switch v := lower(value); v {
		case "lax", "strict", "none":
			c.sameSite = v
		}
	}
}

// settle fills in domain and path from the page, and reports whether the cookie may be
// set there.
func (c *cookie) settle(host, pagePath string) bool {
	hostOnly := c.domain == ""
	if hostOnly {
		c.domain = host
	} else if domain, ok := canonicalDomain(c.domain); !ok || !maySpan(domain) || !domainMatches(host, domain) {
		return false
	}
	if c.path == "" {
		c.path = defaultPath(pagePath)
	}
	switch {
	case strings.HasPrefix(c.name, "__Secure-"):
		return c.secure
	case strings.HasPrefix(c.name, "__Host-"):
		return c.secure && hostOnly && c.path == "/"
	}
	return true
}

// canonicalDomain returns a Domain attribute as a host name.
func canonicalDomain(domain string) (string, bool) {
	domain = strings.TrimPrefix(trimBlank(domain), ".")
	if ip, ok := ipv6(domain); ok {
		return ip, true
	}
	if !isASCII(domain) {
		// The original puts it into an address, so that a port may follow.
		a, ok := parseAddress("http://"+domain, nil)
		return a.host, ok
	}
	return strings.ToLower(domain), true
}

// maySpan reports whether a domain is more than a public suffix. Names for special use
// have suffixes of their own making.
func maySpan(domain string) bool {
	if _, ok := ipv6(domain); ok {
		return true
	}
	switch top := domain[strings.LastIndexByte(domain, '.')+1:]; top {
	case "local", "example", "invalid", "localhost", "test":
		if top != domain || top == "localhost" || top == "invalid" {
			return true
		}
	}
	return registrable(trimDots(domain), true) != ""
}

func ipv6(host string) (string, bool) {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !ip.Is6() {
		return "", false
	}
	return ip.String(), true
}

func domainMatches(host, domain string) bool {
	if host == domain {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	return strings.HasSuffix(host, "."+domain)
}

func defaultPath(path string) string {
	last := strings.LastIndexByte(path, '/')
	if last <= 0 {
		return "/"
	}
	return path[:last]
}
