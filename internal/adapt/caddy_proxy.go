package adapt

import (
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/caddyconf"
)

// proxy adds the routes of a reverse_proxy.
func (b *caddyBlock) proxy(d *caddyconf.Directive) {
	paths, words, ok := b.matched(d)
	if !ok {
		return
	}
	g := group{from: where(d)}
	secure, h2c := false, false
	for _, o := range d.Block {
		switch o.Name {
		case "to":
			words = append(words, o.Args...)
		case "transport":
			for _, t := range o.Block {
				b.transport(t, &g, &secure, &h2c)
			}
		default:
			b.option(o, &g)
		}
	}
	for _, word := range words {
		to, ok := b.c.settled(d, word)
		if !ok {
			continue
		}
		a := caddyAddress(to, secure, h2c)
		if a == "" || len(g.to) > 0 && scheme(a) != scheme(g.to[0]) {
			b.c.say(d, NotCarried, "%s is no address that the door could take", word)
			continue
		}
		if !slices.Contains(g.to, a) {
			g.to = append(g.to, a)
		}
	}
	if len(g.to) == 0 {
		if len(words) == 0 {
			b.c.say(d, NotCarried, "it names no application")
		}
		return
	}
	g.name = caddyName(g.to[0])
	if scheme(g.to[0]) != "https" {
		g.serverName = ""
	} else {
		b.c.say(d, SetAs, "the door verifies the application's certificate; an authority of your own is named in upstreams, tls.ca")
	}
	if len(g.to) > 1 && g.balance == "" {
		b.c.say(d, SetAs, "balance: two-choices, which is the door's default, in place of one at random")
	}
	added := b.c.add(g)
	for _, site := range b.sites {
		for _, p := range paths {
			b.c.routes = append(b.c.routes, route{site, p, added, where(d)})
		}
	}
}

// caddyName is what a group is called: its host, or its socket.
func caddyName(to string) string {
	if socket, ok := strings.CutPrefix(to, "unix:"); ok {
		return strings.TrimSuffix(path.Base(socket), path.Ext(socket))
	}
	if _, host, ok := strings.Cut(to, "://"); ok {
		to = host
	}
	return strings.TrimLeft(to, ":")
}

func scheme(address string) string {
	s, _, ok := strings.Cut(address, "://")
	if !ok {
		return "http"
	}
	return s
}

// caddyAddress is an address of an application, as the door writes it.
func caddyAddress(to string, secure, h2c bool) string {
	kind := "http"
	switch s, rest, found := strings.Cut(to, "://"); {
	case found:
		kind, to = strings.ToLower(s), rest
		if kind != "http" && kind != "https" && kind != "h2c" {
			return ""
		}
	case strings.HasPrefix(to, "unix//"):
		return address("http", "unix:"+strings.TrimPrefix(to, "unix/"))
	case strings.HasPrefix(to, "unix/"), strings.HasPrefix(to, "unix+"):
		return ""
	case secure:
		kind = "https"
	case h2c:
		kind = "h2c"
	}
	return address(kind, strings.TrimSuffix(to, "/"))
}

// transport reads how the application is reached.
func (b *caddyBlock) transport(t *caddyconf.Directive, g *group, secure, h2c *bool) {
	first := ""
	if len(t.Args) > 0 {
		first = t.Args[0]
	}
	switch t.Name {
	case "tls":
		*secure = true
	case "tls_server_name":
		*secure = true
		if hostName(first) {
			g.serverName = first
		}
	case "tls_insecure_skip_verify":
		*secure = true
		b.c.say(t, NotCarried, "the door always verifies: name the authority in upstreams, tls.ca")
	case "versions":
		*h2c = slices.Contains(t.Args, "h2c")
	case "dial_timeout":
		b.c.duration(t, first, "bounds.connect_timeout")
	case "response_header_timeout":
		b.c.duration(t, first, "bounds.response_timeout")
	case "keepalive", "keepalive_interval", "keepalive_idle_conns", "keepalive_idle_conns_per_host", "read_buffer", "write_buffer", "max_conns_per_host", "compression", "expect_continue_timeout", "dial_fallback_delay":
		b.c.say(t, Done, "connections to the application are kept, and nothing of its answers is changed")
	default:
		b.c.say(t, NotCarried, "the door has no such thing")
	}
}

// option reads one line of the block of a reverse_proxy.
func (b *caddyBlock) option(o *caddyconf.Directive, g *group) {
	first := ""
	if len(o.Args) > 0 {
		first = o.Args[0]
	}
	switch o.Name {
	case "lb_policy":
		switch first {
		case "least_conn":
			g.balance = "least-connections"
		case "ip_hash", "client_ip_hash":
			g.balance = "client"
		case "random_choose", "random", "round_robin":
			g.balance = "two-choices"
		case "uri_hash", "header", "cookie", "query":
			g.balance = "client"
			b.c.say(o, SetAs, "balance: client: requests of a client's address stay together; the door has no other key")
		default:
			b.c.say(o, SetAs, "balance: two-choices: the less busy of two drawn")
		}
	case "health_uri", "health_path":
		if strings.HasPrefix(first, "/") && !strings.ContainsFunc(first, func(c rune) bool { return c <= ' ' || c == '#' || c >= 0x7f }) {
			g.health = first
			return
		}
		b.c.say(o, NotCarried, "health.path is a path such as /healthz")
	case "header_up":
		switch name := strings.ToLower(first); {
		case name == "host", strings.HasPrefix(name, "x-forwarded-"), name == "x-real-ip":
			value := strings.Join(o.Args[min(1, len(o.Args)):], " ")
			if name == "host" && value != "{host}" && value != "{http.request.host}" && value != "{http.request.hostport}" && value != "{hostport}" {
				b.c.say(o, NotCarried, "the host passes as it came: let the application answer to it")
				return
			}
			b.c.say(o, Done, "the application is told who asks: app.set('trust proxy', 'loopback')")
		default:
			b.c.say(o, NotCarried, "the door adds no headers of that name to requests")
		}
	case "header_down":
		if name := strings.ToLower(strings.TrimPrefix(first, "-")); strings.HasPrefix(first, "-") && (name == "server" || name == "x-powered-by") {
			b.c.say(o, Done, "no banner leaves")
			return
		}
		b.c.say(o, NotCarried, "let the application set its headers")
	case "flush_interval", "request_buffers", "response_buffers", "stream_timeout", "stream_close_delay", "buffer_requests", "buffer_responses", "max_buffer_size":
		b.c.say(o, Done, "bodies pass as they come, and streams end by bounds.stream_idle")
	case "lb_retries", "lb_try_duration", "lb_try_interval", "fail_duration", "max_fails", "unhealthy_status", "unhealthy_latency", "unhealthy_request_count":
		b.c.say(o, Done, "an address that fails is left alone until it answers, and safe requests are tried once more")
	case "health_port", "health_interval", "health_timeout", "health_status", "health_body", "health_headers", "health_method", "health_follow_redirects", "health_passes", "health_fails":
		b.c.say(o, NotCarried, "health: of an upstream has interval, timeout, fall and rise; 200 to 399 is well")
	case "trusted_proxies":
		b.c.say(o, NotCarried, "name them in trust.proxies, for all")
	default:
		b.c.say(o, NotCarried, "the door has no such thing")
	}
}
