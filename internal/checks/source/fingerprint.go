package source

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

var fingerprintRules = wire.Rules("fingerprint/banner", "fingerprint/default-page")

var fingerprintCheck = check.Check{
	ID: "fingerprint-source", Practice: "fingerprint", Title: "The code switches off the banner and has its own page for what is missing",
	Why:      "A banner tells an attacker which exploits to try first.",
	Severity: check.Low, Needs: check.Source, Rules: fingerprintRules, Run: running(fingerprintRules, judgeFingerprint),
	Bad:  "const app = express()\napp.get('/', home)",
	Good: "const app = express()\napp.disable('x-powered-by')\napp.get('/', home)\napp.use((req, res) => res.status(404).send('Not found'))",
}

func judgeFingerprint(v *verdict) {
	for _, root := range v.app.roots {
		all := steps(root)
		reasons := v.app.strangers(root, all)
		v.banner(root, all, reasons)
		for _, s := range all {
			// Every application writes the banner again, also one inside another.
			for _, a := range s.within[1:] {
				if !a.Router {
					v.banner(a, slices.DeleteFunc(slices.Clone(all), func(t step) bool { return !slices.Contains(t.within, a) }), reasons)
				}
			}
		}
		v.missing(root, all, reasons)
	}
}

// banner judges X-Powered-By of one application.
func (v *verdict) banner(a *jsast.App, all []step, reasons []string) {
	setting := on
	var where jsast.Pos
	for _, c := range v.app.project.Calls {
		if c.App != a || c.Arg(0).Kind != jsast.String || !strings.EqualFold(c.Arg(0).Text, "x-powered-by") || len(c.Args) == 0 {
			continue
		}
		was := setting
		switch c.Callee[strings.LastIndexByte(c.Callee, '.')+1:] {
		case "disable":
			setting, where = off, c.Pos
		case "enable":
			setting, where = on, c.Pos
		case "set":
			if len(c.Args) < 2 {
				continue
			}
			where = c.Pos
			switch c.Arg(1).Truth() {
			case jsast.True:
				setting = on
			case jsast.False:
				setting = off
			default:
				setting = unclear
			}
		}
		if c.Maybe && setting != was {
			setting = unclear
		}
	}
	switch setting {
	case off:
		v.prove("%s switches X-Powered-By off", at(where))
		return
	case unclear:
		v.doubt("whether %s switches X-Powered-By off could not be told", at(where))
		return
	}
	for _, g := range v.givers(all, poweredBy) {
		inner := g.index >= 0 && slices.Contains(all[g.index].within, a) && all[g.index].all
		switch {
		case g.yield == on && inner && !slices.ContainsFunc(all[:g.index], func(s step) bool { return s.answers }):
			v.prove("%s takes X-Powered-By away", at(g.at))
			return
		case g.yield == unclear || g.yield == on && g.index < 0:
			v.doubt("whether %s takes X-Powered-By away could not be told", at(g.at))
			return
		}
	}
	for _, s := range all {
		if s.all && suspicious(s.value) && !helpful(s.value) {
			reasons = append(reasons, at(s.layer.Pos)+" uses "+s.value.Text+", which may take the banner away")
		}
	}
	if len(reasons) > 0 {
		for _, r := range reasons {
			v.doubt("%s", r)
		}
		return
	}
	v.find("fingerprint/banner", "X-Powered-By", a.Pos, "X-Powered-By: Express is sent with every answer")
}

// everything matches the paths that catch all requests, in the syntax of Express 4
// and 5.
var everything = pattern.New(`^(?:\*|/\*|\(\.\*\)|/?\*\w+|/?\{\*\w+\})$`)

// missing looks for what answers when no route did: a handler behind the routes, or one
// before some of them that hands nothing on.
func (v *verdict) missing(root *jsast.App, all []step, reasons []string) {
	last := -1
	for i, s := range all {
		if s.answers && !catchAll(s) {
			last = i
		}
	}
	for i, s := range all {
		if !s.top || !s.all && !catchAll(s) {
			if i > last && s.layer.Unknown > 0 {
				reasons = append(reasons, at(s.layer.Pos)+" answers a pattern that was not read")
			}
			continue
		}
		switch {
		case s.value.Kind == jsast.Function && s.value.Func.Params != 4 && !s.maybe:
			hands, sure := v.app.hands(s.value.Func)
			if catchAll(s) || !hands || i > last && !sure {
				v.prove("%s answers what no route does", at(s.layer.Pos))
				return
			}
		case s.value.Kind == jsast.Function, i <= last:
		case !passes(s.value):
			reasons = append(reasons, "whether "+at(s.layer.Pos)+" answers what no route does could not be told")
		}
	}
	if len(reasons) > 0 {
		for _, r := range reasons {
			v.doubt("%s", r)
		}
		return
	}
	v.find("fingerprint/default-page", "Express", root.Pos, "nothing answers what no route does, so Express does with its own page")
}

func catchAll(s step) bool {
	return s.layer.Method != "" && slices.ContainsFunc(s.layer.Paths, func(p string) bool { return everything.Get().MatchString(p) })
}

// passing are packages whose middleware hands every request on.
var passing = []string{
	"helmet", "cors", "morgan", "compression", "cookie-parser", "body-parser", "express-session", "cookie-session", "csurf",
	"express-rate-limit", "rate-limiter-flexible", "multer", "passport", "method-override", "serve-favicon", "hpp", "lusca",
	"connect-flash", "express-flash", "response-time", "express-ejs-layouts", "pino-http", "express-winston", "i18n", "express-fileupload",
	"express-mongo-sanitize", "xss-clean", "cookie-encrypter", "csrf-csrf", "csrf-sync", "serve-static", "serve-index", "express-useragent",
	"hsts", "frameguard", "hide-powered-by", "dont-sniff-mimetype", "referrer-policy", "helmet-csp", "rotating-file-stream", "express-slow-down",
}

// passes says that the handler comes from a package that answers nothing by itself.
func passes(v *jsast.Value) bool {
	if v.Kind != jsast.Result && v.Kind != jsast.Ref {
		return false
	}
	name, _, _ := strings.Cut(v.Text, "(")
	name = plain(name)
	if slices.Contains([]string{"express.json", "express.urlencoded", "express.text", "express.raw", "express.static", "express.query"}, name) {
		return true
	}
	return slices.ContainsFunc(passing, func(p string) bool { return name == p || strings.HasPrefix(name, p+".") })
}
