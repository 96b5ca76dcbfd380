package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// packages judges the options of the packages against forged requests.
func (c *forgery) packages() {
	maintained := len(c.app.calls("csrf-csrf.doubleCsrf", "csrf-sync.csrfSync")) > 0
	for f, x := range c.facts {
		maintained = maintained || f != nil && f.Params != 4 && x.origin && x.refuses
	}
	for _, call := range c.app.project.Calls {
		name := plain(call.Callee)
		old := ""
		switch name {
		case "csurf":
			old = "csurf was retired in 2022"
			c.csurfCookie(call)
			c.copied(call, "value")
			c.ignored(call, call.Arg(0), "ignoreMethods")
		case "lusca.csrf":
			old = "lusca is not maintained"
		case "lusca":
			if p, ok := call.Arg(0).Prop("csrf"); ok && p.Value.Truth() == jsast.True {
				old = "lusca is not maintained"
			}
		case "@dr.pogodin/csurf":
			c.csurfCookie(call)
			c.copied(call, "value")
			c.ignored(call, call.Arg(0), "ignoreMethods")
		case "csrf-csrf.doubleCsrf":
			c.sessionID(call)
			c.skips(call)
			c.copied(call, "getCsrfTokenFromRequest", "getTokenFromRequest")
			c.ignored(call, call.Arg(0), "ignoredMethods")
		case "csrf-sync.csrfSync":
			c.skips(call)
			c.copied(call, "getTokenFromRequest")
			c.ignored(call, call.Arg(0), "ignoredMethods")
		case "tiny-csrf":
			c.tiny(call)
		}
		if old == "" {
			continue
		}
		f := c.find("csrf/deprecated-package", strings.TrimSuffix(name, ".csrf"), call.Pos, "%s", old)
		if maintained {
			f.Severity = check.Info
			f.Message += "; something else refuses forged requests beside it"
		}
	}
	c.naive()
}

// csurfCookie judges the cookie in which csurf keeps its secret.
func (c *forgery) csurfCookie(call *jsast.Call) {
	p, ok := call.Arg(0).Prop("cookie")
	switch {
	case !ok && (call.Arg(0).Kind == jsast.Undefined || call.Arg(0).Kind == jsast.Object && !call.Arg(0).Open):
		return
	case !ok, p.Value.Kind == jsast.Ref, p.Value.Kind == jsast.Result:
		c.doubt("whether csurf at %s uses a cookie could not be told", at(call.Pos))
		return
	case p.Value.Truth() == jsast.False:
		return
	}
	options := p.Value
	if options.Kind != jsast.Object {
		options = &jsast.Value{Kind: jsast.Object}
	}
	var missing []string
	for _, flag := range [][2]string{{"httpOnly", "HttpOnly"}, {"secure", "Secure"}, {"sameSite", "SameSite"}} {
		o, ok := options.Prop(flag[0])
		switch {
		case !ok && !options.Open, ok && o.Value.Truth() == jsast.False:
			missing = append(missing, flag[1])
		case !ok, o.Value.Truth() == jsast.Unsure:
			c.doubt("whether the cookie of csurf at %s gets %s could not be told", at(call.Pos), flag[1])
		}
	}
	if len(missing) > 0 {
		c.find("csrf/csurf-cookie", "csurf", place(p.Pos, call.Pos), "the cookie with the secret of csurf is set without %s", strings.Join(missing, ", "))
	}
}

// place is where a property stands, or the call that has it.
func place(p, call jsast.Pos) jsast.Pos {
	if p.Line == 0 {
		return call
	}
	return p
}

// ignored judges a list of methods that need no token.
func (c *forgery) ignored(call *jsast.Call, options *jsast.Value, name string) {
	p, ok := options.Prop(name)
	if !ok {
		return
	}
	if p.Value.Kind != jsast.Array {
		if p.Value.Kind != jsast.Undefined {
			c.doubt("which methods %s ignores could not be told", at(call.Pos))
		}
		return
	}
	var through []string
	for _, m := range p.Value.List {
		if name := strings.ToUpper(m.Text); m.Kind == jsast.String && slices.Contains(changing, name) {
			through = append(through, name)
		}
	}
	if p.Value.Open {
		c.doubt("which methods %s ignores could not be told", at(call.Pos))
	}
	if len(through) > 0 {
		f := c.find("csrf/ignored-methods", name, place(p.Pos, call.Pos), "%s needs no token", strings.Join(through, " and "))
		if !slices.Contains(through, "POST") {
			// From another site a form can send no other method.
			f.Severity = check.Medium
		}
	}
}

// tiny judges tiny-csrf, which is told the methods that need a token.
func (c *forgery) tiny(call *jsast.Call) {
	list := call.Arg(1)
	if list.Kind != jsast.Array || list.Open {
		return
	}
	if !slices.ContainsFunc(list.List, func(m *jsast.Value) bool { return m.Kind != jsast.String || m.Text == "POST" }) {
		c.find("csrf/ignored-methods", "tiny-csrf", call.Pos, "POST needs no token, for the list of those that do lacks it")
	}
}

