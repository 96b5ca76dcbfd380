package adapt

import (
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/adapt/caddyconf"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/pattern"
)

// Caddyfile reads the Caddyfile at path and what it imports. The first problem of Caddy's
// own syntax is an error.
func Caddyfile(path string) (*Result, error) {
	f, err := caddyconf.Load(path)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return caddyFile(path, folder, f), nil
}

func caddyFile(path, folder string, f *caddyconf.File) *Result {
	c := caddy{plan: plan{r: &Result{}}, folder: folder, ports: map[string]string{"https": "443", "http": "80"}}
	c.r.Draft.Note("Made by panoply adapt caddyfile from " + path + ".")
	c.r.Draft.Note("Each value has the line it came from; panoply adapt says on stderr what became of the others.")
	c.global(f.Global)
	// Those with HTTPS first, so that it is known which certificates there are.
	for _, open := range []bool{false, true} {
		for i := range f.Sites {
			if c.open(&f.Sites[i]) == open {
				c.site(&f.Sites[i])
			}
		}
	}
	if c.plan.listen.text != "" && c.plan.plain.text == "" && !c.noRedirect {
		// Caddy redirects what it has certificates for.
		c.plan.plain = sourced{":" + c.ports["http"], c.plan.listen.from}
	}
	c.security(c.headers)
	c.emit()
	return c.r.sorted()
}

type caddy struct {
	plan
	folder string
	// ports are those of the two schemes.
	ports      map[string]string
	noRedirect bool
	headers    []headerLine
	// firstSite is the site whose headers are carried over.
	firstSite *caddyconf.Site
}

func (c *caddy) say(d *caddyconf.Directive, b Became, format string, args ...any) {
	c.note(d.File, d.Line, d.String(), b, format, args...)
}

func where(d *caddyconf.Directive) string { return place(d.File, d.Line) }

// variable is one of the environment, which Caddy puts in before it reads the file.
var variable = pattern.New(`\{\$([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?\}`)

// settled puts the defaults of variables into a word; ok is false when one has none.
func (c *caddy) settled(d *caddyconf.Directive, word string) (string, bool) {
	ok := true
	out := variable.Get().ReplaceAllStringFunc(word, func(s string) string {
		m := variable.Get().FindStringSubmatch(s)
		if !strings.Contains(s, ":") {
			ok = false
			c.say(d, NotCarried, "its value is in the environment: write ${%s} where the configuration takes it", m[1])
			return s
		}
		c.say(d, SetAs, "%s, its default: ${%s:-%s} reads the environment here too", m[2], m[1], m[2])
		return m[2]
	})
	return out, ok
}

// open reports whether all addresses of a site are for plain HTTP.
func (c *caddy) open(s *caddyconf.Site) bool {
	return !slices.ContainsFunc(s.Addresses, func(a string) bool {
		return !strings.HasPrefix(a, "http://") && !strings.HasSuffix(a, ":"+c.ports["http"])
	})
}

// site reads the addresses of a site, then its directives.
func (c *caddy) site(s *caddyconf.Site) {
	head := &caddyconf.Directive{File: s.File, Line: s.Line}
	names := []string{}
	tls, plain := false, false
	for _, word := range s.Addresses {
		head.Name = word
		address, ok := c.settled(head, word)
		if !ok {
			continue
		}
		scheme, rest, found := strings.Cut(address, "://")
		if !found {
			scheme, rest = "", address
		}
		if host, path, cut := strings.Cut(rest, "/"); cut {
			rest = host
			if path != "" && path != "*" {
				c.say(head, NotCarried, "a site has no path: name it in routes")
			}
		}
		host, port, err := net.SplitHostPort(rest)
		if err != nil {
			host, port = strings.Trim(rest, "[]"), ""
		}
		if n, ok := number(port); port != "" && (!ok || n < 1 || n > 65535) {
			c.say(head, NotCarried, "it is no address that the door could take")
			continue
		}
		host = strings.ToLower(host)
		open := scheme == "http" || scheme == "" && port == c.ports["http"]
		if port == "" {
			port = c.ports[map[bool]string{true: "http", false: "https"}[open]]
		}
		to, what := &c.plan.listen, "HTTPS"
		if open {
			to, what, plain = &c.plan.plain, "HTTP", true
		} else {
			tls = true
		}
		switch {
		case to.text == "":
			*to = sourced{":" + port, where(head)}
		case to.text != ":"+port:
			c.say(head, NotCarried, "the door has one address for %s, which is %s", what, to.text)
		}
		switch {
		case host == "":
		case hostName(host):
			names = append(names, host)
		default:
			c.say(head, NotCarried, "name each host in sites: the door takes no patterns")
		}
	}
	if c.redirects(s, tls) {
		return
	}
	if plain && !tls {
		c.say(head, SetAs, "redirect: %s: the door serves HTTPS, and sends who asks by HTTP there", c.plan.plain.text)
	}
	if plain && !tls && len(c.certs) > 0 && len(names) > 0 {
		c.say(head, NotCarried, "it has no certificate: add one to tls.certificates, the name to sites, and its application to routes")
		return
	}
	if names := slices.DeleteFunc(slices.Clone(names), config.LocalName); len(names) > 0 && tls && !slices.ContainsFunc(s.Block, func(d *caddyconf.Directive) bool { return d.Name == "tls" && len(d.Args) > 0 }) {
		c.say(head, NotCarried, "Caddy gets its certificate by itself: the door takes them from files, tls.certificates")
	}
	for _, n := range names {
		c.plan.site(n, place(s.File, s.Line))
	}
	if len(names) == 0 {
		names = []string{""}
	}
	b := caddyBlock{c: c, s: s, sites: names, path: []string{"/"}, matchers: make(map[string]*caddyconf.Directive)}
	b.walk(s.Block, 0)
}

