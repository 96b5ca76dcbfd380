package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

var cookiesRules = slices.Concat(wire.Rules(
	"cookies/secure", "cookies/httponly", "cookies/httponly-other", "cookies/samesite", "cookies/samesite-other",
	"cookies/samesite-none", "cookies/default-name", "cookies/weak-secret",
), check.Rules{
	{ID: "cookies/secret-in-source", Title: "the secret that signs cookies stands in the source", Severity: check.High, CWE: 798, ASVS: []string{"13.3.1"},
		Why:  "Whoever reads the source, or an old copy of it, can sign any session.",
		Bad:  "session({ secret: 'b8f1c2…' })",
		Good: "session({ secret: process.env.SESSION_SECRET.split(',') })",
		Fix: check.Fix{
			Express: "secret: process.env.SESSION_SECRET, 32 random bytes, and a refusal to start without it",
			Go:      "read the key from the environment or a file that only the process can read",
			Door:    "none: the app signs its cookies",
		}},
	{ID: "cookies/nested-options", Title: "cookie-session ignores options inside of cookie", Severity: check.Medium, CWE: 1188,
		Why:  "cookie-session takes its options at the top level; inside of cookie they have no effect, and the cookie goes out without them.",
		Bad:  "cookieSession({ keys, cookie: { secure: true } })",
		Good: "cookieSession({ keys, secure: true })",
		Fix: check.Fix{
			Express: "move secure, domain, path and expires out of cookie: {…} to the top level",
			Go:      "cookie options of the session package are fields of one struct",
			Door:    "on by default: the door adds the flags",
		}},
	{ID: "cookies/auto-in-function", Title: "express-session does not know auto from a cookie function", Severity: check.Low, CWE: 1188,
		Why:  "A function's secure: 'auto' acts as true, so nobody gets a cookie by http, and its sameSite: 'auto' is an error for which no cookie is sent at all.",
		Bad:  "session({ secret, cookie: (req) => ({ secure: 'auto' }) })",
		Good: "session({ secret, cookie: { secure: 'auto' } })",
		Fix: check.Fix{
			Express: "return secure: req.secure and sameSite: 'lax' from the function, or give the options as an object",
			Go:      "expresssession resolves auto in both forms, in its mode Strict",
			Door:    "none: the cookie is not sent",
		}},
	{ID: "cookies/resave", Title: "unchanged sessions are stored again: resave is not false", Severity: check.Info, CWE: 362,
		Why: "A request that runs beside another writes back an old session over a new one, and can undo a logout."},
	{ID: "cookies/save-uninitialized", Title: "every visitor gets a session: saveUninitialized is not false", Severity: check.Info,
		Why: "Empty sessions fill the store, and a cookie is set before anybody agreed to one."},
})

var cookiesCheck = check.Check{
	ID: "cookies-source", Practice: "cookies", Title: "The code gives cookies the flags that protect them, and signs with a secret",
	Why:      "A cookie without its flags can be read by script, sent in clear, or ridden by another site.",
	Severity: check.Medium, Needs: check.Source, Rules: cookiesRules, Run: running(cookiesRules, judgeCookies),
	Bad:  "app.use(session({ secret: 'keyboard cat' }))",
	Good: "app.use(session({ name: '__Host-sid', secret: process.env.SECRET, cookie: { secure: true, sameSite: 'lax' } }))",
}

func judgeCookies(v *verdict) {
	sessions := v.app.calls("express-session")
	for _, c := range sessions {
		v.expressSession(c)
	}
	small := v.app.calls("cookie-session")
	for _, c := range small {
		v.cookieSession(c)
	}
	parsers := v.app.calls("cookie-parser")
	for _, c := range parsers {
		v.secret(c.Arg(0), c.Pos, "cookie-parser", "cookie-parser")
	}
	single := 0
	for _, c := range v.app.project.Calls {
		if strings.HasPrefix(c.Callee, "@res.") && strings.HasSuffix(c.Callee, ".cookie") && len(c.Args) >= 2 {
			single++
			v.resCookie(c)
		}
	}
	if len(sessions)+len(small)+single == 0 {
		v.doubt("the source sets no cookie by a way that is known")
		return
	}
	for _, c := range slices.Concat(sessions, small) {
		v.prove("%s sets a session cookie with its flags", at(c.Pos))
	}
	if single > 0 {
		v.prove("cookies set by res.cookie: %d", single)
	}
}

// A flags value is the options of one cookie.
type flags struct {
	options *jsast.Value
	name    string
	// where is the call, for what its options lack.
	where   jsast.Pos
	session bool
}

// flag reads one option: absent is nothing, and what cannot be told is unclear.
func (f flags) flag(name string) (*jsast.Value, yield, jsast.Pos) {
	if f.options.Kind == jsast.Undefined {
		return nil, nothing, f.where
	}
	p, ok := f.options.Prop(name)
	switch {
	case f.options.Kind != jsast.Object, !ok && f.options.Open:
		return nil, unclear, f.where
	case !ok || p.Value.Kind == jsast.Undefined:
		return nil, nothing, f.where
	}
	return p.Value, on, p.Pos
}