// sessionID judges to what csrf-csrf binds its tokens.
func (c *forgery) sessionID(call *jsast.Call) {
	options := call.Arg(0)
	if options.Kind != jsast.Object {
		c.doubt("the options of csrf-csrf at %s could not be told", at(call.Pos))
		return
	}
	p, ok := options.Prop("getSessionIdentifier")
	if !ok {
		if options.Open {
			c.doubt("to what csrf-csrf at %s binds its tokens could not be told", at(call.Pos))
			return
		}
		c.find("csrf/constant-session-id", "getSessionIdentifier", call.Pos, "getSessionIdentifier is not given, so tokens belong to no session")
		return
	}
	where := place(p.Pos, call.Pos)
	if p.Value.Kind != jsast.Function {
		if p.Value.Known() {
			c.find("csrf/constant-session-id", "getSessionIdentifier", where, "getSessionIdentifier is no function")
			return
		}
		c.doubt("to what csrf-csrf at %s binds its tokens could not be told", at(call.Pos))
		return
	}
	id := p.Value.Func.Returned
	switch {
	case id == nil:
		c.doubt("to what csrf-csrf at %s binds its tokens could not be told", at(call.Pos))
	case constant(id):
		c.find("csrf/constant-session-id", "getSessionIdentifier", where, "getSessionIdentifier returns the same for every visitor")
	case id.Kind == jsast.Ref && (id.Text == "@req.ip" || id.Text == "@req.hostname" || strings.HasSuffix(id.Text, ".remoteAddress")):
		c.find("csrf/constant-session-id", "getSessionIdentifier", where, "getSessionIdentifier returns %s, which many visitors share", strings.TrimPrefix(id.Text, "@")).
			Severity = check.Low
	}
}

func constant(v *jsast.Value) bool {
	switch {
	case v.Kind == jsast.Choice:
		return !slices.ContainsFunc(v.List, func(o *jsast.Value) bool { return !constant(o) })
	case v.Kind == jsast.Ref:
		return strings.HasPrefix(v.Text, "process.env.")
	}
	return v.Known()
}

var readableToken = pattern.New(`(?i)csrf|xsrf`)

// naive looks for handlers that compare a token with its own copy in a cookie.
func (c *forgery) naive() {
	set, _ := c.setCookies()
	seen := make(map[*jsast.Func]bool)
	for _, r := range c.app.project.Reads {
		name, ok := strings.CutPrefix(r.Path, "@req.cookies.")
		x := c.facts[r.In]
		if !ok || r.In == nil || seen[r.In] || !readableToken.Get().MatchString(name) || !x.sent || !x.refuses || x.signs || x.session || x.protects != nothing {
			continue
		}
		seen[r.In] = true
		text := "the token is compared with the cookie " + name + ", and nothing ties it to a session"
		if call := set[name]; call != nil {
			p, ok := call.Arg(2).Prop("httpOnly")
			if !ok && !call.Arg(2).Open || ok && p.Value.Truth() == jsast.False {
				text += "; script can read the cookie"
			}
		}
		c.find("csrf/token-in-readable-cookie", name, place(r.Pos, r.In.Pos), "%s", text).Confidence = check.Firm
	}
}

// skips says where a function of the app decides which requests need no token.
func (c *forgery) skips(call *jsast.Call) {
	if p, ok := call.Arg(0).Prop("skipCsrfProtection"); ok && p.Value.Truth() != jsast.False {
		c.doubt("which requests skipCsrfProtection at %s lets through could not be told", at(place(p.Pos, call.Pos)))
	}
}

// copied looks for options that take the token from a cookie.
func (c *forgery) copied(call *jsast.Call, names ...string) {
	for _, name := range names {
		p, ok := call.Arg(0).Prop(name)
		if !ok || p.Value.Kind != jsast.Function || p.Value.Func.Returned == nil {
			continue
		}
		for _, o := range p.Value.Func.Returned.Options() {
			if o.Mentions("@req.cookies") || o.Mentions("@req.signedCookies") {
				c.find("csrf/token-in-readable-cookie", name, place(p.Pos, call.Pos), "%s takes the token from a cookie, which the browser adds to forged requests too", name).
					Severity = check.High
				break
			}
		}
	}
}

// overriding says that a handler lets requests choose their method.
func overriding(v *jsast.Value) bool {
	return v.Kind == jsast.Result && (plain(v.Text) == "method-override" || plain(v.Text) == "express.methodOverride")
}

// override judges method-override, and defences that stand before it.
func (c *forgery) override(all []stop, defences []int) {
	for k := range all {
		s := &all[k]
		if !overriding(s.value) {
			continue
		}
		get, known := c.overridesGet(s)
		if !known {
			c.doubt("which methods %s overrides could not be told", at(s.layer.Pos))
		}
		for _, i := range defences {
			g := &all[i]
			if i >= k || g.method != "" || guards(g.value) != on || !fits(g.parts, s.parts, false) && !fits(s.parts, g.parts, false) {
				continue
			}
			f := c.find("csrf/before-method-override", "method-override", g.layer.Pos, "the defence sees the method before %s changes it", at(s.layer.Pos))
			if !get && known {
				f.Severity = check.Info
				f.Message += "; as only a POST is changed, which needs a token, nothing is open"
			}
		}
	}
}

// overridesGet says that a GET can become another method, and reports it.
func (c *forgery) overridesGet(s *stop) (get, known bool) {
	if plain(s.value.Text) == "express.methodOverride" {
		c.find("csrf/method-override-get", "method-override", s.layer.Pos, "the methodOverride of Express 3 changes every request's method")
		return true, true
	}
	options := arg(s.value, 1)
	p, ok := options.Prop("methods")
	if !ok {
		return false, options.Kind == jsast.Undefined || options.Kind == jsast.Object && !options.Open
	}
	switch p.Value.Kind {
	case jsast.Undefined:
		return false, true
	case jsast.Null:
		get = true
	case jsast.Array:
		get = slices.ContainsFunc(p.Value.List, func(m *jsast.Value) bool {
			return m.Kind == jsast.String && slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, strings.ToUpper(m.Text))
		})
		if !get && p.Value.Open {
			return false, false
		}
	default:
		return false, false
	}
	if get {
		c.find("csrf/method-override-get", "method-override", place(p.Pos, s.layer.Pos), "a GET can be made any method that is asked for")
	}
	return get, true
}