// redirects reports whether a site of plain HTTP only sends people to HTTPS.
func (c *caddy) redirects(s *caddyconf.Site, tls bool) bool {
	for _, d := range s.Block {
		if d.Name != "redir" || len(d.Args) == 0 {
			continue
		}
		target := d.Args[0]
		if (target == "*" || strings.HasPrefix(target, "/")) && len(d.Args) > 1 {
			target = d.Args[1]
		}
		if strings.HasPrefix(target, "https://") && strings.HasSuffix(target, "{uri}") && !tls && len(s.Block) <= 2 {
			c.say(d, Done, "plain HTTP is sent to HTTPS, by 308")
			return true
		}
	}
	return false
}

// A caddyBlock is a block of a site: for which hosts, below which paths.
type caddyBlock struct {
	c     *caddy
	s     *caddyconf.Site
	sites []string
	// path are the paths for which it holds, as routes have them.
	path     []string
	matchers map[string]*caddyconf.Directive
}

func (b *caddyBlock) walk(all []*caddyconf.Directive, depth int) {
	for _, d := range all {
		if strings.HasPrefix(d.Name, "@") {
			b.matchers[d.Name] = d
		}
	}
	for _, d := range all {
		switch {
		case strings.HasPrefix(d.Name, "@"):
		case d.Name == "handle" || d.Name == "route" || d.Name == "handle_path":
			b.handle(d, depth)
		case d.Name == "reverse_proxy":
			b.proxy(d)
		case d.Name == "header":
			b.header(d, depth)
		case d.Name == "tls":
			b.tls(d)
		case d.Name == "request_body":
			b.body(d)
		case d.Name == "log":
			b.log(d)
		default:
			text, ok := caddyTable[d.Name]
			if !ok {
				text = fate{NotCarried, "the door has no such thing: let the application do it"}
			}
			b.c.say(d, text.became, "%s", text.text)
			if slices.Contains([]string{"basic_auth", "basicauth", "forward_auth", "abort"}, d.Name) {
				b.c.refuses(d)
			}
		}
	}
}

// refuses notes at the top that the door lets in whom Caddy did not.
func (c *caddy) refuses(d *caddyconf.Directive) {
	c.r.Draft.Note("The door lets in whom Caddy refused by " + d.String() + " at " + where(d) + ".")
}

