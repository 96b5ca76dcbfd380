package login

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// A Route is one login of an app, as Handler sees it.
type Route struct {
	// Pattern is a method and a path, such as "POST /login". A segment "{name}" or "*"
	// stands for any one, and "{name...}" or "**" at the end for any number. Paths are
	// compared without regard to case, slashes more than one, dot segments, what follows a
	// ';', and an ending such as ".json": some app takes each of them for the same. A login
	// that the app has for every method (Express's app.all) is "* /login".
	Pattern string
	// User and Password are the names of the fields in a form, a JSON object or the query.
	// A field within another is written with brackets, as in "user[email]". Empty are the
	// usual ones, among which the app may read another than Handler does when a request has
	// several: name them where you can. See UserFields and PasswordFields.
	User, Password string
	// Realm tells apart logins of different users, such as those of customers and of
	// staff, whose names may be the same. Routes of one realm share all counters and known
	// devices; without it, a customer called "admin" is the same as the admin.
	Realm string
	// Basic says that these paths ask for the password by Basic authentication. All of them
	// have to: where one does not, every password is right. User and Password are not
	// looked at.
	Basic bool
	// Key is the name of a header field that carries an API key or a token, such as
	// "X-Api-Key". Requests with it are counted by address alone, and as wrong where the
	// answer is 401. They start no block: many may be under way at once. Nothing else of the
	// request is looked at.
	Key string
	// Success tells how the app says that the password was right. The zero value is judged
	// by what apps usually do: see Judge.
	Success Success
	// Observe counts and tells, and refuses nothing here, whatever Options.Mode is. Under
	// guard.Enforce it counts apart: nothing that happens here changes what other routes
	// refuse.
	Observe bool
}

type route struct {
	Route
	method   string
	segments []string
	rest     bool // the pattern ends in "**"
	script   bool // it ends in a file's name
}

const patternAllowed = `a method and a path, such as "POST /login"`

func compileRoutes(routes []Route, problems *guard.Problems) []*route {
	var all []*route
	for i, r := range routes {
		field := "Routes[" + strconv.Itoa(i) + "]"
		one, ok := compileRoute(r)
		if !ok {
			problems.Add(field+".Pattern", r.Pattern, patternAllowed, "")
		}
		if r.Key != "" && (r.Basic || r.User != "" || r.Password != "" || !httpToken(r.Key)) {
			problems.Add(field+".Key", r.Key, "the name of a header field, without Basic, User and Password", "")
		}
		for _, status := range r.Success.Status {
			if status < 100 || status > 599 {
				problems.Add(field+".Success.Status", strconv.Itoa(status), "100 to 599", "")
			}
		}
		if len(r.Success.Body) > maxBodyRule {
			problems.Add(field+".Success.Body", strconv.Itoa(len(r.Success.Body))+" bytes", "at most 256 bytes", "")
		}
		all = append(all, one)
	}
	return all
}

func compileRoute(r Route) (*route, bool) {
	method, path, ok := strings.Cut(r.Pattern, " ")
	if !ok || method == "" || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#") || method != "*" && strings.ToUpper(method) != method {
		return nil, false
	}
	one := &route{Route: r, method: method, segments: segments(path)}
	if n := len(one.segments); n > 0 {
		// "{name...}" has dots of its own.
		last := one.segments[n-1]
		one.script = strings.Contains(last, ".") && !strings.HasPrefix(last, "{")
	}
	for i, s := range one.segments {
		switch {
		case s == "**" || strings.HasPrefix(s, "{") && strings.HasSuffix(s, "...}"):
			if i != len(one.segments)-1 {
				return nil, false
			}
			one.rest = true
			one.segments = one.segments[:i]
		case s == "*" || strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}"):
			one.segments[i] = "*"
		}
	}
	return one, true
}

// segments cuts a path as the most lenient of apps would read it.
func segments(path string) []string {
	var all []string
	for s := range strings.SplitSeq(strings.ToLower(path), "/") {
		s, _, _ = strings.Cut(s, ";") // Java's path parameters
		switch s {
		case "", ".":
		case "..":
			all = all[:max(0, len(all)-1)]
		default:
			all = append(all, s)
		}
	}
	return all
}

func (r *route) matches(method string, path []string) bool {
	if r.method != "*" && !strings.EqualFold(r.method, method) || len(path) < len(r.segments) {
		return false
	}
	for i, s := range r.segments {
		if s == "*" || s == path[i] {
			continue
		}
		// Rails and others take "/login.json" for "/login" in another format.
		bare, _, ending := strings.Cut(path[i], ".")
		if !ending || i != len(path)-1 || s != bare {
			return false
		}
	}
	// A script, such as "/login.php", also gets what is below it.
	return r.rest || len(path) == len(r.segments) || r.script
}

// overrides are where a request may name another method than its own.
var overrides = [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// match returns the route of a request, or nil.
func (s *Shield) match(r *http.Request) *route {
	if len(s.routes) == 0 || r.URL == nil {
		return nil
	}
	methods := append(make([]string, 0, 6), r.Method)
	for _, name := range overrides {
		if m := r.Header.Get(name); m != "" {
			methods = append(methods, m)
		}
	}
	if strings.Contains(r.URL.RawQuery, "_method") {
		methods = append(methods, r.URL.Query().Get("_method"))
	}
	asked := false
	for _, one := range s.routes {
		for _, m := range methods {
			asked = asked || one.method == "*" || strings.EqualFold(one.method, m)
		}
	}
	if !asked {
		return nil
	}
	path := segments(r.URL.Path)
	for _, one := range s.routes {
		for _, m := range methods {
			if one.matches(m, path) {
				return one
			}
		}
	}
	return nil
}

// httpToken tells the name of a field, as RFC 9110 section 5.6.2 has it.
func httpToken(name string) bool {
	return strings.IndexFunc(name, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	}) < 0
}
