package source

import (
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// facts are what one handler does, as far as it has to do with forged requests.
type facts struct {
	// origin says that it looks at what tells a browser's requests apart, referer that
	// it looks at Referer alone, sent that it looks at a token that the page sent.
	origin, referer, sent bool
	// bearer says that it looks at Authorization, session that it looks at a session.
	bearer, session bool
	// cookies are those that it reads, in order; "?" is one whose name is not known.
	cookies []string
	// signs says that it makes a signature or a hash, or asks a package for tokens.
	signs bool
	// refuses says that it can end a request with an error, next that it hands requests
	// on, and gives that it gives next to something that is not of the folder.
	refuses, next, gives bool
	// protects says that it calls a known defence.
	protects yield
	// sessions says that it calls a package that keeps sessions.
	sessions *jsast.Value
	// writes says that it ends a session or changes a database; page that it shows a
	// page.
	writes, page bool
}

var (
	originHeader = pattern.New(`(?i)^(?:origin|sec-fetch-(?:site|mode|dest)|x-requested-with)$`)
	tokenHeader  = pattern.New(`(?i)csrf|xsrf`)
	tokenField   = pattern.New(`(?i)csrf|xsrf|^(?:authenticity|form|request_verification)_?token$`)
	refusal      = pattern.New(`(?i)forbid|unauthor|denied|bad_?request|\b40[013]\b`)
	writing      = pattern.New(`(?i)\.(?:delete(?:One|Many|_one|_many)?|destroy|remove|findBy\w+And(?:Delete|Remove|Update)|findOneAnd\w+|update(?:One|Many)?|save|insert\w*|create|upsert|unlink(?:Sync)?|log_?out)$`)
	// stateful are methods of what is no database.
	stateful = pattern.New(`^(?:@res|crypto|Object|document|console)\b`)
)

// factsOf reads what all handlers do.
func factsOf(p *jsast.Project) map[*jsast.Func]*facts {
	all := make(map[*jsast.Func]*facts)
	of := func(f *jsast.Func) *facts {
		x := all[f]
		if x == nil {
			x = &facts{refuses: f != nil && f.Throws}
			all[f] = x
		}
		return x
	}
	for _, r := range p.Reads {
		of(r.In).read(r)
	}
	for _, c := range p.Calls {
		of(c.In).call(c)
	}
	for _, s := range p.Sets {
		if n, ok := s.Value.Int(); strings.HasPrefix(s.Target, "@res") && strings.HasSuffix(s.Target, ".statusCode") && ok && n >= 400 {
			of(s.In).refuses = true
		}
		if strings.HasPrefix(s.Target, "@req.session") && s.Value.Truth() == jsast.False {
			of(s.In).writes = true
		}
	}
	return all
}

func (x *facts) read(r jsast.Read) {
	part, name, _ := strings.Cut(strings.TrimPrefix(r.Path, "@req."), ".")
	switch part {
	case "headers":
		x.header(name)
	case "cookies", "signedCookies":
		if name != "" && !strings.Contains(name, ".") {
			x.cookies = append(x.cookies, name)
		}
	case "body", "query":
		x.sent = x.sent || tokenField.Get().MatchString(name)
	case "session", "user", "isAuthenticated", "oidc":
		x.session = true
	}
}

func (x *facts) header(name string) {
	switch {
	case originHeader.Get().MatchString(name):
		x.origin = true
	case tokenHeader.Get().MatchString(name):
		x.sent = true
	case strings.EqualFold(name, "referer"), strings.EqualFold(name, "referrer"):
		x.referer = true
	case strings.EqualFold(name, "authorization"):
		x.bearer = true
	case strings.EqualFold(name, "cookie"):
		x.cookies = append(x.cookies, "?")
	}
}

func (x *facts) call(c *jsast.Call) {
	callee := plain(c.Callee)
	name := callee[strings.LastIndexByte(callee, '.')+1:]
	switch {
	case callee == "@req.get", callee == "@req.header":
		if h := c.Arg(0); h.Kind == jsast.String {
			x.header(h.Text)
		}
	case callee == "@next" && len(c.Args) == 0:
		x.next = true
	case callee == "@next":
		x.refuses = x.refuses || c.Arg(0).Kind != jsast.String
	case strings.HasPrefix(callee, "@res"):
		switch name {
		case "status", "sendStatus", "writeHead":
			for _, o := range c.Arg(0).Options() {
				n, known := o.Int()
				x.refuses = x.refuses || known && n >= 400 || !known && refusal.Get().MatchString(o.Text)
			}
		case "render", "sendFile", "sendfile":
			x.page = true
		}
	default:
		x.elsewhere(c, callee, name)
	}
	if writing.Get().MatchString(callee) && !stateful.Get().MatchString(callee) {
		x.writes = true
	}
}

// elsewhere notes a call of a package.
func (x *facts) elsewhere(c *jsast.Call, callee, name string) {
	if trimmed, ok := strings.CutSuffix(c.Callee, "()"); ok {
		// What a package's function made is called as a handler.
		made := &jsast.Value{Kind: jsast.Result, Text: trimmed}
		if y := guards(made); y != nothing {
			x.protect(y, c.Maybe)
		}
		if sessionPackage(made) != "" {
			x.sessions = made
		}
	} else if y := guards(&jsast.Value{Text: c.Callee}); y == on {
		x.protect(y, c.Maybe)
	}
	switch name {
	case "validateRequest", "isRequestValid":
		if tokenHeader.Get().MatchString(callee) {
			x.protect(on, false)
		}
	case "createHmac", "createHash", "verify", "verifyToken", "unsign":
		x.signs = true
	}
	for _, a := range c.Args {
		if a.Kind == jsast.Ref && a.Text == "@next" && name != "catch" && name != "then" {
			x.gives = true
		}
	}
}

func (x *facts) protect(y yield, maybe bool) {
	if maybe && y == on {
		y = unclear
	}
	if x.protects == nothing || y == on {
		x.protects = y
	}
}
