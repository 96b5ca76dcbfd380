package source

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// An app is the folder as all checks of the family see it.
type app struct {
	project *jsast.Project
	folder  fs.FS
	// roots are the applications that no other one uses.
	roots []*jsast.App
	// secrets are the texts that sign cookies.
	secrets []string
}

type appKey struct{}

// look reads the folder once for a session.
func look(s *check.Session) *app {
	return s.Shared(appKey{}, func() any {
		a := &app{project: &jsast.Project{}}
		if s.Folder == nil {
			return a
		}
		a.folder, a.project = s.Folder, jsast.Load(s.Folder)
		for _, x := range a.project.Apps {
			if !x.Router && !x.Mounted && len(x.Layers) > 0 {
				a.roots = append(a.roots, x)
			}
		}
		a.secrets = a.findSecrets()
		return a
	}).(*app)
}

// calls returns the calls of a package's function by one of its names.
func (a *app) calls(names ...string) []*jsast.Call {
	var all []*jsast.Call
	for _, c := range a.project.Calls {
		if slices.Contains(names, plain(c.Callee)) {
			all = append(all, c)
		}
	}
	return all
}

// plain is a callee without what modules of the two kinds add to each other's names.
func plain(callee string) string {
	if !strings.Contains(callee, ".default") {
		return callee
	}
	parts := strings.Split(callee, ".")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "default" }), ".")
}

// A step is one handler, in the order in which requests meet them.
type step struct {
	layer *jsast.Layer
	value *jsast.Value
	// within are the application and the routers that lead to it.
	within []*jsast.App
	// all says that it gets every request of its router: app.use without a path.
	all bool
	// top says that its router, if any, gets every request of the application.
	top bool
	// answers says that requests for something end here: the last handler of a route,
	// or files. A preflight is not for anything that a browser shows.
	answers bool
	maybe   bool
	// cut says that there are more handlers than are looked at.
	cut bool
}

// maxSteps bounds the walk: a router can be mounted many times in many routers.
const maxSteps = 5000

// steps lists the handlers of an application and of what it mounts.
func steps(root *jsast.App) []step {
	var all []step
	visits, cut := 0, false
	var walk func(a *jsast.App, within []*jsast.App, top, maybe bool)
	walk = func(a *jsast.App, within []*jsast.App, top, maybe bool) {
		if slices.Contains(within, a) || len(within) > 16 {
			return
		}
		within = append(slices.Clone(within), a)
		for i := range a.Layers {
			l := &a.Layers[i]
			anywhere := l.Method == "" && len(l.Paths) == 1 && (l.Paths[0] == "/" || l.Paths[0] == "")
			for n, h := range l.Handlers {
				if visits++; visits > 20*maxSteps || len(all) > maxSteps {
					// What is left is one handler that nobody knows.
					if !cut {
						cut = true
						all = append(all, step{layer: l, value: &jsast.Value{Text: "?"}, within: within, answers: true, cut: true})
					}
					return
				}
				for _, o := range h.Options() {
					unsure := maybe || l.Maybe || h.Kind == jsast.Choice
					if o.Kind == jsast.Application {
						walk(o.App, within, top && anywhere, unsure)
						continue
					}
					all = append(all, step{
						layer: l, value: o, within: within, all: anywhere, top: top, maybe: unsure,
						answers: l.Method != "" && l.Method != "OPTIONS" && n == len(l.Handlers)-1 || files(o),
					})
				}
			}
		}
	}
	walk(root, nil, true, false)
	return all
}

// covers says that requests which meet step j have met step i.
func covers(all []step, i, j int) bool {
	if j <= i {
		return false
	}
	own := all[i].within[len(all[i].within)-1]
	return all[i].layer == all[j].layer || all[i].all && slices.Contains(all[j].within, own)
}

func files(v *jsast.Value) bool {
	return v.Kind == jsast.Result && slices.Contains([]string{"express.static", "serve-static", "serve-index"}, plain(v.Text))
}

