package wire_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// club is an app with a login, with the mistakes that it is told to make.
type club struct {
	keepsID, takesAnyID, outlives bool
	// restless pages carry a nonce.
	restless bool
	// id makes ids; crypto/rand when nil.
	id func() string

	mu sync.Mutex
	in map[string]bool
}

func (c *club) handler() http.HandlerFunc {
	c.in = make(map[string]bool)
	if c.id == nil {
		c.id = rand.Text
	}
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		sid := ""
		if got, err := r.Cookie("sid"); err == nil {
			sid = got.Value
		}
		_, known := c.in[sid]
		give := func(in bool) {
			id := c.id()
			c.in[id] = in
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: id, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		switch r.Method + " " + r.URL.Path {
		case "GET /":
			if !known {
				give(false)
			}
			if c.restless {
				fmt.Fprintf(w, "<meta name=nonce content=%s>", rand.Text())
			}
			io.WriteString(w, `<a href="/members">Members</a><form method=post action="/login"><input name=user><input type=password name=password></form>`)
		case "POST /login":
			if r.PostFormValue("password") != "a good password" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			switch {
			case c.keepsID && known, c.takesAnyID && sid != "":
				c.in[sid] = true
			default:
				delete(c.in, sid)
				give(true)
			}
			w.Header().Set("Location", "/members")
			w.WriteHeader(http.StatusSeeOther)
		case "GET /members":
			if !c.in[sid] {
				w.Header().Set("Location", "/")
				w.WriteHeader(http.StatusFound)
				return
			}
			io.WriteString(w, `<p>For members only. <form method=post action="/logout"><button>Log out</button></form>`)
		case "POST /logout":
			if !c.outlives {
				delete(c.in, sid)
			}
			http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusSeeOther)
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<p>There is nothing here.")
		}
	}
}

// recorded is a login to the club as a browser exports it.
func recorded(t *testing.T, s *httptest.Server) check.Target {
	t.Helper()
	har := fmt.Sprintf(`{"log":{"version":"1.2","entries":[
{"request":{"method":"GET","url":"%[1]s/","headers":[]},"response":{"status":200,"headers":[],"content":{"mimeType":"text/html","text":""}}},
{"request":{"method":"POST","url":"%[1]s/login","headers":[],"postData":{"mimeType":"application/x-www-form-urlencoded","text":"user=ann&password=a+good+password"}},
 "response":{"status":303,"headers":[],"content":{"mimeType":"text/html","text":""}}}]}}`, s.URL)
	name := filepath.Join(t.TempDir(), "login.har")
	if err := os.WriteFile(name, []byte(har), 0o600); err != nil {
		t.Fatal(err)
	}
	return check.Target{URL: s.URL, Login: name}
}

// balanced names the server that a balancer chose in a cookie.
func balanced() http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "lb_session", Value: fmt.Sprint("node", n.Add(1)%3), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		app("<p>hello")(w, r)
	}
}

// counter gives ids one after the other.
func counter(start int64) func() string {
	var n atomic.Int64
	n.Store(start)
	return func() string { return strconv.FormatInt(n.Add(3), 10) }
}

