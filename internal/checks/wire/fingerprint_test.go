package wire_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// express answers as an Express 5 app in production does.
func express(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Powered-By", "Express")
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "GET, HEAD")
	case r.URL.Path == "/" && r.Method == http.MethodGet:
		w.Header().Set("Set-Cookie", "connect.sid=s%3AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB; Path=/; HttpOnly")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("ETag", `W/"d-bxjhvlxTRVCDdk1yWGnVQnpYWXY"`)
		io.WriteString(w, `<a href="/old">old</a>`)
	case r.URL.Path == "/old":
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusFound)
		io.WriteString(w, "Found. Redirecting to /")
	default:
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n", r.Method, r.URL.Path)
	}
}

// only404 answers a missing page with this body.
func only404(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			io.WriteString(w, "hello")
			return
		}
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, body)
	}
}

var fingerprintTwins = []twin{
	{check: "fingerprint", name: "express", bad: true, handler: express, want: []string{
		"fingerprint/banner", "fingerprint/cookie-name", "fingerprint/default-page", "fingerprint/options", "fingerprint/redirect", "fingerprint/etag"}},
	{check: "fingerprint", name: "own pages", handler: app("hello")},
	{check: "fingerprint", name: "go's own missing page", bad: true, handler: func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, want: []string{"fingerprint/default-page"}},
	{check: "fingerprint", name: "a reason phrase is nobody's", handler: only404("Not Found")},
	{check: "fingerprint", name: "fastify", bad: true, handler: only404(`{"message":"Route GET:/panoply-audit-no-such-page not found","error":"Not Found","statusCode":404}`), want: []string{"fingerprint/default-page"}},
	{check: "fingerprint", name: "echo", bad: true, handler: only404("{\"message\":\"Not Found\"}\n"), want: []string{"fingerprint/default-page"}},
	{check: "fingerprint", name: "a message in json is nobody's", handler: only404(`{"message":"Not Found"}`)},
	{check: "fingerprint", name: "a gate refuses everything", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) }},
	{check: "fingerprint", name: "a parser below the app refuses odd methods", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PANOPLY" || strings.Contains(r.URL.Path, "..") {
			w.WriteHeader(http.StatusBadRequest)
		}
	}},
	{check: "fingerprint", name: "nginx", bad: true, handler: only404("<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"), want: []string{"fingerprint/default-page"}},
	{check: "fingerprint", name: "a page that quotes the text is none", handler: app("<p>Express says: Cannot GET /x")},
	{check: "fingerprint", name: "server with a version", bad: true, handler: app("hello", "Server: nginx/1.22.1"), want: []string{"fingerprint/server"}},
	{check: "fingerprint", name: "server with a neutral name", handler: app("hello", "Server: web"), want: []string{"fingerprint/server-name"}},
	{check: "fingerprint", name: "banner on errors only", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PANOPLY" {
			w.Header().Set("X-AspNet-Version", "4.0.30319")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		app("hello")(w, r)
	}, want: []string{"fingerprint/banner"}},
	{check: "fingerprint", name: "banner in an interim answer", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Powered-By", "Express")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("X-Powered-By")
		app("hello")(w, r)
	}, want: []string{"fingerprint/banner"}},
	{check: "fingerprint", name: "banner in a trailer", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Powered-By")
		app(strings.Repeat("hello ", 1000))(w, r)
		w.Header().Set("X-Powered-By", "Express")
	}, want: []string{"fingerprint/banner"}},
	{check: "fingerprint", name: "cookie-session's pair", bad: true, handler: app("hello", "Set-Cookie: session=e30=; path=/; httponly", "Set-Cookie: session.sig=x; path=/; httponly"), want: []string{"fingerprint/cookie-name"}},
	{check: "fingerprint", name: "generic names", handler: app("hello", "Set-Cookie: session=x", "Set-Cookie: sessionId=x", "Set-Cookie: __Host-k3v9x2=x; Secure; Path=/")},
	{check: "fingerprint", name: "renamed by prefix only", bad: true, handler: app("hello", "Set-Cookie: __Host-connect.sid=x; Secure; Path=/"), want: []string{"fingerprint/cookie-name"}},
	{check: "fingerprint", name: "a deleted cookie is gone", handler: app("hello", "Set-Cookie: connect.sid=; Max-Age=0")},
	{check: "fingerprint", name: "trace", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodTrace {
			w.Header().Set("Content-Type", "message/http")
			fmt.Fprintf(w, "TRACE / HTTP/1.1\r\nUser-Agent: %s\r\n", r.UserAgent())
			return
		}
		app("hello")(w, r)
	}, want: []string{"fingerprint/trace"}},
}
