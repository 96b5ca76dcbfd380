package adapt

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A plan is what a peer's configuration says of sites and of what is behind, before it is
// written down.
type plan struct {
	r *Result
	// listen and plain are the addresses for HTTPS and for HTTP; empty where there is none.
	listen, plain sourced
	sites         []sourced
	certs         []pair
	groups        []*group
	routes        []route
}

// sourced is a text and where it stands.
type sourced struct{ text, from string }

type pair struct{ cert, key, from string }

// A group is an application at one or more addresses.
type group struct {
	name    string
	to      []string
	balance string
	health  string
	// serverName is the name in the application's certificate.
	serverName string
	from       string
}

// A route leads the requests of a site below a path, which ends in "/", or of that path
// alone, to a group.
type route struct {
	site, path string
	to         *group
	from       string
}

func (p *plan) note(file string, line int, directive string, b Became, format string, args ...any) {
	p.r.Notes = append(p.r.Notes, Note{file, line, covered(directive), b, fmt.Sprintf(format, args...)})
}

// secretive are words after which a directive may hold a secret.
var secretive = pattern.New(`(?i)authorization|\bcookie\b|token\b|secret|passw|api.?key|credential`)

// covered is a directive without what may be a secret.
func covered(directive string) string {
	if m := secretive.Get().FindStringIndex(directive); m != nil {
		if end := strings.IndexByte(directive[m[1]:], ' '); end >= 0 {
			return directive[:m[1]+end] + " …"
		}
	}
	return directive
}

// add gives a group back that is the same, or this one, with a name of its own.
func (p *plan) add(g group) *group {
	for _, have := range p.groups {
		if slices.Equal(have.to, g.to) && have.balance == g.balance && have.health == g.health && have.serverName == g.serverName {
			return have
		}
	}
	g.name = groupName(g.name)
	base := g.name
	for n := 2; g.name == "default" || slices.ContainsFunc(p.groups, func(have *group) bool { return have.name == g.name }); n++ {
		g.name = fmt.Sprintf("%.50s-%d", base, n)
	}
	p.groups = append(p.groups, &g)
	return &g
}

// groupName makes a name that the configuration takes.
func groupName(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			return c
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, s)
	s = strings.TrimLeft(s, "-_.")
	if len(s) > 50 {
		s = s[:50]
	}
	return cmp.Or(s, "app")
}

// site adds a host name, and says whether it can be one.
func (p *plan) site(name, from string) bool {
	if !hostName(name) {
		return false
	}
	if !slices.ContainsFunc(p.sites, func(s sourced) bool { return s.text == name }) {
		p.sites = append(p.sites, sourced{name, from})
	}
	return true
}

// hostName reports whether s is a site in its canonical form: no pattern, no port.
func hostName(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String() == s && addr.Zone() == "" && !addr.Is4In6()
	}
	if s == "" || len(s) > 253 {
		return false
	}
	label := ""
	for label = range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return label[0] < '0' || label[0] > '9'
}

// emit writes the plan down.
func (p *plan) emit() {
	d := &p.r.Draft
	// Without a certificate the door can serve loopback names only; what else there is waits
	// for one.
	trial := len(p.certs) == 0 && slices.ContainsFunc(p.sites, func(s sourced) bool { return !config.LocalName(s.text) })
	p.addresses(trial)
	list := draft.Value{List: []draft.Value{}}
	for _, s := range p.sites {
		list.List = append(list.List, draft.Text(s.text).By(s.from))
	}
	switch {
	case trial:
		d.Note("It serves loopback names, until you name a certificate and uncomment listen, redirect and sites:")
		d.Note("the door takes certificates from files.")
		d.Suggest("sites", list)
		d.Suggest("tls.certificates", draft.Value{List: []draft.Value{{Map: []draft.Field{
			{Name: "cert", Value: draft.Text("/etc/panoply/fullchain.pem")}, {Name: "key", Value: draft.Text("/etc/panoply/privkey.pem")},
		}}}})
	case len(p.sites) > 0:
		d.Set("sites", list)
	default:
		d.Note("No site was named: it serves loopback names, until you uncomment listen and redirect and name sites.")
		d.Suggest("sites", draft.Texts("shop.example"))
	}
	for _, c := range p.certs {
		d.Add("tls.certificates", draft.Value{From: c.from}.With("cert", draft.Text(c.cert)).With("key", draft.Text(c.key)))
	}
	p.applications(trial)
	p.apart()
}

// apart moves what the door listens on by default away from the ports that are taken.
func (p *plan) apart() {
	def := config.Default()
	taken := make(map[string]string)
	for _, g := range p.groups {
		for _, to := range g.to {
			if _, rest, ok := strings.Cut(to, "://"); ok {
				to = rest
			}
			if _, port, err := net.SplitHostPort(to); err == nil {
				taken[port] = g.from
			}
		}
	}
	for _, l := range []struct{ path, address string }{{"listen", def.Listen}, {"redirect", def.Redirect}, {"admin.listen", def.Admin.Listen}} {
		if v, set := p.r.Draft.Get(l.path); set {
			if _, port, err := net.SplitHostPort(strings.Trim(v.Scalar, `"`)); err == nil {
				taken[port] = v.From
			}
			continue
		}
		host, port, err := net.SplitHostPort(l.address)
		n, ok := number(port)
		if from := taken[port]; err == nil && ok && from != "" {
			for taken[decimal(n)] != "" && n < 65535 {
				n++
			}
			p.r.Draft.Set(l.path, draft.Text(net.JoinHostPort(host, decimal(n))).By("the door's default is taken by "+from))
		}
		taken[decimal(n)] = l.path
	}
}

