package session_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/session"
)

// stream sends one request to a real server and returns the raw answer.
func stream(t *testing.T, m *session.Manager[account], cookie string, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(m.Handler(h))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	head := "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	if cookie != "" {
		head += "Cookie: " + cookie + "\r\n"
	}
	fmt.Fprint(conn, head+"\r\n")
	text, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCookieIsNotLostByStreaming(t *testing.T) {
	put := func(r *http.Request) { _ = session.From[account](r.Context()).Set(account{Name: "s"}) }
	for name, h := range map[string]http.HandlerFunc{
		"silent": func(w http.ResponseWriter, r *http.Request) { put(r) },
		"flush": func(w http.ResponseWriter, r *http.Request) {
			put(r)
			_ = http.NewResponseController(w).Flush()
			io.WriteString(w, "x")
		},
		"readfrom": func(w http.ResponseWriter, r *http.Request) { put(r); _, _ = io.Copy(w, strings.NewReader("x")) },
		"1xx":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103); put(r); io.WriteString(w, "x") },
		"101": func(w http.ResponseWriter, r *http.Request) {
			put(r)
			w.Header().Set("Upgrade", "x")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(101)
		},
		"commit and hijack": func(w http.ResponseWriter, r *http.Request) {
			put(r)
			h := http.Header{}
			if err := session.From[account](r.Context()).Commit(h); err != nil {
				t.Error(err)
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\n")
			_ = h.Write(conn)
			fmt.Fprint(conn, "\r\n")
		},
	} {
		store := memory(t)
		if got := stream(t, manager(t, session.Options{Store: store}), "", h); !strings.Contains(got, "Set-Cookie: __Host-id=") || store.saves != 1 {
			t.Errorf("%s: %d saves and answer %q, want one save and the cookie", name, store.saves, got)
		}
	}
}

func TestTooLateForACookieIsAnError(t *testing.T) {
	store := memory(t)
	m := manager(t, session.Options{Store: store})
	stream(t, m, "", func(w http.ResponseWriter, r *http.Request) {
		s := session.From[account](r.Context())
		_ = http.NewResponseController(w).Flush()
		if err := s.Set(account{Name: "late"}); !errors.Is(err, session.ErrHeaderSent) {
			t.Errorf("Set after Flush = %v, want ErrHeaderSent", err)
		}
		if err := s.Authenticate("ann", ""); !errors.Is(err, session.ErrHeaderSent) {
			t.Errorf("Authenticate after Flush = %v, want ErrHeaderSent", err)
		}
	})
	if store.saves != 0 {
		t.Errorf("%d saves, want 0", store.saves)
	}
	stream(t, m, "", func(w http.ResponseWriter, r *http.Request) {
		_ = session.From[account](r.Context()).Set(account{Name: "x"})
		if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
			t.Error("Hijack went through with a cookie that would be lost")
		}
	})
	// A session whose cookie the client has is saved however late.
	c := &client{t: t, m: m}
	c.set("early")
	stream(t, m, c.cookie, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		if err := session.From[account](r.Context()).Set(account{Name: "late"}); err != nil {
			t.Error(err)
		}
	})
	if got := c.visit(); got.Name != "late" {
		t.Errorf("a late change reads %+v, want late", got)
	}
}
