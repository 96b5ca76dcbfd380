package clientip

import (
	"net/http"
	"strings"
)

// WriteForwarded tells the application behind who c is: it replaces in h whatever
// X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port and
// Forwarded said. H is the header of the request to the application, r the request
// as it came in.
//
// X-Forwarded-For and Forwarded carry the client alone, without the trusted hops
// between. So Express finds the true client with trust proxy set to 'loopback', to 1
// and even to true. X-Forwarded-Host is r.Host as it came where that is c.Host in
// another spelling, so that it equals the Host passed on. Where c has no address or
// host, the header is absent, and Forwarded says for=unknown.
//
// Source: RFC 7239 sections 4 to 7. It makes two allocations or three.
func WriteForwarded(h http.Header, r *http.Request, c Client) {
	if c.Scheme != "https" {
		c.Scheme = "http" // a Client made by hand
	}
	host := c.Host
	if own, ok := CleanHost(r.Host, c.Scheme); ok && own == host {
		host = r.Host
	}
	_, port, ok := SplitHost(host)
	switch {
	case !ok:
		host = ""
	case port != "":
	case c.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}

	// One array for all values; each slice has no room to grow into the next.
	values := make([]string, 5)
	set := func(i int, name, value string) {
		if value == "" {
			delete(h, name)
			return
		}
		values[i] = value
		h[name] = values[i : i+1 : i+1]
	}
	forwarded, addr := forwardedFor(c, host)
	set(0, "X-Forwarded-For", addr)
	set(1, "X-Forwarded-Proto", c.Scheme)
	set(2, "X-Forwarded-Host", host)
	set(3, "X-Forwarded-Port", port)
	set(4, "Forwarded", forwarded)
}

// forwardedFor returns the Forwarded element for c, and c's address as a piece of it,
// empty where it is not known.
func forwardedFor(c Client, host string) (line, addr string) {
	buf := make([]byte, 0, 128)
	var from, to int
	switch {
	case !c.Addr.IsValid():
		buf = append(buf, "for=unknown"...)
	case c.Addr.Is6():
		buf = append(buf, `for="[`...)
		from = len(buf)
		buf = c.Addr.AppendTo(buf)
		to = len(buf)
		buf = append(buf, `]"`...)
	default:
		buf = append(buf, "for="...)
		from = len(buf)
		buf = c.Addr.AppendTo(buf)
		to = len(buf)
	}
	if host != "" {
		// A valid host has nothing to escape; a port or brackets need the quotes.
		if strings.ContainsAny(host, ":[") {
			buf = append(append(append(buf, `;host="`...), host...), '"')
		} else {
			buf = append(append(buf, ";host="...), host...)
		}
	}
	buf = append(append(buf, ";proto="...), c.Scheme...)
	line = string(buf)
	return line, line[from:to]
}
