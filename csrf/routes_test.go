package csrf_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
)

func TestRoutes(t *testing.T) {
	g := newGuard(t, csrf.Options{
		TrustedOrigins: []string{"https://app.example"},
		Routes: []csrf.Route{
			{Pattern: "POST /hook/", Exempt: "signed"},
			{Pattern: "POST /hook/admin", TrustedOrigins: []string{"https://admin.example"}},
			{Pattern: "/public/{id}", Exempt: "nothing is kept"},
			{Pattern: "PUT /files/{path...}", Exempt: "signed addresses"},
			{Pattern: "POST /saml/acs", TrustedOrigins: []string{"https://idp.example"}},
			{Pattern: "POST /end/{$}", Exempt: "only this"},
			{Pattern: "GET /ws", TrustedOrigins: []string{"https://app2.example"}},
			{Pattern: "POST /caf%C3%A9", Exempt: "spelled as in addresses"},
		},
	})
	tests := []struct {
		line, origin string
		want         bool
	}{
		{"POST /hook/a", "https://any.example", true},
		{"POST /hook/", "https://any.example", true},
		{"POST /hook/...", "https://any.example", false}, // some file systems trim it
		{"POST /hook/a%20b", "https://any.example", true},
		{"POST /hook", "https://any.example", false},
		{"PUT /hook/a", "https://any.example", false},
		{"POST /hook/admin", "https://any.example", false}, // the more specific holds
		{"POST /hook/admin", "https://admin.example", true},
		{"POST /hook/admin", "https://app.example", true},  // trusted everywhere
		{"POST /hook/ADMIN", "https://any.example", false}, // Express calls it the same
		{"POST /hook/admin/", "https://any.example", false},
		{"POST /hook/ADMIN", "https://app.example", true},
		{"POST /hook/administer", "https://any.example", true},
		{"POST /hook/../pay", "https://any.example", false},
		{"POST /hook/./pay", "https://any.example", false},
		{"POST /hook/..", "https://any.example", false},
		{"POST /hook/..%2fpay", "https://any.example", false},
		{"POST /hook/%2e%2e/pay", "https://any.example", false},
		{"POST /hook/.%2E/pay", "https://any.example", false},
		{"POST /hook/..%5cpay", "https://any.example", false},
		{"POST /hook/..;/pay", "https://any.example", false},
		{"POST /hook/;/../pay", "https://any.example", false},
		{"POST /hook/a;b", "https://any.example", false},
		{"POST /hook/%252e%252e/pay", "https://any.example", false},
		{"POST /hook/a%00", "https://any.example", false},
		{"POST /hook/%c0%ae%c0%ae/pay", "https://any.example", false}, // ".." too long
		{"POST /hook/100%25", "https://any.example", true},
		{"POST /hook/caf%C3%A9", "https://any.example", true},
		{"POST //hook/a", "https://any.example", false},
		{"POST /hook//a", "https://any.example", false},
		{"POST /hook%2fa", "https://any.example", false},
		{"POST /hook/...", "https://any.example", false}, // some file systems trim it
		{"POST /hook/a?next=../..", "https://any.example", true},
		{"POST /hook/a?_method=DELETE", "https://any.example", false}, // DELETE is not exempt
		{"POST /hook/a?_method=POST", "https://any.example", true},
		{"POST /hook/a?_method=POST&_method=DELETE", "https://any.example", false}, // PHP takes the last
		{"POST /hook/a?_method=DELETE&_method=POST", "https://any.example", false},
		{"DELETE /public/1", "https://any.example", true},
		{"DELETE /public/1?_method=PUT", "https://any.example", true},
		{"POST /public/1/", "https://any.example", false},
		{"POST /public/", "https://any.example", false},
		{"PUT /files/a/b", "https://any.example", true},
		{"PUT /files/", "https://any.example", true},
		{"PUT /files", "https://any.example", false},
		{"POST /saml/acs", "https://idp.example", true},
		{"POST /saml/acs", "https://evil.test", false},
		{"POST /saml/acs", "null", false},
		{"POST /end/", "https://any.example", true},
		{"POST /end/x", "https://any.example", false},
		{"POST /caf%C3%A9", "https://any.example", true},
	}
	for _, test := range tests {
		method, path, _ := strings.Cut(test.line, " ")
		for _, site := range []string{"cross-site", ""} {
			header := []string{form, cookie, "Origin: " + test.origin}
			if site != "" {
				header = append(header, "Sec-Fetch-Site: "+site)
			}
			err := g.Check(request(t, method+" https://shop.example"+path, header...))
			if (err == nil) != test.want {
				t.Errorf("Check(%s from %s, %q) = %v, want allowed: %v", test.line, test.origin, site, err, test.want)
			}
		}
	}
	ws := request(t, "GET https://shop.example/ws", cookie, "Upgrade: websocket", "Origin: https://app2.example", "Sec-Fetch-Site: cross-site")
	if err := g.Check(ws); err != nil {
		t.Errorf("Check(WebSocket from the route's trusted origin) = %v, want nil", err)
	}
}

