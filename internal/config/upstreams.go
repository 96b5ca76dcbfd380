package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/spell"
)

// DefaultGroup is the name of the application that the key upstream names, where that is an
// address: in routes, in metrics and in what the door tells.
const DefaultGroup = "default"

// Upstream is a group of addresses at which the same application listens.
type Upstream struct {
	// Name is what routes, metrics and the door call it: letters in lower case, digits, "-",
	// "_" and ".". It is not "default".
	Name string `yaml:"name" doc:"what routes call it" required:"yes"`
	// To are its addresses, of the forms of Config.Upstream. All are https, all are h2c, or
	// none is either.
	To []string `yaml:"to" doc:"addresses: :port, host:port, http://, https:// or h2c://host:port, unix:/path" required:"yes"`
	// Balance says which of them a request goes to: "two-choices" (default) draws two and
	// takes the one with fewer requests under way, "least-connections" takes the one with the
	// fewest, "client" keeps a client's address, or its IPv6 /64, at one.
	Balance string `yaml:"balance" doc:"two-choices: the less busy of two drawn; least-connections; client: by the client's address" enum:"two-choices,least-connections,client"`
	// Health asks each address whether it is well. Default: only what requests show.
	Health Health `yaml:"health" doc:"asks each address whether it is well"`
	// TLS is for https.
	TLS UpstreamTLS `yaml:"tls" doc:"for https: who the application is, and who the door is"`
}

// Health asks each address of a group for a page.
type Health struct {
	// Path is what is asked for; a status from 200 to 399 is well. Empty: nothing is asked.
	Path string `yaml:"path" doc:"page that is asked for; 200 to 399 is well; empty: none"`
	// Interval is from one question to the next. Default 5 s, 100 ms to an hour.
	Interval Duration `yaml:"interval" doc:"from one question to the next"`
	// Timeout is the time for an answer. Default 2 s, 10 ms to an hour.
	Timeout Duration `yaml:"timeout" doc:"time for an answer"`
	// Fall is how many failures in a row take an address out, Rise how many answers bring it
	// back. Default 3 and 2, 1 to 100.
	Fall int64 `yaml:"fall" doc:"failures in a row that take an address out"`
	Rise int64 `yaml:"rise" doc:"answers in a row that bring it back"`
}

// UpstreamTLS is how https to the application is verified. It always is.
type UpstreamTLS struct {
	// CA is a PEM file of who signs the application's certificate. Empty: the system's.
	CA string `yaml:"ca" doc:"PEM file of the authority that signs the application's certificate; empty: the system's" kind:"file"`
	// Name is the name in that certificate. Empty: the host of the address.
	Name string `yaml:"name" doc:"name in the application's certificate; empty: the host of the address"`
	// Cert and Key are what the door shows, where the application asks.
	Cert string `yaml:"cert" doc:"PEM file that the door shows when the application asks" kind:"file"`
	Key  string `yaml:"key" doc:"PEM file of its private key" kind:"file"`
}

// Route says to which group requests go. Of the routes that match, the one with the longest
// path holds, and of those with the same path the one that names the site.
type Route struct {
	// Site is one of sites. Empty: any.
	Site string `yaml:"site" doc:"one of sites; empty: any"`
	// Path ends in "/" for all below it; another is that path alone. Empty: all.
	Path string `yaml:"path" doc:"path, with / at the end for all below; empty: all"`
	// Upstream is the name of a group, or "default" for the key upstream.
	Upstream string `yaml:"upstream" doc:"name of one of upstreams, or default" required:"yes"`
}

// DefaultUpstream returns an Upstream with every default in place.
func DefaultUpstream() Upstream {
	return Upstream{
		Balance: "two-choices",
		Health:  Health{Interval: Duration(5 * time.Second), Timeout: Duration(2 * time.Second), Fall: 3, Rise: 2},
	}
}

// A Backend is a group as the door uses it.
type Backend struct {
	Name    string
	To      []Address
	Balance string
	Health  Health
	TLS     UpstreamTLS
}

