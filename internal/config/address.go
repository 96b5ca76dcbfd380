package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// LocalName reports whether the local CA has certificates for host: localhost, names
// under it, 127.0.0.1 and ::1.
func LocalName(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "127.0.0.1" || host == "::1"
}

// Public reports whether HTTPS or the redirect listens beyond loopback.
func (c *Config) Public() bool {
	return public(c.Listen) || public(c.Redirect)
}

// public answers for one address; false for "off" and for what is no address.
func public(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && !loopback(host)
}

// loopback reports whether a listener on host is reached from this machine only. No
// host means every address.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// port accepts 0 to 65535 in decimal without a leading zero.
func port(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// headerToken reports whether s is a token of RFC 9110 section 5.6.2, as names of headers
// and cookies are.
func headerToken(s string) bool {
	for _, c := range []byte(s) {
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

// hostName reports whether s is a host name in lower case: labels of letters, digits,
// hyphens and inner underscores, 253 bytes at most, not a number.
//
// Source: RFC 1123 section 2.1; underscores for the container names that have them.
func hostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	label := ""
	for label = range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	// 127.1 and 0x7f000001 are addresses to some resolvers and names to others.
	return label[0] < '0' || label[0] > '9'
}

// siteName reports whether s is written as a site is: a host name, or an IP address in
// its one canonical form.
func siteName(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String() == s && addr.Zone() == "" && !addr.Is4In6()
	}
	return hostName(s) && !strings.Contains(s, "_")
}

func unspecified(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

func (k *checker) listeners() {
	c := k.cfg
	k.listen("listen", c.Listen, false)
	k.listen("redirect", c.Redirect, true)
	k.listen("admin.listen", c.Admin.Listen, true)
	k.others()
	k.clash("redirect", c.Redirect, "listen", c.Listen)
	k.clash("admin.listen", c.Admin.Listen, "listen", c.Listen)
	k.clash("admin.listen", c.Admin.Listen, "redirect", c.Redirect)
	if len(c.Sites) > 0 || !c.Public() {
		return
	}
	path, address := "listen", c.Listen
	if !public(address) {
		path, address = "redirect", c.Redirect
	}
	k.note(path, fmt.Sprintf("is %s, which is beyond loopback, and no site is named", quoted(address)),
		"add --site NAME for each host name served, or a line sites: [NAME]", nil)
}

// clash notes two listeners on one address, at the one that somebody wrote.
func (k *checker) clash(path, address, other, otherAddress string) {
	if !sameListener(address, otherAddress) {
		return
	}
	if k.cfg.Origin(path) == (Origin{}) && k.cfg.Origin(other) != (Origin{}) {
		path, address, other = other, otherAddress, path
	}
	k.note(path, fmt.Sprintf("is %s, the address of %s too", quoted(address), other), "give one of them another port", nil)
}

func (k *checker) listen(path, address string, off bool) {
	if off && address == "off" {
		return
	}
	allowed := "host:port with an IP address or localhost, or :port for every address"
	if off {
		allowed += ", or off"
	}
	host, number, err := net.SplitHostPort(address)
	if err != nil || !port(number) {
		hint := ""
		if port(address) {
			hint = fmt.Sprintf("write \":%s\"", address)
		} else if err != nil && strings.Contains(err.Error(), "too many colons") {
			hint = "write an IPv6 address in brackets"
		}
		k.bad(path, address, allowed, hint)
		return
	}
	if _, err := netip.ParseAddr(host); host != "" && host != "localhost" && err != nil {
		k.bad(path, address, allowed, "names of sites belong in sites")
	}
}

// sameListener reports whether two addresses cannot be listened on at once. Port 0 is
// any free one.
func sameListener(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || unspecified(hostA) || unspecified(hostB) || (hostA == "localhost" && loopback(hostB)) || (hostB == "localhost" && loopback(hostA))
}

func (k *checker) sites() {
	for i, site := range k.cfg.Sites {
		path := fmt.Sprintf("sites[%d]", i)
		if siteName(site) {
			if slices.Index(k.cfg.Sites, site) < i {
				k.note(path, fmt.Sprintf("is %s, which is named twice", quoted(site)), "", nil)
			}
			continue
		}
		k.bad(path, site, "a host name in lower case", siteHint(site))
	}
}

// siteHint says what to write instead.
func siteHint(site string) string {
	name := strings.ToLower(strings.TrimSpace(site))
	if _, rest, found := strings.Cut(name, "://"); found {
		name = rest
	}
	name, _, _ = strings.Cut(name, "/")
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	switch {
	case strings.Contains(name, "*"):
		return "name each host: a pattern would let in names nobody chose"
	case name != site && siteName(name):
		return "write " + name
	case strings.ContainsFunc(name, func(c rune) bool { return c > 0x7f }):
		return "write it as DNS has it, xn--…"
	}
	return ""
}

// shortest is the shortest prefix that can be a network of one's own: fc00::/7.
const shortest = 7

// TrustedProxies returns Trust.Proxies parsed, a single address as a prefix of its full
// length. The error holds every Problem.
func (c *Config) TrustedProxies() ([]netip.Prefix, error) {
	k := &checker{cfg: c}
	prefixes := k.proxies()
	return prefixes, joined(k.problems)
}

func (k *checker) trust() {
	k.oneOf("trust.header", k.cfg.Trust.Header, "x-forwarded-for", "forwarded")
	k.proxies()
}

func (k *checker) proxies() []netip.Prefix {
	prefixes := make([]netip.Prefix, 0, len(k.cfg.Trust.Proxies))
	for i, s := range k.cfg.Trust.Proxies {
		path := fmt.Sprintf("trust.proxies[%d]", i)
		p, err := parsePrefix(s)
		switch {
		case err != nil:
			k.bad(path, s, "a CIDR such as 10.0.0.0/8, or an address", "")
		case p.Bits() < shortest:
			k.bad(path, s, fmt.Sprintf("the network of your proxies, /%d or longer", shortest), "this lets strangers name their own address")
		case p != p.Masked():
			k.bad(path, s, "a network without host bits", "write "+p.Masked().String())
		default:
			prefixes = append(prefixes, p)
		}
	}
	return prefixes
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err == nil && p.Addr().Is4In6() {
			return p, errors.New("IPv4 in IPv6")
		}
		return p, err
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if addr.Zone() != "" || addr.Is4In6() {
		return netip.Prefix{}, errors.New("zone or IPv4 in IPv6")
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
