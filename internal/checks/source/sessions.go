package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

var sessionsRules = slices.Concat(wire.Rules("sessions/fixation", "sessions/logout"), check.Rules{
	{ID: "sessions/memory-store", Title: "sessions are kept in the memory of the process", Severity: check.Medium, CWE: 770,
		Why:  "The memory store leaks, forgets every login at a restart, and no second process sees it.",
		Bad:  "session({ secret })",
		Good: "session({ secret, store: new RedisStore({ client }) })"},
	{ID: "sessions/large-cookie", Title: "a whole object is kept in a session cookie", Severity: check.Low, CWE: 315, ASVS: []string{"14.2.1"},
		Why:  "A cookie session travels with every request, can be read by its bearer, and is dropped by browsers above 4093 bytes.",
		Bad:  "req.session.user = await User.findOne({ name })",
		Good: "req.session.user = user.id"},
})

var sessionsCheck = check.Check{
	ID: "sessions-source", Practice: "sessions", Title: "Sessions have a store for production, and a login begins a new one",
	Why:      "The default memory store leaks memory, forgets every login at a restart, and cannot be shared.",
	Severity: check.Medium, Needs: check.Source, Rules: sessionsRules, Run: running(sessionsRules, judgeSessions),
	Bad:  "app.use(session({ secret }))",
	Good: "app.use(session({ secret, store: new RedisStore({ client }) }))",
}

func judgeSessions(v *verdict) {
	stored, small := v.app.calls("express-session"), v.app.calls("cookie-session")
	if len(stored)+len(small) == 0 {
		v.doubt("the source uses neither express-session nor cookie-session")
		return
	}
	for _, c := range stored {
		v.store(c)
	}
	if len(stored) > 0 {
		v.fixation(stored[0])
		v.logouts(stored[0])
	} else {
		v.large()
	}
	for _, c := range small {
		v.prove("%s keeps sessions in cookies", at(c.Pos))
	}
}

// store judges where express-session keeps its sessions.
func (v *verdict) store(c *jsast.Call) {
	options := c.Arg(0)
	p, ok := options.Prop("store")
	switch {
	case options.Kind == jsast.Undefined, options.Kind == jsast.Object && !options.Open && (!ok || p.Value.Kind == jsast.Undefined):
		v.find("sessions/memory-store", "express-session", c.Pos, "express-session has no store, so it keeps sessions in memory")
		return
	case options.Kind != jsast.Object || !ok:
		v.doubt("the store of express-session at %s could not be told", at(c.Pos))
		return
	}
	for _, o := range p.Value.Options() {
		switch {
		case o.Kind == jsast.Result && strings.HasSuffix(o.Text, ".MemoryStore") && p.Value.Kind != jsast.Choice:
			v.find("sessions/memory-store", "express-session", p.Pos, "the store is the memory store, which is not made for production")
		case o.Kind == jsast.Undefined, o.Kind == jsast.Null, o.Kind == jsast.Result && strings.HasSuffix(o.Text, ".MemoryStore"):
			v.doubt("whether %s has a store could not be told", at(p.Pos))
		case o.Kind == jsast.Result && !strings.HasPrefix(o.Text, "?"):
			v.prove("%s keeps sessions in %s", at(p.Pos), strings.TrimSuffix(o.Text, "()"))
		case o.Kind == jsast.Object:
			v.prove("%s keeps sessions in a store of the app's own", at(p.Pos))
		default:
			v.doubt("what the store at %s is could not be told", at(p.Pos))
		}
	}
}

var (
	loginPath = pattern.New(`(?i)(?:^|[/_-])(?:log-?in|sign-?in|log-?on|sessions?|authenticate)(?:$|[/_-])`)
	// identity are the members of a session that say who somebody is.
	identity = pattern.New(`(?i)^(?:is_?)?(?:user|uid|account|member|customer|admin|principal|identity|auth|logged_?in|login|role|email|profile|authenticated|authorized)(?:_?(?:id|name|email|info|data|role|type))?$`)
	renews   = pattern.New(`(?i)regenerate|\.log_?in$`)
)

// fixation looks for logins that put somebody into the session of a visitor.
func (v *verdict) fixation(session *jsast.Call) {
	name := "connect.sid"
	if p, ok := session.Arg(0).Prop("name"); ok && p.Value.Kind == jsast.String {
		name = p.Value.Text
	}
	renewed := make(map[*jsast.Func]bool)
	for _, c := range v.app.project.Calls {
		if c.In != nil && renews.Get().MatchString(c.Callee) {
			renewed[c.In] = true
		}
	}
	logins := 0
	judged := make(map[*jsast.Layer]bool)
	for _, root := range v.app.roots {
		for _, s := range steps(root) {
			l := s.layer
			if judged[l] || l.Method != "POST" && l.Method != "ALL" || !slices.ContainsFunc(l.Paths, loginPath.Get().MatchString) {
				continue
			}
			judged[l] = true
			logins++
			v.login(l, name, renewed)
		}
	}
	if logins > 0 {
		v.prove("logins looked at: %d", logins)
	}
}

