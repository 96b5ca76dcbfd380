package csrf

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/sanity"
)

// A route is a Route that can be matched.
type route struct {
	Route
	trusted  map[string]struct{}
	method   string   // empty is any
	segments []string // literal, or "" for any one
	rest     bool     // any number follow, as after "/hooks/"
	slash    bool     // the pattern ends in "/{$}"
}

const patternAllowed = `a method and a path, such as "POST /hook/{id}" or "/saml/acs"`

// compileRoutes checks the patterns and puts the more specific first. What an
// http.ServeMux says of them is asked of one: the syntax is its.
func compileRoutes(routes []Route, p *guard.Problems) []*route {
	mux := http.NewServeMux()
	var all []*route
	for i, r := range routes {
		field := "Routes[" + strconv.Itoa(i) + "].Pattern"
		if _, path, ok := strings.Cut(r.Pattern, " "); ok && !strings.HasPrefix(strings.TrimLeft(path, " \t"), "/") || !ok && !strings.HasPrefix(r.Pattern, "/") {
			p.Add(field, r.Pattern, patternAllowed, "hosts are not part of it")
			continue
		}
		if err := register(mux, r.Pattern); err != nil {
			p.Add(field, r.Pattern, patternAllowed+" that is no other's and as specific as none", err.Error())
			continue
		}
		one := compileRoute(r)
		if _, path, _ := strings.Cut(r.Pattern, "/"); sanity.Ambiguous("/" + path) {
			p.Add(field, r.Pattern, patternAllowed, "an app may read this path in two ways, so nothing matches it")
			continue
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b *route) int { return a.rank() - b.rank() })
	return all
}

// register asks a ServeMux what it thinks of a pattern.
func register(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			text, _, _ := strings.Cut(fmt.Sprint(v), ":\n")
			err = fmt.Errorf("net/http says: %s", text)
		}
	}()
	mux.Handle(pattern, http.NotFoundHandler())
	return nil
}

func compileRoute(r Route) *route {
	one := &route{Route: r}
	path := r.Pattern
	if method, after, ok := strings.Cut(r.Pattern, " "); ok {
		one.method, path = method, strings.TrimLeft(after, " \t")
	}
	if len(r.TrustedOrigins) > 0 {
		one.trusted = set(r.TrustedOrigins)
	}
	for s := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		switch {
		case s == "{$}":
			one.slash = true
		case strings.HasSuffix(s, "...}"):
			one.rest = true
		case strings.HasPrefix(s, "{"):
			one.segments = append(one.segments, "")
		case s == "": // only at the end: a ServeMux takes no other
			one.rest = true
		default:
			if plain, err := url.PathUnescape(s); err == nil { // as a ServeMux does
				s = plain
			}
			one.segments = append(one.segments, s)
		}
	}
	return one
}

// rank is smaller for the more specific of two patterns that match the same request: more
// literal segments, then no rest, then more segments, then a method. Two for which this
// is not the order are no pair that a ServeMux takes.
func (r *route) rank() int {
	n := 0
	for _, s := range r.segments {
		n -= 4
		if s != "" {
			n -= 1 << 10
		}
	}
	if !r.rest {
		n -= 2
	}
	if r.method != "" {
		n--
		if r.method == http.MethodHead {
			n -= 1 << 20 // "GET" matches it too
		}
	}
	return n
}

// match returns the route of a request, or nil. It is asked only about what is refused
// otherwise.
func (g *Guard) match(r *http.Request) *route {
	if len(g.routes) == 0 || r.URL == nil {
		return nil
	}
	path, ok := sanity.CleanPath(r.URL)
	if !ok {
		return nil
	}
	for _, one := range g.routes {
		switch {
		case one.takesAll(r) && one.matches(path, false):
			return one
		case one.Exempt == "" && one.takes(r.Method) && one.matches(strings.TrimSuffix(path, "/"), true):
			return nil // an app may find it here, where a wider route would exempt it
		}
	}
	return nil
}

// takesAll tells whether the route is for a request's method and for all that it names.
func (r *route) takesAll(req *http.Request) bool {
	all := r.takes(req.Method)
	if all {
		named(req, func(method string) bool { all = r.takes(method); return all })
	}
	return all
}

func (r *route) takes(method string) bool {
	return r.method == "" || r.method == method || r.method == http.MethodGet && method == http.MethodHead
}

// matches compares a decoded path that is not ambiguous, as it is or, with fold, in any case.
func (r *route) matches(path string, fold bool) bool {
	rest, found := strings.CutPrefix(path, "/")
	if !found {
		return false
	}
	for i, want := range r.segments {
		s, after, more := strings.Cut(rest, "/")
		if s == "" || want != "" && want != s && !(fold && strings.EqualFold(want, s)) {
			return false
		}
		if i == len(r.segments)-1 && !r.rest && !r.slash {
			return !more
		}
		if !more {
			return false // "/hooks" is not below "/hooks/"
		}
		rest = after
	}
	return r.rest || r.slash && rest == ""
}

func set(list []string) map[string]struct{} {
	m := make(map[string]struct{}, len(list))
	for _, s := range list {
		m[s] = struct{}{}
	}
	return m
}
