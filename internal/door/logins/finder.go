package logins

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/body"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/login"
)

const (
	// Enough is how many successes and how many failures make Auto sure.
	Enough = 20

	// maxFound bounds what is kept: paths are the client's.
	maxFound = 16
	maxPath  = 200
	maxRoute = len("PATCH ") + maxPath
	// replaceEvery is how often a login that was found takes the place of another.
	replaceEvery = time.Minute
	maxLook      = login.DefaultMaxBody
)

// The states of a login.
const (
	Found     = "found"
	Confirmed = "confirmed"
	Auto      = "auto"
)

// A Login is one that was found.
type Login struct {
	// Route is its method and path, such as "POST /login".
	Route string `json:"route"`
	// State is Found, Confirmed or Auto; the last two are enforced.
	State string `json:"state"`
	// Successes and Failures are those told apart since it was found.
	Successes int `json:"successes"`
	Failures  int `json:"failures"`
	// Since is when it was found.
	Since time.Time `json:"since"`
}

// Enforced tells whether more than looking is done.
func (l *Login) Enforced() bool { return l.State != Found }

// Options configure a Finder.
type Options struct {
	// Logins are those that were found before.
	Logins []Login
	// Keep is called with all logins after a change that is worth keeping.
	Keep func([]Login)
	// Changed is called when the routes to be protected have changed. It must not call the
	// Finder before it returns.
	Changed func()
	// Say tells a person.
	Say func(format string, args ...any)
}

// A Finder is safe for concurrent use, and lives as long as the door.
type Finder struct {
	o        Options
	onAnswer hook.Func

	mu       sync.Mutex
	auto     bool
	logins   []Login
	replaced time.Time
}

// New makes a Finder. Of Options.Logins, what is no login is left out: they come from a
// file, which must not keep a door from its start.
func New(o Options) *Finder {
	f := &Finder{o: o, logins: []Login{}}
	for _, l := range o.Logins {
		if isRoute(l.Route) && len(f.logins) < maxFound {
			f.logins = append(f.logins, l)
		}
	}
	f.onAnswer = f.answered
	return f
}

// SetAuto says whether logins are enforced when they are told apart well enough.
func (f *Finder) SetAuto(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.auto = on
}

// Logins returns what was found, which is never nil.
func (f *Finder) Logins() []Login {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.logins)
}

// Routes returns what was found as routes of a login.Shield. The first that matches holds,
// so those that are enforced come first: a pattern that was confirmed may be wider than a
// path that was found.
func (f *Finder) Routes() []login.Route {
	f.mu.Lock()
	defer f.mu.Unlock()
	routes := make([]login.Route, 0, len(f.logins))
	for _, enforced := range [...]bool{true, false} {
		for i := range f.logins {
			if l := &f.logins[i]; l.Enforced() == enforced {
				routes = append(routes, login.Route{Pattern: l.Route, Observe: !enforced})
			}
		}
	}
	return routes
}

// Handler looks at what passes and is no login that is known.
func (f *Finder) Handler(next http.Handler, known func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mayPost(r) || known(r) || !postsPassword(r) {
			next.ServeHTTP(w, r)
			return
		}
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.On(hook.Judge, f.onAnswer)
		next.ServeHTTP(w, r)
	})
}

// mayPost tells a request whose body is worth a look, by its header alone. What waits for
// a 100 is not: a look would make the door say it in place of the app.
func mayPost(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return false
	}
	if r.ContentLength <= 0 || r.ContentLength > maxLook || len(r.URL.Path) > maxPath || r.Header.Get("Authorization") != "" || len(r.Header["Expect"]) > 0 {
		return false
	}
	kind, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
	switch kind = strings.TrimSpace(kind); kind {
	case "application/x-www-form-urlencoded", "application/json", "multipart/form-data":
	default:
		return false
	}
	return plainPath(r.URL.Path) && !otherwise(r.URL.Path)
}

// plainPath tells a path that can be written in a route as it is, and in a shell between
// double quotes: clients choose it, and people copy the line that confirms it.
func plainPath(path string) bool {
	return strings.HasPrefix(path, "/") && strings.IndexFunc(path, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("/-._~@:+,", c)
	}) < 0
}

// otherwise tells a path of something else that takes a password, or of much else beside a
// login: what has no user in it is counted by address there, and so is each of its errors.
func otherwise(path string) bool {
	path = strings.ToLower(path)
	for _, word := range [...]string{"register", "registration", "signup", "sign-up", "sign_up", "join", "enroll", "change", "reset", "forgot", "recover", "invite", "setup", "install", "graphql"} {
		if strings.Contains(path, word) {
			return true
		}
	}
	return false
}

