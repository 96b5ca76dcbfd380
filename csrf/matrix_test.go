package csrf_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/csrf"
)

var tlsState = &tls.ConnectionState{Version: tls.VersionTLS13}

// request makes one from "POST https://shop.example/x" and header lines.
func request(t testing.TB, line string, header ...string) *http.Request {
	t.Helper()
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, nil)
	for _, h := range header {
		name, value, ok := strings.Cut(h, ": ")
		if !ok {
			t.Fatalf("header line %q", h)
		}
		r.Header.Add(name, value)
	}
	return r
}

const (
	form   = "Content-Type: application/x-www-form-urlencoded"
	cookie = "Cookie: sid=1"
)

type matrixCase struct {
	name, line string
	header     []string
	want       string // the rule; empty where it passes
}

// matrix is attacks and what correct clients send.
var matrix = []matrixCase{
	// What correct clients send.
	{"form of the site", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: same-origin", "Origin: https://shop.example"}, ""},
	{"no-referrer makes the Origin null", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: same-origin", "Origin: null"}, ""},
	{"script of the site", "DELETE https://shop.example/cart/1", []string{cookie, "Sec-Fetch-Site: same-origin"}, ""},
	{"older browser, form of the site", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://shop.example"}, ""},
	{"still older, Referer", "POST https://shop.example/pay", []string{form, cookie, "Referer: https://shop.example/cart?x=1"}, ""},
	{"Referer without a path", "POST https://shop.example/pay", []string{form, cookie, "Referer: https://shop.example"}, ""},
	{"typed", "GET https://shop.example/", []string{cookie, "Sec-Fetch-Site: none"}, ""},
	{"form that is loaded again", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: none"}, ""},
	{"API client", "POST https://shop.example/api", []string{"Content-Type: application/json"}, ""},
	{"API client with a form", "POST https://shop.example/api", []string{form}, ""},
	{"mobile app with a cookie", "POST https://shop.example/api", []string{"Content-Type: application/json", cookie}, ""},
	{"mobile app that deletes", "DELETE https://shop.example/api/1", []string{cookie}, ""},
	{"Bearer and a form", "POST https://shop.example/api", []string{form, "Authorization: Bearer x"}, ""},
	{"webhook", "POST https://shop.example/hook", []string{form, "User-Agent: Pay/1.0"}, ""},
	{"link from elsewhere", "GET https://shop.example/", []string{cookie, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, ""},
	{"preflight", "OPTIONS https://shop.example/api", []string{"Origin: https://app.example", "Access-Control-Request-Method: PUT", "Sec-Fetch-Site: cross-site"}, ""},
	{"WebSocket of the site", "GET https://shop.example/ws", []string{cookie, "Connection: Upgrade", "Upgrade: websocket", "Origin: https://shop.example"}, ""},
	{"WebSocket of an app", "GET https://shop.example/ws", []string{cookie, "Connection: Upgrade", "Upgrade: websocket"}, ""},
	{"HTTP/2 in clear", "GET http://shop.example/", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Origin: https://evil.test"}, ""},
	{"override of the site", "GET https://shop.example/x?_method=DELETE", []string{cookie, "Sec-Fetch-Site: same-origin"}, ""},
	{"override that changes nothing", "GET https://shop.example/x?_method=get", []string{cookie, "Sec-Fetch-Site: cross-site"}, ""},
	{"a parameter that only looks so", "GET https://shop.example/x?pay_method=card&_methods=POST", []string{cookie, "Sec-Fetch-Site: cross-site"}, ""},
	{"another port is said", "POST https://shop.example:8443/pay", []string{form, cookie, "Origin: https://shop.example:8443"}, ""},
	{"IPv6", "POST https://[2001:db8::1]:8443/pay", []string{form, cookie, "Origin: https://[2001:db8::1]:8443"}, ""},
	{"TLS ends before", "POST http://shop.example/pay", []string{form, cookie, "Origin: https://shop.example"}, ""},
	{"plain site", "POST http://shop.example/pay", []string{form, cookie, "Origin: http://shop.example"}, ""},

	// Attacks that others stop as well.
	{"cross-site form", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, csrf.RuleCrossSite},
	{"sibling", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: same-site", "Origin: https://blog.shop.example"}, csrf.RuleSameSite},
	{"older browser, foreign Origin", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://evil.test"}, csrf.RuleForeignOrigin},
	{"sandbox", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: cross-site", "Origin: null"}, csrf.RuleCrossSite},
	{"older browser, sandbox", "POST https://shop.example/pay", []string{form, cookie, "Origin: null"}, csrf.RuleNullOrigin},
	{"older browser, sandbox with a Referer", "POST https://shop.example/pay", []string{form, cookie, "Origin: null", "Referer: https://shop.example/"}, csrf.RuleNullOrigin},
	{"ping of a link that hides where it is", "POST https://shop.example/pay?to=eve", []string{"Content-Type: text/ping", cookie}, csrf.RuleUnknownSource},
	{"text/plain JSON", "POST https://shop.example/api", []string{"Content-Type: text/plain", cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleCrossSite},
	{"TRACE", "TRACE https://shop.example/", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleCrossSite},
	{"login", "POST https://shop.example/login", []string{form, "Sec-Fetch-Site: cross-site", "Origin: https://evil.test"}, csrf.RuleCrossSite},
	{"login, older browser", "POST https://shop.example/login", []string{form, "Origin: https://evil.test"}, csrf.RuleForeignOrigin},
	{"another port is another origin", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://shop.example:8443"}, csrf.RuleForeignOrigin},
	{"host that begins alike", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://shop.example.evil.test"}, csrf.RuleForeignOrigin},
	{"host that ends alike", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://evilshop.example"}, csrf.RuleForeignOrigin},
	{"host as a user", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://shop.example@evil.test"}, csrf.RuleForeignOrigin},
	{"host in a path", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://evil.test/https://shop.example"}, csrf.RuleForeignOrigin},
	{"Kelvin sign", "POST https://kshop.example/pay", []string{form, cookie, "Origin: https://\u212ashop.example"}, csrf.RuleForeignOrigin},
	{"unknown Sec-Fetch-Site", "POST https://shop.example/pay", []string{form, cookie, "Sec-Fetch-Site: other"}, csrf.RuleCrossSite},

	// The seven that http.CrossOriginProtection lets pass.
	{"1 cookie tossing from a plain page, older browser", "POST https://shop.example/pay", []string{form, cookie, "Cookie: _csrf=evil", "Origin: http://shop.example"}, csrf.RuleDowngrade},
	{"2 plain page, older browser", "POST https://shop.example/pay", []string{form, cookie, "Referer: http://shop.example/"}, csrf.RuleDowngrade},
	{"3 foreign Referer only", "POST https://shop.example/pay", []string{form, cookie, "Referer: https://evil.test/shop.example"}, csrf.RuleForeignReferer},
	{"4 form with a cookie and nothing else", "POST https://shop.example/pay", []string{form, cookie}, csrf.RuleUnknownSource},
	{"5 WebSocket", "GET https://shop.example/ws", []string{cookie, "Connection: Upgrade", "Upgrade: websocket", "Origin: https://evil.test", "Sec-Fetch-Site: cross-site"}, csrf.RuleWebSocket},
	{"6 GET that is a DELETE", "GET https://shop.example/x?_method=DELETE", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"7 exempt path that is another", "POST https://shop.example/hook/..%2fadmin", []string{form, cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleCrossSite},

	// Their relatives.
	{"null WebSocket", "GET https://shop.example/ws", []string{cookie, "Connection: Upgrade", "Upgrade: WebSocket", "Origin: null"}, csrf.RuleWebSocket},
	{"sibling's WebSocket", "GET https://shop.example/ws", []string{cookie, "Upgrade: websocket", "Sec-Fetch-Site: same-site"}, csrf.RuleWebSocket},
	{"plain page's WebSocket", "GET https://shop.example/ws", []string{cookie, "Upgrade: websocket", "Origin: http://shop.example"}, csrf.RuleWebSocket},
	{"override in an address from a mail", "GET https://shop.example/x?_method=DELETE", []string{cookie, "Sec-Fetch-Site: none"}, csrf.RuleMethodOverride},
	{"escaped override", "GET https://shop.example/x?%5fmetho%64=%64elete", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override in brackets", "GET https://shop.example/x?a=1&_method[]=PUT", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override behind a semicolon", "GET https://shop.example/x?a=1;_method=PUT", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override as PHP reads it", "GET https://shop.example/x?.method=PUT", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override behind blanks", "GET https://shop.example/x?+%20_method=PUT", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override before a zero", "GET https://shop.example/x?_method%00x=PUT", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"second override", "GET https://shop.example/x?_method=GET&_method=PUT", []string{cookie, "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override by header", "HEAD https://shop.example/x", []string{cookie, "X-HTTP-Method-Override: delete", "Sec-Fetch-Site: cross-site"}, csrf.RuleMethodOverride},
	{"override, older browser", "GET https://shop.example/x?_method=DELETE", []string{cookie, "Referer: https://evil.test/"}, csrf.RuleMethodOverride},
	{"override, nothing said", "GET https://shop.example/x?_method=DELETE", []string{cookie}, csrf.RuleMethodOverride},
	{"no content type", "POST https://shop.example/logout", []string{cookie}, csrf.RuleUnknownSource},
	{"two content types", "POST https://shop.example/pay", []string{cookie, "Content-Type: application/json", form}, csrf.RuleUnknownSource},
	{"multipart", "POST https://shop.example/pay", []string{cookie, "Content-Type: multipart/form-data; boundary=x"}, csrf.RuleUnknownSource},
	{"ping of a link", "POST https://shop.example/logout", []string{cookie, "Content-Type: text/ping", "Ping-To: https://evil.test/"}, csrf.RuleUnknownSource},
	{"Basic", "POST https://shop.example/pay", []string{form, "Authorization: Basic eDp5"}, csrf.RuleUnknownSource},
	{"Negotiate", "POST https://shop.example/pay", []string{form, "Authorization: negotiate x"}, csrf.RuleUnknownSource},
	{"Bearer beside a cookie", "POST https://shop.example/pay", []string{form, "Authorization: Bearer x", cookie}, csrf.RuleUnknownSource},
	{"Referer that is none", "POST https://shop.example/pay", []string{form, cookie, "Referer: about:blank"}, csrf.RuleForeignReferer},
	{"two Referers", "POST https://shop.example/pay", []string{form, cookie, "Referer: https://shop.example/", "Referer: https://evil.test/"}, csrf.RuleDuplicateHeader},
	{"own host with a user", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://u@shop.example"}, csrf.RuleForeignOrigin},
	{"own host with a path", "POST https://shop.example/pay", []string{form, cookie, "Origin: https://shop.example/"}, csrf.RuleForeignOrigin},
}

func TestMatrix(t *testing.T) {
	g := newGuard(t, csrf.Options{Routes: []csrf.Route{{Pattern: "POST /hook/", Exempt: "signed"}}})
	for _, test := range matrix {
		t.Run(test.name, func(t *testing.T) {
			if got := rule(g.Check(request(t, test.line, test.header...))); got != test.want {
				t.Errorf("Check(%s %q) = %q, want %q", test.line, test.header, got, test.want)
			}
		})
	}
}

// TestDifferencesAreDocumented: each row of the table in docs/csrf.md names a case that is
// refused here and that net/http lets pass.
func TestDifferencesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/csrf.md")
	if err != nil {
		t.Fatal(err)
	}
	peer := http.NewCrossOriginProtection()
	peer.AddInsecureBypassPattern("POST /hook/")
	_, table, _ := strings.Cut(string(text), "case of TestMatrix |\n|---|---|---|\n")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		if len(cells) != 3 {
			break
		}
		rows++
		name := strings.TrimSpace(cells[2])
		i := slices.IndexFunc(matrix, func(c matrixCase) bool { return c.name == name })
		if i < 0 {
			t.Errorf("docs/csrf.md names the case %q, which is not in the matrix", name)
			continue
		}
		c := matrix[i]
		if c.want == "" {
			t.Errorf("%s: passes here, want a refusal", name)
		}
		if err := peer.Check(request(t, c.line, c.header...)); err != nil {
			t.Errorf("%s: net/http refuses it too: %v", name, err)
		}
	}
	if rows < 10 {
		t.Errorf("docs/csrf.md has %d rows of differences, want all", rows)
	}
}

func TestClientCertificateIsAmbient(t *testing.T) {
	g := newGuard(t, csrf.Options{})
	r := request(t, "POST https://shop.example/pay", form)
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	if got := rule(g.Check(r)); got != csrf.RuleUnknownSource {
		t.Errorf("Check(form with a client certificate) = %q, want %q", got, csrf.RuleUnknownSource)
	}
}

// TestBehindProxy: the proxy changes Host and ends TLS, and says so.
func TestBehindProxy(t *testing.T) {
	trust, err := clientip.New(clientip.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(t, csrf.Options{})
	tests := []struct {
		name, peer string
		header     []string
		want       string
	}{
		{"older browser", "10.0.0.1:1", []string{"Origin: https://shop.example"}, ""},
		{"modern browser", "10.0.0.1:1", []string{"Origin: https://shop.example", "Sec-Fetch-Site: same-origin"}, ""},
		{"Referer", "10.0.0.1:1", []string{"Referer: https://shop.example/x"}, ""},
		{"plain page", "10.0.0.1:1", []string{"Origin: http://shop.example"}, csrf.RuleDowngrade},
		{"the inner name is no origin", "10.0.0.1:1", []string{"Origin: https://app.internal:3000"}, csrf.RuleForeignOrigin},
		{"foreign", "10.0.0.1:1", []string{"Origin: https://evil.test"}, csrf.RuleForeignOrigin},
		{"a peer that nobody trusts", "192.0.2.1:1", []string{"Origin: https://shop.example"}, csrf.RuleForeignOrigin},
	}
	for _, test := range tests {
		r := request(t, "POST http://app.internal:3000/pay", append(test.header, form, cookie, "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example")...)
		r.RemoteAddr = test.peer
		got := "not reached"
		trust.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = rule(g.Check(r)) })).ServeHTTP(httptest.NewRecorder(), r)
		if got != test.want {
			t.Errorf("%s: Check = %q, want %q", test.name, got, test.want)
		}
	}
}
