package compat_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/door/crosssite"
)

// A forgery is one of the attacks of app/rows-forge.mjs.
type forgery struct {
	how string
	// deed is what it does to an app that nobody protects. A modern browser asks first for
	// those that say "asked", and an app without CORS answers no.
	deed string
	// rule is what it is refused by when it comes from another site. Empty is
	// csrf.RuleCrossSite, or csrf.RuleSameSite from the same one.
	rule string
	// later tells that it is only observed on the first day.
	later bool
	// hidden tells that the browser takes its origin for another site's wherever it is.
	hidden bool
}

const (
	paid    = "transfer by ada of 4711"
	deleted = "delete by ada"
)

var forgeries = []forgery{
	{how: "form", deed: paid},
	{how: "form-framed", deed: paid},
	{how: "multipart", deed: paid},
	{how: "text-plain", deed: paid},
	{how: "no-referrer", deed: paid},
	{how: "sandbox", deed: paid, hidden: true},
	{how: "popup", deed: paid},
	{how: "redirect", deed: paid},
	{how: "redirect-back", deed: paid},
	{how: "fetch-form", deed: paid},
	{how: "fetch-text", deed: paid},
	{how: "fetch-blob", deed: paid},
	{how: "beacon", deed: paid},
	{how: "ping", deed: "transfer by ada"},
	{how: "image-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "form-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "link-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "websocket", deed: "websocket by ada", rule: csrf.RuleWebSocket, later: true},
	{how: "saml-shape", deed: "saml by ada of 4711"},
	{how: "login", deed: "login by eve", rule: crosssite.RuleLogin, later: true},

	{how: "fetch-json", deed: "asked"},
	{how: "fetch-put", deed: "asked"},
	{how: "fetch-override", deed: "asked"},
	{how: "get", deed: deleted},
}

// harmless tells the forgeries that the door lets pass: the browser has stopped them, or
// they are the declared exception.
func (f forgery) harmless() bool { return f.how == "get" || f.deed == "asked" }

// want is what becomes of it: in front of the app alone, behind a door that refuses
// everything, and on the first day.
func (f forgery) want(p *place, all, sibling bool) string {
	if !p.guarded() || f.harmless() {
		return f.deed
	}
	rule := f.rule
	if rule == "" {
		rule = csrf.RuleCrossSite
		if sibling && !f.hidden {
			rule, f.later = csrf.RuleSameSite, true
		}
	}
	if !all && f.later {
		return f.deed + ", observed: " + rule
	}
	return "refused: " + rule
}

// meant are what the site and its partners send; none may be refused.
var meant = map[string]string{
	"form": paid, "multipart": paid, "text-plain": paid, "no-referrer": paid, "fetch-form": paid, "fetch-json": paid, "fetch-put": paid,
	"upload": paid, "beacon": paid, "override": deleted + " of 4711", "override-get": deleted, "typed": deleted, "websocket": "websocket by ada",
	"partner": "partner by ada of 4711, partner by ada of 4711", "saml": "saml by ada of 4711", "oauth": "callback by ada", "webhook": "hook of 4711",
}

// victims play rows at a place, a few browsers side by side, each of which is logged in.
func victims(t *testing.T, b *browser, p *place, plays []func(o order)) {
	t.Helper()
	next := make(chan func(o order), len(plays))
	for _, play := range plays {
		next <- play
	}
	close(next)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			o := order{Row: "enter", Base: p.base, Foreign: p.foreign, Keep: newMark()}
			if _, err := b.try(o); err != nil {
				t.Errorf("login at %s: %v", p.base, err)
				return
			}
			for play := range next {
				play(o)
			}
			o.Row = "whoami"
			var me struct{ User string }
			decode(t, b.run(t, o), &me)
			if me.User != "ada" {
				t.Errorf("after all that the browser is %q, want ada", me.User)
			}
		})
	}
	all.Wait()
}

