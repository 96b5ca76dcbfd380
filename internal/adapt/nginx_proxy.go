package adapt

import (
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/nginxconf"
)

// proxy adds the routes of a location that passes requests on.
func (n *nginx) proxy(x nginxProxy, sites []string) {
	n.take(x.pass)
	d := x.pass
	target, ok := x.scope.expand(d.Args[0])
	if !ok {
		n.note(d.File, d.Line, d.String(), NotCarried, "an address that is made for each request: name it in upstreams")
		return
	}
	scheme, rest, found := strings.Cut(target, "://")
	if d.Name == "grpc_pass" {
		if !found {
			scheme, rest = "grpc", target
		}
		scheme = map[string]string{"grpc": "h2c", "grpcs": "https"}[strings.ToLower(scheme)]
	} else if scheme = strings.ToLower(scheme); !found || scheme != "http" && scheme != "https" {
		scheme = ""
	}
	if scheme == "" {
		n.note(d.File, d.Line, d.String(), NotCarried, "an application is reached by http, https, h2c, or a unix socket")
		return
	}
	host, uri := rest, ""
	if socket, ok := strings.CutPrefix(rest, "unix:"); ok {
		socket, uri, _ = strings.Cut(socket, ":")
		host = "unix:" + socket
	} else if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, uri = rest[:i], rest[i:]
	}
	paths, ok := n.paths(x.location)
	if !ok {
		return
	}
	if where := x.location.Args[len(x.location.Args)-1]; uri != "" && uri != where {
		n.note(d.File, d.Line, d.String(), NotCarried, "the door passes the path on as it came: let the application answer below %s itself, then name it in routes", where)
		return
	}
	g, ok := n.group(scheme, host, d, x.scope)
	if !ok {
		return
	}
	for _, site := range sites {
		for _, p := range paths {
			n.routes = append(n.routes, route{site, p, g, at(d)})
		}
	}
}

// paths are those of a location, as routes have them.
func (n *nginx) paths(d *nginxconf.Directive) ([]string, bool) {
	where, exact := d.Args[len(d.Args)-1], d.Args[0] == "="
	switch {
	case !routePath(where):
		n.note(d.File, d.Line, d.String(), NotCarried, "the path of a route is absolute and plain")
		return nil, false
	case exact && strings.HasSuffix(where, "/"):
		n.note(d.File, d.Line, d.String(), NotCarried, "the door has no route for %s alone", where)
		return nil, false
	case exact:
		return []string{where}, true
	case strings.HasSuffix(where, "/"):
		if bare := strings.TrimSuffix(where, "/"); bare != "" {
			n.note(d.File, d.Line, d.String(), SetAs, "a route for all below %s: nginx also sent %s on to %s by itself, which is for the application now", where, bare, where)
		}
		return []string{where}, true
	}
	n.note(d.File, d.Line, d.String(), SetAs, "routes for %s and for %s/: as a prefix it also took %sx", where, where, where)
	return []string{where, where + "/"}, true
}

// group is the application at a place, which can be the name of an upstream block.
func (n *nginx) group(scheme, host string, d *nginxconf.Directive, s scope) (*group, bool) {
	g := group{name: host, from: at(d)}
	if socket, ok := strings.CutPrefix(host, "unix:"); ok {
		g.name = strings.TrimSuffix(path.Base(socket), path.Ext(socket))
	}
	if block := n.upstreams[host]; block != nil {
		n.take(block)
		g.from = at(block)
		n.members(&g, scheme, block)
	} else if a := address(scheme, host); a != "" {
		g.to = []string{a}
	}
	if len(g.to) == 0 {
		n.note(d.File, d.Line, d.String(), NotCarried, "no address of an application that the door could take")
		return nil, false
	}
	if scheme == "https" {
		prefix := strings.TrimSuffix(d.Name, "pass")
		if name := s.one(prefix + "ssl_name"); name != nil && hostName(name.Args[0]) {
			n.take(name)
			g.serverName = name.Args[0]
		}
		n.note(d.File, d.Line, d.String(), SetAs, "the door verifies the application's certificate; an authority of your own is named in upstreams, tls.ca")
		if verify := s.one(prefix + "ssl_verify"); verify != nil {
			n.say(verify, Done, "it always does")
		}
	}
	return n.add(g), true
}

