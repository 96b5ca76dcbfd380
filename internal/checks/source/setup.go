package source

import (
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A Setup is what an app sets up, for who writes a configuration of what stands in front
// of it. It holds what was seen for sure, and judges nothing.
type Setup struct {
	// Sessions are the cookies that hold sessions, Scripts those that scripts must read.
	Sessions, Scripts []Named
	// CSRF are the packages against forged requests.
	CSRF []Named
	// Logins, Resets and Logouts are routes.
	Logins, Resets, Logouts []Credentials
	// TrustProxy is what the app was told about its proxy; nil when nothing was.
	TrustProxy *Named
	// Listens are the places that listen.
	Listens []Listen
	// Helmet are the calls of helmet and of its parts, such as "helmet.hsts".
	Helmet []*jsast.Call
	// Pages, JSON and Files are places that answer with rendered pages, with JSON, and
	// with a file or a folder of them.
	Pages, JSON, Files []jsast.Pos
}

// Named is a name and where it stands.
type Named struct {
	Name string
	Pos  jsast.Pos
}

// Credentials is a route that takes or ends credentials.
type Credentials struct {
	Method, Path string
	// Fields are those of the body that its handlers ask for, sorted.
	Fields []string
	Pos    jsast.Pos
}

// A Listen is a call of listen.
type Listen struct {
	// Host is empty for every address.
	Host string
	// Port is 0 where it could not be told; Fallback says that process.env.PORT wins.
	Port     int
	Fallback bool
	Pos      jsast.Pos
}

// SetupOf reads what a project sets up.
func SetupOf(p *jsast.Project) *Setup {
	s := &Setup{}
	for _, c := range p.Calls {
		s.call(c)
	}
	s.routes(p)
	return s
}

func (s *Setup) call(c *jsast.Call) {
	name := plain(c.Callee)
	switch {
	case name == "express-session":
		s.session(c, "connect.sid")
	case name == "cookie-session":
		s.session(c, "session")
	case name == "helmet", strings.HasPrefix(name, "helmet.") && !strings.Contains(name, "("):
		s.Helmet = append(s.Helmet, c)
	case slices.Contains(csrfPackages, name):
		s.CSRF = append(s.CSRF, Named{strings.SplitN(name, ".", 2)[0], c.Pos})
	case strings.HasPrefix(name, "@res"):
		s.answer(c, name[strings.LastIndexByte(name, '.')+1:])
	case strings.HasSuffix(name, ".listen") && !strings.HasPrefix(name, "@"):
		s.listen(c)
	case name == "express().set" && c.Arg(0).Text == "trust proxy", name == "express().enable" && c.Arg(0).Text == "trust proxy":
		value := "?"
		if v := c.Arg(1); v.Known() && v.Kind != jsast.Undefined {
			value = v.Text
		}
		if strings.HasSuffix(name, "enable") {
			value = "true"
		}
		s.TrustProxy = &Named{value, c.Pos}
	case name == "express.static", name == "serve-static":
		s.Files = append(s.Files, c.Pos)
	}
}

// csrfPackages are the packages against forged requests, by what is called of them.
var csrfPackages = []string{"csurf", "@dr.pogodin/csurf", "csrf-csrf.doubleCsrf", "csrf-sync.csrfSync", "tiny-csrf", "lusca.csrf"}

func (s *Setup) session(c *jsast.Call, preset string) {
	name := preset
	for _, key := range []string{"name", "key"} {
		p, ok := c.Arg(0).Prop(key)
		if !ok || p.Value.Kind == jsast.Undefined {
			continue
		}
		if p.Value.Kind != jsast.String {
			return
		}
		name = p.Value.Text
	}
	if c.Arg(0).Kind == jsast.Object && c.Arg(0).Open && name == preset || c.Arg(0).Kind == jsast.Ref {
		return
	}
	s.Sessions = append(s.Sessions, Named{name, c.Pos})
}

func (s *Setup) answer(c *jsast.Call, method string) {
	switch method {
	case "render":
		s.Pages = append(s.Pages, c.Pos)
	case "json", "jsonp":
		s.JSON = append(s.JSON, c.Pos)
	case "sendFile", "sendfile":
		s.Files = append(s.Files, c.Pos)
	case "cookie":
		name, options := c.Arg(0), c.Arg(2)
		if name.Kind != jsast.String || len(c.Args) < 2 {
			return
		}
		hidden, ok := options.Prop("httpOnly")
		readable := options.Kind != jsast.Ref && (!ok && !options.Open || ok && hidden.Value.Truth() == jsast.False)
		switch token := httpOnlyFor.Get().MatchString(name.Text); {
		case token && readable:
			s.Scripts = append(s.Scripts, Named{name.Text, c.Pos})
		case !token && sessionLike.Get().MatchString(name.Text):
			s.Sessions = append(s.Sessions, Named{name.Text, c.Pos})
		}
	}
}

func (s *Setup) listen(c *jsast.Call) {
	l := Listen{Pos: c.Pos}
	port := c.Arg(0)
	if port.Kind == jsast.Object {
		p, ok := port.Prop("port")
		if !ok {
			return
		}
		port = p.Value
	}
	for _, o := range port.Options() {
		switch {
		case o.Kind == jsast.Number || o.Kind == jsast.String:
			if n, err := strconv.Atoi(o.Text); err == nil && n > 0 && n <= 65535 && l.Port == 0 {
				l.Port = n
			}
		case o.Mentions("process.env"):
			l.Fallback = true
		}
	}
	if host, known := hostOf(c.Args); known && !strings.HasPrefix(host, "the socket ") {
		l.Host = host
	}
	s.Listens = append(s.Listens, l)
}

var resetPath = pattern.New(`(?i)(?:^|[/_-])(?:forgot(?:ten)?|reset|recover(?:y)?)(?:$|[/_-]|-?password|-?account)`)

// routes finds those that take or end credentials.
func (s *Setup) routes(p *jsast.Project) {
	layers := make(map[jsast.Pos]*jsast.Layer)
	for _, a := range p.Apps {
		for i := range a.Layers {
			at := a.Layers[i].Pos
			at.Column = 0
			layers[at] = &a.Layers[i]
		}
	}
	table, _ := p.Routes()
	for _, r := range table {
		if _, ok := jsast.Sample(r.Path); !ok || strings.ContainsAny(r.Path, ":*{ ?#") {
			continue
		}
		at := jsast.Pos{File: r.File, Line: r.Line}
		one := Credentials{Method: r.Method, Path: r.Path, Pos: at}
		if l := layers[at]; l != nil {
			one.Fields = fieldsOf(p, handlersOf(l))
		}
		takes := r.Method == "POST" || r.Method == "PUT" || r.Method == "ALL"
		switch {
		case r.Method == "USE" || r.Method == "STATIC":
		case logoutPath.Get().MatchString(r.Path):
			s.Logouts = append(s.Logouts, one)
		case takes && resetPath.Get().MatchString(r.Path):
			s.Resets = append(s.Resets, one)
		case takes && loginPath.Get().MatchString(r.Path):
			s.Logins = append(s.Logins, one)
		}
	}
}

// fieldsOf are the fields of the body that functions ask for.
func fieldsOf(p *jsast.Project, in []*jsast.Func) []string {
	var fields []string
	for _, r := range p.Reads {
		name, ok := strings.CutPrefix(r.Path, "@req.body.")
		if ok && slices.Contains(in, r.In) && name != "" && !strings.ContainsAny(name, ".?") {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