// attack returns one forgery from one origin.
func attack(t *testing.T, b *browser, p *place, f forgery, from, want string) func(o order) {
	return func(o order) {
		name := f.how + " from " + from
		s := sending{mark: newMark()}
		o.Row, o.Want = "attack", map[string]any{"how": f.how, "from": from, "mark": s.mark}
		if f.how == "login" {
			o.Keep, s.route, s.from = "", "POST /login", from // nobody yet
		}
		if _, err := b.try(o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		p.expect(t, name, s, want)
	}
}

// attacks are all forgeries from all kinds of origins.
func attacks(t *testing.T, b *browser, p *place, all bool, origins ...string) (plays []func(o order)) {
	for _, from := range origins {
		sibling := strings.Contains(from, "//blog.")
		for _, f := range forgeries {
			plays = append(plays, attack(t, b, p, f, from, f.want(p, all, sibling)))
		}
	}
	return plays
}

func rightful(t *testing.T, b *browser, p *place) (plays []func(o order)) {
	for how, want := range meant {
		plays = append(plays, func(o order) {
			s := sending{mark: newMark()}
			o.Row, o.Want = "legit", map[string]any{"how": how, "mark": s.mark}
			if _, err := b.try(o); err != nil {
				t.Errorf("%s: %v", how, err)
			}
			p.expect(t, how, s, want)
		})
	}
	return plays
}

// TestForgeries has a browser, logged in at an Express app without csurf, on pages of other
// origins: another site on plain HTTP and over TLS, the app's own name on plain HTTP, and
// another name of the same site. The cookie says SameSite=None, so that the browser sends
// it: what is stopped is stopped by the door.
func TestForgeries(t *testing.T) {
	a := startBank(t, "SAMESITE=none")
	b := startBrowser(t)
	var names struct{ Attacks, Legit []string }
	decode(t, b.run(t, order{Row: "forgeries"}), &names)
	for _, name := range names.Attacks {
		if !slices.ContainsFunc(forgeries, func(f forgery) bool { return f.how == name }) {
			t.Errorf("the driver has an attack %q that no test runs", name)
		}
	}
	for _, name := range names.Legit {
		if meant[name] == "" {
			t.Errorf("the driver has a row %q that no test runs", name)
		}
	}
	secure := fmt.Sprintf("https://evil.localhost:%d", plainProxy(t, a.foreign))
	plain := fmt.Sprintf("http://evil.localhost:%d", a.foreign)
	downgraded := fmt.Sprintf("http://app.localhost:%d", a.foreign)

	run := func(name string, p *place, all bool, more ...string) {
		t.Run(name, func(t *testing.T) {
			sibling := strings.Replace(p.base, "//app.", "//blog.app.", 1)
			plays := attacks(t, b, p, all, append(more, plain, sibling)...)
			victims(t, b, p, append(plays, rightful(t, b, p)...))
			p.swept(t)
		})
	}
	run("control", a.unprotected(t), false)
	all := a.protected(t, everything)
	run("everything", all, true, secure, downgraded)
	first := a.protected(t, nil)
	run("first day", first, false)

	some := func(p *place, all bool, from string, how ...string) (plays []func(o order)) {
		for _, f := range forgeries {
			if slices.Contains(how, f.how) {
				plays = append(plays, attack(t, b, p, f, from, f.want(p, all, strings.Contains(from, "//blog."))))
			}
		}
		return plays
	}
	t.Run("proxy", func(t *testing.T) {
		p := a.proxied(t)
		plays := some(p, true, secure, "form", "text-plain", "image-override", "websocket", "sandbox", "redirect-back", "login")
		victims(t, b, p, append(plays, rightful(t, b, p)...))
		p.swept(t)
	})

	// Of a cookie that says nothing, or Lax, only some is sent from elsewhere: all from a
	// sibling, and with links from everywhere.
	lax := startBank(t)
	laxOff := lax.protected(t, nothing)
	laxAll := lax.protected(t, everything)
	for name, p := range map[string]*place{"Lax, control": lax.unprotected(t), "Lax, guard off": laxOff, "Lax, everything": laxAll} {
		t.Run(name, func(t *testing.T) {
			sibling := strings.Replace(p.base, "//app.", "//blog.app.", 1)
			plays := some(p, true, sibling, "form", "text-plain", "fetch-blob", "redirect", "image-override", "websocket")
			victims(t, b, p, append(plays, some(p, true, plain, "link-override", "form-override")...))
			p.swept(t)
		})
	}
}
