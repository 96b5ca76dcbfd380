package demo_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/demo"
	"github.com/panoplysec/panoply/internal/practice"
)

// ask sends one request to a shop of its own and returns the answer.
func ask(t *testing.T, h http.Handler, method, target, contentType, content string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(content))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const form = "application/x-www-form-urlencoded"

// broken holds, for each practice, the proof that the shop breaks it.
var broken = map[string]func(t *testing.T, h http.Handler){
	"supported-versions": func(t *testing.T, h http.Handler) {
		holds(t, ask(t, h, "GET", "/api/versions", "", ""), `"express":"3.21.2"`)
	},
	"dependencies": func(t *testing.T, h http.Handler) {
		holds(t, ask(t, h, "GET", "/api/versions", "", ""), `"lodash":"4.17.4"`)
	},
	"tls": func(t *testing.T, h http.Handler) {
		w := ask(t, h, "POST", "http://127.0.0.1/login", form, "username=demo&password=demo")
		if w.Code != http.StatusFound || !strings.HasPrefix(w.Header().Get("Location"), "http://") {
			t.Errorf("login over http = %d to %q, want it to work in clear", w.Code, w.Header().Get("Location"))
		}
	},
	"headers": func(t *testing.T, h http.Handler) {
		w := ask(t, h, "GET", "/", "", "")
		for _, name := range []string{"Content-Security-Policy", "Strict-Transport-Security", "X-Frame-Options",
			"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
			if got := w.Header().Get(name); got != "" {
				t.Errorf("%s = %q, want none", name, got)
			}
		}
	},
	"fingerprint": func(t *testing.T, h http.Handler) {
		w := ask(t, h, "GET", "/no/such%3Cpage", "", "")
		if got := w.Header().Get("X-Powered-By"); got != "Express" || w.Code != 404 {
			t.Errorf("404: status %d, X-Powered-By %q, want 404 and Express", w.Code, got)
		}
		holds(t, w, "<pre>Cannot GET /no/such%3Cpage</pre>")
	},
	"errors": func(t *testing.T, h http.Handler) {
		for _, w := range []*httptest.ResponseRecorder{
			ask(t, h, "GET", "/boom", "", ""),
			ask(t, h, "GET", "/api/boom", "", ""),
			ask(t, h, "POST", "/login", "application/json", "{broken"),
			ask(t, h, "GET", "/search?q='", "", ""),
		} {
			if w.Code < 400 {
				t.Errorf("status = %d, want an error", w.Code)
			}
			holds(t, w, "at ")
			holds(t, w, "/srv/shop/node_modules/")
		}
	},
	"cookies": func(t *testing.T, h http.Handler) {
		set := ask(t, h, "GET", "/", "", "").Header().Get("Set-Cookie")
		value, attributes, _ := strings.Cut(set, "; ")
		if !strings.HasPrefix(value, "connect.sid=s%3A") || attributes != "Path=/" {
			t.Errorf("Set-Cookie = %q, want connect.sid=s%%3A… with Path=/ alone", set)
		}
	},
	"sessions": func(t *testing.T, h http.Handler) {
		w := ask(t, h, "POST", "/login", form, "username=demo&password=demo")
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		holds(t, ask(t, h, "GET", "/account", "", "", "Cookie", cookie), "Hello, demo")
		restarted := ask(t, demo.Shop(), "GET", "/account", "", "", "Cookie", cookie)
		if restarted.Code != http.StatusFound {
			t.Errorf("account after a restart = %d, want to be a stranger", restarted.Code)
		}
	},
	"brute-force": func(t *testing.T, h http.Handler) {
		for i := range 200 {
			w := ask(t, h, "POST", "/login", form, "username=demo&password=wrong")
			if w.Code != http.StatusUnauthorized {
				t.Fatalf("attempt %d = %d, want 401 for ever", i, w.Code)
			}
		}
		holds(t, ask(t, h, "POST", "/login", form, "username=nobody&password=x"), "No user has this name")
		holds(t, ask(t, h, "POST", "/login", form, "username=admin&password=x"), "Wrong password for admin")
	},
	"proxy-trust": func(t *testing.T, h http.Handler) {
		w := ask(t, h, "GET", "/account", "", "", "X-Forwarded-Host", "evil.example")
		if got := w.Header().Get("Location"); got != "http://evil.example/login?next=/account" {
			t.Errorf("Location = %q, want the host that the client claimed", got)
		}
		holds(t, ask(t, h, "GET", "/", "", "", "X-Forwarded-Host", "evil.example"), `href="http://evil.example/"`)
		holds(t, ask(t, h, "GET", "/", "", "", "X-Forwarded-For", "203.0.113.9"), "You are <code>203.0.113.9</code>")
	},
	"csrf": func(t *testing.T, h http.Handler) {
		w := ask(t, h, "POST", "/login", form, "username=demo&password=demo")
		cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
		cross := []string{"Cookie", cookie, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
		ask(t, h, "POST", "/cart", form, "id=shield", cross...)
		holds(t, ask(t, h, "POST", "/checkout", form, "", cross...), "Order 1 with 1 pieces")
	},
	"xss": func(t *testing.T, h http.Handler) {
		const script = "<script>alert(1)</script>"
		holds(t, ask(t, h, "GET", "/search?q="+url.QueryEscape(script), "", ""), "Results for “"+script)
		ask(t, h, "POST", "/product/spear/review", form, "author=x&text="+url.QueryEscape(script))
		holds(t, ask(t, h, "GET", "/product/spear", "", ""), "<b>x</b>: "+script)
	},
	"command-injection": func(t *testing.T, h http.Handler) {
		holds(t, ask(t, h, "GET", "/tools/ping?host=localhost%3B+id", "", ""), "uid=1000(shop)")
		holds(t, ask(t, h, "GET", "/tools/ping?host=x+%7C+cat+/etc/passwd", "", ""), "shop:x:1000:")
	},
	"sql-injection": func(t *testing.T, h http.Handler) {
		q := url.QueryEscape("' UNION SELECT name, password, email FROM users -- ")
		holds(t, ask(t, h, "GET", "/search?q="+q, "", ""), "hunter2")
		w := ask(t, h, "POST", "/login", form, url.Values{"username": {"admin' --"}, "password": {"?"}}.Encode())
		if w.Code != http.StatusFound {
			t.Errorf("login as admin' -- = %d, want it to succeed", w.Code)
		}
	},
	"redos": func(t *testing.T, h http.Handler) {
		took := func(n int) time.Duration {
			start := time.Now()
			ask(t, h, "POST", "/newsletter", form, "email="+strings.Repeat("a", n))
			return time.Since(start)
		}
		short, long := took(16), took(24)
		if long < 20*short && long < time.Second {
			t.Errorf("24 letters took %v and 16 took %v, want some 256 times as long", long, short)
		}
		if worst := took(60); worst > 8*time.Second {
			t.Errorf("60 letters took %v, want it to give up after some seconds", worst)
		}
	},
}

func holds(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	if got := w.Body.String(); !strings.Contains(got, want) {
		t.Errorf("answer %d = %q, want it to hold %q", w.Code, got, want)
	}
}

func TestEveryPracticeIsBroken(t *testing.T) {
	for _, id := range practice.IDs() {
		t.Run(id, func(t *testing.T) {
			proof, ok := broken[id]
			if !ok {
				t.Fatal("no proof that the shop breaks it")
			}
			proof(t, demo.Shop())
		})
	}
}

func TestShopRefusesAConnectionFromBeyondLoopback(t *testing.T) {
	for addr, want := range map[string]int{"192.0.2.7:80": 403, "[2001:db8::1]:80": 403, "127.0.0.1:80": 200, "[::1]:80": 200} {
		local, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		w := httptest.NewRecorder()
		demo.Shop().ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local))))
		if w.Code != want {
			t.Errorf("connection to %s = %d, want %d", addr, w.Code, want)
		}
	}
}
