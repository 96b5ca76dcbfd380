package cli_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A visitor has one connection, which one door has for good.
type visitor struct {
	t    *testing.T
	conn *tls.Conn
	r    *bufio.Reader
	host string
}

func visit(t *testing.T, address string) *visitor {
	t.Helper()
	conn, err := tls.Dial("tcp", address, insecure())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &visitor{t, conn, bufio.NewReader(conn), address}
}

// ask sends a request with more header lines.
func (v *visitor) ask(line, body string, header ...string) (*http.Response, string) {
	v.t.Helper()
	_ = v.conn.SetDeadline(time.Now().Add(within))
	fmt.Fprintf(v.conn, "%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n%s", line, v.host, len(body), strings.Join(append(header, ""), "\r\n"), body)
	res, err := http.ReadResponse(v.r, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(text)
}

// memorable is an app with a session, and with another origin that it lets send.
func memorable(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Origin", "https://partner.example")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		return
	}
	_, err := r.Cookie("connect.sid")
	switch {
	case r.URL.Path == "/logout":
		w.Header().Set("Set-Cookie", "connect.sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
	case err != nil:
		w.Header().Set("Set-Cookie", "connect.sid=s%3Aabcdefghijklmnopqrstuvwxyz012345.sig; Path=/; HttpOnly")
		_, _ = io.WriteString(w, "a stranger")
		return
	}
	_, _ = io.WriteString(w, "known")
}

// TestTheOldDoorTellsTheNewOne has clients that still talk to the old door make it learn
// something, and come back to the new one; and one that is told the other way round.
func TestTheOldDoorTellsTheNewOne(t *testing.T) {
	r := serveProgram(t, http.HandlerFunc(memorable), "sessions: {mode: enforce, logout: [/logout]}\nbounds: {drain_timeout: 5m, response_timeout: 1m, head_timeout: 1m}\n")
	r.awaitUp()
	r.survivesKill()
	first, second, third := visit(t, r.address), visit(t, r.address), visit(t, r.address)
	r.upgrade()

	// A session cookie, of a name that nobody has seen before the upgrade.
	res, body := first.ask("GET /", "")
	var cookie string
	for _, c := range res.Cookies() {
		if c.Value != "" {
			cookie = "Cookie: " + c.Name + "=" + c.Value
		}
	}
	if body != "a stranger" || !strings.HasPrefix(cookie, "Cookie: __Host-") || !res.Close {
		t.Fatalf("at the old door: %q, cookie %q, want a new session under another name, on a connection that ends", body, cookie)
	}
	if _, body := visit(t, r.address).ask("GET /", "", cookie); body != "known" {
		t.Errorf("at the new door: %q, want the session", body)
	}

	// Another origin that may send.
	form := []string{"Origin: https://partner.example", "Sec-Fetch-Site: cross-site", "Content-Type: application/x-www-form-urlencoded", cookie}
	if res, _ := visit(t, r.address).ask("POST /", "a=b", form...); res.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another origin = %d, want 403", res.StatusCode)
	}
	second.ask("OPTIONS /", "", "Origin: https://partner.example", "Access-Control-Request-Method: PUT")
	if res, _ := visit(t, r.address).ask("POST /", "a=b", form...); res.StatusCode != http.StatusOK {
		t.Errorf("a form of an origin that the app approved at the old door = %d, want 200", res.StatusCode)
	}

	// A logout at the new door, of which the old one hears.
	if res, _ := visit(t, r.address).ask("POST /logout", "", cookie, "Sec-Fetch-Site: same-origin"); res.StatusCode != http.StatusOK {
		t.Fatalf("logout = %d", res.StatusCode)
	}
	if _, body := third.ask("GET /", "", cookie); body != "a stranger" {
		t.Errorf("at the old door after a logout at the new one: %q, want a stranger", body)
	}
	r.upgrade() // and the one after it
	if _, body := visit(t, r.address).ask("GET /", "", cookie); body != "a stranger" {
		t.Errorf("after another upgrade: %q, want a stranger", body)
	}
}
