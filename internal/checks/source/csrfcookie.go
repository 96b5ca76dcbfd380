package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// The values of SameSite, weakest first.
const (
	anySite = iota
	lax
	strict
)

// A credential is what a browser adds by itself and that lets somebody in.
type credential struct {
	// what names it for a sentence.
	what     string
	sameSite int
	// firm says that it is recognised by its name.
	firm bool
	// readers are the places of the handlers on the way that look at it.
	readers []int
}

// sessionPackage is the name of the package that keeps a session in or behind a cookie,
// if the value is its handler.
func sessionPackage(v *jsast.Value) string {
	if v.Kind != jsast.Result {
		return ""
	}
	switch text := plain(v.Text); text {
	case "express-session", "cookie-session", "client-sessions":
		return text
	case "express-openid-connect.auth":
		return "express-openid-connect"
	}
	return ""
}

func (c *forgery) credentials(all []stop) []credential {
	var creds []credential
	for i := range all {
		name, options := sessionPackage(all[i].value), all[i].value
		for _, f := range funcsOf(all[i].value) {
			if x := c.facts[f]; name == "" && x != nil && x.sessions != nil {
				name, options = sessionPackage(x.sessions), x.sessions
			}
		}
		if name != "" {
			creds = append(creds, credential{what: "the cookie of " + name, sameSite: c.sessionSite(name, options), readers: []int{i}})
		}
	}
	if len(creds) == 0 {
		for _, call := range c.app.calls("express-session", "cookie-session", "client-sessions") {
			// How it gets onto the way was not seen.
			c.doubt("where the session of %s is used could not be told", at(call.Pos))
		}
	}
	return append(creds, c.cookies(all)...)
}

// sessionSite is the SameSite of a session's cookie.
func (c *forgery) sessionSite(name string, handler *jsast.Value) int {
	options := arg(handler, 0)
	if len(handler.List) == 0 {
		for _, call := range c.app.calls(name) {
			options = call.Arg(0)
		}
	}
	switch name {
	case "express-session":
		p, ok := options.Prop("cookie")
		if !ok {
			return anySite
		}
		options = p.Value
		if options.Kind == jsast.Function && options.Func.Returned != nil {
			options = options.Func.Returned
		}
	case "express-openid-connect":
		return lax
	}
	return siteOf(options)
}

func siteOf(options *jsast.Value) int {
	p, ok := options.Prop("sameSite")
	switch {
	case !ok:
	case p.Value.Kind == jsast.String && strings.EqualFold(p.Value.Text, "strict"), p.Value.Kind == jsast.Bool && p.Value.Text == "true":
		return strict
	case p.Value.Kind == jsast.String && strings.EqualFold(p.Value.Text, "lax"):
		return lax
	}
	return anySite
}

var (
	userCookie = pattern.New(`(?i)^(?:user|uid|account|member|admin)(?:_?id|_?name)?$`)
	// renewing are cookies that only one route looks at, to give a new token out.
	renewing = pattern.New(`(?i)refresh|renew`)
)

func letsIn(name string) bool {
	return (sessionLike.Get().MatchString(name) || userCookie.Get().MatchString(name)) && !httpOnlyFor.Get().MatchString(name)
}

// maxCookies bounds the credentials of an app, and the handlers that look at one.
const maxCookies, maxReaders = 30, 300

// cookies are credentials that the app reads by itself.
func (c *forgery) cookies(all []stop) []credential {
	set, order := c.setCookies()
	var names []string
	readers := make(map[string][]int)
	note := func(name string, i int) {
		if readers[name] == nil {
			names = append(names, name)
		}
		if n := len(readers[name]); n < maxReaders && (n == 0 || readers[name][n-1] != i) {
			readers[name] = append(readers[name], i)
		}
	}
	outside := c.facts[nil]
	for i := range all {
		for _, f := range funcsOf(all[i].value) {
			x := c.facts[f]
			if x == nil {
				continue
			}
			for _, name := range x.cookies {
				if letsIn(name) && (x.refuses || set[name] != nil) && !(renewing.Get().MatchString(name) && all[i].last) {
					note(name, i)
				}
			}
		}
		// Passport is told outside of handlers where its token is.
		if outside != nil && authenticates(all[i].value) {
			for _, name := range outside.cookies {
				if letsIn(name) {
					note(name, i)
				}
			}
		}
	}
	for _, name := range order {
		if readers[name] != nil || !letsIn(name) || renewing.Get().MatchString(name) {
			continue
		}
		// Its name may be made at run time, or the header be taken apart by a package.
		any := false
		for i := range all {
			for _, f := range funcsOf(all[i].value) {
				if x := c.facts[f]; x != nil && slices.Contains(x.cookies, "?") {
					any = true
					note(name, i)
				}
			}
		}
		if !any {
			c.doubt("who looks at the cookie %s of %s could not be told", name, at(set[name].Pos))
		}
	}
	var creds []credential
	for _, name := range names[:min(len(names), maxCookies)] {
		site := anySite
		if call := set[name]; call != nil {
			site = siteOf(call.Arg(2))
		}
		creds = append(creds, credential{what: "the cookie " + name, sameSite: site, firm: true, readers: readers[name]})
	}
	return creds
}

// setCookies are the cookies that res.cookie sets, by name and in order; those that are
// taken away are none.
func (c *forgery) setCookies() (set map[string]*jsast.Call, order []string) {
	set = make(map[string]*jsast.Call)
	for _, call := range c.app.project.Calls {
		if !strings.HasPrefix(call.Callee, "@res.") || !strings.HasSuffix(call.Callee, ".cookie") || len(call.Args) < 2 || call.Arg(0).Kind != jsast.String {
			continue
		}
		if p, ok := call.Arg(2).Prop("maxAge"); ok {
			if n, known := p.Value.Int(); known && n <= 0 {
				continue
			}
		}
		if name := call.Arg(0).Text; set[name] == nil {
			set[name] = call
			order = append(order, name)
		}
	}
	return set, order
}

// credential is what a route goes by, if anything that a browser adds: of several the
// first.
func (c *forgery) credential(all []stop, creds []credential, j int) (by credential, ok bool) {
	for _, k := range creds {
		for _, i := range k.readers {
			if i <= j && all[i].before(&all[j]) {
				return k, true
			}
		}
	}
	return credential{}, false
}

// authenticates says that passport asks for what the browser has; a name and a password
// are what it has not.
func authenticates(v *jsast.Value) bool {
	return v.Kind == jsast.Result && plain(v.Text) == "passport.authenticate" && arg(v, 0).Text != "local"
}

// withoutCookies judges an app of which no cookie lets anybody in.
func (c *forgery) withoutCookies(root *jsast.App, all []stop, held int) {
	bearer := ""
	if len(c.tokens) > 0 {
		bearer = at(all[c.tokens[0]].layer.Pos)
	}
	switch {
	case held > 0:
		c.prove("routes that change something, all behind a defence: %d", held)
	case bearer != "":
		c.prove("%s asks for a token in a header, and no cookie lets anybody in", bearer)
	default:
		c.doubt("the app of %s logs nobody in by a way that is known", at(root.Pos))
	}
	if reasons := c.app.strangers(root, steps(root)); len(reasons) > 0 && held == 0 {
		for _, r := range reasons {
			c.doubt("%s", r)
		}
	}
}
