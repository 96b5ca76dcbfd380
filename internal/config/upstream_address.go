package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/internal/sanity"
)

// An Address is one place where an application listens.
type Address struct {
	// Scheme is "http", "https" or "h2c", which is HTTP/2 without TLS.
	Scheme string
	// Host is host:port, or empty with a Socket.
	Host string
	// Socket is the absolute path of a unix socket.
	Socket string
}

// String writes the address in its one canonical form.
func (a Address) String() string {
	if a.Socket != "" {
		return "unix:" + a.Socket
	}
	return a.Scheme + "://" + a.Host
}

// Local tells whether the application listens on this machine, for all that is known.
func (a Address) Local() bool {
	host, _, err := net.SplitHostPort(a.Host)
	return a.Socket != "" || err == nil && loopback(host)
}

// maxSocket is what fits the system's address of a socket everywhere.
const maxSocket = 100

// parseAddress returns an address, or what is wrong.
func parseAddress(s string) (a Address, text, hint string) {
	wrong := func(hint string) (Address, string, string) {
		return Address{}, fmt.Sprintf("is %s, must be :port, host:port, http://, https:// or h2c://host:port, or unix:/path", quoted(s)), hint
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		switch {
		case !filepath.IsAbs(path) || strings.HasPrefix(path, "//") || filepath.Clean(path) != path:
			return wrong("write the whole path, such as unix:/run/app.sock")
		case len(path) > maxSocket:
			return Address{}, fmt.Sprintf("is %s, a path of %d bytes; systems take %d", quoted(s), len(path), maxSocket), ""
		}
		return Address{Scheme: "http", Socket: path}, "", ""
	}
	a.Scheme, a.Host = "http", s
	if scheme, rest, found := strings.Cut(s, "://"); found {
		usual := map[string]string{"http": "80", "https": "443", "h2c": "80"}
		a.Scheme = strings.ToLower(scheme)
		if usual[a.Scheme] == "" {
			return wrong("")
		}
		parsed, err := url.Parse("http://" + rest)
		if err != nil || parsed.Host == "" {
			return wrong("")
		}
		if parsed.User != nil {
			return Address{}, "holds a name or password, must be only the address", ""
		}
		if strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.ForceQuery || strings.Contains(s, "#") {
			return wrong("a path or a query has no place there")
		}
		a.Host = parsed.Host
		if parsed.Port() == "" && !strings.HasSuffix(a.Host, ":") {
			a.Host += ":" + usual[a.Scheme]
		}
	} else if port(s) {
		return wrong(fmt.Sprintf("write \":%s\"", s))
	}
	name, number, err := net.SplitHostPort(a.Host)
	if err != nil || !port(number) || number == "0" {
		return wrong("")
	}
	if name == "" {
		name = "localhost"
	}
	if _, err := netip.ParseAddr(name); err != nil && !hostName(strings.ToLower(name)) {
		return wrong("")
	}
	a.Host = net.JoinHostPort(name, number)
	return a, "", ""
}

// notTheDoor refuses an address at which the door itself listens.
func (k *checker) notTheDoor(at, value string, a Address) {
	host, number, err := net.SplitHostPort(a.Host)
	if err != nil || !loopback(host) {
		return
	}
	c := k.cfg
	for _, address := range []string{c.Listen, c.Redirect, c.Admin.Listen} {
		if host, of, err := net.SplitHostPort(address); err == nil && of == number && (loopback(host) || unspecified(host)) {
			k.note(at, fmt.Sprintf("is %s, where the door itself listens", quoted(value)), "name the port of the application", nil)
			return
		}
	}
}

// routePath returns the decoded path of a route, "/" for all, or "" with what to write.
func routePath(path string) (decoded, hint string) {
	if path == "" {
		return "/", ""
	}
	route, err := sanity.ParseRoute(path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return "", "without wildcards and query, and not one that servers read in two ways"
	}
	decoded, err = url.PathUnescape(route.String())
	if err != nil {
		return "", ""
	}
	return decoded, ""
}

// Decoded returns the path of a valid route as it is compared: decoded, "/" for all.
func (r Route) Decoded() string {
	path, _ := routePath(r.Path)
	return path
}
