// Package routes says which of several applications a request is for.
//
//	t := routes.New([]routes.Route{{Site: "api.example", To: 1}, {Path: "/grpc/", To: 2}})
//	to, ok := t.Pick(r.Host, r.URL) // 0 where none matches
//
// The longest path holds, and of those with the same path the one that names the site.
// Paths are compared byte for byte in their decoded form, as the routes of csrf and login
// are. A path that servers read in several ways ([sanity.Ambiguous]) is for the application
// that all readings lead to; where they lead to more than one, none is picked: what stands
// in front of one application would else be walked around by the way of another.
//
// It does not guard anything: who may reach one application by its own paths may reach all
// of it. Letter case is not folded, so "/API/" is not below "/api/".
package routes

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/sanity"
)

// A Route sends what it matches to To.
type Route struct {
	// Site is a host name in lower case, or an IP address; empty is any.
	Site string
	// Path is decoded. It ends in "/" for all that is below; another is that path alone.
	Path string
	// To is the number of the application. 0 is where requests go that no route matches.
	To int
}

// A Table is made by New and safe for concurrent use. The zero Table sends all to 0.
type Table struct {
	sites map[string]*list
	any   list
}

// list holds the routes of a site, those of every site included, the longest path first.
type list struct {
	routes []Route
	single bool // all lead to one application
}

// New returns a Table. Of two routes with the same site and path the first holds.
func New(routes []Route) *Table {
	t := &Table{sites: map[string]*list{}}
	t.any.of(routes, "")
	for _, r := range routes {
		if r.Site != "" && t.sites[r.Site] == nil {
			one := &list{}
			one.of(routes, r.Site)
			t.sites[r.Site] = one
		}
	}
	return t
}

func (l *list) of(routes []Route, site string) {
	for _, r := range routes {
		if r.Site == "" || r.Site == site {
			l.routes = append(l.routes, r)
		}
	}
	slices.SortStableFunc(l.routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), cmp.Compare(len(b.Site), len(a.Site)))
	})
	l.single = !slices.ContainsFunc(l.routes, func(r Route) bool { return r.To != 0 })
}

// Pick returns the number of the application for a request to host, with or without a port,
// and url. False says that servers may take the path for one of another application. It
// allocates nothing for an ordinary request.
func (t *Table) Pick(host string, u *url.URL) (to int, ok bool) {
	l := &t.any
	if len(t.sites) > 0 {
		if one := t.sites[siteOf(host)]; one != nil {
			l = one
		}
	}
	if l.single {
		return 0, true
	}
	if path, clear := sanity.CleanPath(u); clear {
		return l.longest(path), true
	}
	if u.Path == "*" || u.Path == "" {
		return l.longest("/"), true
	}
	return l.agreed(u)
}

// agreed returns where all readings of an ambiguous path lead.
func (l *list) agreed(u *url.URL) (to int, ok bool) {
	all, complete := sanity.Readings(u)
	if !complete {
		return 0, false
	}
	to = -1
	for path := range all {
		switch one := l.longest(path); {
		case to < 0:
			to = one
		case to != one:
			return 0, false
		}
	}
	return max(to, 0), true
}

func (l *list) longest(path string) int {
	for i := range l.routes {
		r := &l.routes[i]
		if path == r.Path || r.Path[len(r.Path)-1] == '/' && strings.HasPrefix(path, r.Path) {
			return r.To
		}
	}
	return 0
}

// siteOf is the name of a host as routes spell it.
func siteOf(host string) string {
	name, _, ok := clientip.SplitHost(host)
	if !ok {
		return ""
	}
	if name[0] == '[' || name[0] <= '9' {
		if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			return addr.String()
		}
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}
