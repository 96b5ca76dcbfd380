package wire_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
)

// failing answers one method or header with an error of this body.
func failing(when func(*http.Request) bool, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if when(r) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			io.WriteString(w, body)
			return
		}
		app("hello")(w, r)
	}
}

// neat answers what cannot be read with a page of its own, and the rest as h does.
func neat(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if isPost(r) {
			failing(isPost, 400, "<p>That could not be read.")(w, r)
			return
		}
		h(w, r)
	}
}

func isPost(r *http.Request) bool { return r.Method == http.MethodPost }

const nodeStack = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>SyntaxError: Unexpected end of JSON input<br> &nbsp; &nbsp;at JSON.parse (&lt;anonymous&gt;)<br> &nbsp; &nbsp;at parse (/srv/shop/node_modules/body-parser/lib/types/json.js:92:19)<br></pre>
</body>
</html>`

var errorsTwins = []twin{
	{check: "errors", name: "stack behind a form", bad: true, active: true, want: []string{"errors/stack-trace"}, handler: formApp(true)},
	{check: "errors", name: "stack behind a form, not asked for", status: check.Unproven, handler: formApp(true)},
	{check: "errors", name: "nothing behind a form", active: true, handler: formApp(false)},
	{check: "errors", name: "own pages", handler: neat(app("hello"))},
	// An app can have a neat missing page and show its stack on every error.
	{check: "errors", name: "nothing but the missing page is seen", status: check.Unproven, handler: app("hello")},
	{check: "errors", name: "a parser below the app refuses odd methods", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		// Node's own answer to a method that it does not know; the app says 200 to all.
		if r.Method == "PANOPLY" || r.Method == http.MethodTrace || strings.Contains(r.URL.Path, "..") {
			w.WriteHeader(http.StatusBadRequest)
		}
	}},
	{check: "errors", name: "a gate refuses everything", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }},
	{check: "errors", name: "a gateway without its app", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }},
	{check: "errors", name: "express in development", bad: true, handler: failing(isPost, 400, nodeStack), want: []string{"errors/stack-trace", "errors/default-page"}},
	{check: "errors", name: "express in production without a handler", bad: true, handler: express, want: []string{"errors/default-page"}},
	{check: "errors", name: "stack on an impossible range", bad: true,
		handler: failing(func(r *http.Request) bool { return r.Header.Get("Range") != "" }, 416, "RangeNotSatisfiableError: Range Not Satisfiable\n    at SendStream.error (/usr/src/app/node_modules/send/index.js:168:31)"),
		want:    []string{"errors/stack-trace"}},
	{check: "errors", name: "stack as json", bad: true, handler: failing(isPost, 500, `{"error":"x","stack":"Error: x\n    at f (C:\\shop\\app.js:3:9)"}`), want: []string{"errors/stack-trace"}},
	{check: "errors", name: "go panic", bad: true, handler: failing(isPost, 500, "panic: x\n\ngoroutine 34 [running]:\nmain.handler(...)\n\t/home/ann/shop/main.go:12 +0x1d"), want: []string{"errors/stack-trace"}},
	{check: "errors", name: "python", bad: true, handler: failing(isPost, 500, "Traceback (most recent call last):\n  File \"/app/main.py\", line 3"), want: []string{"errors/stack-trace"}},
	{check: "errors", name: "java", bad: true, handler: failing(isPost, 500, "java.lang.NullPointerException\n\tat com.shop.Cart.add(Cart.java:17)"), want: []string{"errors/stack-trace"}},
	{check: "errors", name: "php", bad: true, handler: failing(isPost, 500, "<b>Fatal error</b>: Uncaught TypeError: x in /var/www/html/index.php:3"), want: []string{"errors/stack-trace"}},
	{check: "errors", name: "ruby", bad: true, handler: failing(isPost, 500, "app/models/cart.rb:17:in `add'"), want: []string{"errors/stack-trace"}},
	{check: "errors", name: ".net", bad: true, handler: failing(isPost, 500, "   at Shop.Cart.Add(Int32 id) in C:\\src\\Cart.cs:line 17"), want: []string{"errors/stack-trace"}},
	{check: "errors", name: "path without a stack", bad: true, handler: failing(isPost, 500, "ENOENT: no such file or directory, open '/srv/shop/views/cart.ejs'"), want: []string{"errors/path"}},
	{check: "errors", name: "database", bad: true, handler: failing(isPost, 500, "SQLITE_ERROR: no such column: x"), want: []string{"errors/database"}},
	{check: "errors", name: "debugger", bad: true, handler: failing(isPost, 500, "<title>x // Werkzeug Debugger</title>"), want: []string{"errors/debug-page"}},
	{check: "errors", name: "stack behind a link", bad: true, handler: func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			io.WriteString(w, `<a href="/item">an item</a> <a href="/logout">out</a>`)
		case strings.HasPrefix(r.URL.Path, "/item/"):
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, "TypeError: x\n    at Object.<anonymous> (/srv/shop/routes/item.js:9:4)")
		case r.URL.Path == "/logout" || strings.HasPrefix(r.URL.Path, "/logout/"):
			panic("the audit logged out")
		default:
			app("")(w, r)
		}
	}, want: []string{"errors/stack-trace"}},
	{check: "errors", name: "stack on a parameter that cannot be decoded", bad: true, target: func(t *testing.T, s *httptest.Server) check.Target {
		// net/http refuses the path by itself; Express lets the route decode it.
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				line, _ := bufio.NewReader(c).ReadString('\n')
				status, body := "404 Not Found", "nothing"
				switch {
				case strings.HasPrefix(line, "GET / "):
					status, body = "200 OK", `<a href="/item/1">an item</a>`
				case strings.Contains(line, "/item/%E0%A4%A "):
					status, body = "400 Bad Request", "URIError: x\n    at decode_param (/srv/shop/node_modules/router/lib/layer.js:174:12)"
				}
				fmt.Fprintf(c, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
				c.Close()
			}
		}()
		return check.Target{URL: "http://" + ln.Addr().String()}
	}, want: []string{"errors/stack-trace"}},
	{check: "errors", name: "a page about stacks is none", handler: neat(app("<pre>at parse (/srv/shop/json.js:92:19)</pre>"))},
	{check: "errors", name: "a path of the site is none", handler: neat(only404("There is no /home on this site, see /app/help and /srv.html"))},
	{check: "errors", name: "addresses of the site are none", handler: neat(only404(`<script src="/app/main.js"></script><script type=module>import"/app/a.mjs"</script><link href = /app/x.json>
		<p style="background:url(/srv/x.html)"><a href='https://shop.example/home/index.html'>home</a> {"href":"/opt/a.html"} ./app/b.js`))},
	{check: "errors", name: "the address asked for is none", handler: neat(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			io.WriteString(w, `<a href="/home/about.html">about</a>`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "<p>There is no %s.", r.URL.Path)
	})},
	{check: "errors", name: "a path beside addresses", bad: true, handler: only404(`<script src="/app/main.js"></script><p>cannot read "/app/views/cart.ejs"`), want: []string{"errors/path"}},
	{check: "errors", name: "prose that frameworks use too", handler: neat(only404("Whoops, looks like something went wrong. Oops! An Error Occurred. The page you were looking for doesn't exist."))},
	{check: "errors", name: "rails", bad: true, handler: only404("<title>The page you were looking for doesn't exist (404)</title>"), want: []string{"errors/default-page"}},
	{check: "errors", name: "symfony", bad: true, handler: only404("<h1>Oops! An Error Occurred</h1>\n<h2>The server returned a \"404 Not Found\".</h2>"), want: []string{"errors/default-page"}},
	{check: "errors", name: "whoops", bad: true, handler: failing(isPost, 500, "<title>Whoops! There was an error.</title>"), want: []string{"errors/debug-page"}},
	{check: "errors", name: "nothing fails", status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }},
}

// formApp has a form that parses what it gets, and one that must not be sent to.
func formApp(careless bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/account/delete" && r.Method == http.MethodPost:
			panic("the audit sent the form of /account/delete")
		case r.URL.Path == "/search" && r.Method == http.MethodPost:
			w.WriteHeader(http.StatusBadRequest)
			if careless {
				io.WriteString(w, "SyntaxError: Unexpected end of JSON input\n    at JSON.parse (<anonymous>)\n    at parse (/srv/app/node_modules/body-parser/lib/types/json.js:92:19)")
				return
			}
			io.WriteString(w, "<p>That was no search.")
		default:
			app(`<form method=post action="/search"><input name=q></form><form method=post action="/account/delete"></form>`)(w, r)
		}
	}
}