// Backends returns the groups, first the one to which requests go that no route matches. It
// is named DefaultGroup where the key upstream is an address.
//
// The error joins a *Problem for each that is wrong: the upstream is missing, or a key is
// not of the form that it must have.
func (c *Config) Backends() ([]Backend, error) {
	if c.Upstream == "" {
		return nil, &Problem{
			Origin: Origin{File: c.file}, Path: "upstream", Text: "is missing",
			Hint: "name the application: panoply serve :3000, or a line upstream: :3000",
		}
	}
	k := &checker{cfg: c}
	k.upstream()
	if len(k.problems) > 0 {
		return nil, joined(k.problems)
	}
	var all []Backend
	for _, u := range c.Upstreams {
		b := Backend{Name: u.Name, Balance: u.Balance, Health: u.Health, TLS: u.TLS}
		for _, to := range u.To {
			a, _, _ := parseAddress(to)
			b.To = append(b.To, a)
		}
		if u.Name == c.Upstream {
			all = slices.Insert(all, 0, b)
			continue
		}
		all = append(all, b)
	}
	if a, text, _ := parseAddress(c.Upstream); text == "" {
		u := DefaultUpstream()
		all = slices.Insert(all, 0, Backend{Name: DefaultGroup, To: []Address{a}, Balance: u.Balance, Health: u.Health})
	}
	return all, nil
}

// SiteOf returns the site by which a group is asked: the first that a route to it names, in
// brackets where it is an IPv6 address, or "" where none does.
func (c *Config) SiteOf(group string) string {
	for _, r := range c.Routes {
		if r.Upstream != group || r.Site == "" {
			continue
		}
		if strings.Contains(r.Site, ":") {
			return "[" + r.Site + "]"
		}
		return r.Site
	}
	return ""
}

// maxRoutes and maxMembers bound what one request may be compared with.
const (
	maxRoutes  = 1000
	maxMembers = 256
)

// upstream checks where requests go: upstream, upstreams and routes.
func (k *checker) upstream() {
	names := k.groups()
	c := k.cfg
	if _, named := names[c.Upstream]; c.Upstream != "" && !named {
		a, text, hint := parseAddress(c.Upstream)
		switch {
		case text != "" && len(names) > 0 && groupName(c.Upstream) && !port(c.Upstream):
			k.note("upstream", fmt.Sprintf("is %s, must be an address or one of upstreams", quoted(c.Upstream)), nearestName(c.Upstream, names), nil)
		case text != "":
			k.note("upstream", text, hint, nil)
		default:
			k.notTheDoor("upstream", c.Upstream, a)
		}
	}
	k.routes(names)
}

func (k *checker) groups() map[string]struct{} {
	names := map[string]struct{}{}
	for i := range k.cfg.Upstreams {
		u, at := &k.cfg.Upstreams[i], fmt.Sprintf("upstreams[%d]", i)
		switch _, twice := names[u.Name]; {
		case u.Name == DefaultGroup:
			k.note(at+".name", "is \"default\", which is what the key upstream names", "choose another name", nil)
		case !groupName(u.Name):
			k.bad(at+".name", u.Name, "1 to 63 letters in lower case, digits, - _ and .", "")
		case twice:
			k.note(at+".name", fmt.Sprintf("is %s, which is named twice", quoted(u.Name)), "", nil)
		}
		names[u.Name] = struct{}{}
		k.oneOf(at+".balance", u.Balance, "two-choices", "least-connections", "client")
		scheme := k.members(at, u)
		k.asked(at+".health", u.Health)
		k.upstreamTLS(at+".tls", u.TLS, scheme)
	}
	return names
}

// members checks the addresses of a group, and returns their scheme.
func (k *checker) members(at string, u *Upstream) (scheme string) {
	if len(u.To) == 0 {
		k.note(at+".to", "names no address", "write to: [http://10.0.0.5:3000]", nil)
	}
	if len(u.To) > maxMembers {
		k.note(at+".to", fmt.Sprintf("names %d addresses, must be at most %d", len(u.To), maxMembers), "", nil)
		return ""
	}
	seen := map[Address]bool{}
	for i, to := range u.To {
		where := fmt.Sprintf("%s.to[%d]", at, i)
		a, text, hint := parseAddress(to)
		switch {
		case text != "":
			k.note(where, text, hint, nil)
			continue
		case seen[a]:
			k.note(where, fmt.Sprintf("is %s, which is named twice", quoted(to)), "", nil)
			continue
		case scheme != "" && scheme != a.Scheme:
			k.note(where, fmt.Sprintf("is %s beside one of %s: a group is all http, all https or all h2c", quoted(to), scheme), "make it a group of its own", nil)
		}
		seen[a] = true
		if scheme == "" {
			scheme = a.Scheme
		}
		k.notTheDoor(where, to, a)
	}
	return scheme
}

