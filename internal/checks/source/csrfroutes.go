package source

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A forgery is the work on one app.
type forgery struct {
	*verdict
	facts map[*jsast.Func]*facts
	// defended are the places of defences that stand before routes.
	defended map[string]bool
	// tokens are the places on the way of handlers that ask for a token in a header.
	tokens []int
}

// A hole is a route that changes something and that no defence stands before.
type hole struct {
	route *stop
	by    credential
	// late is a defence that comes too late.
	late *stop
}

var (
	changing = []string{"POST", "PUT", "PATCH", "DELETE", "ALL"}
	// machines are routes for programs of others, which have no cookies.
	machines = pattern.New(`(?i)(?:^|[/_-])(?:web-?hooks?|hooks?|ipn|csp-?reports?|healthz?|ping|oauth/token|token)(?:$|[/_-])|\bstripe\b`)
	// asking are routes that change nothing by custom.
	asking = pattern.New(`(?i)/(?:search|autocomplete|preview)$`)
)

// maxGuards bounds the defences of one app that are looked at for each route.
const maxGuards = 300

func (c *forgery) root(root *jsast.App) {
	all, cut := way(root)
	if cut {
		c.doubt("%s makes an app with more routes than are followed", at(root.Pos))
	}
	creds := c.credentials(all)
	var defences []int
	yields := make(map[int]yield)
	c.tokens = nil
	for i := range all {
		if c.headed(&all[i]) && len(c.tokens) < maxGuards {
			c.tokens = append(c.tokens, i)
		}
		if y := c.guard(&all[i]); y != nothing && len(defences) < maxGuards {
			defences, yields[i] = append(defences, i), y
		}
	}
	c.override(all, defences)
	if c.defended == nil {
		c.defended = make(map[string]bool)
	}
	var holes []hole
	var maybe *stop
	routes, held := 0, 0
	for j := range all {
		r := &all[j]
		if !c.changes(r) {
			continue
		}
		routes++
		by, ok := c.credential(all, creds, j)
		if !ok && len(creds) > 0 || c.bearerBefore(all, j) {
			continue
		}
		safe, unsure := nothing, -1
		var late *stop
		for _, i := range defences {
			g := &all[i]
			switch {
			case i > j && g.layer != r.layer && late == nil && yields[i] == on && g.method == "" && g.before(r):
				late = g
			case i > j || !g.before(r):
			case yields[i] == on:
				safe = on
				c.defended[at(g.layer.Pos)] = true
			default:
				unsure = i
			}
		}
		switch {
		case safe == on:
			held++
		case unsure >= 0:
			maybe = &all[unsure]
		case ok:
			holes = append(holes, hole{r, by, late})
		case late != nil:
			c.doubt("%s at %s stands before the defence of %s, and whether a cookie lets anybody in there could not be told",
				r.called(), at(r.layer.Pos), at(late.layer.Pos))
		}
	}
	c.onGet(all, creds)
	if maybe != nil {
		c.doubt("whether %s refuses forged requests could not be told", at(maybe.layer.Pos))
	}
	c.conclude(root, all, holes, creds, routes, held)
}

// changes says that the stop is the end of a route that changes something.
func (c *forgery) changes(s *stop) bool {
	if !s.last || !slices.Contains(changing, s.method) || machines.Get().MatchString(s.path) || asking.Get().MatchString(s.path) {
		return false
	}
	if s.method != "ALL" {
		return guards(s.value) == nothing
	}
	// app.all is middleware or the end of what is not there as often as a route.
	if strings.ContainsAny(s.path, "*") || s.unknown || guards(s.value) != nothing || stranger(s.value) || s.value.Kind != jsast.Function {
		return false
	}
	x := c.facts[s.value.Func]
	return x == nil || !x.next && !x.gives && !x.refuses
}

// bearerBefore says that a token in a header is asked for before the route.
func (c *forgery) bearerBefore(all []stop, j int) bool {
	return slices.ContainsFunc(c.tokens, func(i int) bool { return i <= j && all[i].before(&all[j]) })
}

func (c *forgery) conclude(root *jsast.App, all []stop, holes []hole, creds []credential, routes, held int) {
	if len(creds) == 0 && len(holes) == 0 {
		c.withoutCookies(root, all, held)
		return
	}
	if len(holes) == 0 {
		switch {
		case routes == 0:
			c.prove("no route of %s changes anything", at(root.Pos))
		case held == 0:
			c.prove("no route of %s that changes something goes by a cookie", at(root.Pos))
		default:
			places := slices.Sorted(maps.Keys(c.defended))
			if len(places) > 3 {
				places = append(places[:2:2], fmt.Sprintf("%d more places", len(places)-2))
			}
			c.prove("routes that change something, all behind %s: %d", strings.Join(places, " and "), held)
		}
		return
	}
	var bare []hole
	late := make(map[*stop][]hole)
	for _, h := range holes {
		if h.late != nil {
			late[h.late] = append(late[h.late], h)
		} else {
			bare = append(bare, h)
		}
	}
	for i := range all {
		if some := late[&all[i]]; len(some) > 0 {
			f := c.find("csrf/after-routes", some[0].route.called(), all[i].layer.Pos, "the defence comes after %s (%s)%s",
				some[0].route.called(), at(some[0].route.layer.Pos), more(len(some)-1))
			c.weigh(f, some, all)
		}
	}
	if len(bare) == 0 {
		return
	}
	if reasons := c.app.strangers(root, steps(root)); len(reasons) > 0 {
		for _, r := range reasons {
			c.doubt("%s", r)
		}
		return
	}
	c.missing(bare, all)
}

