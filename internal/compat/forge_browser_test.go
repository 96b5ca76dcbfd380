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
	{how: "reload", deed: paid + ", " + paid},
	{how: "redirect-back", deed: paid},
	{how: "fetch-form", deed: paid},
	{how: "fetch-text", deed: paid},
	{how: "fetch-blob", deed: paid},
	{how: "beacon", deed: paid},
	{how: "ping", deed: "transfer by ada"},
	{how: "image-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "form-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "link-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "refresh-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
	{how: "mail-override", deed: deleted, rule: csrf.RuleMethodOverride, later: true},
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
func (f forgery) want(p *place, all, same bool) string {
	if !p.guarded() || f.harmless() {
		return f.deed
	}
	rule := f.rule
	if rule == "" {
		rule = csrf.RuleCrossSite
		if same && !f.hidden {
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
	"upload": paid, "beacon": paid, "override": deleted + " of 4711", "override-get": deleted, "websocket": "websocket by ada",
	"partner": "partner by ada of 4711, partner by ada of 4711", "saml": "saml by ada of 4711", "oauth": "callback by ada", "webhook": "hook of 4711",
}

// A play is a row and what became of it, for a browser that is logged in.
type play func(t *testing.T, o order)

// victims are a few browsers side by side, each logged in at a place, that play rows there.
func victims(t *testing.T, b *browser, p *place, plays []play) {
	t.Helper()
	next := make(chan play, len(plays))
	for _, one := range plays {
		next <- one
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
			for one := range next {
				one(t, o)
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
	p.swept(t)
}

// attacks are the named forgeries from one origin, or all without a name.
func attacks(b *browser, p *place, all bool, from string, names ...string) (plays []play) {
	for _, f := range forgeries {
		if len(names) > 0 && !slices.Contains(names, f.how) {
			continue
		}
		want := f.want(p, all, from == sibling(p))
		plays = append(plays, func(t *testing.T, o order) {
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
		})
	}
	return plays
}

// rightful is what the site and its partners send.
func rightful(b *browser, p *place) (plays []play) {
	for how, want := range meant {
		plays = append(plays, func(t *testing.T, o order) {
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

// sibling is another name of the same site.
func sibling(p *place) string { return strings.Replace(p.base, "//app.", "//blog.app.", 1) }

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

	run := func(name string, p *place, plays ...[]play) {
		t.Run(name, func(t *testing.T) { victims(t, b, p, slices.Concat(plays...)) })
	}
	bare, all, first, proxied := a.unprotected(t), a.protected(t, everything), a.protected(t, nil), a.proxied(t)
	run("control", bare, rightful(b, bare), attacks(b, bare, false, plain))
	run("everything", all, rightful(b, all), attacks(b, all, true, plain),
		attacks(b, all, true, sibling(all), "form", "sandbox", "redirect-back", "fetch-text", "beacon", "ping", "image-override", "websocket", "login"),
		attacks(b, all, true, secure, "form", "no-referrer", "sandbox", "fetch-text", "websocket", "login"),
		attacks(b, all, true, downgraded, "form", "fetch-blob", "link-override", "websocket"))
	run("first day", first, rightful(b, first),
		attacks(b, first, false, plain, "form", "form-framed", "text-plain", "no-referrer", "sandbox", "popup", "redirect", "reload", "fetch-blob", "beacon", "ping",
			"image-override", "websocket", "saml-shape", "login", "fetch-json"),
		attacks(b, first, false, sibling(first), "form", "sandbox", "fetch-text", "image-override", "websocket", "login"),
		attacks(b, first, false, downgraded, "form", "link-override"))
	run("proxy", proxied, rightful(b, proxied), attacks(b, proxied, true, secure, "form", "image-override", "websocket", "sandbox"))

	// Of a cookie that says nothing, or Lax, only some is sent from elsewhere: all from a
	// sibling, and with links from everywhere.
	lax := startBank(t)
	for name, p := range map[string]*place{"Lax, control": lax.unprotected(t), "Lax, guard off": lax.protected(t, nothing), "Lax, everything": lax.protected(t, everything)} {
		run(name, p, attacks(b, p, true, sibling(p), "form", "fetch-blob", "websocket"), attacks(b, p, true, plain, "link-override"))
	}
}
