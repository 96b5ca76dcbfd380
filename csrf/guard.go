package csrf

import (
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// A Guard decides whether a request was made by this site. It is made by New and safe for
// concurrent use.
type Guard struct {
	o        Options
	trusted  map[string]struct{}
	routes   []*route
	tokens   *tokens // nil without Binding
	warnings []string
	vary     hook.Func

	sources struct{ metadata, origin, referer, none atomic.Uint64 }
}

// New returns a Guard, or all problems of o at once as joined *[guard.OptionError]s.
func New(o Options) (*Guard, error) {
	o.TrustedOrigins = slices.Clone(o.TrustedOrigins)
	o.Routes = slices.Clone(o.Routes)
	for i := range o.Routes {
		o.Routes[i].TrustedOrigins = slices.Clone(o.Routes[i].TrustedOrigins)
	}
	o.Keys = slices.Clone(o.Keys)
	for i := range o.Keys {
		o.Keys[i] = slices.Clone(o.Keys[i])
	}
	o = o.Effective()
	p := guard.Problems{Package: "csrf"}
	g := &Guard{o: o, vary: varies}
	g.warnings = g.o.check(&p)
	g.routes = compileRoutes(g.o.Routes, &p)
	g.tokens = newTokens(&g.o, &p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	g.trusted = set(g.o.TrustedOrigins)
	return g, nil
}

// Warnings are what is weaker than it could be, each with the reason given, for the log.
func (g *Guard) Warnings() []string { return slices.Clone(g.warnings) }

// Sources counts what requests that are not safe said of where they come from: how many
// clients depend on more than Sec-Fetch-Site.
type Sources struct {
	// FetchMetadata sent Sec-Fetch-Site, Origin no more than that header, Referer neither
	// of the two, and None none of the three.
	FetchMetadata uint64 `json:"fetch_metadata"`
	Origin        uint64 `json:"origin"`
	Referer       uint64 `json:"referer"`
	None          uint64 `json:"none"`
}

// Without is how many came from clients without Fetch Metadata.
func (s Sources) Without() uint64 { return s.Origin + s.Referer + s.None }

// Sources returns the counts since New.
func (g *Guard) Sources() Sources {
	c := &g.sources
	return Sources{c.metadata.Load(), c.origin.Load(), c.referer.Load(), c.none.Load()}
}

// Check is the bare decision: nil, or a *Refusal. It reads the request's header and what
// [clientip.Lookup] knows, and its body where a token is needed. It decides whatever
// Options.Mode and Route.Observe say.
func (g *Guard) Check(r *http.Request) error {
	if refused := g.decide(r); refused != nil {
		return refused
	}
	return nil
}

// Observes tells whether a Route with Observe holds for a request.
func (g *Guard) Observes(r *http.Request) bool {
	one := g.match(r)
	return one != nil && one.Observe
}

// Exempts tells whether a Route with Exempt holds for a request.
func (g *Guard) Exempts(r *http.Request) bool {
	one := g.match(r)
	return one != nil && one.Exempt != ""
}

// decide returns what is wrong with a request, or nil.
func (g *Guard) decide(r *http.Request) *Refusal {
	if !safe(r.Method) {
		return g.settle(r, g.source(r, false))
	}
	upgrade := len(r.Header["Upgrade"]) > 0 && Upgrade(r)
	override := false
	if !upgrade && (r.URL != nil && r.URL.RawQuery != "" || overridden(r.Header)) {
		m := Override(r)
		override = m != "" && !safe(m)
	}
	switch {
	case upgrade:
		if g.source(r, true) != nil {
			return g.exempt(r, foreignUpgrade)
		}
		return nil // RequireToken too: a page cannot send a token with it
	case override:
		refused := g.source(r, false)
		if refused == nil && typed(r) || refused != nil && refused != duplicateHeader {
			refused = foreignOverride
		}
		return g.settle(r, refused)
	case g.o.Isolate:
		if refused := g.isolate(r); refused != nil {
			return g.exempt(r, refused)
		}
	}
	return nil
}

// typed tells what a browser says that no page sent. It says so of an address from a mail
// too, and of wherever that one redirects.
func typed(r *http.Request) bool {
	site := r.Header["Sec-Fetch-Site"]
	return len(site) == 1 && site[0] == "none"
}

func overridden(h http.Header) bool {
	for _, name := range overrides {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// source decides by where the request says that it comes from.
func (g *Guard) source(r *http.Request, upgrade bool) *Refusal {
	site := r.Header["Sec-Fetch-Site"]
	if len(site) > 1 {
		return duplicateHeader
	}
	if len(site) == 1 && site[0] != "" {
		g.sources.metadata.Add(1)
		switch site[0] {
		case "same-origin", "none":
			return nil
		case "same-site":
			if g.o.InsecureTrustSameSite != "" || g.trusts(r) {
				return nil
			}
			return sameSite
		}
		// What is not known is no better than cross-site.
		if g.trusts(r) {
			return nil
		}
		return crossSite
	}
	origin, referer := r.Header["Origin"], r.Header["Referer"]
	switch {
	case len(origin) > 1:
		return duplicateHeader
	case len(origin) == 1 && origin[0] != "":
		g.sources.origin.Add(1)
		if origin[0] == "null" {
			return nullOrigin
		}
		return g.compare(r, origin[0], foreignOrigin)
	case len(referer) > 1:
		return duplicateHeader
	case len(referer) == 1 && referer[0] != "":
		g.sources.referer.Add(1)
		return g.compare(r, originOf(referer[0]), foreignReferer)
	}
	g.sources.none.Add(1)
	switch {
	case upgrade, g.o.InsecureAllowUnknownSource != "", !Simple(r), overridden(r.Header), !Ambient(r):
		// A browser says where an upgrade comes from, and what is not Simple or has a header
		// of its own: what is silent was sent by another program.
		return nil
	}
	return unknownSource
}

// compare decides by an origin that a browser without Sec-Fetch-Site named.
func (g *Guard) compare(r *http.Request, origin string, otherwise *Refusal) *Refusal {
	scheme, host := target(r)
	switch relate(origin, scheme, host) {
	case own:
		return nil
	case downgraded:
		otherwise = downgrade
	}
	if _, ok := g.trusted[origin]; ok {
		return nil
	}
	return otherwise
}

// target is the scheme and host that the client sent the request to.
func target(r *http.Request) (scheme, host string) {
	if c, ok := clientip.Lookup(r); ok {
		if c.Trusted {
			return c.Scheme, c.Host
		}
		return c.Scheme, r.Host
	}
	if r.TLS != nil {
		return "https", r.Host
	}
	return "http", r.Host
}

// trusts tells whether the request names one trusted origin.
func (g *Guard) trusts(r *http.Request) bool {
	if len(g.trusted) == 0 {
		return false
	}
	origin := r.Header["Origin"]
	if len(origin) != 1 {
		return false
	}
	_, ok := g.trusted[origin[0]]
	return ok
}

// isolate refuses what another site loads.
func (g *Guard) isolate(r *http.Request) *Refusal {
	site := r.Header["Sec-Fetch-Site"]
	switch {
	case len(site) == 0, len(site) == 1 && site[0] == "":
		return nil
	case len(site) > 1:
		return duplicateHeader
	}
	switch site[0] {
	case "same-origin", "same-site", "none":
		return nil
	}
	if navigation(r) || g.trusts(r) {
		return nil
	}
	return isolated
}

// settle asks for a token where one is needed, and for an exception.
func (g *Guard) settle(r *http.Request, refused *Refusal) *Refusal {
	if g.tokens != nil {
		switch {
		case refused == unknownSource, refused == nil && g.o.RequireToken:
			refused = g.tokens.verify(r)
		}
	}
	if refused == nil {
		return nil
	}
	return g.exempt(r, refused)
}

// exempt asks the routes.
func (g *Guard) exempt(r *http.Request, refused *Refusal) *Refusal {
	one := g.match(r)
	switch {
	case one == nil:
	case one.Exempt != "":
		return nil
	case one.trusted != nil && !refused.aboutToken():
		from := ""
		if o := r.Header["Origin"]; len(o) == 1 {
			from = o[0]
		} else if refused == foreignReferer {
			from = originOf(r.Header["Referer"][0]) // there is one, and nothing else
		}
		if _, ok := one.trusted[from]; ok {
			return nil
		}
	}
	return refused
}

func (e *Refusal) aboutToken() bool {
	switch e.Rule {
	case RuleTokenMissing, RuleTokenInvalid, RuleBindingFailed:
		return true
	}
	return false
}

// Handler refuses what Check refuses, as Mode says.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g.o.Mode == guard.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.o.Isolate || g.tokens != nil {
			x, wrapped, begun := hook.Begin(w, r)
			defer x.End()
			w, r = wrapped, begun
			if g.o.Isolate {
				x.On(hook.Headers, g.vary)
			}
			if g.tokens != nil {
				r = g.tokens.begin(x, r)
			}
		}
		refused := g.decide(r)
		if refused == nil || !g.Refuse(w, r, refused) {
			next.ServeHTTP(w, r)
		}
	})
}

// Refuse tells of a refusal, and answers it unless Options.Mode or a Route with Observe says
// to let pass; it returns whether it has answered. Handler calls it; it is for who asks Check
// or CheckToken by hand.
func (g *Guard) Refuse(w http.ResponseWriter, r *http.Request, refused *Refusal) bool {
	e := guard.Event{
		Practice: "csrf", Rule: refused.Rule, Action: guard.Denied, Field: refused.Field(),
		Request: hook.RequestID(r.Context()), Detail: Describe(r), Err: refused,
	}
	if refused.Rule == RuleBindingFailed {
		e.Action = guard.Failed
	}
	enforced := g.o.Mode == guard.Enforce && !g.Observes(r)
	if !enforced && e.Action == guard.Denied {
		e.Action = guard.WouldDeny
	}
	g.o.Sink.Tell(r.Context(), e)
	if enforced {
		g.o.Deny(w, r, guard.Denial{Practice: "csrf", Rule: refused.Rule, Status: refused.Status, ID: e.Request})
	}
	return enforced
}

// varies says that the answer depends on who loads it.
func varies(a *hook.Answer) {
	if a.Kind == hook.Final {
		a.Header.Add("Vary", "Sec-Fetch-Site")
	}
}
