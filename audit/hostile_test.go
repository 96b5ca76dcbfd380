package audit_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
)

// patient are bounds that no target but one that waits reaches.
var patient = audit.Options{Timeout: 2 * time.Minute, RequestTimeout: 20 * time.Second, Rate: 1000}

// quick is for targets that make one wait.
var quick = audit.Options{Timeout: 2 * time.Minute, RequestTimeout: time.Second, Rate: 1000}

func run(t *testing.T, o audit.Options, targets ...check.Target) *audit.Report {
	t.Helper()
	r, err := audit.Run(t.Context(), targets, standard.Checks(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func row(t *testing.T, r *audit.Report, id string) audit.Practice {
	t.Helper()
	p, ok := r.Practice(id)
	if !ok {
		t.Fatalf("the report has no row %q", id)
	}
	return p
}

// raw answers each connection by hand.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// readHead waits for a whole request head.
func readHead(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == "\r\n" {
			return
		}
	}
}

func served(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.CloseClientConnections)
	return s.URL
}

func bomb() []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	zero := make([]byte, 1<<20)
	for range 40 {
		z.Write(zero)
	}
	z.Close()
	return buf.Bytes()
}

func TestHostileTargets(t *testing.T) {
	squeezed := bomb()
	for _, tt := range []struct {
		name, url string
		// headers is the row's status, reason a part of its reason.
		headers check.Status
		reason  string
		outcome audit.Outcome
		bounds  audit.Options
	}{
		{"never answers", "http://" + raw(t, func(c net.Conn) { io.Copy(io.Discard, c) }), check.Unproven, "no answer in time", audit.Incomplete, quick},
		{"never finishes its head", "http://" + raw(t, func(c net.Conn) {
			readHead(c) // who speaks first is another case
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: b\r\n"[:1]); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}), check.Unproven, "no answer in time", audit.Incomplete, quick},
		{"resets", "http://" + raw(t, func(c net.Conn) {
			readHead(c)
			c.(*net.TCPConn).SetLinger(0)
		}), check.Unproven, "reset", audit.Incomplete, patient},
		{"not http", "http://" + raw(t, func(c net.Conn) { io.WriteString(c, "SSH-2.0-\x1b[31mx\r\n"); io.Copy(io.Discard, c) }), check.Unproven, "malformed HTTP", audit.Incomplete, patient},
		{"broken tls", "https://" + raw(t, func(c net.Conn) { io.WriteString(c, "\x15\x03\x01\x00\x02\x02\x28"); io.Copy(io.Discard, c) }), check.Unproven, "TLS handshake failed", audit.Found, patient},
		{"redirects for ever", served(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("/a%d", time.Now().UnixNano()), http.StatusFound)
		}), check.Unproven, "redirects without an end", audit.Found, patient},
		{"redirects to itself", served(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}), check.Unproven, "redirects without an end", audit.Found, patient},
		{"100 kB of headers", served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 100_000))
		}), check.Unproven, "headers exceeded", audit.Incomplete, patient},
		{"interim answers without an end", "http://" + raw(t, func(c net.Conn) {
			readHead(c)
			for {
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"); err != nil {
					return
				}
			}
		}), check.Unproven, "interim answers", audit.Incomplete, patient},
		{"body without an end", served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}), check.Broken, "nosniff", audit.Found, quick},
		{"body that drips", served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}), check.Broken, "nosniff", audit.Found, quick},
		{"gzip bomb", served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(squeezed)
		}), check.Broken, "nosniff", audit.Found, patient},
		{"half a gzip", served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(squeezed[:100])
		}), check.Broken, "nosniff", audit.Found, patient},
		{"says it is gzip and is not", served(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "hello")
		}), check.Broken, "nosniff", audit.Found, patient},
		{"short body", "http://" + raw(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\nshort")
		}), check.Broken, "nosniff", audit.Found, patient},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			r := run(t, tt.bounds, check.Target{URL: tt.url})
			if took := time.Since(start); took > 30*time.Second { // 2 s on an idle machine
				t.Errorf("Run took %v, want an end long before the audit's own", took)
			}
			if got := row(t, r, "headers"); got.Status != tt.headers || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("headers = %q (%s), want %q (…%s…)", got.Status, got.Reason, tt.headers, tt.reason)
			}
			for _, p := range r.Practices {
				if p.Status == check.Proved {
					t.Errorf("%s is proved on a hostile target (%s)", p.ID, p.Reason)
				}
				if p.Status == check.Unproven && p.Reason == "" {
					t.Errorf("%s is not proven without a reason", p.ID)
				}
				if strings.ContainsAny(p.Reason, "\x1b\r\n") {
					t.Errorf("%s: the reason %q holds what the target said", p.ID, p.Reason)
				}
			}
			if got := r.Outcome(check.Low); got != tt.outcome {
				t.Errorf("Outcome(Low) = %d, want %d", got, tt.outcome)
			}
		})
	}
}