// missing reports the routes of each file together: their number says little.
func (c *forgery) missing(bare []hole, all []stop) {
	files := make(map[string][]hole)
	var names []string
	for _, h := range bare {
		name := h.route.layer.Pos.File
		if files[name] == nil {
			names = append(names, name)
		}
		files[name] = append(files[name], h)
	}
	for _, name := range names {
		some := files[name]
		// A route that a form can ask for is the better example.
		first := max(0, slices.IndexFunc(some, func(h hole) bool { return h.route.method == "POST" }))
		some[0], some[first] = some[first], some[0]
		r := some[0].route
		f := c.find("csrf/missing", r.called(), r.layer.Pos, "%s%s: nothing asks where a request comes from, and %s goes along",
			r.called(), more(len(some)-1), some[0].by.what)
		c.weigh(f, some, all)
		for _, h := range some[1:min(len(some), 5)] {
			p := h.route.layer.Pos
			f.Evidence = append(f.Evidence, check.SourceLine(p.File, p.Line, c.app.excerpt(p)))
		}
	}
}

func more(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " and one more route"
	}
	return fmt.Sprintf(" and %d more routes", n)
}

// weigh lowers what browsers by themselves leave of an attack.
func (c *forgery) weigh(f *check.Finding, holes []hole, all []stop) {
	weakest := slices.MinFunc(holes, func(a, b hole) int { return cmp.Compare(a.by.sameSite, b.by.sameSite) }).by
	switch weakest.sameSite {
	case lax:
		f.Severity = min(f.Severity, check.Medium)
		f.Message += "; SameSite=Lax keeps the cookie from other sites, but not from sites beside it in the same domain"
	case strict:
		f.Severity = min(f.Severity, check.Low)
		f.Message += "; SameSite=Strict keeps the cookie from other sites, but not from sites beside it in the same domain"
	}
	simple := slices.ContainsFunc(holes, func(h hole) bool { return h.route.method == "POST" || h.route.method == "ALL" })
	switch {
	case !simple && !c.overrides(all) && !c.credentialed(all):
		f.Severity = min(f.Severity, check.Low)
		f.Message += "; browsers ask the app before they send such a method from elsewhere"
	case !c.forms(all):
		f.Severity = min(f.Severity, check.Medium)
		f.Message += "; the app reads no forms, so only what needs no body is open"
	}
	if slices.ContainsFunc(holes, func(h hole) bool { return h.by.firm || h.route.maybe }) {
		f.Confidence = check.Firm
	}
}

// overrides says that a form can ask for every method.
func (c *forgery) overrides(all []stop) bool {
	return slices.ContainsFunc(all, func(s stop) bool { return overriding(s.value) })
}

// credentialed says that the app may answer other sites together with cookies.
func (c *forgery) credentialed(all []stop) bool {
	return slices.ContainsFunc(all, func(s stop) bool {
		if s.value.Kind != jsast.Result || plain(s.value.Text) != "cors" {
			return false
		}
		p, ok := arg(s.value, 0).Prop("credentials")
		return !ok && arg(s.value, 0).Open || ok && p.Value.Truth() != jsast.False
	})
}

var formReaders = pattern.New(`(?i)urlencoded|^body-parser$|multer|formidable|busboy|multiparty|multipart|express-fileupload|(?:^|\.)(?:text|raw)$|^\?`)

// forms says that the app may read bodies that a form of another site can send.
func (c *forgery) forms(all []stop) bool {
	for _, call := range c.app.project.Calls {
		callee := plain(call.Callee)
		if formReaders.Get().MatchString(callee) && !symbol.Get().MatchString(callee) {
			return true
		}
		if callee == "express.json" || callee == "body-parser.json" {
			// A JSON parser that takes other types takes those of forms.
			if p, ok := call.Arg(0).Prop("type"); ok && (p.Value.Kind != jsast.String || p.Value.Text != "application/json") || call.Arg(0).Open {
				return true
			}
		}
	}
	return slices.ContainsFunc(all, func(s stop) bool { return stranger(s.value) })
}
