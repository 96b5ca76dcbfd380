package door_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

// mirror answers a login with what came of it.
type mirror struct{}

func (mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("X-Body", fmt.Sprintf("%x", sha256.Sum256(text)))
	w.Header().Set("X-Cookies", r.Header.Get("Cookie"))
	if bytes.Contains(text, []byte("right")) {
		w.Header().Add("Set-Cookie", "connect.sid=s%3Aabc.def; Path=/; HttpOnly")
		w.Header().Add("Set-Cookie", "theme=dark; Path=/")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(http.StatusUnauthorized)
}

// TestFirstDayLogins posts passwords in every form that is looked at, with no file: what
// the app and the client get is what it would be without a look, over HTTP/1.1 and HTTP/2.
func TestFirstDayLogins(t *testing.T) {
	h := build(t, mirror{}, nil)
	one := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: h.roots, NextProtos: []string{"http/1.1"}}}
	defer one.CloseIdleConnections()
	client := &http.Client{Transport: one}
	binary := "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nright\xff\x00\r\n--b--\r\nafter"
	for round := range 3 { // unknown, found, and observed
		for kind, text := range map[string]string{
			"application/x-www-form-urlencoded":  "username=a&password=right&x=%zz&y=" + strings.Repeat("z", 60_000),
			"application/json":                   `{"username":"a", "password":"right", "x":"` + strings.Repeat("é", 20_000) + `"}`,
			"application/json; charset=utf-8":    `{"username":"a","password":"right"`, // broken
			"multipart/form-data; boundary=b":    binary,
			"application/x-www-form-urlencoded ": "username=a&password=right&" + strings.Repeat("y=z&", 40_000), // beyond the look
		} {
			for _, c := range []*http.Client{h.client, client} {
				for _, known := range []bool{true, false} {
					req, err := http.NewRequest("POST", h.url("/login"), io.MultiReader(strings.NewReader(text)))
					if err != nil {
						t.Fatal(err)
					}
					if known {
						req.ContentLength = int64(len(text))
					}
					req.Header.Set("Content-Type", kind)
					res, err := c.Do(req)
					if err != nil {
						t.Fatalf("%q in round %d: %v", kind, round, err)
					}
					res.Body.Close()
					if res.StatusCode != http.StatusNoContent || res.Header.Get("X-Body") != fmt.Sprintf("%x", sha256.Sum256([]byte(text))) {
						t.Errorf("%q over %s in round %d = %d, and the body that the app saw has changed", kind, res.Proto, round, res.StatusCode)
					}
					if n := len(res.Header["Set-Cookie"]); n != 2 {
						t.Errorf("%q in round %d sets %q, want what the app sets", kind, round, res.Header["Set-Cookie"])
					}
				}
			}
		}
		if round == 0 {
			h.told.await(t, "login found: POST /login")
		}
	}
	for _, g := range h.Status().Guards {
		if g.Name == "login" && g.Denied != 0 {
			t.Errorf("%d were refused with no file", g.Denied)
		}
	}
}

// TestDeviceCookie keeps what the shield sets apart from what the app sets: it is not
// renamed, sealed, or given another name, and comes back as it was.
func TestDeviceCookie(t *testing.T) {
	h := build(t, mirror{}, named("POST /login"))
	right := func(c *http.Cookie) (*http.Response, map[string]*http.Cookie) {
		res, _ := h.post("/login", credentials("alice", "right"), func(r *http.Request) {
			if c != nil {
				r.AddCookie(c)
			}
		})
		all := map[string]*http.Cookie{}
		for _, c := range res.Cookies() {
			all[c.Name] = c
		}
		return res, all
	}
	_, set := right(nil)
	device := set["__Host-device"]
	if len(set) != 3 || device == nil || set["theme"] == nil || set["connect.sid"] != nil || !device.Secure || !device.HttpOnly || device.Domain != "" || device.Path != "/" {
		t.Fatalf("set %v, want a device, a theme, and a session by another name", set)
	}
	if strings.Count(device.Value, ".") != 0 || len(device.Value) > 60 {
		t.Errorf("the device's cookie is %q, want one token", device.Value)
	}
	for range 30 { // over the limit: known by its device
		h.logIn("alice", "wrong")
	}
	if res, _ := right(nil); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a stranger = %d, want 429", res.StatusCode)
	}
	if res, _ := right(device); res.StatusCode != http.StatusNoContent {
		t.Errorf("the device = %d, want 204", res.StatusCode)
	}
}

