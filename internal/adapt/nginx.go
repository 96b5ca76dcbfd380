package adapt

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/nginxconf"
)

// Nginx reads the nginx.conf at path and what it includes; a file of one site, as
// sites-available has them, will do. The first problem of nginx's own syntax is an error.
func Nginx(path string) (*Result, error) {
	tree, err := nginxconf.Load(path)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return nginxTree(path, folder, tree), nil
}

// nginxTree adapts a tree whose relative names are those of a folder.
func nginxTree(path, folder string, tree []*nginxconf.Directive) *Result {
	n := nginx{
		plan: plan{r: &Result{}}, folder: folder, seen: make(map[*nginxconf.Directive]bool),
		upstreams: make(map[string]*nginxconf.Directive),
	}
	n.r.Draft.Note("Made by panoply adapt nginx from " + path + ".")
	n.r.Draft.Note("Each value has the line it came from; panoply adapt says on stderr what became of the others.")
	http := slices.DeleteFunc(slices.Clone(tree), func(d *nginxconf.Directive) bool { return d.Name != "http" })
	if len(http) == 0 {
		http = []*nginxconf.Directive{{Name: "http", Block: tree, HasBlock: true}}
	}
	for _, h := range http {
		n.take(h)
		n.http(h)
	}
	n.emit()
	n.rest(tree)
	return n.r.sorted()
}

type nginx struct {
	plan
	folder string
	// seen are the directives of which everything is said.
	seen      map[*nginxconf.Directive]bool
	upstreams map[string]*nginxconf.Directive
}

func (n *nginx) take(all ...*nginxconf.Directive) {
	for _, d := range all {
		n.seen[d] = true
	}
}

// deep takes directives with all that is in them.
func (n *nginx) deep(all []*nginxconf.Directive) {
	for _, d := range all {
		n.take(d)
		n.deep(d.Block)
	}
}

// say says what became of a directive and all that is in it.
func (n *nginx) say(d *nginxconf.Directive, b Became, format string, args ...any) {
	n.take(d)
	n.deep(d.Block)
	n.note(d.File, d.Line, d.String(), b, format, args...)
}

func at(d *nginxconf.Directive) string { return place(d.File, d.Line) }

// A scope is a block and those around it, innermost first.
type scope [][]*nginxconf.Directive

// all returns the directives of a name in the innermost block that has one, as nginx
// inherits them.
func (s scope) all(name string) []*nginxconf.Directive {
	for _, block := range s {
		var found []*nginxconf.Directive
		for _, d := range block {
			if d.Name == name {
				found = append(found, d)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// one returns the last directive of a name that holds, with a word; nil without one.
func (s scope) one(name string) *nginxconf.Directive {
	all := s.all(name)
	if len(all) == 0 || len(all[len(all)-1].Args) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func (s scope) within(d *nginxconf.Directive) scope {
	return append(scope{d.Block}, s...)
}

// expand puts the values of variables that set gives for good into a text; ok is false when
// others are left.
func (s scope) expand(text string) (out string, ok bool) {
	for range 8 {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return text, true
		}
		name, rest := text[i+1:], ""
		if strings.HasPrefix(name, "{") {
			var closed bool
			if name, rest, closed = strings.Cut(name[1:], "}"); !closed {
				return text, false
			}
		} else {
			end := strings.IndexFunc(name, func(c rune) bool {
				return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
			})
			if end >= 0 {
				name, rest = name[:end], name[end:]
			}
		}
		value, known := "", 0
		for _, block := range s {
			for _, d := range block {
				if d.Name == "set" && len(d.Args) == 2 && d.Args[0] == "$"+name {
					value, known = d.Args[1], known+1
				}
			}
		}
		if known != 1 || len(value) > 1000 || len(text) > 4000 {
			return text, false
		}
		text = text[:i] + value + rest
	}
	return text, false
}

func (n *nginx) http(h *nginxconf.Directive) {
	s := scope{h.Block}
	for _, d := range h.Block {
		if d.Name == "upstream" && len(d.Args) == 1 && d.HasBlock {
			n.upstreams[d.Args[0]] = d
		}
	}
	var servers []*nginxServer
	for _, d := range h.Block {
		if d.Name == "server" && d.HasBlock {
			n.take(d)
			servers = append(servers, n.server(d, s.within(d)))
		}
	}
	n.listeners(servers)
	// What is served first, so that a redirect to it is known as one.
	for _, redirects := range []bool{false, true} {
		for _, v := range servers {
			if v.redirects == redirects {
				n.names(v)
			}
		}
	}
	n.headers(servers)
	n.bounds(s, servers)
	n.trust(s, servers)
}

// An nginxServer is a server block.
type nginxServer struct {
	d     *nginxconf.Directive
	scope scope
	// tls and plain are the addresses it listens on.
	tls, plain []sourced
	names      []*nginxconf.Directive
	// redirects says that it does nothing but to send people to HTTPS.
	redirects bool
	proxies   []nginxProxy
	certs     []pair
}

// An nginxProxy is a location that passes requests on, with what it inherits.
type nginxProxy struct {
	location, pass *nginxconf.Directive
	scope          scope
}

func (n *nginx) server(d *nginxconf.Directive, s scope) *nginxServer {
	v := &nginxServer{d: d, scope: s}
	sslOn := false
	for _, one := range s.all("ssl") {
		sslOn = sslOn || slices.Equal(one.Args, []string{"on"})
		n.take(one)
	}
	listens := 0
	for _, one := range d.Block {
		switch one.Name {
		case "listen":
			listens++
			n.take(one)
			n.listen(v, one, sslOn)
		case "server_name":
			v.names = append(v.names, one)
		}
	}
	if listens == 0 {
		v.plain = append(v.plain, sourced{":80", at(d)})
	}
	n.redirect(v)
	if len(v.tls) > 0 {
		n.certificates(v)
	}
	n.locations(v, s, d.Block)
	return v
}

// names says which names of a server are sites, and adds its routes.
func (n *nginx) names(v *nginxServer) {
	var sites []string
	// Beside others that have one, a server without a certificate has none for the door.
	bare := len(v.tls) == 0 && !v.redirects && len(n.plan.certs) > 0
	for _, d := range v.names {
		n.take(d)
		for _, name := range d.Args {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			switch {
			case name == "_" || name == "":
			case bare && hostName(name):
				if !slices.ContainsFunc(n.sites, func(s sourced) bool { return s.text == name }) {
					n.note(d.File, d.Line, "server_name "+name, NotCarried, "it has no certificate: add one to tls.certificates, the name to sites, and its application to routes")
				}
			case v.redirects && !slices.ContainsFunc(n.sites, func(s sourced) bool { return s.text == name }) && hostName(name):
				n.note(d.File, d.Line, "server_name "+name, NotCarried, "it was only sent on to another address: add it to sites once a certificate holds it, and let the application redirect it")
			case v.redirects && hostName(name):
			case n.site(name, at(d)):
				sites = append(sites, name)
			default:
				n.note(d.File, d.Line, "server_name "+name, NotCarried, "name each host in sites: the door takes no patterns")
			}
		}
	}
	if bare {
		return
	}
	if len(sites) == 0 {
		sites = []string{""}
	}
	for _, x := range v.proxies {
		n.proxy(x, sites)
	}
}
