package door

import (
	"net"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/config"
)

// redirectChain serves the plain port: known hosts are sent to HTTPS with path and
// query, by 308 so that a form keeps its method; package sanity refuses others. A request that a
// trusted proxy took over HTTPS goes the usual way, else it would be sent round forever.
func (d *Door) redirectChain(g *generation) http.Handler {
	local := len(g.cfg.Sites) == 0
	redirect := g.guards.sanity.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := splitHost(clientip.Of(r).Host) // a known one
		h := w.Header()
		h["Location"] = []string{"https://" + host + d.tlsPort(g.cfg) + target(r)}
		if local {
			// A browser would keep a 308 of localhost:8080 for whatever runs there next.
			h["Cache-Control"] = []string{"no-store"}
		}
		h["Content-Length"] = []string{"0"}
		w.WriteHeader(http.StatusPermanentRedirect)
	}))
	choose := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := clientip.Of(r); c.Trusted && c.Scheme == "https" {
			g.chain.ServeHTTP(w, r)
			return
		}
		redirect.ServeHTTP(w, r)
	})
	h := g.stripped(g.guards.client.Handler(choose))
	return g.guards.headers.Handler(g.guards.conceal.Handler(d.bounded(g, h)))
}

// tlsPort is ":8443", or empty for 443, as clients see it.
func (d *Door) tlsPort(cfg *config.Config) string {
	addr := d.servers.addr(roleTLS)
	if addr == nil {
		return ""
	}
	_, port, err := net.SplitHostPort(addr.String())
	if port = cfg.PortSeen(port); err != nil || port == "443" {
		return ""
	}
	return ":" + port
}

// target is path and query as the client wrote them. What stands before the path in an
// absolute-form target is left out; "*" has no place to be sent to.
func target(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	if t := r.URL.RequestURI(); strings.HasPrefix(t, "/") {
		return t
	}
	return "/"
}
