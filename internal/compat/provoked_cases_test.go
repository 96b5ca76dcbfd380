package compat_test

import "strings"

// A provocation is one request that makes the app, or the door, say more than it should.
type provocation struct {
	name, method, path string
	header             []string // "Name: value"
	body               string
	// status is what the door must answer; 0 where any is right.
	status int
	// tells says that the app alone gives itself away: the control run asserts it.
	tells bool
	// raw is sent as it is over HTTP/1.1, instead of the fields above; h2 has no such.
	raw string
	// want must be in the door's answer, such as the part of it that has to stay.
	want string
}

const (
	asJSON    = "Content-Type: application/json"
	asForm    = "Content-Type: application/x-www-form-urlencoded"
	wantsJSON = "Accept: application/json"
	wantsHTML = "Accept: text/html"
	navigates = "Sec-Fetch-Dest: document"
	fetches   = "Sec-Fetch-Dest: empty"
)

var provocations = []provocation{
	{name: "404 GET", path: "/nope", status: 404, tells: true},
	{name: "404 by a navigation", path: "/nope", header: []string{wantsHTML, navigates}, status: 404, tells: true},
	{name: "404 by a fetch", path: "/nope", header: []string{"Accept: */*", fetches}, status: 404, tells: true},
	{name: "404 for JSON", path: "/nope", header: []string{wantsJSON}, status: 404, tells: true},
	{name: "404 POST", method: "POST", path: "/nope", header: []string{asForm}, body: "a=1", status: 404, tells: true},
	{name: "404 PUT", method: "PUT", path: "/nope", body: "x", status: 404, tells: true},
	{name: "404 DELETE", method: "DELETE", path: "/nope", status: 404, tells: true},
	{name: "404 PATCH", method: "PATCH", path: "/nope", body: "x", status: 404, tells: true},
	{name: "404 HEAD", method: "HEAD", path: "/nope", status: 404, tells: true},
	{name: "404 of a static file", path: "/static/nope.js", status: 404, tells: true},
	{name: "404 of an own method", method: "PROPFIND", path: "/nope", tells: true},
	{name: "OPTIONS", method: "OPTIONS", path: "/page", status: 200, tells: true},
	{name: "OPTIONS of everything", raw: "OPTIONS * HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n"},
	{name: "TRACE", method: "TRACE", path: "/page", header: []string{"Cookie: connect.sid-probe=1"}},
	{name: "unknown method", method: "NONSENSE", path: "/page", status: 0},
	{name: "bad JSON", method: "POST", path: "/parsed/echo", header: []string{asJSON}, body: `{"a":`, status: 400, tells: true},
	{name: "bad JSON by a fetch", method: "POST", path: "/parsed/echo", header: []string{asJSON, wantsJSON, fetches}, body: `{"a":`, status: 400, tells: true},
	{name: "413", method: "POST", path: "/parsed/echo", header: []string{asJSON}, body: `"` + strings.Repeat("x", 2000) + `"`, status: 413, tells: true},
	{name: "415 charset", method: "POST", path: "/parsed/echo", header: []string{asJSON + "; charset=klingon"}, body: `{}`, status: 415, tells: true},
	{name: "415 encoding", method: "POST", path: "/parsed/echo", header: []string{asJSON, "Content-Encoding: klingon"}, body: `{}`, status: 415, tells: true},
	{name: "416", path: "/range", header: []string{"Range: bytes=9999999-"}, status: 416, tells: true},
	{name: "412", path: "/range", header: []string{`If-Match: "x"`}, status: 412, tells: true},
	{name: "malformed escape", raw: "GET /dir/%zz HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n", status: 400, tells: true},
	{name: "escape that is no UTF-8", raw: "GET /dir/%E0%A4%A HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n", status: 400, tells: true},
	{name: "escape cut in UTF-8", path: "/dir/%E0%A4", status: 400, tells: true},
	{name: "path that climbs", raw: "GET /static/../../etc/passwd HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n"},
	{name: "path that climbs in disguise", path: "/static/..%2f..%2fetc/passwd"},
	{name: "500", path: "/boom", status: 500, tells: true},
	{name: "500 by a navigation", path: "/boom", header: []string{wantsHTML, navigates}, status: 500, tells: true},
	{name: "500 by a fetch", path: "/boom", header: []string{"Accept: */*", fetches}, status: 500, tells: true},
	{name: "500 HEAD", method: "HEAD", path: "/boom", status: 500, tells: true},
	{name: "500 of a promise", path: "/reject", status: 500, tells: true},
	{name: "418 with headers of the error", path: "/next", status: 418, tells: true},
	{name: "JSON with a stack", path: "/json-boom", header: []string{wantsJSON}, status: 500, tells: true, want: `"error":"failed"`},
	{name: "JSON with a stack by a fetch", path: "/json-boom", header: []string{fetches}, status: 500, tells: true, want: `"error":"failed"`},
	{name: "JSON with a stack inside", path: "/json-deep", status: 502, tells: true, want: `"message":"failed"`},
	{name: "text with a stack", path: "/text-boom", status: 500, tells: true},
	{name: "gzipped page with a stack", path: "/gzip-boom", header: []string{"Accept-Encoding: gzip"}, status: 500, tells: true},
	{name: "error after the beginning", path: "/late-boom", status: 200, tells: true},
	{name: "sendStatus 401", path: "/status/401", status: 401, tells: true},
	{name: "sendStatus 403", path: "/status/403", status: 403, tells: true},
	{name: "sendStatus 503", path: "/status/503", status: 503, tells: true},
	{name: "empty 404", path: "/empty/404", status: 404, tells: true},
	{name: "empty 500", path: "/empty/500", status: 500, tells: true},
	{name: "204", path: "/empty/204", status: 204, tells: true},
	{name: "302", path: "/redirect", status: 302, tells: true, want: "/elsewhere"},
	{name: "303 away", path: "/redirect-back", status: 303, tells: true, want: "https://other.example/"},
	{name: "301 of a folder", path: "/soft", tells: true},
	{name: "200", path: "/page", status: 200, tells: true, want: "<h1>hello</h1>"},
	{name: "200 HEAD", method: "HEAD", path: "/page", status: 200, tells: true},
	{name: "200 text", path: "/plain", status: 200, tells: true, want: "hello"},
	{name: "200 JSON", path: "/api", status: 200, tells: true, want: `{"hello":true}`},
	{name: "304", path: "/plain", header: []string{`If-None-Match: W/"5-qvTGHdzF6KLavt4PO0gs2a6pQ00"`}, status: 304, tells: true},
	{name: "206", path: "/range", header: []string{"Range: bytes=0-3"}, status: 206, tells: true},
	{name: "103", path: "/early", status: 200, tells: true, want: "after hints"},
	{name: "103 and an error", path: "/early-error", status: 500, tells: true},
	{name: "trailers", path: "/trailers", header: []string{"TE: trailers"}, status: 200, tells: true, want: "body"},
	{name: "every banner", path: "/banners", status: 200, tells: true},
	{name: "two servers", path: "/own-server", status: 200, tells: true, want: "two"},
	{name: "cookies", path: "/cookies", status: 200, tells: true},
	{name: "event stream", path: "/stream", header: []string{"Accept: text/event-stream"}, status: 200, tells: true, want: "data: 1"},
	{name: "WebSocket", raw: upgrade("/chat"), status: 101, tells: true},
	{name: "WebSocket refused", raw: upgrade("/refused"), status: 401, tells: true},
	{name: "upstream killed", path: "/kill", status: 502},
	{name: "upstream killed in the body", path: "/kill-late", status: 200, tells: true},
	{name: "upstream says garbage", path: "/garbage", status: 502, tells: true},
	{name: "upstream's head too long", path: "/huge-head", status: 502, tells: true},
	{name: "upstream slow", path: "/slow", status: 504},
	{name: "unknown Host", raw: "GET /page HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"},
	{name: "no Host", raw: "GET /page HTTP/1.1\r\nConnection: close\r\n\r\n", status: 400},
	{name: "long head", path: "/page", header: []string{"X-Long: " + strings.Repeat("x", 80<<10)}, status: 431},
	{name: "no HTTP", raw: "hello\r\n\r\n", status: 400},
	{name: "HTTP/2 preface over HTTP/1.1", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{name: "two lengths", raw: "POST /page HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", status: 400},
	{name: "unknown expectation", raw: "GET /page HTTP/1.1\r\nHost: app.localhost\r\nExpect: the-unexpected\r\nConnection: close\r\n\r\n"},
}

func upgrade(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}