// members reads the block of an upstream.
func (n *nginx) members(g *group, scheme string, block *nginxconf.Directive) {
	for _, d := range block.Block {
		switch {
		case d.Name == "server" && len(d.Args) > 0:
			if n.member(d) {
				if a := address(scheme, d.Args[0]); a == "" {
					n.say(d, NotCarried, "no address that the door could take")
				} else if !slices.Contains(g.to, a) {
					g.to = append(g.to, a)
				}
			}
		case d.Name == "least_conn":
			n.take(d)
			g.balance = "least-connections"
		case d.Name == "ip_hash", d.Name == "hash" && len(d.Args) > 0 && (strings.Contains(d.Args[0], "remote_addr") || strings.Contains(d.Args[0], "realip")):
			n.take(d)
			g.balance = "client"
		case d.Name == "hash", d.Name == "sticky":
			n.say(d, SetAs, "balance: client: requests of a client's address stay together; the door has no other key")
			g.balance = "client"
		case d.Name == "random":
			n.take(d)
			g.balance = "two-choices"
		}
	}
	if len(g.to) > 1 && g.balance == "" {
		n.note(block.File, block.Line, block.String(), SetAs, "balance: two-choices, which is the door's default, in place of one after the other")
	}
}

// member says what becomes of a server's words, and whether it is one.
func (n *nginx) member(d *nginxconf.Directive) bool {
	n.take(d)
	use := true
	for _, word := range d.Args[1:] {
		switch name, _, _ := strings.Cut(word, "="); name {
		case "down":
			n.note(d.File, d.Line, d.String(), NotCarried, "it is down: add it when it is up")
			use = false
		case "backup":
			n.note(d.File, d.Line, d.String(), NotCarried, "the door has no address that only stands in: add it, and let health: take out what is ill")
			use = false
		case "weight":
			n.note(d.File, d.Line, d.String(), NotCarried, "%s: the door sends more to who is less busy", word)
		case "max_fails", "fail_timeout", "slow_start":
			n.note(d.File, d.Line, d.String(), Done, "%s: an address that fails is left alone until it answers; health: asks by itself", word)
		case "max_conns", "resolve", "service", "route", "drain":
			n.note(d.File, d.Line, d.String(), NotCarried, "%s: the door has no such thing", word)
		}
	}
	return use
}

// rest says what becomes of every directive of which nothing was said yet.
func (n *nginx) rest(all []*nginxconf.Directive) {
	for _, d := range all {
		if n.seen[d] {
			n.rest(d.Block)
			continue
		}
		text, ok := nginxTable[d.Name]
		if !ok {
			text, ok = nginxFamily(d.Name)
		}
		switch {
		case d.Name == "map" && len(d.Args) == 2 && d.Args[0] == "$http_upgrade":
			n.say(d, Done, "WebSockets pass")
		case ok:
			n.say(d, text.became, "%s", text.text)
			if refuses(d) {
				n.r.Draft.Note("The door lets in whom nginx refused by " + d.String() + " at " + at(d) + ".")
			}
		default:
			n.say(d, NotCarried, "the door has no such thing: let the application do it")
		}
	}
}

// refuses says that a directive keeps somebody out.
func refuses(d *nginxconf.Directive) bool {
	switch d.Name {
	case "auth_basic", "auth_request", "auth_jwt":
		return len(d.Args) > 0 && d.Args[0] != "off"
	case "deny", "limit_except", "internal":
		return true
	case "ssl_verify_client":
		return len(d.Args) > 0 && d.Args[0] == "on"
	}
	return false
}

type fate struct {
	became Became
	text   string
}

func nginxFamily(name string) (fate, bool) {
	for _, f := range nginxFamilies {
		if strings.HasPrefix(name, f.prefix) {
			return f.fate, true
		}
	}
	return fate{}, false
}
