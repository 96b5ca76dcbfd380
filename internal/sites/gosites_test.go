package sites_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing/fstest"

	"github.com/panoplysec/panoply"
	"github.com/panoplysec/panoply/guard"
)

// goSites are the sites in Go, by name.
var goSites = map[string]func() http.Handler{
	"go-bad": nakedGo, "go-good": guardedGo,
	"cors-bad": func() http.Handler { return cors(true) }, "cors-good": func() http.Handler { return cors(false) },
	"content-bad": func() http.Handler { return content("http:", "") },
	"content-good": func() http.Handler {
		return content("https:", ` integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC" crossorigin="anonymous"`)
	},
	"account-bad": func() http.Handler { return account(false) }, "account-good": func() http.Handler { return account(true) },
	"files-bad": func() http.Handler { return files(true) }, "files-good": func() http.Handler { return files(false) },
	"api-bad": func() http.Handler { return api(false) }, "api-good": func() http.Handler { return api(true) },
}

// credentials are for the sites that have something behind a login.
var credentials = map[string]string{
	"account-bad": "Cookie: __Host-id=3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b", "account-good": "Cookie: __Host-id=3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b",
}

func page(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<!doctype html><title>Site</title>"+body)
}

// hardened adds what a careful person adds by hand, and answers for what is missing.
func hardened(mux *http.ServeMux, csp string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", csp+"; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch _, pattern := mux.Handler(r); {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.WriteHeader(http.StatusMethodNotAllowed)
			page(w, "<p>Not this way.")
		case pattern == "" || r.URL.Path == "/boom":
			status := http.StatusNotFound
			if r.URL.Path == "/boom" {
				status = http.StatusInternalServerError
			}
			h.Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			io.WriteString(w, "<!doctype html><title>Sorry</title><p>That did not work.")
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func nakedGo() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Go/1.26")
		http.SetCookie(w, &http.Cookie{Name: "sessionid", Value: "3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b"})
		page(w, `<p>Hello. <a href="/boom">Broken</a>`)
	})
	mux.HandleFunc("GET /boom", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "panic: no chairs\n\ngoroutine 34 [running]:\nmain.boom(0x1)\n\t/srv/shop/main.go:12 +0x1d", http.StatusInternalServerError)
	})
	return mux
}

// guardedGo is the same shop with the guards, and no other change.
func guardedGo() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-id", Value: "3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b", Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
		w.Header().Set("Cache-Control", "no-store")
		page(w, `<p>Hello. <a href="/boom">Broken</a>`)
	})
	mux.HandleFunc("GET /boom", func(http.ResponseWriter, *http.Request) { panic("no chairs") })
	// That the shop fails on purpose is no news.
	p, err := panoply.New(panoply.Options{Sink: func(context.Context, guard.Event) {}})
	if err != nil {
		panic(err)
	}
	return p.Handler(mux)
}

// cors answers with every origin, or with the partner's alone.
func cors(every bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		page(w, `<a href="/api/me">Me</a> <a href="/boom">Broken</a>`)
	})
	mux.HandleFunc("/boom", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/api/me", func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin")
		if origin != "" && (every || origin == "https://partner.example") {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"name":"Ann"}`)
	})
	return hardened(mux, "default-src 'self'")
}

// content loads from elsewhere, in clear and unchecked or not.
func content(scheme, integrity string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		page(w, fmt.Sprintf(`<script src="%[1]s//cdn.example/app.js"%[2]s></script><link rel="stylesheet" href="%[1]s//cdn.example/app.css"%[2]s>`+
			`<img src="%[1]s//img.example/a.png"><a href="/boom">Broken</a>`, scheme, integrity))
	})
	mux.HandleFunc("/boom", func(http.ResponseWriter, *http.Request) {})
	return hardened(mux, "default-src 'self'; script-src https://cdn.example; style-src https://cdn.example; img-src https://img.example")
}

// account has a page for a user, kept by caches or not.
func account(careful bool) http.Handler {
	in := func(r *http.Request) bool {
		c, err := r.Cookie("__Host-id")
		return err == nil && c.Value == "3f0d1d2c9a7b4e5f8a6b7c8d9e0f1a2b"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		page(w, `<a href="/account">Account</a> <a href="/boom">Broken</a>`)
	})
	mux.HandleFunc("/boom", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) { panic("the audit followed the link to /logout") })
	mux.HandleFunc("/account", func(w http.ResponseWriter, r *http.Request) {
		if !in(r) {
			http.SetCookie(w, &http.Cookie{Name: "__Host-id", Value: "0", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=600")
		if careful {
			w.Header().Set("Cache-Control", "no-store")
		}
		page(w, `<p>Ann's orders: a chair, a table. <a href="/logout">Log out</a>`)
	})
	return hardened(mux, "default-src 'self'")
}

// files serves a folder, with listings and left-overs or without.
func files(careless bool) http.Handler {
	tree := fstest.MapFS{
		"static/app.css": {Data: []byte("p{margin:0}")}, "static/app.js": {Data: []byte("void 0")},
		".git/HEAD": {Data: []byte("ref: refs/heads/main\n")}, ".git/config": {Data: []byte("[core]\n\trepositoryformatversion = 0\n")},
		".env": {Data: []byte("DATABASE_URL=postgres://shop:hunter2hunter2@db/shop\nSESSION_SECRET=correct-horse\n")},
	}
	server := http.FileServerFS(tree)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		page(w, `<link rel="stylesheet" href="/static/app.css"><script src="/static/app.js"></script><a href="/boom">Broken</a>`)
	})
	mux.HandleFunc("/boom", func(http.ResponseWriter, *http.Request) {})
	if careless {
		mux.Handle("/static/", server)
		mux.Handle("/.git/", server)
		mux.Handle("/.env", server)
		return hardened(mux, "default-src 'self'")
	}
	mux.HandleFunc("/static/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") || tree[strings.TrimPrefix(r.URL.Path, "/")] == nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<!doctype html><title>Sorry</title><p>That did not work.")
			return
		}
		server.ServeHTTP(w, r)
	})
	return hardened(mux, "default-src 'self'")
}

// api has no page at all.
func api(careful bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if careful {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-store")
		} else {
			w.Header().Set("X-Powered-By", "Express")
		}
		switch {
		case r.URL.Path == "/":
			io.WriteString(w, `{"items":"/items","next":"/fail"}`)
		case r.URL.Path == "/items":
			io.WriteString(w, `[{"id":1}]`)
		case r.URL.Path == "/fail":
			w.WriteHeader(http.StatusInternalServerError)
			if careful {
				io.WriteString(w, `{"message":"that went wrong"}`)
				return
			}
			io.WriteString(w, `{"message":"SQLITE_ERROR: near \"FROM\": syntax error","stack":"Error: x\n    at Database.all (/srv/api/node_modules/sqlite3/lib/sqlite3.js:14:9)"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"message":"nothing here"}`)
		}
	})
}