// matched takes the matcher off a directive's words: the paths that it names, within those
// of the block. ok is false when no route can say what it matches, of which it has told.
func (b *caddyBlock) matched(d *caddyconf.Directive) (paths, rest []string, ok bool) {
	if len(d.Args) == 0 {
		return b.path, nil, true
	}
	var patterns []string
	switch first := d.Args[0]; {
	case first == "*":
		return b.path, d.Args[1:], true
	case strings.HasPrefix(first, "/"):
		patterns = []string{first}
	case strings.HasPrefix(first, "@"):
		m := b.matchers[first]
		switch {
		case m == nil:
			b.c.say(d, NotCarried, "%s is not named here", first)
			return nil, nil, false
		case !m.HasBlock && len(m.Args) > 1 && m.Args[0] == "path":
			patterns = m.Args[1:]
		case m.HasBlock && len(m.Block) == 1 && m.Block[0].Name == "path":
			patterns = m.Block[0].Args
		default:
			b.c.say(d, NotCarried, "%s matches by more than the path, which routes cannot say", first)
			return nil, nil, false
		}
	default:
		return b.path, d.Args, true
	}
	for _, p := range patterns {
		more, fits := b.c.pattern(d, p)
		if !fits {
			return nil, nil, false
		}
		for _, path := range more {
			for _, outer := range b.path {
				if path == outer || strings.HasSuffix(outer, "/") && strings.HasPrefix(path, outer) {
					paths = append(paths, path)
				}
			}
		}
	}
	if len(paths) == 0 {
		b.c.say(d, NotCarried, "nothing matches both it and the block that it is in")
	}
	return paths, d.Args[1:], len(paths) > 0
}

// pattern makes paths of routes of a pattern of Caddy's.
func (c *caddy) pattern(d *caddyconf.Directive, p string) ([]string, bool) {
	base, star := strings.CutSuffix(p, "*")
	switch {
	case p == "/*":
		return []string{"/"}, true
	case !routePath(base) || strings.ToLower(base) != base:
		c.say(d, NotCarried, "the path of a route is absolute, plain, and in lower case where Caddy's case does not count: %s", p)
		return nil, false
	case !star && strings.HasSuffix(base, "/"):
		c.say(d, NotCarried, "the door has no route for %s alone", p)
		return nil, false
	case !star, strings.HasSuffix(base, "/"):
		return []string{base}, true
	}
	c.say(d, SetAs, "routes for %s and for %s/: it also took %sx", base, base, base)
	return []string{base, base + "/"}, true
}

func (b *caddyBlock) handle(d *caddyconf.Directive, depth int) {
	paths, _, ok := b.matched(d)
	if !ok {
		return
	}
	if d.Name == "handle_path" {
		b.c.say(d, NotCarried, "the door passes the path on as it came: let the application answer below it, then name it in routes")
		return
	}
	inner := *b
	inner.path = paths
	inner.matchers = make(map[string]*caddyconf.Directive)
	for name, m := range b.matchers {
		inner.matchers[name] = m
	}
	if depth < caddyconf.MaxDepth {
		inner.walk(d.Block, depth+1)
	}
}

func (b *caddyBlock) header(d *caddyconf.Directive, depth int) {
	if len(d.Args) > 0 && (strings.HasPrefix(d.Args[0], "@") || strings.HasPrefix(d.Args[0], "/")) || depth > 0 {
		b.c.say(d, NotCarried, "it holds in a part of the site only: let the application send it")
		return
	}
	if b.c.firstSite == nil {
		b.c.firstSite = b.s
	}
	words := d.Args
	if len(words) > 0 && words[0] == "*" {
		words = words[1:]
	}
	lines := []*caddyconf.Directive{}
	if len(words) > 0 {
		lines = append(lines, &caddyconf.Directive{Name: words[0], Args: words[1:], File: d.File, Line: d.Line})
	}
	for _, one := range append(lines, d.Block...) {
		name := strings.TrimLeft(one.Name, "+?>")
		switch {
		case strings.HasPrefix(one.Name, "-"):
			if banner := strings.ToLower(one.Name[1:]); banner == "server" || banner == "x-powered-by" || banner == "via" {
				b.c.say(one, Done, "no banner leaves")
				continue
			}
			if headerName(one.Name[1:]) {
				b.c.r.Draft.Add("conceal.also", draft.Text(one.Name[1:]).By(where(one)))
				continue
			}
			b.c.say(one, NotCarried, "conceal.also takes the names of headers")
		case one.Name == "defer" || one.Name == "match":
			b.c.say(one, Done, "headers are added when the answer leaves")
		case len(one.Args) != 1:
			b.c.say(one, NotCarried, "the door changes no values of the application's")
		case b.c.firstSite != b.s:
			same := func(h headerLine) bool { return strings.EqualFold(h.name, name) && h.value == one.Args[0] }
			if !slices.ContainsFunc(b.c.headers, same) {
				b.c.say(one, NotCarried, "the door has one set of headers for all sites: let the application send it")
			}
		default:
			b.c.headers = append(b.c.headers, headerLine{name, one.Args[0], one.File, one.Line, "header " + name})
		}
	}
}

// headerName reports whether s is a token.
func headerName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