// TestRefusedLogin looks at what a refusal says, and at what is written about it.
func TestRefusedLogin(t *testing.T) {
	h := build(t, &shop{}, named("POST /login"))
	for range 12 {
		h.logIn("alice-the-user", "the-password")
	}
	res, body := h.post("/login", credentials("alice-the-user", "the-password"))
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Fatalf("= %d %v, want 429 with Retry-After", res.StatusCode, res.Header)
	}
	for name := range res.Header {
		if strings.HasPrefix(strings.ToLower(name), "ratelimit") {
			t.Errorf("%s tells how many guesses are left", name)
		}
	}
	neutral(t, "refused login", res.Header, body)
	lines := h.lines(13)
	if last := lines[len(lines)-1]; last["practice"] != "brute-force" || last["action"] != "denied" {
		t.Errorf("the log line = %v", last)
	}
	status := fmt.Sprintf("%+v", h.Status())
	for what, text := range map[string]string{"access log": h.access.String(), "log": h.told.String(), "status": status} {
		if strings.Contains(text, "alice-the-user") || strings.Contains(text, "the-password") {
			t.Errorf("the %s holds who logs in: %s", what, text)
		}
	}
}

// TestExpectAtALogin leaves the app to say whether it wants a body.
func TestExpectAtALogin(t *testing.T) {
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized) // without a look at the body
	}), nil)
	conn := h.dial()
	fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: 23\r\n\r\n", h.port())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the first answer = %d, want the app's 401", res.StatusCode)
	}
}

// TestLoginOff switches the guard off over a login that was confirmed, and on again.
func TestLoginOff(t *testing.T) {
	app := &shop{}
	h := build(t, app, func(c *config.Config) { c.Login.Find = "off" })
	if err := door.Client(door.Socket(h.cfg.State)).ChangeLogin(t.Context(), "POST /login", false); err != nil {
		t.Fatal(err)
	}
	last := func() (status int) {
		for range 12 {
			status, _ = h.logIn("alice", "wrong")
		}
		return status
	}
	for _, c := range []struct {
		mode string
		want int
	}{{"enforce", 429}, {"off", 401}, {"observe", 401}, {"on", 429}} {
		if err := h.Switch("login", c.mode); err != nil {
			t.Fatal(err)
		}
		if got := last(); got != c.want {
			t.Errorf("in mode %s = %d, want %d", c.mode, got, c.want)
		}
	}
}

// TestManyFoundAtOnce finds logins from many requests at once, while routes are confirmed
// and the guard is switched.
func TestManyFoundAtOnce(t *testing.T) {
	h := build(t, mirror{}, func(c *config.Config) { c.Login.Auto = "on" })
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				h.post(fmt.Sprintf("/in%d", i), credentials(fmt.Sprint(w, i), [...]string{"right", "wrong"}[w%2]))
			}
		})
	}
	wg.Go(func() {
		for i := range 5 {
			_ = h.ConfirmLogin(fmt.Sprintf("POST /in%d", i))
			_ = h.Switch("login", [...]string{"off", "observe", "on"}[i%3])
			_ = h.ForgetLogin(fmt.Sprintf("POST /in%d", i))
		}
	})
	wg.Wait()
	if err := h.Switch("login", "on"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Second); len(h.Logins()) == 0 && time.Now().Before(end); {
		h.post("/in9", credentials("a", "wrong"))
	}
	if n := len(h.Logins()); n == 0 || n > 16 {
		t.Errorf("%d logins were found, want 1 to 16", n)
	}
}
