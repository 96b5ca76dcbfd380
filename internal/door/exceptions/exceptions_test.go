package exceptions_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/exceptions"
	"github.com/panoplysec/panoply/internal/door/refusals"
)

func TestFor(t *testing.T) {
	forged := refusals.Refusal{ID: "0123456789abcdef0123456789abcdef", Guard: "csrf", Rule: "cross-site", Method: "POST", Path: "/saml/acs?RelayState", From: "https://idp.example", Client: "203.0.113.7"}
	with := func(change func(*refusals.Refusal)) refusals.Refusal {
		r := forged
		change(&r)
		return r
	}
	tests := []struct {
		name  string
		r     refusals.Refusal
		lasts time.Duration
		know  bool
		want  string // what is let pass; or, of an error, a part
	}{
		{"a sign-on", forged, time.Hour, true, "POST /saml/acs from https://idp.example"},
		{"not known", forged, time.Hour, false, "--i-know"},
		{"a slash at the end", with(func(r *refusals.Refusal) { r.Path = "/" }), time.Hour, true, "POST / from https://idp.example"},
		{"a login", with(func(r *refusals.Refusal) { r.Guard, r.Rule, r.Path = "login", "user", "/login" }), time.Hour, false, "POST /login by 203.0.113.7/32, without a count of failures"},
		{"a login over IPv6", with(func(r *refusals.Refusal) { r.Guard, r.Path, r.Client = "login", "/login", "2001:db8::7" }), time.Hour, false, "POST /login by 2001:db8::/64, without a count of failures"},
		{"30 days", forged, exceptions.Longest, true, "POST /saml/acs from https://idp.example"},
		{"longer", forged, exceptions.Longest + time.Hour, true, "30 days"},
		{"over already", forged, 0, true, "past"},
		{"from nowhere", with(func(r *refusals.Refusal) { r.Rule, r.From = "unknown-source", "" }), time.Hour, true, "no narrow exception"},
		{"hidden origin", with(func(r *refusals.Refusal) { r.From = "null" }), time.Hour, true, "no origin"},
		{"origin that none sends", with(func(r *refusals.Refusal) { r.From = "https://idp.example/x" }), time.Hour, true, "no origin"},
		{"a token", with(func(r *refusals.Refusal) { r.Rule = "token-missing" }), time.Hour, true, "no narrow exception"},
		{"an odd path", with(func(r *refusals.Refusal) { r.Path = "/a/..%2fb" }), time.Hour, true, "two ways"},
		{"a path with braces", with(func(r *refusals.Refusal) { r.Path = "/{x...}" }), time.Hour, true, "odd"},
		{"a path that was cut", with(func(r *refusals.Refusal) { r.Path = "/aaa…" }), time.Hour, true, "too long"},
		{"bounds", with(func(r *refusals.Refusal) { r.Guard = "bounds" }), time.Hour, true, "bounds section"},
		{"sanity", with(func(r *refusals.Refusal) { r.Guard = "sanity" }), time.Hour, true, "no correct client"},
		{"the application", with(func(r *refusals.Refusal) { r.Guard = "" }), time.Hour, true, "not refused"},
		{"another guard", with(func(r *refusals.Refusal) { r.Guard = "waf" }), time.Hour, true, "waf knows no exceptions"},
		{"a login by nobody", with(func(r *refusals.Refusal) { r.Guard, r.Client = "login", "" }), time.Hour, true, "address is not known"},
	}
	now := time.Now()
	for _, test := range tests {
		e, err := exceptions.For(test.r, now, now.Add(test.lasts), test.know)
		got := e.String()
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != test.want || err != nil && !strings.Contains(got, test.want) {
			t.Errorf("%s: For = %q, want %q", test.name, got, test.want)
		}
		if err == nil && (len(e.ID) != 12 || !e.Live(now) || e.Live(now.Add(test.lasts+time.Second))) {
			t.Errorf("%s: exception %+v, want an id of 12 digits and to end in time", test.name, e)
		}
	}
	if _, err := exceptions.For(forged, now, now.Add(time.Hour), false); !errors.Is(err, exceptions.ErrKnow) {
		t.Errorf("For = %v, want ErrKnow", err)
	}
}

func TestMatches(t *testing.T) {
	e := exceptions.Exception{Guard: exceptions.Login, Route: "POST /login", Client: "2001:db8::/64"}
	for _, test := range []struct {
		method, path, client string
		want                 bool
	}{
		{"POST", "/login", "2001:db8::1", true}, {"POST", "/login", "2001:db8:0:1::1", false}, {"GET", "/login", "2001:db8::1", false},
		{"POST", "/login/x", "2001:db8::1", false}, {"POST", "/LOGIN", "2001:db8::1", false}, {"POST", "/login", "203.0.113.7", false},
	} {
		if got := e.Matches(test.method, test.path, netip.MustParseAddr(test.client)); got != test.want {
			t.Errorf("Matches(%s %s by %s) = %v, want %v", test.method, test.path, test.client, got, test.want)
		}
	}
	if e.Matches("POST", "/login", netip.Addr{}) || (&exceptions.Exception{Route: "POST /login"}).Matches("POST", "/login", netip.MustParseAddr("::1")) {
		t.Error("nobody, or no network, matches")
	}
}