func (v *verdict) login(l *jsast.Layer, name string, renewed map[*jsast.Func]bool) {
	for _, h := range l.Handlers {
		if (h.Kind == jsast.Result || h.Kind == jsast.Ref) && strings.HasPrefix(h.Text, "passport.") {
			return
		}
	}
	handlers := handlersOf(l)
	if slices.ContainsFunc(handlers, func(f *jsast.Func) bool { return renewed[f] }) {
		v.prove("%s begins a new session", at(l.Pos))
		return
	}
	for _, s := range v.app.project.Sets {
		member, ok := strings.CutPrefix(s.Target, "@req.session.")
		if !ok || s.In == nil || !slices.Contains(handlers, s.In) || !identity.Get().MatchString(member) || s.Value.Truth() == jsast.False {
			continue
		}
		v.find("sessions/fixation", name, s.Pos, "the login at %s writes %s into the session that the visitor had before", at(l.Pos), member).
			Confidence = check.Tentative
	}
}

var (
	logoutPath = pattern.New(`(?i)(?:^|[/_-])(?:log-?out|sign-?out|log-?off|sign-?off)(?:$|[/_-])`)
	// ends are calls after which a session of express-session is nobody's.
	ends = pattern.New(`(?i)\.(?:destroy|regenerate|log_?out)$`)
)

// logouts looks for those that take the cookie from the client and leave the session in
// the store.
func (v *verdict) logouts(session *jsast.Call) {
	name := "connect.sid"
	if p, ok := session.Arg(0).Prop("name"); ok && p.Value.Kind == jsast.String {
		name = p.Value.Text
	}
	ended, cleared := make(map[*jsast.Func]bool), make(map[*jsast.Func]*jsast.Call)
	for _, c := range v.app.project.Calls {
		switch {
		case c.In == nil:
		case ends.Get().MatchString(c.Callee):
			ended[c.In] = true
		case strings.HasPrefix(c.Callee, "@res") && strings.HasSuffix(c.Callee, ".clearCookie"):
			cleared[c.In] = c
		}
	}
	for _, s := range v.app.project.Sets {
		// null, or the user taken out of it, ends it as well.
		if s.In != nil && strings.HasPrefix(s.Target, "@req.session") && s.Value.Truth() != jsast.True {
			ended[s.In] = true
		}
	}
	judged := make(map[*jsast.Layer]bool)
	for _, root := range v.app.roots {
		for _, s := range steps(root) {
			l := s.layer
			if judged[l] || l.Method == "" || !slices.ContainsFunc(l.Paths, logoutPath.Get().MatchString) {
				continue
			}
			judged[l] = true
			funcs := handlersOf(l)
			if slices.ContainsFunc(funcs, func(f *jsast.Func) bool { return ended[f] }) {
				v.prove("%s ends the session", at(l.Pos))
				continue
			}
			for _, f := range funcs {
				if c := cleared[f]; c != nil {
					v.find("sessions/logout", name, c.Pos, "the logout at %s takes the cookie away and leaves the session as it is", at(l.Pos)).
						Confidence = check.Tentative
				}
			}
		}
	}
}

// handlersOf are the functions of the folder that a route runs.
func handlersOf(l *jsast.Layer) []*jsast.Func {
	var all []*jsast.Func
	for _, h := range l.Handlers {
		for _, o := range append(h.List, h) {
			if o.Kind == jsast.Function {
				all = append(all, o.Func)
			}
		}
	}
	return all
}

// large looks for objects in sessions that are cookies.
func (v *verdict) large() {
	for _, s := range v.app.project.Sets {
		member, ok := strings.CutPrefix(s.Target, "@req.session.")
		if !ok || strings.Contains(member, ".") || !whole(s.Value) {
			continue
		}
		v.find("sessions/large-cookie", member, s.Pos, "req.session.%s holds a whole object, and the session is a cookie", member).
			Confidence = check.Tentative
	}
}

var finds = pattern.New(`(?i)\.(?:find|findOne|findById|findUnique|findFirst|findAll|findMany|findByPk)$`)

// whole says that the value is a record, a request's body, or an object with lists or
// objects in it.
func whole(v *jsast.Value) bool {
	switch v.Kind {
	case jsast.Ref:
		return v.Text == "@req.body"
	case jsast.Result:
		return finds.Get().MatchString(v.Text)
	case jsast.Object:
		return v.Open || slices.ContainsFunc(v.Props, func(p jsast.Prop) bool {
			return p.Value.Kind == jsast.Object && len(p.Value.Props) > 0 || p.Value.Kind == jsast.Array || whole(p.Value)
		})
	}
	return false
}
