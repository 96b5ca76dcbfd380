package csrf_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
)

// vectors are what net/http.CrossOriginProtection of Go 1.26.8 was seen to decide.
type vectors struct {
	CrossOrigin []struct {
		Note   string
		Config struct {
			TrustedOrigins []string `json:"trusted_origins"`
			BypassPatterns []string `json:"bypass_patterns"`
		}
		Request struct {
			Method, Host, Path string
			Headers            http.Header
		}
		Allow bool
	} `json:"cross_origin"`
	TrustedOriginSyntax []struct {
		Origin   string
		Accepted bool
	} `json:"trusted_origin_syntax"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/cross_origin.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// declared are the requests that are decided otherwise than net/http does, each with the
// rule that refuses it, or "" where it passes, and the reason. The package comment lists
// the kinds.
var declared = map[string]struct{ rule, why string }{
	`no Sec-Fetch-Site, Origin "https://example.com/"`:                         {csrf.RuleForeignOrigin, "no browser sends a path"},
	`no Sec-Fetch-Site, Origin "https://example.com/path?q"`:                   {csrf.RuleForeignOrigin, "no browser sends a path"},
	`no Sec-Fetch-Site, Origin "https://user@example.com"`:                     {csrf.RuleForeignOrigin, "no browser sends a user"},
	`no Sec-Fetch-Site, Origin "//example.com"`:                                {csrf.RuleForeignOrigin, "no scheme"},
	`no Sec-Fetch-Site, Origin "ftp://example.com"`:                            {csrf.RuleForeignOrigin, "another scheme is another origin"},
	`no Sec-Fetch-Site, Origin "chrome-extension://example.com"`:               {csrf.RuleForeignOrigin, "another scheme is another origin"},
	`Host "", Origin http://`:                                                  {csrf.RuleForeignOrigin, "no host is nobody's"},
	`only a foreign Referer`:                                                   {csrf.RuleForeignReferer, "the third fallback"},
	`two Sec-Fetch-Site headers: the first counts`:                             {csrf.RuleDuplicateHeader, "one of the two was put there by somebody else"},
	`two Origins: the first counts`:                                            {csrf.RuleDuplicateHeader, "one of the two was put there by somebody else"},
	`GET with override to DELETE passes`:                                       {csrf.RuleMethodOverride, "the app sees DELETE"},
	`websocket-like GET upgrade passes`:                                        {csrf.RuleWebSocket, "cross-site WebSocket hijacking"},
	`bypass patterns; POST /hook/%2e%2e/admin`:                                 {csrf.RuleCrossSite, "an app may see /admin"},
	`bypass patterns; POST /hook/..%2fadmin`:                                   {csrf.RuleCrossSite, "an app may see /admin"},
	`no Sec-Fetch-Site, Origin "https://example.com:443"`:                      {"", "the scheme's own port"},
	`no Sec-Fetch-Site, Origin "https://EXAMPLE.COM"`:                          {"", "hosts have no case"},
	`Host "example.com:443", Origin https://example.com`:                       {"", "the scheme's own port"},
	`Host "EXAMPLE.COM", Origin https://example.com`:                           {"", "hosts have no case"},
	"over https: " + `no Sec-Fetch-Site, Origin "http://example.com"`:          {csrf.RuleDowngrade, "a page without TLS"},
	"over https: " + `Host "example.com:443", Origin http://example.com:443`:   {csrf.RuleDowngrade, "a page without TLS"},
	"over https: " + `Host "example.com:8443", Origin http://example.com:8443`: {csrf.RuleDowngrade, "a page without TLS"},
	"over https: " + `Host "example.com:80", Origin http://example.com:80`:     {csrf.RuleDowngrade, "a page without TLS"},
	"over https: " + `Host "EXAMPLE.COM", Origin http://EXAMPLE.COM`:           {csrf.RuleDowngrade, "a page without TLS"},
	"over https: " + `Host "127.0.0.1:3000", Origin http://127.0.0.1:3000`:     {csrf.RuleDowngrade, "a page without TLS"},
	"over https: " + `Host "[::1]:3000", Origin http://[::1]:3000`:             {csrf.RuleDowngrade, "a page without TLS"},
}

func TestCrossOriginVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, scheme := range []string{"http", "https"} {
		for _, v := range readVectors(t).CrossOrigin {
			name := v.Note
			if _, ok := declared["over https: "+name]; ok && scheme == "https" {
				name = "over https: " + name
			}
			o := csrf.Options{TrustedOrigins: v.Config.TrustedOrigins}
			for _, p := range v.Config.BypassPatterns {
				o.Routes = append(o.Routes, csrf.Route{Pattern: p, Exempt: "as in the vectors"})
			}
			g := newGuard(t, o)
			r := &http.Request{Method: v.Request.Method, Host: v.Request.Host, Header: v.Request.Headers.Clone()}
			var err error
			if r.URL, err = url.ParseRequestURI(v.Request.Path); err != nil {
				t.Fatal(err)
			}
			if r.Header == nil {
				r.Header = http.Header{}
			}
			if scheme == "https" {
				r.TLS = tlsState
			}
			want := ""
			if !v.Allow {
				want = "any"
			}
			if d, ok := declared[name]; ok {
				if want = d.rule; (d.rule == "") == v.Allow {
					t.Errorf("%s: declared to differ, and does not", name)
				}
				seen[name] = true
			}
			got := rule(g.Check(r))
			if got != want && !(want == "any" && got != "") {
				t.Errorf("%s over %s: Check = %q, want %q", v.Note, scheme, got, want)
			}
		}
	}
	for name := range declared {
		if !seen[name] {
			t.Errorf("%q is declared and not in the vectors", name)
		}
	}
}

// stricter are the origins that net/http takes and no browser sends, with the one it does.
var stricter = map[string]string{
	"https://example.com?":     "https://example.com",
	"https://EXAMPLE.COM":      "https://example.com",
	"https://user@example.com": "https://example.com",
	"https://example.com:443":  "https://example.com",
	"https://*.example.com":    "wildcards",
}

func TestTrustedOriginVectors(t *testing.T) {
	for _, v := range readVectors(t).TrustedOriginSyntax {
		_, err := csrf.New(csrf.Options{TrustedOrigins: []string{v.Origin}})
		if mend, ok := stricter[v.Origin]; ok {
			if err == nil || !strings.Contains(err.Error(), mend) {
				t.Errorf("New(TrustedOrigins %q) = %v, want an error that names %s", v.Origin, err, mend)
			}
			continue
		}
		if (err == nil) != v.Accepted {
			t.Errorf("New(TrustedOrigins %q) = %v, want accepted: %v", v.Origin, err, v.Accepted)
		}
	}
}

func newGuard(t testing.TB, o csrf.Options) *csrf.Guard {
	t.Helper()
	if o.Sink == nil {
		o.Sink = func(context.Context, guard.Event) {}
	}
	g, err := csrf.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// rule is that of a Refusal, or empty.
func rule(err error) string {
	if err == nil {
		return ""
	}
	var refusal *csrf.Refusal
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	return refusal.Rule
}
