package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
	"github.com/panoplysec/panoply/internal/jsast"
)

var errorsRules = slices.Concat(wire.Rules("errors/default-page", "errors/stack-trace"), check.Rules{
	{ID: "errors/handler-early", Title: "the error handler stands before routes, so it never sees their errors", Severity: check.Medium, CWE: 755, ASVS: []string{"16.5.4"},
		Bad:  "app.use((err, req, res, next) => res.status(500).end())\napp.get('/', home)",
		Good: "app.get('/', home)\napp.use((err, req, res, next) => res.status(500).end())",
		Fix: check.Fix{
			Express: "move the handler with four parameters below every route and router",
			Go:      "panoply.New wraps the whole handler, so order does not matter",
			Door:    "on by default: the door replaces pages that show the inside",
		}},
	{ID: "errors/errorhandler", Title: "the package errorhandler shows stacks in production", Severity: check.High, CWE: 489, ASVS: []string{"13.4.2"},
		Why:  "errorhandler is made for development: it sends the whole stack to whoever asked.",
		Bad:  "app.use(require('errorhandler')())",
		Good: "if (app.get('env') === 'development') app.use(require('errorhandler')())",
		Fix: check.Fix{
			Express: "if (app.get('env') === 'development') app.use(errorhandler())",
			Go:      "p, err := panoply.New(panoply.Options{}) recovers and answers with its own page",
			Door:    "on by default: the door replaces pages that show a stack",
		}},
	{ID: "errors/development", Title: "the app is started as in development", Severity: check.Medium, CWE: 489, ASVS: []string{"13.4.2"},
		Why:  "Without NODE_ENV=production Express shows stacks to visitors and caches no views.",
		Bad:  `"start": "NODE_ENV=development node app.js"`,
		Good: `"start": "NODE_ENV=production node app.js"`,
		Fix: check.Fix{
			Express: "NODE_ENV=production where the process starts: unit file, Dockerfile or start script",
			Go:      "none needed: Go programs have no such mode",
			Door:    "errors are replaced by default; the mode itself is the app's",
		}},
})

var errorsCheck = check.Check{
	ID: "errors-source", Practice: "errors", Title: "The code handles errors itself and sends nothing of the inside",
	Why:      "A stack trace shows file paths, module versions and sometimes secrets.",
	Severity: check.Medium, Needs: check.Source, Rules: errorsRules, Run: running(errorsRules, judgeErrors),
	Bad:  "app.use((err, req, res, next) => res.status(500).send(err.stack))",
	Good: "app.use((err, req, res, next) => { log(err); res.status(500).send('Something broke') })",
}

func judgeErrors(v *verdict) {
	for _, root := range v.app.roots {
		all := steps(root)
		v.handler(root, all, v.app.strangers(root, all))
	}
	v.stacks()
	v.environment()
}

// handler looks for a handler of errors behind the last route.
func (v *verdict) handler(root *jsast.App, all []step, reasons []string) {
	if !slices.ContainsFunc(all, func(s step) bool { return s.answers }) {
		v.doubt("%s makes an app whose routes were not found", at(root.Pos))
		return
	}
	last := -1
	for i, s := range all {
		// What catches all requests ends them too, and fails seldom.
		if s.answers && !catchAll(s) && !files(s.value) {
			last = i
		}
	}
	early := -1
	for i, s := range all {
		handles := s.value.Kind == jsast.Function && s.value.Func.Params == 4 && s.layer.Method == ""
		switch {
		case plain(s.value.Text) == "errorhandler" && s.value.Kind == jsast.Result:
			if s.maybe {
				v.doubt("whether %s uses errorhandler in production could not be told", at(s.layer.Pos))
			} else {
				v.find("errors/errorhandler", "errorhandler", s.layer.Pos, "errorhandler is used in production too")
			}
			return
		case handles && i > last && s.all && s.top && !s.maybe:
			v.prove("%s handles errors behind the routes", at(s.layer.Pos))
			return
		case handles && i > last:
			reasons = append(reasons, "whether "+at(s.layer.Pos)+" gets the errors of all routes could not be told")
		case handles && s.all && s.top:
			early = i
		case i > last && s.layer.Method == "" && s.value.Kind != jsast.Function && !passes(s.value):
			reasons = append(reasons, "whether "+at(s.layer.Pos)+" handles errors could not be told")
		}
	}
	switch {
	case len(reasons) > 0:
		for _, r := range reasons {
			v.doubt("%s", r)
		}
	case early >= 0:
		v.find("errors/handler-early", "error handler", all[early].layer.Pos, "the error handler stands before %s, whose errors it never sees", at(all[last].layer.Pos))
	default:
		v.find("errors/default-page", "Express", root.Pos, "the app has no error handler behind its routes, so Express answers with its own page")
	}
}

// stacks looks for answers that hold the stack of an error.
func (v *verdict) stacks() {
	sent := 0
	for _, c := range v.app.project.Calls {
		if !strings.HasPrefix(c.Callee, "@res") {
			continue
		}
		switch c.Callee[strings.LastIndexByte(c.Callee, '.')+1:] {
		case "send", "json", "jsonp", "end", "write", "render", "format":
		default:
			continue
		}
		sent++
		for _, a := range c.Args {
			if a.Mentions("@err.stack") {
				v.find("errors/stack-trace", "Node.js", c.Pos, "the stack of an error is sent to the client")
			}
		}
	}
	v.prove("none of %d answers holds a stack", sent)
}
