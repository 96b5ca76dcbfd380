package headers_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
)

type ctx = context.Context

func mustNew(t testing.TB, o headers.Options) *headers.Guard {
	t.Helper()
	g, err := headers.New(o)
	if err != nil {
		t.Fatalf("New() = %v, want nil", err)
	}
	return g
}

// answer is the header of what wrap makes of an answer with these fields ("Name: value").
func answer(wrap func(http.Handler) http.Handler, r *http.Request, status int, fields ...string) http.Header {
	w := httptest.NewRecorder()
	wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			w.Header()[name] = append(w.Header()[name], value) // in its own letter case
		}
		w.WriteHeader(status)
	})).ServeHTTP(w, r)
	return w.Result().Header
}

// only is a set with everything off; a test switches on what it looks at.
func only(on func(*headers.Options)) headers.Options {
	off := headers.Field{Off: true}
	o := headers.Options{
		ContentSecurityPolicy: headers.CSP{Off: true}, CrossOriginOpenerPolicy: off,
		CrossOriginResourcePolicy: headers.ResourcePolicy{Off: true}, OriginAgentCluster: off,
		ReferrerPolicy: headers.ReferrerPolicy{Off: true}, StrictTransportSecurity: headers.StrictTransportSecurity{Off: true},
		XContentTypeOptions: off, XDNSPrefetchControl: off, XDownloadOptions: off, XFrameOptions: off,
		XPermittedCrossDomainPolicies: off, XXSSProtection: off, KeepPoweredBy: true,
	}
	on(&o)
	return o
}

func get() *http.Request { return httptest.NewRequest("GET", "/", nil) }

func expect(t *testing.T, got http.Header, want http.Header) {
	t.Helper()
	if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("header = %q\nwant     %q", got, want)
	}
}

func TestOffLeavesEverything(t *testing.T) {
	g := mustNew(t, only(func(*headers.Options) {}))
	if lines := g.Lines(); len(lines) != 0 {
		t.Errorf("Lines() = %q, want none", lines)
	}
	expect(t, answer(g.Handler, get(), 200, "X-Powered-By: Express", "X-Frame-Options: DENY"),
		http.Header{"X-Powered-By": {"Express"}, "X-Frame-Options": {"DENY"}})
	g = mustNew(t, headers.Options{Mode: guard.Off})
	expect(t, answer(g.Handler, get(), 200, "X-Powered-By: Express"), http.Header{"X-Powered-By": {"Express"}})
}

func TestMerge(t *testing.T) {
	const key = "Content-Security-Policy"
	with := func(m headers.Merge) headers.Options {
		return only(func(o *headers.Options) {
			o.ContentSecurityPolicy = headers.CSP{Policy: csp.Policy{{Name: "default-src", Sources: []string{"'self'"}}}, Merge: m}
		})
	}
	for _, c := range []struct {
		merge headers.Merge
		app   []string
		want  []string
	}{
		{headers.HandlerWins, nil, []string{"default-src 'self'"}},
		{headers.HandlerWins, []string{key + ": a"}, []string{"a"}},
		{headers.HandlerWins, []string{key + ": a", key + ": b"}, []string{"a", "b"}},
		{headers.Keep, nil, []string{"default-src 'self'"}},
		{headers.Keep, []string{key + ": a"}, []string{"a"}},
		{headers.Replace, nil, []string{"default-src 'self'"}},
		{headers.Replace, []string{key + ": a", key + ": b"}, []string{"default-src 'self'"}},
		{headers.Add, nil, []string{"default-src 'self'"}},
		{headers.Add, []string{key + ": a"}, []string{"a", "default-src 'self'"}},
		// A name in a letter case of its own is the same header.
		{headers.HandlerWins, []string{"CONTENT-security-policy: a"}, []string{"a"}},
		{headers.Replace, []string{"CONTENT-security-policy: a"}, []string{"default-src 'self'"}},
		{headers.Add, []string{"CONTENT-security-policy: a"}, []string{"a", "default-src 'self'"}},
	} {
		t.Run(fmt.Sprint(c.merge, c.app), func(t *testing.T) {
			expect(t, answer(mustNew(t, with(c.merge)).Handler, get(), 200, c.app...), http.Header{key: c.want})
		})
	}
	// What stood there before Handler.
	for merge, want := range map[headers.Merge]string{headers.HandlerWins: "default-src 'self'", headers.Keep: "a", headers.Replace: "default-src 'self'"} {
		g := mustNew(t, with(merge))
		outer := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["content-security-policy"] = []string{"a"}
				g.Handler(next).ServeHTTP(w, r)
			})
		}
		got := answer(outer, get(), 200)
		if merge == headers.Keep {
			got = http.Header{key: slices.Concat(got[key], got[strings.ToLower(key)])}
		}
		expect(t, got, http.Header{key: {want}})
	}
}

