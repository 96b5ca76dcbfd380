package door_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// redisServer starts one on loopback and returns its address.
func redisServer(t *testing.T) string {
	t.Helper()
	server := need.Program(t, "valkey-server", "redis-server")
	address := fmt.Sprint("127.0.0.1:", need.Port(t))
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// A logout at one door is final at the others that share its key and its Redis, whatever
// the application's store says, and at one that starts later.
func TestLogoutAtAllDoors(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch c, err := r.Cookie("connect.sid"); {
		case r.URL.Path == "/logout":
			w.Header().Set("Set-Cookie", "connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
		case err == nil:
			io.WriteString(w, "again "+c.Value) // it never forgets
		default:
			w.Header().Set("Set-Cookie", "connect.sid="+signedSession+"; Path=/; HttpOnly")
		}
	}))
	defer app.Close()
	key, database := keyFile(t, aKey), redisServer(t)
	shares := func(c *config.Config) {
		c.InstallKey, c.Sessions.Mode = key, guard.Enforce
		c.Limits.Redis, c.Limits.Instances = []string{database}, 2
	}
	address := strings.TrimPrefix(app.URL, "http://")
	a, b := buildTo(t, address, shares), buildTo(t, address, shares)
	res, _ := a.get("/")
	if len(res.Cookies()) != 1 {
		t.Fatalf("cookies = %v, want one", res.Cookies())
	}
	session := res.Cookies()[0]
	with := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: session.Name, Value: session.Value}) }
	if _, body := b.get("/", with); !strings.HasPrefix(body, "again") {
		t.Fatalf("before the logout the other door's application says %q", body)
	}
	a.get("/logout", with)
	refused := func(name string, h *house) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			_, body := h.get("/", with)
			if !strings.HasPrefix(body, "again") {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: after the logout the application says %q", name, body)
			}
		}
	}
	refused("the same door", a)
	refused("the other door", b)
	refused("a door that starts later", buildTo(t, address, shares))
}
