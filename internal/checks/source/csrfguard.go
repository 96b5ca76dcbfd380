package source

import (
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// tokenPackages are packages whose result asks every request for a token.
var tokenPackages = map[string]bool{"csurf": true, "@dr.pogodin/csurf": true, "tiny-csrf": true, "lusca.csrf": true}

var (
	// defence are names of what may well be a defence.
	defence = pattern.New(`(?i)csrf|csurf|xsrf|forger|fetch-?metadata|same-?origin`)
	// makers give tokens out and look at none.
	makers = pattern.New(`(?i)\.(?:generate|create|get|make|issue)\w*$`)
)

// guards says whether a value is a handler that refuses forged requests. It knows
// packages; what the folder makes itself, facts tell.
func guards(v *jsast.Value) yield {
	if v.Kind != jsast.Result && v.Kind != jsast.Ref || symbol.Get().MatchString(v.Text) {
		return nothing
	}
	text := plain(v.Text)
	switch {
	case v.Kind == jsast.Result && tokenPackages[text]:
		return on
	case v.Kind == jsast.Result && text == "lusca":
		p, ok := arg(v, 0).Prop("csrf")
		switch {
		case ok && p.Value.Truth() == jsast.True:
			return on
		case ok && p.Value.Truth() == jsast.False, !ok && arg(v, 0).Kind == jsast.Object && !arg(v, 0).Open, arg(v, 0).Kind == jsast.Undefined:
			return nothing
		}
		return unclear
	case text == "csrf-csrf.doubleCsrf().doubleCsrfProtection", text == "csrf-sync.csrfSync().csrfSynchronisedProtection":
		return on
	case makers.Get().MatchString(text):
		return nothing
	case defence.Get().MatchString(text):
		return unclear
	}
	return nothing
}

// own says whether a function of the folder refuses forged requests. The last handler
// of a route looks at much for other reasons.
func (c *forgery) own(f *jsast.Func, last bool) yield {
	x := c.facts[f]
	if x == nil || f.Params == 4 {
		return nothing
	}
	switch {
	case x.protects == on && x.next, x.protects == unclear:
		// It lets some requests past its defence, and which cannot be told.
		return unclear
	case x.protects == on:
		return on
	case x.refuses && (x.origin || x.sent):
		return on
	case last:
		return nothing
	case x.refuses && x.referer, defence.Get().MatchString(f.Name) && (x.refuses || x.gives):
		return unclear
	}
	return nothing
}

// guard judges one handler on the way of a request.
func (c *forgery) guard(s *stop) yield {
	y := guards(s.value)
	for _, f := range funcsOf(s.value) {
		if y == nothing {
			y = c.own(f, s.last)
		}
	}
	if y == on && (s.maybe || s.unknown) {
		y = unclear
	}
	return y
}

// funcsOf are the functions of the folder that a handler is, or that a package wraps.
func funcsOf(v *jsast.Value) []*jsast.Func {
	var all []*jsast.Func
	switch v.Kind {
	case jsast.Function:
		all = append(all, v.Func)
	case jsast.Result:
		for _, a := range v.List {
			if a.Kind == jsast.Function {
				all = append(all, a.Func)
			}
		}
	}
	return all
}

var bearers = pattern.New(`(?i)bearer|jwt|api-?key|token`)

// headed says that a handler lets in only those who show a token in a header, which no
// other site can have a browser send.
func (c *forgery) headed(s *stop) bool {
	if s.maybe || s.unknown {
		return false
	}
	text := plain(s.value.Text)
	switch {
	case s.value.Kind == jsast.Result && text == "passport.authenticate":
		name := arg(s.value, 0)
		return name.Kind == jsast.String && bearers.Get().MatchString(name.Text) && !c.anywhere()
	case s.value.Kind == jsast.Result && (text == "express-jwt" || text == "express-jwt.expressjwt" || text == "express-jwt.jwt"):
		_, other := arg(s.value, 0).Prop("getToken")
		return !other && !arg(s.value, 0).Open
	case s.value.Kind == jsast.Result && (text == "express-oauth2-jwt-bearer.auth" || text == "express-bearer-token"):
		return true
	}
	for _, f := range funcsOf(s.value) {
		if x := c.facts[f]; x != nil && x.bearer && x.refuses && !x.session && len(x.cookies) == 0 {
			return true
		}
	}
	return false
}

// anywhere says that a cookie is read outside of handlers, as where passport is told
// where its token is.
func (c *forgery) anywhere() bool {
	x := c.facts[nil]
	return x != nil && len(x.cookies) > 0
}
