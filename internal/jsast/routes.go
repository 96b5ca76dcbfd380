package jsast

import (
	"cmp"
	"slices"
	"strings"
)

// A Route is one row of the table of an Express app.
type Route struct {
	// Method is upper case; "ALL" for every method, "USE" for middleware that the
	// folder mounts under a path of its own, "STATIC" for a folder of files.
	Method string
	// Path is absolute, with its parameters as written: "/users/:id".
	Path string
	File string
	Line int
	// Maybe says that a condition that could not be told decides on it.
	Maybe bool
}

// maxRoutes bounds the table, and maxVisits the walk that makes it: a router can be
// mounted many times in many routers.
const (
	maxRoutes = 20_000
	maxVisits = 200_000
)

// Routes returns the table of all applications, in the order of registration, and how
// many routes are not in it because their path is a regular expression or made at run
// time. A route that two applications have alike is listed once.
func (p *Project) Routes() (routes []Route, unclear int) {
	t := &table{seen: make(map[Route]bool)}
	for _, a := range p.Apps {
		if !a.Mounted && !a.Router {
			t.add(a, "", false, nil)
		}
	}
	// Routers whose mounting was not seen have routes all the same, under a prefix that
	// is not known.
	for _, a := range p.Apps {
		if a.Router && !a.Mounted {
			t.unclear += len(a.Layers)
		}
	}
	return t.routes, t.unclear
}

type table struct {
	routes  []Route
	unclear int
	visits  int
	seen    map[Route]bool
}

func (t *table) add(a *App, prefix string, maybe bool, above []*App) {
	if slices.Contains(above, a) || len(above) > MaxDepth {
		return
	}
	above = append(above, a)
	for _, l := range a.Layers {
		if t.visits++; t.visits > maxVisits || len(t.routes) >= maxRoutes {
			t.unclear++
			return
		}
		t.unclear += l.Unknown
		for _, path := range l.Paths {
			full := join(prefix, path)
			if l.Method != "" {
				t.row(Route{l.Method, full, l.Pos.File, l.Pos.Line, maybe || l.Maybe})
				continue
			}
			for _, h := range l.Handlers {
				for _, o := range h.Options() {
					sub := maybe || l.Maybe || h.Kind == Choice
					switch {
					case o.Kind == Application:
						t.add(o.App, full, sub, above)
					case static(o):
						t.row(Route{"STATIC", full, l.Pos.File, l.Pos.Line, sub})
					case path != "/" && path != "":
						t.row(Route{"USE", full, l.Pos.File, l.Pos.Line, sub})
					}
				}
			}
		}
	}
}

func (t *table) row(r Route) {
	key := r
	key.Maybe = false
	if !t.seen[key] {
		t.seen[key] = true
		t.routes = append(t.routes, r)
	}
}

func static(v *Value) bool {
	return v.Kind == Result && (v.Text == "express.static" || v.Text == "serve-static")
}

// join puts a path behind the prefix of its router, as Express would match it.
func join(prefix, path string) string {
	prefix = strings.TrimSuffix(prefix, "/")
	if path == "" || path == "/" {
		return cmp.Or(prefix, "/")
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return prefix + path
}

// Sample gives a path that a route with this path should answer: a parameter ":id"
// becomes "1", a wildcard "x", and what is optional is left out. It reads the syntax of
// Express 4 and 5; a pattern that it cannot read gives ok false.
//
// Source: the path-to-regexp versions 0.1 and 8 of Express 4 and 5.
func Sample(path string) (sample string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(path); {
		switch c := path[i]; c {
		case ':', '*':
			name := i + 1
			for name < len(path) && nameByte(path[name]) {
				name++
			}
			i = name
			// Express 4: a pattern of its own, and a modifier.
			if i < len(path) && path[i] == '(' {
				end := strings.IndexByte(path[i:], ')')
				if end < 0 || !slices.Contains([]string{`(\d+)`, "([0-9]+)", `(\w+)`, "(.*)", "([^/]+)", "*"}, path[i:i+end+1]) {
					return "", false
				}
				i += end + 1
			}
			text := "1"
			if c == '*' {
				text = "x"
			}
			if i < len(path) && (path[i] == '?' || path[i] == '*' || path[i] == '+') {
				if path[i] == '?' {
					text = ""
				}
				i++
			}
			if text == "" && strings.HasSuffix(b.String(), "/") {
				kept := strings.TrimSuffix(b.String(), "/")
				b.Reset()
				b.WriteString(kept)
			}
			b.WriteString(text)
		case '{':
			// Express 5: what is in braces is optional.
			end := strings.IndexByte(path[i:], '}')
			if end < 0 {
				return "", false
			}
			i += end + 1
		case '(', ')', '?', '+', '[', ']', '!', '}', '\\':
			return "", false
		default:
			b.WriteByte(c)
			i++
		}
	}
	if b.Len() == 0 {
		return "/", true
	}
	return b.String(), true
}

func nameByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
