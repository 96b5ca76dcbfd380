package compat_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/login"
)

// A shielded is a real Express app behind a login shield, over TLS. The tests stand for a
// proxy that tells who asks.
type shielded struct {
	t      *testing.T
	app    string
	server *httptest.Server
	denied atomic.Int64
}

func shieldApp(t *testing.T, routes ...login.Route) *shielded {
	t.Helper()
	s := &shielded{t: t, app: fmt.Sprintf("http://127.0.0.1:%d", node(t, "guess.cjs").port(t))}
	shield, err := login.New(login.Options{Routes: routes, Sink: func(_ context.Context, e guard.Event) {
		if e.Action == guard.Denied {
			s.denied.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	trust, err := clientip.New(clientip.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Header: clientip.XForwardedFor})
	if err != nil {
		t.Fatal(err)
	}
	target, _ := url.Parse(s.app)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.server = httptest.NewUnstartedServer(trust.Handler(shield.Handler(proxy)))
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// A try is one login.
type try struct {
	from, path, kind, body string
	header                 map[string]string
	cookie                 *http.Cookie
}

// send returns the answer, its body read.
func (s *shielded) send(o try) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.server.URL+o.path, strings.NewReader(o.body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", o.kind)
	r.Header.Set("X-Forwarded-For", o.from)
	r.Header.Set("X-Forwarded-Proto", "https")
	for name, value := range o.header {
		r.Header.Set(name, value)
	}
	if o.cookie != nil {
		r.AddCookie(o.cookie)
	}
	resp, err := s.server.Client().Transport.RoundTrip(r)
	if err != nil {
		s.t.Error(err)
		return &http.Response{Header: http.Header{}}, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Error(err)
	}
	return resp, string(text)
}

// looked tells how often the app looked at a password of a user.
func (s *shielded) looked(user string) int {
	s.t.Helper()
	resp, err := http.Get(s.app + "/looked")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all map[string]int
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		s.t.Fatal(err)
	}
	return all[user]
}

const formType = "application/x-www-form-urlencoded"

// in logs in by the form and returns the device's cookie.
func (s *shielded) in(user, password, from string, cookie *http.Cookie) *http.Cookie {
	s.t.Helper()
	resp, text := s.send(try{from: from, path: "/login", kind: formType, body: "username=" + user + "&password=" + password, cookie: cookie})
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/" {
		s.t.Fatalf("login of %s: %d to %q: %s", user, resp.StatusCode, resp.Header.Get("Location"), text)
	}
	for _, c := range resp.Cookies() {
		if c.Name == login.DefaultCookie {
			return c
		}
	}
	s.t.Fatalf("login of %s: no device cookie in %v", user, resp.Header["Set-Cookie"])
	return nil
}

// TestThousandGuesses sends 1,000 wrong passwords at once at a real Express app.
func TestThousandGuesses(t *testing.T) {
	for _, one := range []struct {
		path, kind, body string
		wrong            int
	}{
		{"/login", formType, "username=ada&password=wrong%d", http.StatusFound},
		{"/api/login", "application/json", `{"username":"ada","password":"wrong%d"}`, http.StatusUnauthorized},
	} {
		t.Run(one.path, func(t *testing.T) {
			s := shieldApp(t, login.Route{Pattern: "POST /login"}, login.Route{Pattern: "POST /api/login"})
			owner := s.in("ada", "lovelace", "198.51.100.1", nil)
			before := s.looked("ada")
			var wrong, refused atomic.Int64
			work := make(chan int)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					for i := range work {
						resp, _ := s.send(try{from: fmt.Sprint("203.0.113.", i%250+1), path: one.path, kind: one.kind, body: fmt.Sprintf(one.body, i)})
						switch resp.StatusCode {
						case one.wrong:
							wrong.Add(1)
						case http.StatusTooManyRequests:
							refused.Add(1)
						}
					}
				})
			}
			for i := range 1000 {
				work <- i
			}
			close(work)
			wg.Wait()
			looked := s.looked("ada") - before
			t.Logf("%d looked at, %d answered wrong, %d refused", looked, wrong.Load(), refused.Load())
			if looked > 10 || wrong.Load() != int64(looked) || refused.Load() != int64(1000-looked) {
				t.Errorf("%d of 1000 guesses reached the app, %d refused, want 10 and the rest", looked, refused.Load())
			}
			// The owner's device still gets in, from any address; a new device does not.
			s.in("ada", "lovelace", "203.0.113.7", owner)
			if resp, _ := s.send(try{from: "198.51.100.9", path: one.path, kind: one.kind, body: fmt.Sprintf(one.body, 0)}); resp.StatusCode != http.StatusTooManyRequests {
				t.Errorf("a stranger gets %d after the guesses, want 429", resp.StatusCode)
			}
			// Others are not touched, from an address that guessed or another.
			s.in("grace", "hopper", "203.0.113.7", nil)
			s.in("grace", "hopper", "198.51.100.9", nil)
		})
	}
}