func (k *checker) asked(at string, h Health) {
	if _, err := url.ParseRequestURI(h.Path); h.Path != "" && (err != nil || !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, " #")) {
		k.bad(at+".path", h.Path, "a path such as /healthz", "")
	}
	for _, d := range []struct {
		name  string
		value Duration
		least time.Duration
	}{{"interval", h.Interval, 100 * time.Millisecond}, {"timeout", h.Timeout, 10 * time.Millisecond}} {
		if v := time.Duration(d.value); v < d.least || v > time.Hour {
			k.bad(at+"."+d.name, d.value.String(), "from "+Duration(d.least).String()+" to 1h", "")
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{{"fall", h.Fall}, {"rise", h.Rise}} {
		if n.value < 1 || n.value > 100 {
			k.bad(at+"."+n.name, strconv.FormatInt(n.value, 10), "1 to 100", "")
		}
	}
}

func (k *checker) upstreamTLS(at string, t UpstreamTLS, scheme string) {
	if t == (UpstreamTLS{}) || scheme == "" {
		return
	}
	if scheme != "https" {
		k.note(at, "has no effect on "+scheme, "write the addresses as https://host:port", nil)
		return
	}
	if t.Name != "" && !siteName(t.Name) {
		k.bad(at+".name", t.Name, "a host name in lower case, or an IP address", "")
	}
	switch {
	case t.Cert == "" && t.Key != "":
		k.note(at+".cert", "is missing", "a certificate is a cert file and a key file", nil)
	case t.Cert != "" && t.Key == "":
		k.note(at+".key", "is missing", "a certificate is a cert file and a key file", nil)
	}
	if _, err := t.Config(); err != nil {
		for _, e := range unjoined(err) {
			if e, ok := errors.AsType[*tlsFileError](e); ok {
				k.note(at+"."+e.key, e.Error(), "", e.err)
			}
		}
	}
}

func unjoined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

func (k *checker) routes(names map[string]struct{}) {
	c := k.cfg
	if len(c.Routes) > maxRoutes {
		k.note("routes", fmt.Sprintf("are %d, must be at most %d", len(c.Routes), maxRoutes), "", nil)
		return
	}
	seen := map[Route]bool{}
	for i, r := range c.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		if _, known := names[r.Upstream]; !known && r.Upstream != DefaultGroup {
			k.note(at+".upstream", fmt.Sprintf("is %s, must be one of upstreams, or default", quoted(r.Upstream)), nearestName(r.Upstream, names), nil)
		}
		k.routeSite(at+".site", r.Site)
		path, hint := routePath(r.Path)
		if path == "" {
			k.bad(at+".path", r.Path, "a path such as /api/ or /feed.xml", hint)
			continue
		}
		if one := (Route{Site: r.Site, Path: path}); seen[one] {
			k.note(at, "has the site and the path of a route above", "keep one", nil)
		} else {
			seen[one] = true
		}
	}
}

// routeSite wants a site that is served: a route of another would never match.
func (k *checker) routeSite(at, site string) {
	sites := k.cfg.Sites
	switch {
	case site == "" || slices.Contains(sites, site) || len(sites) == 0 && siteName(site) && LocalName(site):
	case len(sites) == 0:
		k.bad(at, site, "a loopback name, since no sites are named", "add it to sites")
	default:
		hint := "add it to sites"
		if best := spell.Nearest(strings.ToLower(site), slices.Values(sites)); best != "" {
			hint = "did you mean " + best + "?"
		}
		k.bad(at, site, "one of sites", hint)
	}
}

func nearestName(name string, names map[string]struct{}) string {
	if best := spell.Nearest(strings.ToLower(name), maps.Keys(names)); best != "" {
		return "did you mean " + best + "?"
	}
	if len(names) > 0 {
		return "there are " + strings.Join(slices.Sorted(maps.Keys(names)), ", ")
	}
	return "name it in upstreams"
}

// groupName tells what may name a group, and so be a label of a metric.
func groupName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 63
}
