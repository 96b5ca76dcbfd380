package compat_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// What must not leave: banners as header or trailer fields, the default cookie name, and
// stack traces with their paths.
var (
	bannerField = regexp.MustCompile(`(?im)^(x-powered-by|server|x-aspnet[a-z-]*|x-generator|x-runtime):`)
	banned      = []string{"connect.sid=", "node_modules", ".cjs:", "node:internal", "&nbsp; &nbsp;at ", "\n    at ", `\n    at `}
)

// leaks tells what an answer gives away; raw is all of it, head, body and trailers.
func leaks(raw []byte) []string {
	var found []string
	found = append(found, bannerField.FindAllString(string(raw), -1)...)
	texts := [][]byte{raw}
	// A gzipped body hides a stack trace from a look at the bytes, not from a visitor.
	if at := bytes.Index(raw, []byte{0x1f, 0x8b, 8}); at >= 0 {
		if zr, err := gzip.NewReader(bytes.NewReader(raw[at:])); err == nil {
			zr.Multistream(false)
			text, _ := io.ReadAll(zr)
			texts = append(texts, text)
		}
	}
	for _, text := range texts {
		for _, b := range banned {
			if bytes.Contains(text, []byte(b)) {
				found = append(found, b)
			}
		}
	}
	return found
}

// wire is the request as bytes for HTTP/1.1.
func (p provocation) wire() string {
	if p.raw != "" {
		return p.raw
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n", p.verb(), p.path)
	for _, h := range p.header {
		b.WriteString(h + "\r\n")
	}
	if p.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(p.body))
	}
	return b.String() + "\r\n" + p.body
}

func (p provocation) verb() string {
	if p.method == "" {
		return "GET"
	}
	return p.method
}

// bytesOf sends the request over the connection and reads until the other side closes.
func (p provocation) bytesOf(t *testing.T, c net.Conn) []byte {
	t.Helper()
	defer c.Close()
	wait := 8 * time.Second
	if strings.Contains(p.raw, "Upgrade:") {
		wait = 2 * time.Second // these connections stay open
	}
	c.SetDeadline(time.Now().Add(wait))
	go io.WriteString(c, p.wire()) // the answer may come before all is sent
	raw, err := io.ReadAll(io.LimitReader(c, 16<<20))
	if err != nil && len(raw) == 0 {
		t.Logf("no answer: %v", err)
	}
	return raw
}

