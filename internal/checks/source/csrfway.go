package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
)

// A stop is one handler on the way of requests, at its whole path. The way is that of
// Express: what was registered before, in this router or in one that was used earlier,
// is met before, if its path fits.
type stop struct {
	layer  *jsast.Layer
	value  *jsast.Value
	method string
	path   string
	// parts are those of the path between its slashes.
	parts []string
	// unknown says that the path is a regular expression or made at run time.
	unknown bool
	// last says that the handler is the last of a route.
	last  bool
	maybe bool
}

// maxParts is how many parts of a path are compared, for all paths may be compared with
// each other.
const maxParts = 64

// way lists the handlers of an application; cut says that there are more.
func way(root *jsast.App) (all []stop, cut bool) {
	visits := 0
	var walk func(a *jsast.App, above []*jsast.App, prefix string, unknown, maybe bool)
	walk = func(a *jsast.App, above []*jsast.App, prefix string, unknown, maybe bool) {
		if slices.Contains(above, a) || len(above) > 16 {
			return
		}
		above = append(slices.Clone(above), a)
		for i := range a.Layers {
			l := &a.Layers[i]
			paths := l.Paths
			if l.Unknown > 0 {
				paths = append(slices.Clone(paths), "?")
			}
			for p, path := range paths {
				blind := unknown || p >= len(l.Paths)
				full := prefix
				if p < len(l.Paths) {
					full = strings.TrimSuffix(prefix, "/") + "/" + strings.Trim(path, "/")
				}
				parts := segments(full)
				blind = blind || len(parts) > maxParts
				for n, h := range l.Handlers {
					if visits++; visits > 20*maxSteps || len(all) > maxSteps {
						cut = true
						return
					}
					for _, o := range h.Options() {
						unsure := maybe || l.Maybe || h.Kind == jsast.Choice
						if o.Kind == jsast.Application {
							walk(o.App, above, full, blind, unsure)
							continue
						}
						all = append(all, stop{layer: l, value: o, method: l.Method, path: full, parts: parts, unknown: blind,
							last: l.Method != "" && n == len(l.Handlers)-1, maybe: unsure})
					}
				}
			}
		}
	}
	walk(root, nil, "", false, false)
	return all, cut
}

// before says that a request for the route has met the handler, which stands before it.
// An unknown path may fit: the guard then says that it is unclear.
func (s *stop) before(route *stop) bool {
	if s.layer == route.layer && s.path == route.path {
		return true
	}
	if s.method != "" && s.method != "ALL" && s.method != route.method {
		return false
	}
	if s.unknown {
		return true
	}
	if route.unknown {
		return s.method == "" && len(s.parts) == 0
	}
	return fits(s.parts, route.parts, s.method != "")
}

// fits says that every request for a route's path b has the path a, or begins with it when
// it is that of middleware and need not be the whole.
func fits(a, b []string, whole bool) bool {
	for i, p := range a {
		if strings.HasPrefix(p, "*") || strings.HasPrefix(p, "(.*)") || strings.HasPrefix(p, "{*") {
			return true
		}
		if i >= len(b) || !strings.HasPrefix(p, ":") && !strings.EqualFold(p, b[i]) || strings.ContainsAny(p, "(?") && p != b[i] {
			return false
		}
	}
	return !whole || len(a) == len(b)
}

func segments(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
}

// called is how a report names a route.
func (s *stop) called() string {
	path := "/" + strings.Join(s.parts, "/")
	if s.unknown {
		path = "a path that is made at run time"
	}
	return s.method + " " + path
}
