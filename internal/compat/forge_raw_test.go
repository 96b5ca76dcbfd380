package compat_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A crafted is a request whose every byte is the test's. In its lines {mark}, {cookie},
// {self} (the origin of the place) and {plain} (the same without TLS) are filled in.
type crafted struct {
	name, line string
	header     []string
	body       string
	// deed is what it does to an app that nobody protects.
	deed string
	// rule is what it is refused by; empty for what has to pass, and a status for what the
	// door refuses for another reason than csrf.
	rule string
}

// write sends a request as it is written here, and returns the answer.
func (p *place) write(t testing.TB, line string, header []string, body string) *http.Response {
	t.Helper()
	at, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	// The local CA is of no interest here.
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", at.Port()), &tls.Config{ServerName: at.Hostname(), InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	method, _, _ := strings.Cut(line, " ")
	text := line + " HTTP/1.1\r\nHost: " + at.Host + "\r\n"
	for _, h := range header {
		text += h + "\r\n"
	}
	if body != "" || method == "POST" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	if !strings.Contains(text, "\r\nUpgrade: ") {
		text += "Connection: close\r\n"
	}
	if _, err := io.WriteString(conn, text+"\r\n"+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	resp.Body.Close()
	return resp
}

// enter logs in as a program does, and returns the Cookie of the session.
func (p *place) enter(t testing.TB) string {
	t.Helper()
	resp := p.write(t, "POST /login", []string{"Content-Type: " + formType}, "user=ada&password=lovelace")
	if all := resp.Cookies(); len(all) > 0 { // by a name of the door's, before the door's own
		return all[0].Name + "=" + all[0].Value
	}
	t.Fatalf("login: status %d, cookies %v, want a session", resp.StatusCode, resp.Cookies())
	return ""
}

// play sends each of all and holds that it became what it should.
func (p *place) play(t *testing.T, all []crafted) {
	cookie := p.enter(t)
	for i, c := range all {
		t.Run(c.name, func(t *testing.T) {
			s := sending{mark: newMark()}
			if _, path, _ := strings.Cut(c.line, " "); path == "/login" {
				s.route, s.from = c.line, fmt.Sprintf("https://evil%d.test", i)
			}
			fill := strings.NewReplacer("{mark}", s.mark, "{cookie}", cookie, "{self}", p.base, "{plain}", strings.Replace(p.base, "https:", "http:", 1), "{evil}", fmt.Sprintf("https://evil%d.test", i))
			var header []string
			for _, h := range c.header {
				header = append(header, fill.Replace(h))
			}
			resp := p.write(t, fill.Replace(c.line), header, fill.Replace(c.body))
			want := c.deed
			switch {
			case p.byGo && openInGo[c.name] == "":
				want = ""
			case p.door == nil || c.rule == "":
			case c.rule[0] <= '9':
				want = ""
				if got := fmt.Sprint(resp.StatusCode); got != c.rule {
					t.Errorf("status %s, want %s", got, c.rule)
				}
				p.gone <- s.mark
			default:
				want = "refused: " + c.rule
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("status %d, want 403", resp.StatusCode)
				}
			}
			p.expect(t, c.name, s, want)
		})
	}
	p.swept(t)
}

// TestCraftedForgeries sends what older browsers, broken ones and other programs send to a
// door that refuses everything, and to the app alone, so that each attack is seen to work.
func TestCraftedForgeries(t *testing.T) {
	a := startBank(t)
	t.Run("control", func(t *testing.T) { a.unprotected(t).play(t, append(craftedAttacks(), craftedRight...)) })
	t.Run("net/http", func(t *testing.T) { a.protectedByGo(t).play(t, craftedAttacks()) })
	t.Run("door", func(t *testing.T) { a.protected(t, everything).play(t, append(craftedAttacks(), craftedRight...)) })
	t.Run("proxy", func(t *testing.T) { a.proxied(t).play(t, append(craftedAttacks(), craftedRight...)) })
}