// harmless are packages that get an app and add nothing to what it answers.
var harmless = []string{
	"http.createServer", "https.createServer", "http2.createServer", "http2.createSecureServer", "http.Server", "https.Server",
	"spdy.createServer", "socket.io", "supertest", "serverless-http", "@vendia/serverless-express", "@codegenie/serverless-express",
	"express-list-endpoints", "console.log", "ws.Server", "ws.WebSocketServer", "http-terminator.createHttpTerminator",
}

// strangers says what of the application could not be followed, so that nothing about
// it can be called absent.
func (a *app) strangers(root *jsast.App, all []step) []string {
	var reasons []string
	for _, s := range a.project.Unseen() {
		if s.Line == 0 {
			reasons = append(reasons, s.File+" "+s.Reason)
		}
	}
	apps := []*jsast.App{root}
	for _, s := range all {
		for _, a := range s.within {
			if !slices.Contains(apps, a) {
				apps = append(apps, a)
			}
		}
	}
	for _, a := range apps {
		for _, g := range a.Given {
			if !slices.Contains(harmless, plain(g.Callee)) && !symbol.Get().MatchString(g.Callee) {
				reasons = append(reasons, at(g.Pos)+" gives the app to "+called(g.Callee)+", which may add to it")
			}
		}
		for _, p := range a.Unclear {
			reasons = append(reasons, at(p)+" calls a method of the app that is chosen at run time")
		}
	}
	for _, s := range all {
		if (s.layer.Method == "" || s.cut) && stranger(s.value) {
			reasons = append(reasons, at(s.layer.Pos)+" uses a handler that could not be followed")
		}
	}
	return reasons
}

// stranger says that a value came from nowhere that is known.
func stranger(v *jsast.Value) bool {
	return (v.Kind == jsast.Ref || v.Kind == jsast.Result) && (strings.HasPrefix(v.Text, "?") || symbol.Get().MatchString(v.Text))
}

// symbol is the path of what a handler is called with, which no package has.
var symbol = pattern.New(`^@(?:req|res|next|err)(?:$|[.(])`)

func called(callee string) string {
	if strings.HasPrefix(callee, "?") {
		return "something that could not be followed"
	}
	return callee
}

// A yield is what a value can be when asked for one thing.
type yield uint8

const (
	nothing yield = iota // it has nothing to do with it
	on
	off
	unclear
)

var guarding = pattern.New(`(?i)helmet|secur|header|csp|hsts|harden`)

// suspicious says that a package's name says that it may set security headers.
func suspicious(v *jsast.Value) bool {
	return (v.Kind == jsast.Ref || v.Kind == jsast.Result) && guarding.Get().MatchString(v.Text)
}

// headerCalls are the calls by which the source sets headers by hand, with the names.
func (a *app) headerCalls() map[*jsast.Call][]string {
	all := make(map[*jsast.Call][]string)
	for _, c := range a.project.Calls {
		if !strings.HasPrefix(c.Callee, "@res") {
			continue
		}
		var names []string
		switch c.Callee[strings.LastIndexByte(c.Callee, '.')+1:] {
		case "setHeader", "set", "header", "append", "writeHead", "setHeaders":
			for _, v := range c.Args {
				switch v.Kind {
				case jsast.String:
					if len(names) == 0 {
						names = append(names, v.Text)
					}
				case jsast.Object:
					for _, p := range v.Props {
						names = append(names, p.Name)
					}
				}
			}
		case "removeHeader":
			if n := c.Arg(0); n.Kind == jsast.String && strings.EqualFold(n.Text, "X-Powered-By") {
				names = append(names, n.Text)
			}
		}
		if len(names) > 0 {
			all[c] = names
		}
	}
	return all
}

// hands says whether a function hands requests on: by next() without an error, or by
// giving next away. Sure says that it does so in every case.
func (a *app) hands(f *jsast.Func) (hands, sure bool) {
	for _, c := range a.project.Calls {
		if c.In != f {
			continue
		}
		if c.Callee == "@next" {
			if len(c.Args) == 0 {
				hands, sure = true, sure || !c.Maybe
			}
			continue
		}
		name := c.Callee[strings.LastIndexByte(c.Callee, '.')+1:]
		for _, v := range c.Args {
			if v.Kind == jsast.Ref && v.Text == "@next" && name != "catch" && name != "then" {
				hands = true
			}
		}
	}
	return hands, sure
}
