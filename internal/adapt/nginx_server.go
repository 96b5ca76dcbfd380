package adapt

import (
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/nginxconf"
)

// listen reads the address of a server.
func (n *nginx) listen(v *nginxServer, d *nginxconf.Directive, sslOn bool) {
	if len(d.Args) == 0 {
		return
	}
	has := func(word string) bool { return slices.Contains(d.Args[1:], word) }
	for _, word := range d.Args[1:] {
		switch name, _, _ := strings.Cut(word, "="); name {
		case "ssl", "http2", "spdy", "default_server", "default", "reuseport", "ipv6only", "backlog", "so_keepalive", "deferred", "fastopen", "bind", "rcvbuf", "sndbuf":
		case "quic", "http3":
			n.note(d.File, d.Line, d.String(), NotCarried, "the door speaks HTTP/1.1 and HTTP/2")
			return
		case "proxy_protocol":
			n.note(d.File, d.Line, d.String(), NotCarried, "the door does not read the PROXY protocol: let the balancer write X-Forwarded-For, and name it in trust.proxies")
		default:
			n.note(d.File, d.Line, d.String(), NotCarried, "%s is nothing that the door knows", word)
		}
	}
	address := d.Args[0]
	if strings.HasPrefix(address, "unix:") {
		n.note(d.File, d.Line, d.String(), NotCarried, "the door listens on addresses only")
		return
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err == nil:
	case func() bool { _, ok := number(address); return ok }():
		host, port = "", address
	default:
		host, port = strings.Trim(address, "[]"), "80"
	}
	if host == "*" || host == "0.0.0.0" || host == "::" {
		host = ""
	}
	if p, ok := number(port); !ok || p > 65535 || host != "" && host != "localhost" && net.ParseIP(host) == nil {
		n.note(d.File, d.Line, d.String(), NotCarried, "the door listens on an IP address and a port")
		return
	}
	one := sourced{net.JoinHostPort(host, port), at(d)}
	if has("ssl") || sslOn {
		v.tls = append(v.tls, one)
	} else {
		v.plain = append(v.plain, one)
	}
}

// listeners chooses one address for HTTPS and one for HTTP.
func (n *nginx) listeners(servers []*nginxServer) {
	choose := func(to *sourced, all []sourced, what string) {
		for _, one := range all {
			switch {
			case to.text == "":
				*to = one
			case to.text != one.text:
				file, line := unplace(one.from)
				n.note(file, line, "listen "+one.text, NotCarried, "the door has one address for %s, which is %s", what, to.text)
			}
		}
	}
	for _, v := range servers {
		choose(&n.plan.listen, v.tls, "HTTPS")
	}
	for _, v := range servers {
		choose(&n.plan.plain, v.plain, "HTTP")
		if !v.redirects && len(v.tls) == 0 && len(v.plain) > 0 && len(v.proxies) > 0 {
			file, line := unplace(v.plain[0].from)
			n.note(file, line, "listen "+v.plain[0].text, SetAs, "redirect: %s: the door serves HTTPS, and sends who asks by HTTP there", v.plain[0].text)
		}
	}
}

// unplace takes apart what place has written.
func unplace(from string) (file string, line int) {
	i := strings.LastIndexByte(from, ':')
	if i < 0 {
		return from, 0
	}
	l, _ := number(from[i+1:])
	return from[:i], int(l)
}

// redirect finds out whether a server only sends people to HTTPS.
func (n *nginx) redirect(v *nginxServer) {
	found := n.sends(v.scope[0])
	if found == nil {
		// Or its one location does so.
		for _, d := range v.scope[0] {
			if d.Name == "location" && slices.Equal(d.Args, []string{"/"}) && n.sends(d.Block) != nil {
				found = d
			}
		}
	}
	if found == nil || len(v.tls) > 0 {
		return
	}
	v.redirects = true
	n.say(found, Done, "plain HTTP is sent to HTTPS, by 308")
	for _, d := range v.scope[0] {
		// What else such a server has serves challenges or says the same by host.
		if d.Name == "return" || d.Name == "if" {
			n.take(d)
			n.deep(d.Block)
		}
	}
}