// postsPassword looks for a user and one password.
func postsPassword(r *http.Request) bool {
	c, ok := login.Read(r, "", "", maxLook)
	if !ok || !c.Password || c.User == "" || c.User == login.Unreadable {
		return false
	}
	b, err := body.Look(r, maxLook) // as Read left it
	if err != nil {
		return false
	}
	names := []string{}
	if form, err := b.Form(); err == nil {
		for name := range form {
			names = append(names, name)
		}
	} else if fields, err := b.JSON(); err == nil {
		for name := range fields {
			names = append(names, name)
		}
	}
	passwords := 0
	for _, name := range names {
		name = strings.ToLower(name)
		if strings.Contains(name, "pass") || strings.Contains(name, "pwd") {
			passwords++
		}
	}
	return passwords <= 1 // two are of a sign-up, or of a change
}

// answered notes a login, when the answer is one of a login.
func (f *Finder) answered(a *hook.Answer) {
	if a.Kind != hook.Final {
		return
	}
	switch a.Status {
	case http.StatusCreated, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusTooManyRequests:
		return
	}
	if login.Judge(a.Request, a.Status, a.Header, nil) == login.Undecided {
		return
	}
	f.found(a.Request.Method + " " + a.Request.URL.Path)
}

func (f *Finder) found(route string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.logins, func(l Login) bool { return sameRoute(l.Route, route) }) {
		return
	}
	if len(f.logins) >= maxFound {
		// The oldest at which nobody ever got in makes room, now and then: anybody can
		// post a password anywhere.
		if time.Since(f.replaced) < replaceEvery {
			return
		}
		f.replaced = time.Now()
		i := slices.IndexFunc(f.logins, func(l Login) bool { return !l.Enforced() && l.Successes == 0 })
		if i < 0 {
			return
		}
		f.logins = slices.Delete(f.logins, i, i+1)
	}
	f.logins = append(f.logins, Login{Route: route, State: Found, Since: time.Now().UTC().Truncate(time.Second)})
	f.o.Say("login found: %s: observed (enforce: panoply login confirm %q; never look: login.find: off)", route, route)
	f.changed()
}

// sameRoute compares as package login matches: without regard to case or a last slash.
func sameRoute(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// changed is called with the lock held.
func (f *Finder) changed() {
	f.o.Keep(slices.Clone(f.logins))
	f.o.Changed()
}

// namedLogin tells a route that calls itself a login. Nothing else is enforced without a
// person: whoever finds a page that takes any password could bring it there, and what
// succeeds at an enforced login makes a device known and forgets failures.
func namedLogin(route string) bool {
	route = strings.ToLower(route)
	for _, word := range [...]string{"login", "log-in", "log_in", "logon", "signin", "sign-in", "sign_in", "session", "auth"} {
		if strings.Contains(route, word) {
			return true
		}
	}
	return false
}

// Judged counts how an attempt at a login went: it is the Judged of a login.Shield.
func (f *Finder) Judged(route string, o login.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.logins, func(l Login) bool { return l.Route == route })
	if i < 0 {
		return
	}
	l := &f.logins[i]
	n := &l.Successes
	switch o {
	case login.Failure:
		n = &l.Failures
	case login.Undecided:
		return
	}
	*n++
	if f.auto && l.State == Found && namedLogin(l.Route) && l.Successes >= Enough && l.Failures >= Enough {
		l.State = Auto
		f.o.Say("login enforced: %s, after %d successes and %d failures were told apart (undo: panoply login forget %q, or login.auto: off)", l.Route, l.Successes, l.Failures, l.Route)
		f.changed()
		return
	}
	if *n <= Enough { // only the way there is kept
		f.o.Keep(slices.Clone(f.logins))
	}
}

var errRoute = errors.New(`a login is named by its method and path, such as "POST /login"`)

// isRoute tells a route that package login takes, and that can be shown.
func isRoute(route string) bool {
	if len(route) > maxRoute || strings.IndexFunc(route, func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
		return false
	}
	_, err := login.New(login.Options{Routes: []login.Route{{Pattern: route}}})
	return err == nil
}

// Confirm enforces a login from now on, found or not.
func (f *Finder) Confirm(route string) error {
	if !isRoute(route) {
		return errRoute
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.logins, func(l Login) bool { return sameRoute(l.Route, route) })
	if i < 0 {
		if len(f.logins) >= maxFound {
			return fmt.Errorf("there are %d logins, which is the most; forget one, or name it in login.routes", maxFound)
		}
		f.logins = append(f.logins, Login{Route: route, Since: time.Now().UTC().Truncate(time.Second)})
		i = len(f.logins) - 1
	}
	f.logins[i].State = Confirmed
	f.changed()
	return nil
}

// Forget drops a login. It is found again when it is used, unless looking is off.
func (f *Finder) Forget(route string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.logins, func(l Login) bool { return sameRoute(l.Route, route) })
	if i < 0 {
		return fmt.Errorf("no login %.*q was found", maxRoute, route)
	}
	f.logins = slices.Delete(f.logins, i, i+1)
	f.changed()
	return nil
}