func TestNestedInnermostFirst(t *testing.T) {
	outer := mustNew(t, headers.Options{})
	middle := mustNew(t, only(func(o *headers.Options) {
		o.XFrameOptions = headers.Field{Value: "DENY"}
		o.ReferrerPolicy = headers.ReferrerPolicy{Policies: []string{"origin"}}
	}))
	inner := mustNew(t, only(func(o *headers.Options) {
		o.ReferrerPolicy = headers.ReferrerPolicy{Policies: []string{"same-origin"}}
		o.ContentSecurityPolicy = headers.CSP{Policy: csp.Policy{{Name: "default-src", Sources: []string{"'none'"}}}, Merge: headers.Add}
	}))
	chain := func(next http.Handler) http.Handler { return outer.Handler(middle.Handler(inner.Handler(next))) }
	h := answer(chain, get(), 200)
	for name, want := range map[string]string{
		"Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'",
	} {
		if got := h[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	// Behind a writer of its own the inner guard has its own answer.
	timeout := func(next http.Handler) http.Handler {
		return outer.Handler(http.TimeoutHandler(inner.Handler(next), time.Minute, ""))
	}
	if h := answer(timeout, get(), 200); h.Get("Referrer-Policy") != "same-origin" || len(h["Content-Security-Policy"]) != 1 {
		t.Errorf("behind http.TimeoutHandler: header = %q, want the inner guard's once", h)
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := headers.New(headers.Options{
		Mode:                            9,
		ContentSecurityPolicy:           headers.CSP{Policy: csp.Policy{{Name: "script-src", Sources: []string{"self", "'none'"}}}, Merge: 9},
		ContentSecurityPolicyReportOnly: headers.CSP{Policy: csp.Policy{}, Off: true},
		CrossOriginEmbedderPolicy:       headers.Field{Value: "on"},
		CrossOriginOpenerPolicy:         headers.Field{Value: "Same-Origin", Merge: headers.Add},
		CrossOriginResourcePolicy:       headers.ResourcePolicy{Value: "none"},
		ReferrerPolicy:                  headers.ReferrerPolicy{Policies: []string{"", "origin", "origin"}},
		StrictTransportSecurity:         headers.StrictTransportSecurity{MaxAge: time.Minute, Preload: true, DisableIncludeSubDomains: true},
		XFrameOptions:                   headers.Field{Value: "ALLOW-FROM https://a.example"},
	})
	var got []string
	for _, e := range guard.OptionErrors(err) {
		got = append(got, e.Package+" "+e.Field)
	}
	want := []string{"headers Mode", "headers ContentSecurityPolicy.Merge", "csp script-src[0]", "csp script-src", "headers ContentSecurityPolicy",
		"headers ContentSecurityPolicyReportOnly.Off", "headers CrossOriginEmbedderPolicy.Value", "headers CrossOriginOpenerPolicy.Value",
		"headers CrossOriginOpenerPolicy.Merge", "headers CrossOriginResourcePolicy.Value", "headers ReferrerPolicy.Policies[0]",
		"headers ReferrerPolicy.Policies[2]", "headers StrictTransportSecurity.Preload", "headers StrictTransportSecurity.Preload",
		"headers XFrameOptions.Value"}
	if !slices.Equal(got, want) {
		t.Errorf("New() refuses %q\nwant %q\n%v", got, want, err)
	}
	for _, age := range []time.Duration{-time.Hour, time.Millisecond} {
		if _, err := headers.New(headers.Options{StrictTransportSecurity: headers.StrictTransportSecurity{MaxAge: age}}); err == nil {
			t.Errorf("New() with MaxAge %v = nil, want an error", age)
		}
	}
	if _, err := headers.New(headers.Options{ReferrerPolicy: headers.ReferrerPolicy{Policies: []string{}}}); err == nil {
		t.Error("New() with no referrer policy = nil, want an error")
	}
}

func TestStrictTransportSecurity(t *testing.T) {
	var age time.Duration
	for _, c := range []struct {
		name string
		hsts headers.StrictTransportSecurity
		want string
	}{
		{"default", headers.StrictTransportSecurity{}, "max-age=31536000; includeSubDomains"},
		{"forget", headers.StrictTransportSecurity{MaxAge: headers.Forget}, "max-age=0; includeSubDomains"},
		{"rounded down", headers.StrictTransportSecurity{MaxAge: 2999 * time.Millisecond, DisableIncludeSubDomains: true}, "max-age=2"},
		{"preload", headers.StrictTransportSecurity{Preload: true}, "max-age=31536000; includeSubDomains; preload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := mustNew(t, only(func(o *headers.Options) { o.StrictTransportSecurity = c.hsts }))
			expect(t, answer(g.Handler, get(), 200), http.Header{"Strict-Transport-Security": {c.want}})
		})
	}
	g := mustNew(t, only(func(o *headers.Options) {
		o.StrictTransportSecurity = headers.StrictTransportSecurity{DisableIncludeSubDomains: true,
			MaxAgeFor: func(r *http.Request) time.Duration { return age }}
	}))
	for _, c := range []struct {
		age  time.Duration
		want http.Header
	}{
		{0, http.Header{}}, {5 * time.Minute, http.Header{"Strict-Transport-Security": {"max-age=300"}}},
		{time.Millisecond, http.Header{}}, {headers.Forget, http.Header{"Strict-Transport-Security": {"max-age=0"}}},
		{time.Hour, http.Header{"Strict-Transport-Security": {"max-age=3600"}}},
	} {
		age = c.age
		expect(t, answer(g.Handler, get(), 200), c.want)
	}
}

func TestDocumentsOnly(t *testing.T) {
	g := mustNew(t, only(func(o *headers.Options) {
		o.ContentSecurityPolicy = headers.CSP{DocumentsOnly: true, Policy: csp.Policy{{Name: "default-src", Sources: []string{"'self'"}}}}
	}))
	for _, c := range []struct {
		contentType string
		status      int
		want        bool
	}{
		{"text/html", 200, true}, {"Text/HTML; charset=utf-8", 404, true}, {"application/xhtml+xml", 500, true},
		{"", 200, true}, {" ; charset=utf-8", 200, true}, {"application/json", 200, false}, {"image/svg+xml", 200, false}, {"text/htmlx", 200, false},
		{"text/html", 204, false}, {"text/html", 304, false}, {"", 304, false},
	} {
		fields := []string{"Content-Type: " + c.contentType}
		if c.contentType == "" {
			fields = nil
		}
		_, got := answer(g.Handler, get(), c.status, fields...)["Content-Security-Policy"]
		if got != c.want {
			t.Errorf("policy on Content-Type %q, status %d: %t, want %t", c.contentType, c.status, got, c.want)
		}
	}
}

func TestBothPoliciesAtOnce(t *testing.T) {
	g := mustNew(t, only(func(o *headers.Options) {
		o.ContentSecurityPolicy = headers.CSP{Policy: csp.Policy{{Name: "default-src", Sources: []string{"*"}}}}
		o.ContentSecurityPolicyReportOnly = headers.CSP{Policy: csp.Policy{{Name: "default-src", Sources: []string{"'self'"}}, {Name: "report-uri", Sources: []string{"/own"}}}}
		o.ReportURI = func(*http.Request) string { t.Error("ReportURI asked for a policy with its own address"); return "" }
	}))
	expect(t, answer(g.Handler, get(), 200), http.Header{
		"Content-Security-Policy":             {"default-src *"},
		"Content-Security-Policy-Report-Only": {"default-src 'self';report-uri /own"},
	})
}

func TestNonce(t *testing.T) {
	g := mustNew(t, headers.Options{ContentSecurityPolicy: headers.CSP{Policy: csp.Default().WithDirective(csp.Directive{Name: "script-src", Nonce: true})}})
	seen := map[string]bool{}
	for range 3 {
		w := httptest.NewRecorder()
		var nonce string
		g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { nonce = csp.Nonce(r.Context()) })).ServeHTTP(w, get())
		if got := w.Header().Get("Content-Security-Policy"); nonce == "" || seen[nonce] || !strings.Contains(got, ";script-src 'nonce-"+nonce+"';") {
			t.Errorf("policy %q for the nonce %q (seen before: %t)", got, nonce, seen[nonce])
		}
		seen[nonce] = true
	}
	// A guard inside keeps the nonce that was asked for between the two.
	var between, inside string
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		between = csp.Nonce(r.Context())
		g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inside = csp.Nonce(r.Context()) })).ServeHTTP(w, r)
	})).ServeHTTP(w, get())
	if got := w.Header()["Content-Security-Policy"]; between == "" || inside != between || len(got) != 1 || !strings.Contains(got[0], between) {
		t.Errorf("nonces %q and %q, policy %q, want one nonce and one policy with it", between, inside, got)
	}
	if h := answer(g.Handler, get(), 304); h["Content-Security-Policy"] != nil {
		t.Errorf("a 304 carries %q, want no nonce that its document was not written with", h["Content-Security-Policy"])
	}
	if err := g.Apply(http.Header{}, get(), 200); !errors.Is(err, csp.ErrNoNonce) {
		t.Errorf("Apply() = %v, want ErrNoNonce", err)
	}
	r := get()
	r = r.WithContext(csp.WithNonce(r.Context()))
	h := http.Header{}
	if err := g.Apply(h, r, 200); err != nil || !strings.Contains(h.Get("Content-Security-Policy"), csp.Nonce(r.Context())) {
		t.Errorf("Apply() = %v, policy %q, want one with the nonce %q", err, h.Get("Content-Security-Policy"), csp.Nonce(r.Context()))
	}
}