// judgeFlags judges Secure, HttpOnly and SameSite. The defaults are those of the package.
func (v *verdict) judgeFlags(f flags, secureByDefault, httpOnlyByDefault bool) {
	other := ""
	if !f.session {
		other = "-other"
	}
	bad := func(name string, byDefault bool, rule, text string) {
		value, y, where := f.flag(name)
		truth := jsast.True
		switch {
		case y == nothing && !byDefault:
			truth = jsast.False
		case y == unclear:
			truth = jsast.Unsure
		case y == on:
			truth = value.Truth()
		}
		switch truth {
		case jsast.False:
			v.find(rule, f.name, where, "the cookie %s is set without %s", f.name, text)
		case jsast.Unsure:
			v.doubt("whether the cookie of %s gets %s could not be told", at(f.where), text)
		}
	}
	bad("secure", secureByDefault, "cookies/secure", "Secure")
	if !httpOnlyFor.Get().MatchString(f.name) {
		bad("httpOnly", httpOnlyByDefault, "cookies/httponly"+other, "HttpOnly")
	}
	value, y, where := f.flag("sameSite")
	switch {
	case y == unclear:
		v.doubt("whether the cookie of %s gets SameSite could not be told", at(f.where))
	case y == on && value.Kind == jsast.String && strings.EqualFold(value.Text, "none"):
		v.find("cookies/samesite-none", f.name, where, "the cookie %s has SameSite=None", f.name)
	case y == nothing, value.Truth() == jsast.False:
		v.find("cookies/samesite"+other, f.name, where, "the cookie %s is set without SameSite", f.name)
	case value.Truth() == jsast.Unsure:
		v.doubt("whether the cookie of %s gets SameSite could not be told", at(f.where))
	}
}

// httpOnlyFor are names of cookies that script must read: tokens against forged requests.
var httpOnlyFor = pattern.New(`(?i)csrf|xsrf`)

// named reads the name of a session cookie.
func (v *verdict) named(c *jsast.Call, options *jsast.Value, preset string) string {
	value := (*jsast.Value)(nil)
	for _, key := range []string{"name", "key"} {
		if p, ok := options.Prop(key); ok {
			value = p.Value
		}
	}
	switch {
	case value == nil && options.Open:
		v.doubt("the name of the cookie of %s could not be told", at(c.Pos))
		return "of the session"
	case value == nil || value.Kind == jsast.Undefined:
		v.find("cookies/default-name", preset, c.Pos, "the session cookie keeps its default name %s", preset)
		return preset
	case value.Kind != jsast.String:
		return "of the session"
	case value.Text == preset && preset != "session":
		v.find("cookies/default-name", preset, value.Pos, "the session cookie has the default name %s", preset)
	}
	return value.Text
}

func (v *verdict) expressSession(c *jsast.Call) {
	options := c.Arg(0)
	if options.Kind == jsast.Undefined {
		options = &jsast.Value{Kind: jsast.Object}
	}
	if options.Kind != jsast.Object {
		v.doubt("the options of express-session at %s could not be told", at(c.Pos))
		return
	}
	f := flags{options: &jsast.Value{Kind: jsast.Undefined}, where: c.Pos, session: true, name: v.named(c, options, "connect.sid")}
	cookie, ok := options.Prop("cookie")
	switch {
	case ok && cookie.Value.Kind == jsast.Object:
		f.options = cookie.Value
		if cookie.Pos.Line > 0 {
			f.where = cookie.Pos
		}
	case ok && cookie.Value.Kind == jsast.Function && cookie.Value.Func.Returned != nil && cookie.Value.Func.Returned.Kind == jsast.Object:
		f.options = cookie.Value.Func.Returned
		for _, key := range []string{"secure", "sameSite"} {
			if p, ok := f.options.Prop(key); ok && p.Value.Kind == jsast.String && p.Value.Text == "auto" {
				v.find("cookies/auto-in-function", f.name, p.Pos, "%s: 'auto' from a function is not resolved", key)
			}
		}
	case ok && cookie.Value.Kind != jsast.Undefined, !ok && options.Open:
		f.options = &jsast.Value{}
	}
	v.judgeFlags(f, false, true)
	if p, ok := options.Prop("secret"); ok {
		v.secret(p.Value, p.Pos, "express-session", f.name)
	}
	for _, o := range [][2]string{{"resave", "cookies/resave"}, {"saveUninitialized", "cookies/save-uninitialized"}} {
		key, rule := o[0], o[1]
		p, ok := options.Prop(key)
		where := c.Pos
		if ok {
			where = p.Pos
		}
		if !ok && !options.Open || ok && p.Value.Truth() == jsast.True {
			v.find(rule, f.name, where, "%s is not false", key)
		}
	}
}

func (v *verdict) cookieSession(c *jsast.Call) {
	options := c.Arg(0)
	if options.Kind != jsast.Object {
		v.doubt("the options of cookie-session at %s could not be told", at(c.Pos))
		return
	}
	if p, ok := options.Prop("cookie"); ok {
		v.find("cookies/nested-options", "cookie", p.Pos, "cookie-session ignores what stands in cookie")
	}
	f := flags{options: options, where: c.Pos, session: true, name: v.named(c, options, "session")}
	// Secure follows the connection, so it is there wherever it can be.
	v.judgeFlags(f, true, true)
	for _, key := range []string{"secret", "keys"} {
		if p, ok := options.Prop(key); ok {
			v.secret(p.Value, p.Pos, "cookie-session", f.name)
		}
	}
}

var sessionLike = pattern.New(`(?i)sess|(^|[^a-z])s?sid($|[^a-z])|auth|token|jwt|login|logged|remember|(^|[^a-z])sso($|[^a-z])`)

func (v *verdict) resCookie(c *jsast.Call) {
	name := c.Arg(0)
	if name.Kind != jsast.String {
		v.doubt("the name of the cookie that %s sets could not be told", at(c.Pos))
		return
	}
	options := c.Arg(2)
	if age, ok := options.Prop("maxAge"); ok {
		if n, known := age.Value.Int(); known && n <= 0 {
			return
		}
	}
	// The rules of sessions are for what lets its bearer in.
	session := sessionLike.Get().MatchString(name.Text) && !httpOnlyFor.Get().MatchString(name.Text)
	v.judgeFlags(flags{options: options, name: name.Text, where: c.Pos, session: session}, false, false)
}