// addresses writes listen and redirect.
func (p *plan) addresses(trial bool) {
	d := &p.r.Draft
	set := d.Set
	if trial || len(p.sites) == 0 {
		set = d.Suggest
	}
	set("listen", draft.Text(cmp.Or(p.listen.text, ":443")).By(cmp.Or(p.listen.from, "the door serves HTTPS")))
	switch {
	case p.plain.text != "":
		set("redirect", draft.Text(p.plain.text).By(p.plain.from))
	default:
		d.Set("redirect", draft.Text("off").By("nothing listened for plain HTTP"))
	}
}

// applications writes upstream, upstreams and routes.
func (p *plan) applications(trial bool) {
	d := &p.r.Draft
	if len(p.routes) == 0 {
		d.Set("upstream", draft.Text(":3000").By("no application was found: put its address"))
		return
	}
	first := p.routes[0]
	if i := slices.IndexFunc(p.routes, func(r route) bool { return r.path == "/" }); i >= 0 {
		first = p.routes[i]
	}
	// Sites that are not served have no routes of their own.
	several := slices.ContainsFunc(p.routes, func(r route) bool { return r.site != first.site })
	named := func(g *group) bool {
		return g != first.to || len(g.to) > 1 || g.balance != "" || g.health != "" || g.serverName != ""
	}
	if named(first.to) {
		d.Set("upstream", draft.Text(first.to.name).By(first.from))
	} else {
		d.Set("upstream", draft.Text(first.to.to[0]).By(first.from))
	}
	var used []*group
	use := func(g *group) {
		if named(g) && !slices.Contains(used, g) {
			used = append(used, g)
		}
	}
	use(first.to)
	type key struct{ site, path string }
	seen := make(map[key]bool)
	for _, r := range p.routes {
		if trial && several && r.site != first.site {
			p.r.Draft.Note(fmt.Sprintf("Routes of %s come once it is a site: path %s to %s", r.site, r.path, strings.Join(r.to.to, ", ")))
			continue
		}
		k := key{r.site, r.path}
		if !several || trial {
			k.site = ""
		}
		if seen[k] || r.to == first.to && !p.overrides(r) {
			continue
		}
		seen[k] = true
		use(r.to)
		v := draft.Value{From: r.from}
		if k.site != "" {
			v = v.With("site", draft.Text(k.site))
		}
		if r.path != "/" {
			v = v.With("path", draft.Text(r.path))
		}
		to := "default"
		if named(r.to) {
			to = r.to.name
		}
		d.Add("routes", v.With("upstream", draft.Text(to)))
	}
	for _, g := range used {
		v := draft.Value{From: g.from}.With("name", draft.Text(g.name)).With("to", draft.Texts(g.to...))
		if g.balance != "" {
			v = v.With("balance", draft.Text(g.balance))
		}
		if g.health != "" {
			v = v.With("health", draft.Value{}.With("path", draft.Text(g.health)))
		}
		if g.serverName != "" {
			v = v.With("tls", draft.Value{}.With("name", draft.Text(g.serverName)))
		}
		d.Add("upstreams", v)
	}
}

// overrides reports whether requests of a route would go elsewhere without it, if it leads
// to where requests go that no route matches.
func (p *plan) overrides(r route) bool {
	return slices.ContainsFunc(p.routes, func(o route) bool {
		return o.to != r.to && o.site == r.site && o.path != r.path && strings.HasSuffix(o.path, "/") && strings.HasPrefix(r.path, o.path)
	})
}

// address makes an address of an application out of a scheme and what a peer calls its
// place: "10.0.0.5:3000", "app", "unix:/run/app.sock". It is empty where the configuration
// would not take it.
func address(scheme, place string) string {
	if path, ok := strings.CutPrefix(place, "unix:"); ok {
		path = strings.TrimSuffix(path, ":")
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > 100 || scheme != "http" || strings.ContainsAny(path, "$\x00") {
			return ""
		}
		return "unix:" + path
	}
	host, port, err := net.SplitHostPort(place)
	if err != nil {
		host, port = strings.Trim(place, "[]"), map[string]string{"http": "80", "https": "443", "h2c": "80"}[scheme]
	}
	if n, ok := number(port); !ok || n < 1 || n > 65535 {
		return ""
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil && !hostName(strings.ReplaceAll(strings.ToLower(host), "_", "-")) {
			return ""
		}
	}
	place = net.JoinHostPort(host, port)
	if scheme == "http" {
		return place
	}
	if host == "" {
		place = "localhost" + place
	}
	return scheme + "://" + place
}

// number reads a decimal number without sign or leading zero, up to nine digits.
func number(s string) (int64, bool) {
	if s == "" || len(s) > 9 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n := int64(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// routePath reports whether the configuration takes a path of a route: absolute, plain, and
// read by every server in one way.
func routePath(path string) bool {
	if !strings.HasPrefix(path, "/") || len(path) > 1000 || strings.Contains(path, "//") {
		return false
	}
	for _, c := range []byte(path) {
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alnum && !strings.ContainsRune("/-._~", rune(c)) {
			return false
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}