func TestNewRefuses(t *testing.T) {
	route := func(p string) csrf.Options { return csrf.Options{Routes: []csrf.Route{{Pattern: p, Exempt: "x"}}} }
	origin := func(o string) csrf.Options { return csrf.Options{TrustedOrigins: []string{o}} }
	tests := []struct {
		name   string
		o      csrf.Options
		fields string
		says   string
	}{
		{"mode", csrf.Options{Mode: 9}, "Mode", "enforce, observe, off"},
		{"origin with a path", origin("https://a.example/x"), "TrustedOrigins[0]", "write https://a.example"},
		{"origin with a slash", origin("https://a.example/"), "TrustedOrigins[0]", "write https://a.example"},
		{"origin with its port", origin("http://a.example:80"), "TrustedOrigins[0]", "write http://a.example"},
		{"origin with a zero", origin("https://a.example:08443"), "TrustedOrigins[0]", "write https://a.example:8443"},
		{"origin in upper case", origin("HTTPS://A.example"), "TrustedOrigins[0]", "write https://a.example"},
		{"origin with a user", origin("https://u:p@a.example"), "TrustedOrigins[0]", "write https://a.example"},
		{"origin with an empty query", origin("https://a.example?"), "TrustedOrigins[0]", "write https://a.example"},
		{"long IPv6", origin("https://[0:0:0:0:0:0:0:1]"), "TrustedOrigins[0]", "write https://[::1]"},
		{"mapped IPv6", origin("https://[::ffff:192.0.2.1]"), "TrustedOrigins[0]", "write https://[::ffff:c000:201]"},
		{"short IPv4", origin("https://127.1"), "TrustedOrigins[0]", "four numbers"},
		{"hexadecimal IPv4", origin("https://0x7f000001"), "TrustedOrigins[0]", "four numbers"},
		{"no scheme", origin("a.example"), "TrustedOrigins[0]", "write https://a.example"},
		{"null", origin("null"), "TrustedOrigins[0]", "every sandbox"},
		{"wildcard", origin("https://*.a.example"), "TrustedOrigins[0]", "no wildcards"},
		{"star", origin("*"), "TrustedOrigins[0]", "scheme"},
		{"WebSocket", origin("wss://a.example"), "TrustedOrigins[0]", "https"},
		{"file", origin("file://"), "TrustedOrigins[0]", "no origin"},
		{"international", origin("https://bücher.example"), "TrustedOrigins[0]", "xn--"},
		{"blank", origin("https://a.example "), "TrustedOrigins[0]", "malformed"},
		{"empty", origin(""), "TrustedOrigins[0]", "scheme"},
		{"twice", csrf.Options{TrustedOrigins: []string{"https://a.example", "https://a.example"}}, "TrustedOrigins[1]", "already"},
		{"trusted already", csrf.Options{TrustedOrigins: []string{"https://a.example"}, Routes: []csrf.Route{{Pattern: "/x", TrustedOrigins: []string{"https://a.example"}}}},
			"Routes[0].TrustedOrigins[0]", "already"},
		{"exempt and trusted", csrf.Options{Routes: []csrf.Route{{Pattern: "/x", Exempt: "x", TrustedOrigins: []string{"https://a.example"}}}},
			"Routes[0].TrustedOrigins", "every origin"},
		{"route that does nothing", csrf.Options{Routes: []csrf.Route{{Pattern: "/x"}}}, "Routes[0]", "changes nothing"},
		{"blank reason", csrf.Options{Routes: []csrf.Route{{Pattern: "/x", Exempt: " "}}}, "Routes[0].Exempt", "reason"},
		{"host", route("POST shop.example/x"), "Routes[0].Pattern", "hosts"},
		{"no slash", route("x"), "Routes[0].Pattern", "hosts"},
		{"malformed wildcard", route("POST /{x"), "Routes[0].Pattern", "net/http says"},
		{"lower case is another method", route("post /x"), "", ""},
		{"two ways", route("POST /a%2fb"), "Routes[0].Pattern", "two ways"},
		{"same twice", csrf.Options{Routes: []csrf.Route{{Pattern: "POST /x", Exempt: "x"}, {Pattern: "POST /x", Observe: true}}}, "Routes[1].Pattern", "net/http says"},
		{"neither more specific", csrf.Options{Routes: []csrf.Route{{Pattern: "POST /", Exempt: "x"}, {Pattern: "/x", Observe: true}}}, "Routes[1].Pattern", "net/http says"},
		{"same-site without a reason", csrf.Options{InsecureTrustSameSite: " "}, "InsecureTrustSameSite", "reason"},
		{"all at once", csrf.Options{Mode: 9, TrustedOrigins: []string{"null", "x"}, Routes: []csrf.Route{{Pattern: "x", Exempt: "x"}}}, "Mode TrustedOrigins[0] TrustedOrigins[1] Routes[0].Pattern", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := csrf.New(test.o)
			var fields []string
			for _, e := range guard.OptionErrors(err) {
				fields = append(fields, e.Field)
			}
			if got := strings.Join(fields, " "); got != test.fields {
				t.Errorf("New = %v: fields %q, want %q", err, got, test.fields)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("New = %v, want it to say %q", err, test.says)
			}
		})
	}
}

