package source

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
	"github.com/panoplysec/panoply/internal/jsast"
)

var headersRules = slices.Concat(wire.Rules(
	"headers/csp-absent", "headers/nosniff", "headers/framing", "headers/hsts-absent", "headers/referrer-absent",
	"headers/referrer-unsafe", "headers/hsts-short", "headers/csp-script", "headers/csp-eval",
), check.Rules{
	{ID: "headers/late", Title: "helmet is used after what it should protect", Severity: check.Medium, CWE: 693, ASVS: []string{"3.4.3", "3.4.4"},
		Why:  "Express runs middleware in order: a route that is registered first answers without the headers.",
		Bad:  "app.get('/', home)\napp.use(helmet())",
		Good: "app.use(helmet())\napp.get('/', home)",
		Fix: check.Fix{
			Express: "move app.use(helmet()) above every route, router and express.static",
			Go:      "handler = g.Handler(mux): a guard around the mux covers every route",
			Door:    "on by default: the door adds the headers to every answer",
		}},
})

var headersCheck = check.Check{
	ID: "headers-source", Practice: "headers", Title: "The code sends the headers that defend its pages, before any route",
	Why:      "A few response headers switch on the browser's own defences against framing, sniffing and injected script.",
	Severity: check.Medium, Needs: check.Source, Rules: headersRules, Run: running(headersRules, judgeHeaders),
	Bad:  "const app = express()\napp.get('/', home)",
	Good: "const app = express()\napp.use(helmet())\napp.get('/', home)",
}

func judgeHeaders(v *verdict) {
	for _, root := range v.app.roots {
		all := steps(root)
		if !slices.ContainsFunc(all, func(s step) bool { return s.answers }) {
			v.doubt("%s makes an app whose routes were not found", at(root.Pos))
			continue
		}
		reasons := v.app.strangers(root, all)
		for _, s := range all {
			if s.all && suspicious(s.value) && !helpful(s.value) {
				reasons = append(reasons, at(s.layer.Pos)+" uses "+s.value.Text+", which may send headers")
			}
		}
		for _, h := range guarded {
			v.header(root, all, h, reasons)
		}
		for _, s := range all {
			v.details(s.value)
		}
	}
}

func helpful(v *jsast.Value) bool {
	return slices.ContainsFunc(append(guarded, poweredBy), func(h header) bool { y, _ := gift(v, h); return y != nothing })
}

// A source of a header is a step that sends it, or says that it does not.
type giver struct {
	index int
	yield yield
	at    jsast.Pos
}

// givers are the steps that have to do with the header.
func (v *verdict) givers(all []step, h header) []giver {
	var givers []giver
	for i, s := range all {
		if y, where := gift(s.value, h); y != nothing {
			if s.maybe && y == on {
				y = unclear
			}
			if where.Line == 0 {
				where = s.layer.Pos
			}
			givers = append(givers, giver{i, y, where})
		}
	}
	for c, names := range v.app.headerCalls() {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, h.name) }) {
			continue
		}
		g := giver{-1, unclear, c.Pos}
		for i, s := range all {
			if s.value.Kind == jsast.Function && s.value.Func == c.In && s.layer.Method == "" {
				g.index = i
				if s.all && !c.Maybe && !s.maybe {
					g.yield = on
				}
			}
		}
		givers = append(givers, g)
	}
	slices.SortFunc(givers, func(a, b giver) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.at.File, b.at.File), cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	return givers
}