var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.[01] (\d\d\d)`)

// finalStatus is the status after the informational ones; 101 is final.
func finalStatus(raw []byte) int {
	for _, m := range statusLine.FindAllSubmatch(raw, -1) {
		if n, err := strconv.Atoi(string(m[1])); err == nil && (n == 101 || n >= 200) {
			return n
		}
	}
	return 0
}

func startProvoker(t *testing.T) (*process, int) {
	t.Helper()
	p := node(t, "provoke.cjs", "NODE_ENV=development")
	return p, p.port(t)
}

func provokedDoor(t *testing.T, upstream int) (*config.Config, *tls.Config) {
	t.Helper()
	cfg := configFor(t, upstream)
	cfg.Redirect = fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	cfg.Bounds.ResponseTimeout = config.Duration(time.Second)
	openDoor(t, cfg)
	return cfg, &tls.Config{RootCAs: rootsOf(t, cfg.State), ServerName: "app.localhost"}
}

// rootsOf trusts the local CA of the door.
func rootsOf(t *testing.T, state string) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	filepath.WalkDir(state, func(path string, _ os.DirEntry, err error) error {
		if pem, readErr := os.ReadFile(path); err == nil && readErr == nil {
			roots.AppendCertsFromPEM(pem)
		}
		return nil
	})
	if roots.Equal(x509.NewCertPool()) {
		t.Fatal("the door's state holds no certificate")
	}
	return roots
}

// TestProvokedAnswersTell is the control: straight from the app, the same provocations
// give it away, so that the look at the bytes is one that sees.
func TestProvokedAnswersTell(t *testing.T) {
	_, port := startProvoker(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for _, p := range provocations {
		if !p.tells {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if raw := p.bytesOf(t, c); len(leaks(raw)) == 0 {
				t.Errorf("the app alone answers %.300q and gives nothing away, want a provocation that provokes", raw)
			}
		})
	}
}

func TestProvokedAnswers(t *testing.T) {
	if len(provocations) < 40 {
		t.Fatalf("%d provocations, want 40 at least", len(provocations))
	}
	app, port := startProvoker(t)
	cfg, trust := provokedDoor(t, port)
	t.Run("http/1.1", func(t *testing.T) {
		for _, p := range provocations {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				raw := p.bytesOf(t, dial(t, cfg.Listen, trust))
				judge(t, p, finalStatus(raw), raw)
			})
		}
	})
	t.Run("h2", func(t *testing.T) {
		transport := &http.Transport{
			TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true, DisableCompression: true, MaxResponseHeaderBytes: 1 << 20,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, cfg.Listen)
			},
		}
		t.Cleanup(transport.CloseIdleConnections)
		for _, p := range provocations {
			if p.raw == "" {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					status, raw := p.overH2(t, transport)
					judge(t, p, status, raw)
				})
			}
		}
	})
	t.Run("HTTP on the TLS port", func(t *testing.T) {
		judgePlain(t, cfg.Listen, "GET /page HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n", "HTTP/1")
	})
	t.Run("redirect", func(t *testing.T) {
		judgePlain(t, cfg.Redirect, "GET /page?a=1 HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n", "https://app.localhost")
	})
	t.Run("redirect of an unknown host", func(t *testing.T) {
		judgePlain(t, cfg.Redirect, "GET /page HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n", "HTTP/1.1 4")
	})
	t.Run("redirect of nonsense", func(t *testing.T) {
		judgePlain(t, cfg.Redirect, "nonsense\r\n\r\n", "HTTP/1.1 400")
	})
	t.Run("upstream gone", func(t *testing.T) {
		app.kill()
		p := provocation{path: "/page", status: http.StatusBadGateway}
		raw := p.bytesOf(t, dial(t, cfg.Listen, trust))
		judge(t, p, finalStatus(raw), raw)
	})
}

// dial opens a TLS connection for HTTP/1.1.
func dial(t *testing.T, addr string, trust *tls.Config) net.Conn {
	t.Helper()
	conf := trust.Clone()
	conf.NextProtos = []string{"http/1.1"}
	c, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func judge(t *testing.T, p provocation, status int, raw []byte) {
	t.Helper()
	if found := leaks(raw); len(found) > 0 {
		t.Errorf("gives away %q: %.1200q", found, raw)
	}
	if status == 0 || p.status != 0 && status != p.status {
		t.Errorf("status = %d, want %d: %.300q", status, p.status, raw)
	}
	if !bytes.Contains(raw, []byte(p.want)) {
		t.Errorf("answer %.600q, want %q in it", raw, p.want)
	}
}

func judgePlain(t *testing.T, addr, request, want string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	raw := provocation{raw: request}.bytesOf(t, c)
	judge(t, provocation{want: want}, finalStatus(raw), raw)
}

// overH2 returns the status and everything that was said, written out as HTTP/1.1
// would: informational heads, head, body, trailers.
func (p provocation) overH2(t *testing.T, transport *http.Transport) (int, []byte) {
	t.Helper()
	var said bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			fmt.Fprintf(&said, "HTTP/1.1 %d\r\n", code)
			return http.Header(header).Write(&said)
		},
	})
	req, err := http.NewRequestWithContext(ctx, p.verb(), "https://app.localhost/", strings.NewReader(p.body))
	if err != nil {
		t.Fatal(err)
	}
	if req.URL, err = url.Parse("https://app.localhost" + p.path); err != nil {
		t.Fatal(err)
	}
	for _, h := range p.header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("no answer over h2: %v", err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Fatalf("protocol = %s, want HTTP/2", resp.Proto)
	}
	said.WriteString("HTTP/1.1 " + resp.Status + "\r\n")
	resp.Header.Write(&said)
	said.WriteString("\r\n")
	io.Copy(&said, resp.Body) // an answer that is cut shows what came before
	said.WriteString("\r\n")
	resp.Trailer.Write(&said)
	return resp.StatusCode, said.Bytes()
}
