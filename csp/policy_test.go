package csp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/csp"
)

const helmetDefault = "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';" +
	"frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';" +
	"style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests"

func TestDefaultIsHelmets(t *testing.T) {
	if got := csp.Default().String(); got != helmetDefault {
		t.Errorf("Default() = %q, want %q", got, helmetDefault)
	}
	first := csp.Default()
	first[0].Sources[0] = "*"
	if got := csp.Default().String(); got != helmetDefault {
		t.Errorf("Default() after a change of an earlier copy = %q, want %q", got, helmetDefault)
	}
}

func TestPolicyCopies(t *testing.T) {
	p := csp.Policy{{Name: "default-src", Sources: []string{"'self'"}}, {Name: "img-src", Sources: []string{"data:"}}}
	for _, c := range []struct {
		name string
		got  csp.Policy
		want string
	}{
		{"with in place", p.With("default-src", "'none'"), "default-src 'none';img-src data:"},
		{"with at the end", p.With("sandbox"), "default-src 'self';img-src data:;sandbox"},
		{"without", p.Without("default-src"), "img-src data:"},
		{"without what is not there", p.Without("sandbox"), "default-src 'self';img-src data:"},
		{"nonce shown", p.WithDirective(csp.Directive{Name: "script-src", Nonce: true}), "default-src 'self';img-src data:;script-src 'nonce-{random}'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.got.String(); got != c.want {
				t.Errorf("String() = %q, want %q", got, c.want)
			}
			c.got[0].Name = "changed"
			if len(c.got[0].Sources) > 0 {
				c.got[0].Sources[0] = "changed"
			}
			if got, want := p.String(), "default-src 'self';img-src data:"; got != want {
				t.Errorf("the original became %q, want %q", got, want)
			}
		})
	}
	if _, ok := p.Get("img-src"); !ok {
		t.Error("Get(img-src) found nothing")
	}
	if _, ok := p.Get("font-src"); ok {
		t.Error("Get(font-src) found one, want none")
	}
}

func TestNormalize(t *testing.T) {
	for _, c := range []struct {
		name, want string
		ok         bool
	}{
		{"scriptSrc", "script-src", true}, {"script-src", "script-src", true}, {"scriptSRC", "script-s-r-c", true},
		{"foo--bar", "foo--bar", true}, {"a", "a", true}, {"x9", "x9", true}, {"scriptSrcX", "script-src-x", true},
		{"", "", false}, {"ScriptSrc", "", false}, {"script-src-", "", false}, {"-src", "", false}, {"9a", "", false},
		{"script src", "", false}, {"script-src;", "", false}, {"scriptſrc", "", false}, {"script:src", "", false},
	} {
		if got, ok := csp.Normalize(c.name); got != c.want || ok != c.ok {
			t.Errorf("Normalize(%q) = %q, %t, want %q, %t", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestCompile(t *testing.T) {
	fails := errors.New("no such thing")
	sources := func(list ...string) func(*http.Request) ([]string, error) {
		return func(*http.Request) ([]string, error) { return list, nil }
	}
	for _, c := range []struct {
		name   string
		policy csp.Policy
		want   string
		err    string
	}{
		{"static", csp.Default(), helmetDefault, ""},
		{"func", csp.Policy{{Name: "img-src", Sources: []string{"data:"}, Func: sources("https://a.example", "blob:")}, {Name: "sandbox"}},
			"img-src data: https://a.example blob:;sandbox", ""},
		{"func gives the empty string", csp.Policy{{Name: "img-src", Func: sources("")}}, "img-src ", ""},
		{"func gives nothing", csp.Policy{{Name: "img-src", Func: sources()}}, "img-src", ""},
		{"func gives a semicolon", csp.Policy{{Name: "img-src", Func: sources("'self'; script-src *")}}, "", "img-src"},
		{"func gives an unquoted hash", csp.Policy{{Name: "style-src", Func: sources("sha384-abc=")}}, "", "single quotes"},
		{"func gives CR LF", csp.Policy{{Name: "img-src", Func: sources("'self'\r\nX-Evil: 1")}}, "", "control character"},
		{"func fails", csp.Policy{{Name: "img-src", Func: func(*http.Request) ([]string, error) { return nil, fails }}}, "", "no such thing"},
		{"Latin-1 is one byte a character, as from Node", csp.Policy{{Name: "img-src", Sources: []string{"é"}}}, "img-src \xe9", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.policy.Compile().Value(httptest.NewRequest("GET", "/", nil))
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("Value() = %q, %v, want %q, error with %q", got, err, c.want, c.err)
			}
		})
	}
}

func TestNonce(t *testing.T) {
	policy := csp.Policy{
		{Name: "script-src", Sources: []string{"'strict-dynamic'"}, Nonce: true},
		{Name: "style-src", Nonce: true}, {Name: "object-src", Sources: []string{"'none'"}},
	}
	compiled := policy.Compile()
	r := httptest.NewRequest("GET", "/", nil)
	if got, err := compiled.Value(r); !errors.Is(err, csp.ErrNoNonce) {
		t.Errorf("Value without a nonce = %q, %v, want ErrNoNonce", got, err)
	}
	if got := csp.Nonce(r.Context()); got != "" {
		t.Errorf("Nonce without a slot = %q, want none", got)
	}
	seen := map[string]bool{}
	for range 100 {
		r := r.WithContext(csp.WithNonce(context.Background()))
		var all sync.Map
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() { all.Store(csp.Nonce(r.Context()), true) })
		}
		wait.Wait()
		n := 0
		all.Range(func(any, any) bool { n++; return true })
		nonce := csp.Nonce(r.Context())
		raw, err := base64.RawURLEncoding.DecodeString(nonce)
		if n != 1 || err != nil || len(raw) < 16 || seen[nonce] {
			t.Fatalf("Nonce gave %d values, the last %q (%d bytes, %v, seen before: %t); want one, new, of at least 16 bytes", n, nonce, len(raw), err, seen[nonce])
		}
		seen[nonce] = true
		got, err := compiled.Value(r)
		if want := "script-src 'strict-dynamic' 'nonce-" + nonce + "';style-src 'nonce-" + nonce + "';object-src 'none'"; got != want || err != nil {
			t.Fatalf("Value() = %q, %v, want %q", got, err, want)
		}
	}
}