var sessionsTwins = []twin{
	{check: "sessions", name: "an id that lives through the login", bad: true, handler: (&club{keepsID: true}).handler(), target: recorded, want: []string{"sessions/fixation"}},
	{check: "sessions", name: "an id that a stranger chose", bad: true, handler: (&club{takesAnyID: true}).handler(), target: recorded, want: []string{"sessions/fixation"}},
	{check: "sessions", name: "a logout that only clears the cookie", bad: true, handler: (&club{outlives: true}).handler(), target: recorded, want: []string{"sessions/logout"}},
	{check: "sessions", name: "ids from a counter", bad: true, handler: (&club{id: counter(1_000_000)}).handler(), target: recorded, want: []string{"sessions/entropy"}},
	{check: "sessions", name: "ids from a clock", bad: true, handler: (&club{id: counter(1_764_000_000_000)}).handler(), target: recorded, want: []string{"sessions/entropy"}},
	{check: "sessions", name: "short ids", bad: true, handler: (&club{id: func() string { return rand.Text()[:8] }}).handler(), target: recorded, want: []string{"sessions/entropy"}},
	{check: "sessions", name: "ids in addresses", bad: true, plain: true, handler: app(`<a href="/cart;jsessionid=0A1B2C3D4E5F60718293A4B5C6D7E8F9">cart</a>`), want: []string{"sessions/url"}},
	{check: "sessions", name: "a shell in an address", bad: true, plain: true, want: []string{"sessions/url"}, handler: app(`<a href="/a$(id)&x&;jsessionid=0A1B2C3D4E5F60718293">cart</a>`)},
	{check: "sessions", name: "a word for a sid", status: check.Unproven, handler: app(`<a href="/list?sid=summer-sale-of-the-year">sale</a>`)},
	{check: "sessions", name: "a balancer's cookie", status: check.Unproven, handler: balanced()},
	{check: "sessions", name: "pages that differ each time", handler: (&club{restless: true}).handler(), target: recorded},
	{check: "sessions", name: "new ids, and an end", handler: (&club{}).handler(), target: recorded},
	{check: "sessions", name: "alive for as long as we wait", idle: 10 * time.Millisecond, handler: (&club{}).handler(), target: recorded, want: []string{"sessions/idle"}},
	{check: "sessions", name: "no recording", handler: (&club{}).handler(), status: check.Unproven},
	{check: "sessions", name: "the same cookie for everybody", handler: app("<p>hello", "Set-Cookie: sid=anonymous; Secure; HttpOnly; SameSite=Lax"), status: check.Unproven},
}

func TestIDs(t *testing.T) {
	many := func(f func(i int) string) []string {
		ids := make([]string, 24)
		for i := range ids {
			ids[i] = f(i)
		}
		return ids
	}
	for _, tt := range []struct {
		name string
		ids  []string
		weak bool
	}{
		{"128 bits in hex", many(func(int) string { return fmt.Sprintf("%x", rand.Text()[:16]) }), false},
		{"UUID-like", many(func(i int) string {
			s := fmt.Sprintf("%x", rand.Text())
			return s[:8] + "-" + s[8:12] + "-4" + s[13:16] + "-" + s[16:32]
		}), false},
		{"counter", many(func(i int) string { return fmt.Sprint(1000 + i) }), true},
		{"counter in hex with zeros", many(func(i int) string { return fmt.Sprintf("%016x", 0xabc0+i) }), true},
		{"milliseconds", many(func(i int) string { return fmt.Sprint(1_764_000_000_000 + 17*i) }), true},
		{"a clock and four digits", many(func(i int) string { return fmt.Sprintf("17640000%04d", (i*7919)%10000) }), true},
		{"given twice", append(many(func(int) string { return rand.Text() }), "x", "x"), true},
		{"six letters", many(func(int) string { return strings.ToLower(rand.Text()[:6]) }), true},
		{"three servers", many(func(i int) string { return fmt.Sprint("node", i%3) }), false},
		{"all the same", many(func(int) string { return "anonymous" }), false},
		{"two only", []string{"1", "2"}, false},
	} {
		if verdict, weak := wire.JudgeIDs(tt.ids); weak != tt.weak {
			t.Errorf("%s: judgeIDs = %s, %v, want %v", tt.name, verdict, weak, tt.weak)
		}
	}
}

// TestCommandsAreSafe holds that what a site puts into its addresses stays one word of
// the command that shows it.
func TestCommandsAreSafe(t *testing.T) {
	for _, tw := range sessionsTwins {
		if tw.name != "a shell in an address" {
			continue
		}
		for _, f := range audited(t, tw).Findings {
			if strings.Contains(f.Reproduce, "$(") && !strings.Contains(f.Reproduce, "'") {
				t.Errorf("Reproduce = %s, which a shell would run", f.Reproduce)
			}
		}
	}
}