// TestGuessesInDisguise sends 40 wrong passwords in each way that Express might take for
// the same user, and counts how many the app looked at.
func TestGuessesInDisguise(t *testing.T) {
	zipped := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, text)
		w.Close()
		return b.String()
	}
	// utf7 writes each letter plainly or in base64, by the bits of n.
	utf7 := func(name string, n int) string {
		var b strings.Builder
		for i, c := range []byte(name) {
			if n>>i&1 == 0 {
				b.WriteByte(c)
				continue
			}
			const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
			b.WriteString("+" + string([]byte{digits[0], digits[c>>4], digits[c&15<<2]}) + "-")
		}
		return b.String()
	}
	for _, one := range []struct {
		name string
		make func(i int) try
		own  bool // attackers' own logins in between
	}{
		{"path", func(i int) try {
			path := []string{"/LOGIN", "/login/", "/Login", "/login?a", "/login/?b", "/login#c"}[i%6]
			return try{path: path, kind: formType, body: "username=ada&password=x"}
		}, false},
		{"query alone", func(i int) try { return try{path: "/login?username=ada&password=x"} }, false},
		{"query behind an empty field", func(i int) try {
			return try{path: "/login?username=ada", kind: formType, body: "username=&password=x"}
		}, false},
		{"decoy in another field", func(i int) try {
			return try{path: "/login", kind: formType, body: fmt.Sprintf("email=no%d&username=ada&password=x", i)}
		}, false},
		{"decoy in other case", func(i int) try {
			return try{path: "/login", kind: formType, body: fmt.Sprintf("Username=no%d&username=ada&password=x", i)}
		}, false},
		{"decoy in the query", func(i int) try {
			return try{path: fmt.Sprint("/login?username=no", i), kind: formType, body: "username=ada&password=x"}
		}, false},
		{"Basic as a decoy", func(i int) try {
			return try{path: "/login", kind: formType, body: "username=ada&password=x", header: map[string]string{"Authorization": "Basic YTpi"}}
		}, false},
		{"gzip", func(i int) try {
			return try{path: "/login", kind: formType, body: zipped("username=ada&password=x"), header: map[string]string{"Content-Encoding": "gzip"}}
		}, false},
		{"padding", func(i int) try {
			return try{path: "/login", kind: formType, body: "x=" + strings.Repeat("x", 80<<10) + "&username=ada&password=x"}
		}, false},
		{"utf-7", func(i int) try {
			return try{path: "/api/login", kind: "application/json; charset=utf-7", body: fmt.Sprintf(`{"username":"%s","password":"x"}`, utf7("ada", i%8))}
		}, false},
		{"utf-16", func(i int) try {
			var b []byte
			for _, c := range []byte(`{"username":"ada","password":"x"}`) {
				b = append(b, c, 0)
			}
			return try{path: "/api/login", kind: "application/json; charset=utf-16le", body: string(b)}
		}, false},
		{"byte order mark", func(i int) try {
			return try{path: "/login", kind: formType, body: fmt.Sprintf("\ufeffusername=ada&email=no%d&password=x", i)}
		}, false},
		{"escapes", func(i int) try {
			return try{path: "/api/login", kind: "application/json", body: []string{`{"username":"\u0061da","password":"x"}`, `{"username":"x","username":"ada","password":"x"}`, `{"user\u006eame":"ada","password":"x"}`}[i%3]}
		}, false},
		{"own logins in between", func(i int) try {
			return try{path: "/login", kind: formType, body: "username=ada&password=x"}
		}, true},
	} {
		t.Run(one.name, func(t *testing.T) {
			s := shieldApp(t, login.Route{Pattern: "POST /login"}, login.Route{Pattern: "POST /api/login"})
			for i := range 40 {
				o := one.make(i)
				o.from = fmt.Sprint("203.0.113.", i+1)
				resp, text := s.send(o)
				if resp.StatusCode == http.StatusOK {
					t.Fatalf("a guess was taken: %s", text)
				}
				for _, c := range resp.Cookies() {
					if c.Name == login.DefaultCookie {
						t.Fatal("a guess made a device known")
					}
				}
				if one.own && i%5 == 0 {
					s.in("mallory", "mallory", o.from, nil)
				}
			}
			n := s.looked("ada")
			t.Logf("%d of 40 looked at", n)
			if n > 10 {
				t.Errorf("%d of 40 guesses were looked at, want 10 at most", n)
			}
		})
	}
}

// TestGuessesThatLeave closes the connection before the answer is there: what the app
// looked at stays counted.
func TestGuessesThatLeave(t *testing.T) {
	s := shieldApp(t, login.Route{Pattern: "POST /login"})
	for range 60 {
		conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := tlsClient(s.server, conn)
		body := "username=ada&password=x"
		fmt.Fprintf(c, "POST /login HTTP/1.1\r\nHost: shop.test\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", formType, len(body), body)
		c.Close()
	}
	if resp, _ := s.send(try{from: "127.0.0.1", path: "/login", kind: formType, body: "username=ada&password=x"}); resp.StatusCode == http.StatusOK {
		t.Error("a guess was taken")
	}
	if n := s.looked("ada"); n > 10 {
		t.Errorf("%d guesses were looked at, want 10 at most", n)
	}
}

// TestGuessesInAPipeline sends 30 requests at once on one connection.
func TestGuessesInAPipeline(t *testing.T) {
	s := shieldApp(t, login.Route{Pattern: "POST /login"})
	conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tlsClient(s.server, conn)
	defer c.Close()
	body := "username=ada&password=x"
	for i := range 30 {
		last := ""
		if i == 29 {
			last = "Connection: close\r\n"
		}
		fmt.Fprintf(c, "POST /login HTTP/1.1\r\nHost: shop.test\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", formType, len(body), last, body)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if found, refused := strings.Count(string(text), "HTTP/1.1 302"), strings.Count(string(text), "HTTP/1.1 429"); found != 10 || refused != 20 {
		t.Errorf("%d answered and %d refused, want 10 and 20", found, refused)
	}
	if n := s.looked("ada"); n != 10 {
		t.Errorf("%d guesses were looked at, want 10", n)
	}
}

func tlsClient(s *httptest.Server, conn net.Conn) net.Conn {
	cfg := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.ServerName = "example.com"
	return tls.Client(conn, cfg)
}
