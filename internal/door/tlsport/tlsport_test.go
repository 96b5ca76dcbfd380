package tlsport_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/tlsport"
)

const page = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 5\r\n\r\nplain"

// serve returns the address of a TLS server on a Listener, a client that trusts it, and
// the count of failed handshakes.
func serve(t *testing.T) (string, *http.Client, *atomic.Int32) {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	cert := certified.TLS.Certificates[0]
	client := certified.Client()
	certified.Close()

	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int32
	ln := tlsport.New(inner, tlsport.Options{
		Config:  &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}},
		Timeout: func() time.Duration { return 200 * time.Millisecond },
		Plain:   func() []byte { return []byte(page) },
		Failed:  func(net.Addr, error) { failed.Add(1) },
	})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve = %v, want ErrServerClosed", err)
		}
	})
	return ln.Addr().String(), client, &failed
}

func TestSpeaksBothProtocols(t *testing.T) {
	addr, client, _ := serve(t)
	for _, want := range []string{"HTTP/2.0", "HTTP/1.1"} {
		tr := client.Transport.(*http.Transport).Clone()
		tr.ForceAttemptHTTP2 = want == "HTTP/2.0"
		if !tr.ForceAttemptHTTP2 {
			tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
		}
		res, err := (&http.Client{Transport: tr}).Get("https://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		tr.CloseIdleConnections()
		if string(body) != want {
			t.Errorf("protocol = %q, want %q", body, want)
		}
	}
}

func TestPlainHTTPGetsThePage(t *testing.T) {
	addr, _, failed := serve(t)
	for _, sent := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000),
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, sent)
		_ = conn.(*net.TCPConn).CloseWrite()
		got, err := io.ReadAll(conn)
		conn.Close()
		if err != nil || string(got) != page {
			t.Errorf("%.10q: got %q, %v, want the page", sent, got, err)
		}
	}
	if n := failed.Load(); n != 3 {
		t.Errorf("%d failures told, want 3", n)
	}
}

func TestWhatIsNotHTTPGetsNothingOfOurs(t *testing.T) {
	addr, _, _ := serve(t)
	for _, sent := range []string{"\x00\x01\x02\x03\x04\x05\x06", "ssh-2.0-x\r\n"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, sent)
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		got, _ := io.ReadAll(conn)
		conn.Close()
		if strings.Contains(string(got), "HTTP") {
			t.Errorf("%q: got %q, want no page", sent, got)
		}
	}
}

func TestSilentClientIsDroppedAndHoldsNobodyUp(t *testing.T) {
	addr, client, failed := serve(t)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	res, err := client.Get("https://" + addr)
	if err != nil {
		t.Fatalf("a silent client held up the next: %v", err)
	}
	res.Body.Close()
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("silent client's read = %v, want EOF after the timeout", err)
	}
	// The client sees the close a moment before the failure is told.
	for range 200 {
		if failed.Load() == 1 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d failures told, want 1", failed.Load())
}