func TestOriginsThatBrowsersSend(t *testing.T) {
	for _, o := range []string{"https://a.example", "http://localhost:3000", "https://[::1]:8443", "https://192.0.2.1", "capacitor://localhost",
		"chrome-extension://abcdefghijklmnop", "https://xn--bcher-kva.example", "https://a_b.example", "https://a.example.", "https://1a.example"} {
		if got, why := csrf.CleanOrigin(o); got != o {
			t.Errorf("CleanOrigin(%q) = %q, %q, want itself", o, got, why)
		}
	}
}

func TestWarnings(t *testing.T) {
	g := newGuard(t, csrf.Options{
		TrustedOrigins:             []string{"http://old.example", "http://localhost:3000", "https://a.example"},
		InsecureTrustSameSite:      "all ours",
		InsecureAllowUnknownSource: "meters in the field",
	})
	got := g.Warnings()
	if len(got) != 3 || !strings.Contains(got[0], "http://old.example") || !strings.HasSuffix(got[1], "all ours") || !strings.HasSuffix(got[2], "meters in the field") {
		t.Errorf("Warnings() = %q, want the plain origin and both reasons", got)
	}
	for _, h := range [][]string{{form, cookie}, {form, cookie, "Sec-Fetch-Site: same-site"}} {
		if err := g.Check(request(t, "POST https://shop.example/pay", h...)); err != nil {
			t.Errorf("Check(%q) = %v, want nil under both exceptions", h, err)
		}
	}
	if err := g.Check(request(t, "POST https://shop.example/pay", form, cookie, "Sec-Fetch-Site: cross-site")); err == nil {
		t.Error("Check(cross-site) = nil under both exceptions, want a refusal")
	}
}