// sends returns the directive of a block that sends requests to the same host by HTTPS.
func (n *nginx) sends(block []*nginxconf.Directive) *nginxconf.Directive {
	for _, d := range block {
		switch {
		case d.Name == "return" && len(d.Args) > 0 && https(d.Args[len(d.Args)-1]):
			return d
		case d.Name == "rewrite" && len(d.Args) >= 2 && https(d.Args[1]):
			return d
		case d.Name == "if" && d.HasBlock && n.sends(d.Block) != nil:
			return d
		}
	}
	return nil
}

func https(target string) bool {
	rest, ok := strings.CutPrefix(target, "https://")
	return ok && (strings.HasSuffix(rest, "$request_uri") || strings.HasSuffix(rest, "$request_uri?") || strings.HasSuffix(rest, "$1"))
}

// certificates reads the pairs of a server, in order.
func (n *nginx) certificates(v *nginxServer) {
	certs, keys := v.scope.all("ssl_certificate"), v.scope.all("ssl_certificate_key")
	n.take(certs...)
	n.take(keys...)
	for i, c := range certs {
		if len(c.Args) == 0 || i >= len(keys) || len(keys[i].Args) == 0 {
			continue
		}
		cert, ok := v.scope.expand(c.Args[0])
		key, too := v.scope.expand(keys[i].Args[0])
		if !ok || !too || strings.HasPrefix(cert, "data:") || strings.HasPrefix(key, "data:") || strings.HasPrefix(key, "engine:") || strings.HasPrefix(key, "store:") {
			n.say(c, NotCarried, "tls.certificates takes two PEM files by name")
			continue
		}
		one := pair{n.file(cert), n.file(key), at(c)}
		v.certs = append(v.certs, one)
		if !slices.ContainsFunc(n.plan.certs, func(have pair) bool { return have.cert == one.cert && have.key == one.key }) {
			n.plan.certs = append(n.plan.certs, one)
		}
	}
}

// file is the absolute name of a file that nginx takes from its folder.
func (n *nginx) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(n.folder, name)
}

// locations finds the blocks that pass requests on.
func (n *nginx) locations(v *nginxServer, s scope, block []*nginxconf.Directive) {
	for _, d := range block {
		if d.Name != "location" || !d.HasBlock || len(d.Args) == 0 || n.seen[d] {
			continue
		}
		inner := s.within(d)
		switch modifier := d.Args[0]; {
		case modifier == "~" || modifier == "~*":
			n.say(d, NotCarried, "the door has no regular expressions: name prefixes in routes, or leave it to the application")
			continue
		case strings.HasPrefix(modifier, "@"):
			continue // reached from where it is named
		}
		if pass := passes(d.Block); pass != nil {
			n.take(d)
			v.proxies = append(v.proxies, nginxProxy{d, pass, inner})
		} else if named := fallback(d.Block, s); named != nil {
			// Files first, then the application: the application gets all of them.
			n.take(d, named)
			v.proxies = append(v.proxies, nginxProxy{d, passes(named.Block), append(scope{named.Block, d.Block}, s...)})
		}
		n.locations(v, inner, d.Block)
	}
}

var passing = []string{"proxy_pass", "grpc_pass"}

func passes(block []*nginxconf.Directive) *nginxconf.Directive {
	for _, d := range block {
		if slices.Contains(passing, d.Name) && len(d.Args) == 1 {
			return d
		}
	}
	return nil
}

// fallback is the named location behind try_files, if it passes requests on.
func fallback(block []*nginxconf.Directive, s scope) *nginxconf.Directive {
	for _, d := range block {
		if d.Name != "try_files" || len(d.Args) == 0 || !strings.HasPrefix(d.Args[len(d.Args)-1], "@") {
			continue
		}
		for _, outer := range s {
			for _, l := range outer {
				if l.Name == "location" && l.HasBlock && slices.Equal(l.Args, d.Args[len(d.Args)-1:]) && passes(l.Block) != nil {
					return l
				}
			}
		}
	}
	return nil
}
