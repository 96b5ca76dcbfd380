package wire_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// having answers some paths with a file each, and the rest as app does.
func having(files map[string]string, rest http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[r.URL.Path]
		if !ok {
			rest(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if strings.HasPrefix(text, "<") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		io.WriteString(w, text)
	}
}

var plainPage = app(`<p>hello <script src="/static/app.js"></script>`)

// everything answers each path with 200 and a page that shows the path, as many sites do
// whose pages are made by script.
func everything(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!doctype html><title>App</title><div id=root data-path=\""+strings.NewReplacer("<", "", `"`, "").Replace(r.URL.Path)+"\"></div>")
}

var leftoversTwins = []twin{
	{check: "leftovers", name: "repository", bad: true, want: []string{"leftovers/repository"}, handler: having(map[string]string{
		"/.git/HEAD": "ref: refs/heads/main\n", "/.git/config": "[core]\n\tbare = false\n"}, plainPage)},
	{check: "leftovers", name: "secrets", bad: true, want: []string{"leftovers/secrets"}, handler: having(map[string]string{
		"/.env": "# shop\nDB_PASSWORD=hunter2\n"}, plainPage)},
	{check: "leftovers", name: "the app's own folder", bad: true, want: []string{"leftovers/source"}, handler: having(map[string]string{
		"/package.json": `{"name":"shop","dependencies":{"express":"5"}}`, "/server.js": "const express = require('express')\n", "/Dockerfile": "FROM node:20\nRUN npm ci\n"}, plainPage)},
	{check: "leftovers", name: "a dump", bad: true, want: []string{"leftovers/backup"}, handler: having(map[string]string{
		"/dump.sql": "-- PostgreSQL database dump\nCREATE TABLE users (id int);\n"}, plainPage)},
	{check: "leftovers", name: "profiles for everybody", bad: true, want: []string{"leftovers/debug"}, handler: having(map[string]string{
		"/debug/pprof/": "<html>\n<head>\n<title>/debug/pprof/</title>", "/metrics": "# TYPE http_requests counter\n"}, plainPage)},
	{check: "leftovers", name: "listings", bad: true, want: []string{"leftovers/listing"}, handler: having(map[string]string{
		"/static/app.js": "void 0", "/static/": "<html><head><title>Index of /static/</title></head><body><h1>Index of /static/</h1>"}, plainPage)},
	{check: "leftovers", name: "a source map", want: []string{"leftovers/source-map"}, handler: having(map[string]string{
		"/static/app.js": "void 0", "/static/app.js.map": `{"version":3,"sources":["app.ts"],"mappings":""}`}, plainPage)},
	{check: "leftovers", name: "nothing", handler: plainPage},
	{check: "leftovers", name: "one page for every path", handler: everything},
	{check: "leftovers", name: "a bundle that the page loads", handler: having(map[string]string{
		"/app.js": "(function(){\n  const http = require('http');\n})()"}, app(`<script src="/app.js"></script>`))},
	{check: "leftovers", name: "a set-up with a password", bad: true, want: []string{"leftovers/source"}, handler: having(map[string]string{
		"/docker-compose.yml": "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: hunter2hunter2\n"}, plainPage)},
	// What is named like a left-over, and is none.
	{check: "leftovers", name: "pages about left-overs", handler: having(map[string]string{
		"/.env":          "<p>Our guide to .env: DB_PASSWORD=hunter2",
		"/metrics":       "<h1>Metrics</h1><p># TYPE is a comment",
		"/package.json":  "<p>{\"dependencies\": {}}",
		"/server.js":     "window.servers = ['a', 'b'];",
		"/Dockerfile":    "no such file",
		"/dump.sql":      "<!doctype html><p>CREATE TABLE is a statement",
		"/static/app.js": "void 0",
		"/static/":       "<title>Our Index of Products</title>",
		"/.git/HEAD":     "not found",
	}, plainPage)},
}

var methodsTwins = []twin{
	{check: "methods", name: "every method", want: []string{"methods/unknown"}, handler: app("<p>hello")},
	{check: "methods", name: "GET alone", handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		app("<p>hello")(w, r)
	}},
	{check: "methods", name: "a drop box", bad: true, active: true, want: []string{"methods/write"}, handler: dropBox()},
	{check: "methods", name: "no drop box", active: true, handler: func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		app("<p>hello")(w, r)
	}},
}

// dropBox keeps what anybody sends.
func dropBox() http.HandlerFunc {
	files := make(chan map[string]string, 1)
	files <- map[string]string{}
	return func(w http.ResponseWriter, r *http.Request) {
		kept := <-files
		defer func() { files <- kept }()
		switch text, ok := kept[r.URL.Path]; {
		case r.Method == http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			kept[r.URL.Path] = string(body)
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodDelete:
			delete(kept, r.URL.Path)
			w.WriteHeader(http.StatusNoContent)
		case r.Method != http.MethodGet:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case ok:
			io.WriteString(w, text)
		default:
			app("<p>hello")(w, r)
		}
	}
}

// TestLeftoversAreNotShown holds that a report does not publish what should not be
// public.
func TestLeftoversAreNotShown(t *testing.T) {
	for _, tw := range leftoversTwins {
		if text := fmt.Sprintf("%+v", audited(t, tw).Findings); strings.Contains(text, "hunter2") {
			t.Errorf("%s: the report holds a password", tw.name)
		}
	}
}
