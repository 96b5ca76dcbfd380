package compat_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/redisstore"
)

// redisServer starts a server on a free port and returns its address.
func redisServer(t *testing.T) string {
	t.Helper()
	program := need.Program(t, "redis-server")
	port := strconv.Itoa(need.Port(t))
	addr := net.JoinHostPort("127.0.0.1", port)
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
	}
}

// sessionApp starts app/sessions.cjs and returns its URL.
func sessionApp(t *testing.T, secrets []string, env ...string) string {
	t.Helper()
	text, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	need.Modules(t, "express-session", "connect-redis", "redis", "cookie-session", "keygrip")
	var ready struct{ URL string }
	node(t, "sessions.cjs", append(env, "SECRETS="+string(text))...).read(t, &ready)
	return ready.URL
}

// A visitor keeps cookies as a browser does, for all ports of the loopback host.
type visitor struct {
	t      *testing.T
	client http.Client
}

func newVisitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

func (v *visitor) get(address string) string {
	v.t.Helper()
	r, err := v.client.Get(address)
	if err != nil {
		v.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		v.t.Fatalf("GET %s: %d %s %v", address, r.StatusCode, body, err)
	}
	return string(body)
}

// shows checks what a service sees of the visitor's session.
func (v *visitor) shows(service string, want map[string]any) {
	v.t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(v.get(service+"/show")), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		v.t.Errorf("%s shows %v (%v), want %v", service, got, err, want)
	}
}

func (v *visitor) set(service, members string) {
	v.t.Helper()
	v.get(service + "/set?members=" + url.QueryEscape(members))
}

// expressService is the Go side of app/sessions.cjs.
func expressService(t *testing.T, mode expresssession.Mode, addr string, secrets ...string) string {
	t.Helper()
	store, err := redisstore.New(redisstore.Options{Address: []string{addr}, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	o := expresssession.Options{Mode: mode, Store: expresssession.ConnectRedis{Client: store.KV()}}
	if mode == expresssession.Strict {
		o.Cookie.Secure = expresssession.Auto // the test speaks plain http on loopback
	}
	for _, s := range secrets {
		o.Secret = append(o.Secret, []byte(s))
	}
	m, err := expresssession.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	session := func(r *http.Request) *expresssession.Session { return expresssession.From(r.Context()) }
	mux.HandleFunc("GET /show", func(w http.ResponseWriter, r *http.Request) {
		members := map[string]json.RawMessage{}
		if err := session(r).Decode(&members); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(members)
	})
	mux.HandleFunc("GET /set", func(_ http.ResponseWriter, r *http.Request) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(r.FormValue("members")), &members); err != nil {
			t.Error(err)
		}
		for name, value := range members {
			if err := session(r).Set(name, value); err != nil {
				t.Error(err)
			}
		}
	})
	mux.HandleFunc("GET /login", func(_ http.ResponseWriter, r *http.Request) {
		if err := session(r).Regenerate(); err != nil {
			t.Error(err)
		}
		if err := session(r).Set("user", r.FormValue("user")); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /logout", func(_ http.ResponseWriter, r *http.Request) {
		if err := session(r).Destroy(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(m.Handler(mux))
	t.Cleanup(server.Close)
	return server.URL
}

// TestSharedExpressSession has one visitor go to a real Express app with express-session
// and connect-redis on a real Redis, and to a Go service, with the same cookie.
func TestSharedExpressSession(t *testing.T) {
	addr := redisServer(t)
	const old, next = "the secret of last year", "the secret of this year"
	express := sessionApp(t, []string{old}, "REDIS=redis://"+addr)
	rotated := sessionApp(t, []string{next, old}, "REDIS=redis://"+addr)
	for _, mode := range []expresssession.Mode{expresssession.Strict, expresssession.Compat} {
		t.Run(fmt.Sprint("mode ", mode), func(t *testing.T) {
			service := expressService(t, mode, addr, old)
			v := newVisitor(t)
			v.get(express + "/login?user=ann")
			v.shows(service, map[string]any{"user": "ann"})
			v.set(service, `{"cart":["bread","wine"],"note":"<&> 李雷"}`)
			v.shows(express, map[string]any{"user": "ann", "cart": []any{"bread", "wine"}, "note": "<&> 李雷"})
			v.set(express, `{"cart":[],"n":1e21}`)
			v.shows(service, map[string]any{"user": "ann", "cart": []any{}, "note": "<&> 李雷", "n": 1e21})

			// And back: the session begins in Go.
			v.get(service + "/login?user=bob")
			v.shows(express, map[string]any{"user": "bob"})
			v.set(express, `{"seen":true}`)
			v.shows(service, map[string]any{"user": "bob", "seen": true})

			// The secret is rotated on both sides.
			newService := expressService(t, mode, addr, next, old)
			v.shows(newService, map[string]any{"user": "bob", "seen": true})
			v.shows(rotated, map[string]any{"user": "bob", "seen": true})
			v.set(newService, `{"rotated":1}`)
			v.shows(rotated, map[string]any{"user": "bob", "seen": true, "rotated": 1.0})
			v.get(rotated + "/login?user=cid")
			v.shows(newService, map[string]any{"user": "cid"})

			// A logout on one side holds on the other.
			v.get(newService + "/logout")
			v.shows(rotated, map[string]any{})
			v.get(rotated + "/login?user=dan")
			v.get(rotated + "/logout")
			v.shows(newService, map[string]any{})
		})
	}
}
