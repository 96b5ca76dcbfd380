package login

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/body"
)

// A Route is one login of an app, as Handler sees it.
type Route struct {
	// Pattern is a method and a path, such as "POST /login". A segment "{name}" or "*"
	// stands for any one, and "{name...}" or "**" at the end for any number. Paths are
	// compared without regard to case or a slash at the end: apps such as Express do so.
	// A login by Basic authentication names the method and path it protects, or "* /**".
	Pattern string
	// User and Password are the names of the fields, in a form or in a JSON object. Empty
	// are the usual ones: see UserFields and PasswordFields.
	User, Password string
	// Success tells how the app says that the password was right. The zero value is judged
	// by what apps usually do: see Judge.
	Success Success
	// Observe counts and tells, and refuses nothing here, whatever Options.Mode is.
	Observe bool
}

// UserFields and PasswordFields return the names that are looked for where a Route gives
// none, in this order. A name in brackets counts by what is in the last ones, as in
// "user[email]".
func UserFields() []string { return slices.Clone(userFields) }

// PasswordFields are described at UserFields.
func PasswordFields() []string { return slices.Clone(passwordFields) }

var (
	userFields = []string{
		"username", "user", "email", "login", "name", "userid", "user_id", "user_name", "identifier", "account",
		"e-mail", "mail", "emailaddress", "email_address", "loginid", "login_id", "phone", "handle", "j_username", "log", "id",
	}
	passwordFields = []string{
		"password", "passwd", "pass", "pwd", "passphrase", "userpassword", "user_password", "j_password", "secret", "pin",
	}
)

// Unreadable is the user of attempts whose name cannot be read: of a body that is too
// long, compressed, malformed, or that names more than one. They have their points in
// common, so that nothing is won by hiding the name. No real name is the same: Fold leaves
// no white space in front.
const Unreadable = " unreadable"

// Credentials are what a request says about who logs in.
type Credentials struct {
	// User is the name, or Unreadable, or empty where there is none.
	User string
	// Password tells whether there is one.
	Password bool
	// Basic tells that both came in the Authorization field.
	Basic bool
}

type route struct {
	Route
	method   string
	segments []string
	rest     bool // the pattern ends in "**"
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

// segments cuts a path, in lower case and without its last slash.
func segments(path string) []string {
	path = strings.ToLower(strings.Trim(path, "/"))
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func (r *route) matches(method string, path []string) bool {
	if r.method != "*" && r.method != method || len(path) < len(r.segments) || len(path) > len(r.segments) && !r.rest {
		return false
	}
	for i, s := range r.segments {
		if s != "*" && s != path[i] {
			return false
		}
	}
	return true
}

// match returns the route of a request, or nil.
func (s *Shield) match(r *http.Request) *route {
	asked := false
	for _, one := range s.routes {
		asked = asked || one.method == r.Method || one.method == "*"
	}
	if !asked {
		return nil
	}
	path := segments(r.URL.Path)
	for _, one := range s.routes {
		if one.matches(r.Method, path) {
			return one
		}
	}
	return nil
}

// Read finds what a request says about who logs in, by looking at up to maxBody bytes of
// its body, which stays there for the app. Empty names are the usual ones. It is false
// where nothing looks like a login: without a password, whatever else there is.
func Read(r *http.Request, user, password string, maxBody int64) (Credentials, bool) {
	if name, _, ok := r.BasicAuth(); ok {
		return Credentials{User: name, Password: true, Basic: true}, true
	}
	if r.Body == nil || r.Body == http.NoBody {
		return Credentials{}, false
	}
	b, err := body.Look(r, maxBody)
	if err != nil {
		return Credentials{User: Unreadable}, true // the app meets the same error
	}
	form, err := b.Form()
	if err == body.ErrType {
		var fields map[string]string
		if fields, err = b.JSON(); err == nil {
			form = make(map[string][]string, len(fields))
			for name, value := range fields {
				form[name] = []string{value}
			}
		}
	}
	if err != nil {
		return Credentials{User: Unreadable}, true
	}
	c := Credentials{}
	_, c.Password = pick(form, password, passwordFields)
	values, found := pick(form, user, userFields)
	switch {
	case !c.Password && !found:
		return c, false
	case !found || len(values) != 1:
		// A password without a name, or with several: the app may find one that is not
		// seen here.
		c.User = Unreadable
	default:
		c.User = values[0]
	}
	return c, true
}

// pick returns the values of a field: the one that is named, or the first of the usual
// ones.
func pick(form map[string][]string, name string, usual []string) (values []string, ok bool) {
	if name != "" {
		values, ok = form[name]
		return values, ok
	}
	best := len(usual)
	for key, all := range form {
		i := slices.Index(usual[:best], plain(key))
		if i >= 0 {
			best, values, ok = i, all, true
		}
	}
	return values, ok
}

// plain is what is in the last brackets of a name, or behind its last dot, in lower case.
func plain(key string) string {
	key = strings.TrimSuffix(key, "]")
	if i := strings.LastIndexAny(key, "[."); i >= 0 {
		key = key[i+1:]
	}
	return strings.ToLower(key)
}
