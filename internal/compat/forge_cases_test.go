package compat_test

import (
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/door/crosssite"
)

const (
	typeForm  = "Content-Type: application/x-www-form-urlencoded"
	typeJSON  = "Content-Type: application/json"
	typeText  = "Content-Type: text/plain"
	withID    = "Cookie: {cookie}"
	crossSite = "Sec-Fetch-Site: cross-site"
	sameSite  = "Sec-Fetch-Site: same-site"
	sameOwn   = "Sec-Fetch-Site: same-origin"
	evil      = "Origin: {evil}"
	pay       = "POST /transfer/{mark}"
	override  = "GET /item/{mark}?_method=DELETE"
	amount    = "amount=4711"
	amountTxt = `{"amount": 4711}`
	amountMul = "--x\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n4711\r\n--x--\r\n"
	opened    = "websocket by ada"
)

// socket is the header of a WebSocket's handshake with the session's cookie.
func socket(more ...string) []string {
	return append([]string{withID, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, more...)
}

// craftedAttacks are refused by a door that refuses everything.
func craftedAttacks() []crafted {
	const ws = "GET /ws/{mark}"
	all := []crafted{
		{"form of another site", pay, []string{typeForm, withID, crossSite, evil}, amount, paid, csrf.RuleCrossSite},
		{"form of a sibling", pay, []string{typeForm, withID, sameSite, "Origin: https://blog.app.localhost"}, amount, paid, csrf.RuleSameSite},
		{"sandbox", pay, []string{typeForm, withID, crossSite, "Origin: null"}, amount, paid, csrf.RuleCrossSite},
		{"text/plain JSON", pay, []string{typeText, withID, crossSite, evil}, amountTxt, paid, csrf.RuleCrossSite},
		{"JSON of a browser that did not ask", pay, []string{typeJSON, withID, crossSite, evil}, amountTxt, paid, csrf.RuleCrossSite},
		{"PUT", "PUT /transfer/{mark}", []string{typeJSON, withID, crossSite, evil}, amountTxt, paid, csrf.RuleCrossSite},
		{"ping of a link", pay, []string{"Content-Type: text/ping", withID, crossSite, evil, "Ping-To: {self}"}, "PING", "transfer by ada", csrf.RuleCrossSite},
		{"a value that no browser has", pay, []string{typeForm, withID, "Sec-Fetch-Site: Same-Origin"}, amount, paid, csrf.RuleCrossSite},
		{"own Origin, cross-site", pay, []string{typeForm, withID, crossSite, "Origin: {self}"}, amount, paid, csrf.RuleCrossSite},

		// Cookies that an attacker has planted.
		{"tossed cookie, sibling", pay, []string{typeForm, "Cookie: {cookie}; _csrf=evil", sameSite}, amount + "&_csrf=evil", paid, csrf.RuleSameSite},
		{"tossed cookie, nothing said", pay, []string{typeForm, "Cookie: _csrf=evil; {cookie}"}, amount + "&_csrf=evil", paid, csrf.RuleUnknownSource},
		{"tossed cookie, page without TLS", pay, []string{typeForm, "Cookie: {cookie}; _csrf=evil", "Origin: {plain}"}, amount + "&_csrf=evil", paid, csrf.RuleDowngrade},

		// Browsers without Sec-Fetch-Site.
		{"older: foreign Origin", pay, []string{typeForm, withID, evil}, amount, paid, csrf.RuleForeignOrigin},
		{"older: sibling", pay, []string{typeForm, withID, "Origin: https://blog.app.localhost"}, amount, paid, csrf.RuleForeignOrigin},
		{"older: another port", pay, []string{typeForm, withID, "Origin: https://app.localhost:1"}, amount, paid, csrf.RuleForeignOrigin},
		{"older: name that begins alike", pay, []string{typeForm, withID, "Origin: {self}.evil.test"}, amount, paid, csrf.RuleForeignOrigin},
		{"older: name as a user", pay, []string{typeForm, withID, "Origin: {self}@evil.test"}, amount, paid, csrf.RuleForeignOrigin},
		{"older: foreign Origin, own Referer", pay, []string{typeForm, withID, evil, "Referer: {self}/page"}, amount, paid, csrf.RuleForeignOrigin},
		{"older: sandbox", pay, []string{typeForm, withID, "Origin: null"}, amount, paid, csrf.RuleNullOrigin},
		{"older: page without TLS", pay, []string{typeForm, withID, "Origin: {plain}"}, amount, paid, csrf.RuleDowngrade},
		{"older: Referer without TLS", pay, []string{typeForm, withID, "Referer: {plain}/page"}, amount, paid, csrf.RuleDowngrade},
		{"older: foreign Referer", pay, []string{typeForm, withID, "Referer: {evil}/{self}/"}, amount, paid, csrf.RuleForeignReferer},
		{"older: Referer that is none", pay, []string{typeForm, withID, "Referer: about:blank"}, amount, paid, csrf.RuleForeignReferer},
		{"older: text/plain JSON", pay, []string{typeText, withID, evil}, amountTxt, paid, csrf.RuleForeignOrigin},
		{"older: the name that a proxy uses", pay, []string{typeForm, withID, "Origin: https://inner.localhost"}, amount, paid, csrf.RuleForeignOrigin},
		{"nothing said: form", pay, []string{typeForm, withID}, amount, paid, csrf.RuleUnknownSource},
		{"nothing said: multipart", pay, []string{"Content-Type: multipart/form-data; boundary=x", withID}, amountMul, paid, csrf.RuleUnknownSource},
		{"nothing said: text/plain JSON", pay, []string{typeText, withID}, amountTxt, paid, csrf.RuleUnknownSource},
		{"nothing said: no content type", pay, []string{withID}, "", "transfer by ada", csrf.RuleUnknownSource},
		{"nothing said: ping", pay, []string{"Content-Type: text/ping", withID}, "PING", "transfer by ada", csrf.RuleUnknownSource},
		{"nothing said: two content types", pay, []string{typeForm, typeJSON, withID}, amount, paid, csrf.RuleUnknownSource},
		{"said by a peer that nobody trusts", pay, []string{typeForm, withID, evil, "X-Forwarded-Host: evil.test", "Forwarded: host=evil.test"}, amount, paid, csrf.RuleForeignOrigin},

		// What is there twice.
		{"two Sec-Fetch-Site", pay, []string{typeForm, withID, sameOwn, crossSite}, amount, paid, csrf.RuleDuplicateHeader},
		{"two in one Sec-Fetch-Site", pay, []string{typeForm, withID, sameOwn + ", cross-site"}, amount, paid, csrf.RuleCrossSite},
		{"empty Sec-Fetch-Site", pay, []string{typeForm, withID, "Sec-Fetch-Site:", evil}, amount, paid, csrf.RuleForeignOrigin},
		{"two Origins", pay, []string{typeForm, withID, "Origin: {self}", evil}, amount, paid, csrf.RuleDuplicateHeader},
		{"two in one Origin", pay, []string{typeForm, withID, "Origin: {self}, {evil}"}, amount, paid, csrf.RuleForeignOrigin},
		{"two Referers", pay, []string{typeForm, withID, "Referer: {self}/", "Referer: {evil}/"}, amount, paid, csrf.RuleDuplicateHeader},

		// Safe methods that are none.
		{"override", override, []string{withID, crossSite}, "", deleted, csrf.RuleMethodOverride},
		{"override of a sibling", override, []string{withID, sameSite}, "", deleted, csrf.RuleMethodOverride},
		{"override, older", override, []string{withID, "Referer: {evil}/"}, "", deleted, csrf.RuleMethodOverride},
		{"override, nothing said", override, []string{withID}, "", deleted, csrf.RuleMethodOverride},
		{"override in an address from a mail", override, []string{withID, "Sec-Fetch-Site: none"}, "", deleted, csrf.RuleMethodOverride},
		{"override, escaped", "GET /item/{mark}?a=1&%5fmetho%64=%64elete", []string{withID, crossSite}, "", deleted, csrf.RuleMethodOverride},
		{"override by a header", "GET /item/{mark}", []string{withID, crossSite, "X-HTTP-Method-Override: DELETE"}, "", deleted, csrf.RuleMethodOverride},
		{"override of HEAD", "HEAD /item/{mark}?_method=DELETE", []string{withID, crossSite}, "", deleted, csrf.RuleMethodOverride},
		{"TRACE", "TRACE /transfer/{mark}", []string{withID, crossSite}, "", "transfer by ada", "405"},

		{"WebSocket", ws, socket(crossSite, evil), "", opened, csrf.RuleWebSocket},
		{"WebSocket of a sibling", ws, socket(sameSite, "Origin: https://blog.app.localhost"), "", opened, csrf.RuleWebSocket},
		{"WebSocket, older", ws, socket(evil), "", opened, csrf.RuleWebSocket},
		{"WebSocket, sandbox", ws, socket("Origin: null"), "", opened, csrf.RuleWebSocket},
		{"WebSocket, page without TLS", ws, socket("Origin: {plain}"), "", opened, csrf.RuleWebSocket},
		{"WebSocket, two Origins", ws, socket("Origin: {self}", evil), "", opened, csrf.RuleWebSocket},

		{"login", "POST /login", []string{typeForm, crossSite, evil}, "user=eve&password=x&mark={mark}", "login by eve", crosssite.RuleLogin},
		{"login, older", "POST /login", []string{typeForm, evil}, "user=eve&password=x&mark={mark}", "login by eve", crosssite.RuleLogin},
	}
	// Paths that are exempt to the one and another route to the other.
	for _, path := range []string{
		"..%2ftransfer/{mark}", "..%2Ftransfer/{mark}", "%2e%2e/transfer/{mark}", "%2e%2e%2ftransfer/{mark}", ".%2e/transfer/{mark}", "../transfer/{mark}",
		"x/../../transfer/{mark}", "%2e/../transfer/{mark}", "..%2ftransfer/{mark}?_method=PUT",
	} {
		all = append(all, crafted{"exempt " + path, "POST /hook/" + path, []string{typeForm, withID, crossSite, evil}, amount, paid, csrf.RuleCrossSite})
	}
	// This one climbs out of the root for whoever merges slashes.
	return append(all, crafted{"exempt, and climbs", "POST /hook//../../transfer/{mark}", []string{typeForm, withID, crossSite, evil}, amount, paid, "400"})
}

// craftedRight has to pass a door that refuses everything.
var craftedRight = []crafted{
	{"right: form", pay, []string{typeForm, withID, sameOwn, "Origin: {self}"}, amount, paid, ""},
	{"right: no-referrer", pay, []string{typeForm, withID, sameOwn, "Origin: null"}, amount, paid, ""},
	{"right: script without Origin", "DELETE /item/{mark}", []string{withID, sameOwn}, "", deleted, ""},
	{"right: older, Origin", pay, []string{typeForm, withID, "Origin: {self}"}, amount, paid, ""},
	{"right: older, Referer", pay, []string{typeForm, withID, "Referer: {self}/page?x=https://evil.test"}, amount, paid, ""},
	{"right: older, multipart", pay, []string{"Content-Type: multipart/form-data; boundary=x", withID, "Origin: {self}", "Referer: {self}/"}, amountMul, paid, ""},
	{"right: own override", "POST /item/{mark}?_method=DELETE", []string{typeForm, withID, sameOwn}, amount, deleted + " of 4711", ""},
	{"right: client with JSON and a cookie", pay, []string{typeJSON, withID}, amountTxt, paid, ""},
	{"right: client that deletes", "DELETE /item/{mark}", []string{withID}, "", deleted, ""},
	{"right: client with Bearer", "POST /api/{mark}", []string{typeForm, "Authorization: Bearer t-ada"}, amount, "api of 4711", ""},
	{"right: page of a partner with Bearer", "POST /api/{mark}", []string{typeJSON, "Authorization: Bearer t-ada", crossSite, evil}, amountTxt, "api of 4711", ""},
	{"right: webhook", "POST /hook/{mark}", []string{typeForm, "X-Signature: ours"}, amount, "hook of 4711", ""},
	{"right: webhook with an odd cookie", "POST /hook/{mark}", []string{typeForm, "X-Signature: ours", "Cookie: lb=1", crossSite}, amount, "hook of 4711", ""},
	{"right: form of another site for nobody", "POST /saml/{mark}", []string{typeForm, crossSite, "Origin: https://other.test"}, "SAMLResponse=x&" + amount, "saml of 4711", ""},
	{"right: way back of OAuth", "GET /callback/{mark}?code=c&state=s", []string{withID, crossSite, "Referer: {evil}/"}, "", "callback by ada", ""},
	{"right: preflight", "OPTIONS /transfer/{mark}", []string{crossSite, evil, "Access-Control-Request-Method: POST"}, "", "asked", ""},
	{"right: WebSocket", "GET /ws/{mark}", socket(sameOwn, "Origin: {self}"), "", opened, ""},
	{"right: WebSocket, older", "GET /ws/{mark}", socket("Origin: {self}"), "", opened, ""},
	{"right: WebSocket of a program", "GET /ws/{mark}", socket(), "", opened, ""},

	// The declared exception: a GET that changes something and does not look like it.
	{"exception: GET", "GET /delete?id={mark}", []string{withID, crossSite}, "", deleted, ""},
}

// openInGo are the attacks that net/http's CrossOriginProtection lets pass, with what leaves
// them open: the seven that were counted before, and what is there twice.
var openInGo = map[string]string{
	"tossed cookie, page without TLS": "1 cookie tossing from a plain page",
	"older: page without TLS":         "2 plain page", "older: Referer without TLS": "2 plain page",
	"older: foreign Referer": "3 Referer", "older: Referer that is none": "3 Referer",
	"tossed cookie, nothing said": "4 nothing said", "nothing said: form": "4 nothing said", "nothing said: multipart": "4 nothing said",
	"nothing said: text/plain JSON": "4 nothing said", "nothing said: no content type": "4 nothing said", "nothing said: ping": "4 nothing said",
	"nothing said: two content types": "4 nothing said",
	"WebSocket":                       "5 WebSocket", "WebSocket of a sibling": "5 WebSocket", "WebSocket, older": "5 WebSocket", "WebSocket, sandbox": "5 WebSocket",
	"WebSocket, page without TLS": "5 WebSocket", "WebSocket, two Origins": "5 WebSocket",
	"override": "6 override", "override of a sibling": "6 override",
	"override, older": "6 override", "override in an address from a mail": "6 override", "override, nothing said": "6 override",
	"override, escaped": "6 override", "override by a header": "6 override", "override of HEAD": "6 override",
	"exempt ..%2ftransfer/{mark}": "7 exempt path", "exempt ..%2Ftransfer/{mark}": "7 exempt path", "exempt %2e%2e/transfer/{mark}": "7 exempt path",
	"exempt %2e%2e%2ftransfer/{mark}": "7 exempt path", "exempt .%2e/transfer/{mark}": "7 exempt path", "exempt ..%2ftransfer/{mark}?_method=PUT": "7 exempt path",
	"two Sec-Fetch-Site": "twice", "two Origins": "twice", "two Referers": "twice",
}