// header judges one header of one application.
func (v *verdict) header(root *jsast.App, all []step, h header, reasons []string) {
	givers := v.givers(all, h)
	bare, late, doubtful := -1, -1, false
	for j, s := range all {
		if !s.answers {
			continue
		}
		held, perhaps := false, false
		for _, g := range givers {
			held = held || g.yield == on && covers(all, g.index, j)
			perhaps = perhaps || g.yield == unclear && (g.index < 0 || covers(all, g.index, j))
		}
		doubtful = doubtful || !held && perhaps
		if held || perhaps {
			continue
		}
		later := slices.IndexFunc(givers, func(g giver) bool {
			return g.yield == on && g.index > j && all[g.index].all && slices.Contains(s.within, all[g.index].within[len(all[g.index].within)-1])
		})
		switch {
		case later >= 0:
			late = givers[later].index
		case bare < 0:
			bare = j
		}
	}
	if late >= 0 {
		first := slices.IndexFunc(all, func(s step) bool { return s.answers })
		v.find("headers/late", called(all[late].value.Text), all[late].layer.Pos, "helmet is used after %s, which answers without it", at(all[first].layer.Pos))
	}
	switch {
	case bare >= 0:
		if i := slices.IndexFunc(givers, func(g giver) bool { return g.yield == off }); i >= 0 {
			v.find(h.rule, h.name, givers[i].at, "%s is switched off here, and nothing else sends it", h.name)
			return
		}
		if len(reasons) > 0 {
			for _, r := range reasons {
				v.doubt("%s", r)
			}
			return
		}
		v.find(h.rule, h.name, root.Pos, "nothing sends %s to what %s answers", h.name, at(all[bare].layer.Pos))
	case doubtful:
		i := slices.IndexFunc(givers, func(g giver) bool { return g.yield == unclear })
		v.doubt("whether %s sends %s could not be told", at(givers[i].at), h.name)
	case late < 0:
		places := make(map[string]bool)
		for _, g := range givers {
			if g.yield == on && g.index >= 0 {
				places[at(all[g.index].layer.Pos)] = true
			}
		}
		v.prove("headers are sent before every route by %s", strings.Join(slices.Sorted(maps.Keys(places)), " and "))
	}
}

// details notes options of helmet that leave a header weak.
func (v *verdict) details(h *jsast.Value) {
	if h.Kind != jsast.Result {
		return
	}
	options := arg(h, 0)
	part := func(names ...string) *jsast.Value {
		if name, ok := strings.CutPrefix(plain(h.Text), "helmet."); ok && slices.Contains(names, name) {
			return options
		}
		for _, n := range names {
			if p, ok := options.Prop(n); ok && plain(h.Text) == "helmet" {
				return p.Value
			}
		}
		return &jsast.Value{}
	}
	if age, ok := part("hsts", "strictTransportSecurity").Prop("maxAge"); ok {
		if n, known := age.Value.Int(); known && n > 0 && n < 15552000 {
			v.find("headers/hsts-short", "Strict-Transport-Security", age.Pos, "Strict-Transport-Security holds for %d seconds", n)
		}
	}
	if policy, ok := part("referrerPolicy").Prop("policy"); ok {
		for _, o := range append(policy.Value.List, policy.Value) {
			if o.Kind == jsast.String && (o.Text == "unsafe-url" || o.Text == "no-referrer-when-downgrade") {
				v.find("headers/referrer-unsafe", "Referrer-Policy", policy.Pos, "the Referrer-Policy is %s", o.Text)
			}
		}
	}
	directives, ok := part("contentSecurityPolicy").Prop("directives")
	if !ok {
		return
	}
	for _, name := range []string{"scriptSrc", "script-src"} {
		sources, ok := directives.Value.Prop(name)
		if !ok {
			continue
		}
		wide, exact := "", false
		for _, s := range append(sources.Value.List, sources.Value) {
			switch {
			case s.Kind == jsast.Function, strings.HasPrefix(s.Text, "'nonce-"), strings.HasPrefix(s.Text, "'sha"), s.Text == "'strict-dynamic'",
				s.Kind == jsast.Template && strings.HasPrefix(s.List[0].Text, "'nonce-"):
				exact = true
			case s.Kind == jsast.String && slices.Contains([]string{"'unsafe-inline'", "*", "https:", "http:", "data:"}, s.Text):
				wide = s.Text
			case s.Kind == jsast.String && s.Text == "'unsafe-eval'":
				v.find("headers/csp-eval", "Content-Security-Policy", sources.Pos, "the policy allows script made from strings ('unsafe-eval')")
			}
		}
		if wide != "" && !exact {
			v.find("headers/csp-script", "Content-Security-Policy", sources.Pos, "the policy lets script run from %s", wide)
		}
	}
}