func TestFailingSourcesAreA500(t *testing.T) {
	var events []guard.Event
	cause := errors.New("the database is away")
	g := mustNew(t, headers.Options{
		Sink: func(_ ctx, e guard.Event) { events = append(events, e) },
		ContentSecurityPolicy: headers.CSP{Policy: csp.Default().WithDirective(csp.Directive{Name: "img-src",
			Func: func(*http.Request) ([]string, error) { return nil, cause }})},
	})
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Powered-By", "Express")
		w.Write([]byte("<h1>secret</h1>"))
	})).ServeHTTP(w, get())
	if w.Code != 500 || w.Body.String() != "Internal Server Error\n" {
		t.Errorf("answer = %d %q, want 500 without the body or the cause", w.Code, w.Body)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "Content-Type": "text/plain; charset=utf-8",
		"X-Content-Type-Options": "nosniff", "X-Powered-By": ""} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if len(events) != 1 || events[0].Rule != "policy-failed" || events[0].Action != guard.Failed || !errors.Is(events[0].Err, cause) || events[0].Request == "" {
		t.Errorf("events = %+v, want one policy-failed with the cause and the request", events)
	}
}

func TestObserveChangesNothing(t *testing.T) {
	var events []guard.Event
	g := mustNew(t, headers.Options{Mode: guard.Observe, Sink: func(_ ctx, e guard.Event) { events = append(events, e) }})
	expect(t, answer(g.Handler, get(), 200, "X-Powered-By: Express", "X-Frame-Options: DENY", "Content-Security-Policy: default-src *"),
		http.Header{"X-Powered-By": {"Express"}, "X-Frame-Options": {"DENY"}, "Content-Security-Policy": {"default-src *"}})
	const want = "Cross-Origin-Opener-Policy, Cross-Origin-Resource-Policy, Origin-Agent-Cluster, Referrer-Policy, Strict-Transport-Security, " +
		"X-Content-Type-Options, X-DNS-Prefetch-Control, X-Download-Options, X-Permitted-Cross-Domain-Policies, X-XSS-Protection, no X-Powered-By"
	if len(events) != 1 || events[0].Rule != "would-set" || events[0].Action != guard.WouldMend || events[0].Detail != want {
		t.Errorf("events = %+v, want one would-set with %q", events, want)
	}
	events = nil
	g = mustNew(t, headers.Options{Mode: guard.Observe, Sink: func(_ ctx, e guard.Event) { events = append(events, e) },
		ContentSecurityPolicy: headers.CSP{Policy: csp.Default().WithDirective(csp.Directive{Name: "script-src", Nonce: true})}})
	expect(t, answer(g.Handler, get(), 200), http.Header{})
	if len(events) != 1 || events[0].Action != guard.WouldMend || !strings.HasPrefix(events[0].Detail, "Content-Security-Policy, ") {
		t.Errorf("events with a nonce = %+v, want one would-set with the policy", events)
	}
}

func TestEffective(t *testing.T) {
	g := mustNew(t, headers.Options{XFrameOptions: headers.Field{Value: "DENY"}, XDownloadOptions: headers.Field{Off: true}})
	want := map[string]headers.Setting{
		"X-Frame-Options":              {Header: "X-Frame-Options", Value: "DENY", Given: true},
		"X-Download-Options":           {Header: "X-Download-Options", Value: "noopen", Given: true, Off: true},
		"X-Content-Type-Options":       {Header: "X-Content-Type-Options", Value: "nosniff"},
		"Cross-Origin-Embedder-Policy": {Header: "Cross-Origin-Embedder-Policy", Off: true},
		"X-Powered-By":                 {Header: "X-Powered-By", Off: true, Note: "removed"},
	}
	for _, s := range g.Effective() {
		if w, ok := want[s.Header]; ok && s != w {
			t.Errorf("Effective() has %+v, want %+v", s, w)
		}
		if _, ok := want[s.Header]; !ok && s.Given {
			t.Errorf("%s is said to be given", s.Header)
		}
		delete(want, s.Header)
	}
	if len(want) != 0 {
		t.Errorf("Effective() lacks %v", want)
	}
}
