package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/upstream"
)

// A scheme is a kind of application behind a front.
type scheme struct {
	name    string
	reverse bool // by httputil.ReverseProxy
	proto   string
	start   func(t *testing.T, app http.Handler) func(*upstream.Options)
}

var schemes = []scheme{
	{"unix, own exchange", false, "HTTP/1.1", onSocket},
	{"unix", true, "HTTP/1.1", onSocket},
	{"https, HTTP/1.1", true, "HTTP/1.1", overTLS(false)},
	{"https, HTTP/2", true, "HTTP/2.0", overTLS(true)},
	{"h2c", true, "HTTP/2.0", onH2C},
}

// socketPath is short: a socket's path has a hundred bytes.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "up")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "app.sock")
}

func onSocket(t *testing.T, app http.Handler) func(*upstream.Options) {
	t.Helper()
	path := socketPath(t)
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: app}
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Close() })
	return func(o *upstream.Options) { o.Network, o.Address = "unix", path }
}

func overTLS(http2 bool) func(*testing.T, http.Handler) func(*upstream.Options) {
	return func(t *testing.T, app http.Handler) func(*upstream.Options) {
		t.Helper()
		s := httptest.NewUnstartedServer(app)
		s.EnableHTTP2 = http2
		s.StartTLS()
		t.Cleanup(s.Close)
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		return func(o *upstream.Options) {
			o.Scheme, o.Address = "https", s.Listener.Addr().String()
			o.TLS = &tls.Config{RootCAs: roots, ServerName: "example.com"}
		}
	}
}

func onH2C(t *testing.T, app http.Handler) func(*upstream.Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(app)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return func(o *upstream.Options) { o.Scheme, o.Address = "h2c", hostOf(s) }
}

// each runs test before each kind of application.
func each(t *testing.T, app http.Handler, test func(t *testing.T, s scheme, change func(*upstream.Options))) {
	t.Helper()
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			was := reverse
			reverse = s.reverse
			defer func() { reverse = was }()
			test(t, s, s.start(t, app))
		})
	}
}

// variety is an application that does what proxies get wrong.
func variety(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/who":
		fmt.Fprint(w, r.Proto, " ", r.Host, " ", r.RequestURI)
	case "/hints":
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "page")
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case "/socket":
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, "no way to switch", http.StatusUpgradeRequired)
			return
		}
		defer conn.Close()
		fmt.Fprint(rw, accepted)
		_ = rw.Flush()
		_, _ = io.Copy(conn, rw)
	default:
		if r.ProtoMajor == 1 {
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
		w.Header().Set("Trailer", "X-Sum")
		n, _ := io.Copy(w, r.Body)
		w.Header().Set("X-Sum", fmt.Sprint(n, r.Trailer.Get("X-Mine")))
	}
}

func TestSchemes(t *testing.T) {
	each(t, http.HandlerFunc(variety), func(t *testing.T, s scheme, change func(*upstream.Options)) {
		f := newFront(t, "", change)
		fullDuplex(f)
		get := func(ctx context.Context, path string) (*http.Response, string) {
			t.Helper()
			req, _ := http.NewRequestWithContext(ctx, "GET", f.URL+path, nil)
			req.Host = "shop.example:8443"
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res, string(body)
		}
		want := s.proto + " shop.example:8443 /who?a=%2f;b"
		if _, body := get(t.Context(), "/who?a=%2f;b"); body != want {
			t.Errorf("the application saw %q, want %q", body, want)
		}
		early := ""
		hints := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error { early = fmt.Sprint(code, h.Get("Link")); return nil },
		})
		if _, body := get(hints, "/hints"); body != "page" || early != "103</a.css>; rel=preload" {
			t.Errorf("hints = %q, early %q, want a 103 and the page", body, early)
		}
		atOnce(t, f.URL+"/events")
		client, url := http.DefaultClient, f.URL
		if s.proto == "HTTP/2.0" { // an answer with a length and a trailer fits no HTTP/1.1
			h2 := behindHTTP2(t, "", change)
			client, url = h2.Client(), h2.URL
		}
		for _, size := range []int{0, 100, 1 << 20} {
			sent := bytes.Repeat([]byte("x"), size)
			req, _ := http.NewRequest("POST", url, struct{ io.Reader }{bytes.NewReader(sent)})
			req.ContentLength = -1
			req.Trailer = http.Header{"X-Mine": {"mine"}}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			if sum := fmt.Sprint(size, "mine"); err != nil || !bytes.Equal(got, sent) || res.Trailer.Get("X-Sum") != sum {
				t.Errorf("echo of %d = %d bytes, trailer %q, %v", size, len(got), res.Trailer.Get("X-Sum"), err)
			}
		}
		socket(t, f, s)
	})
}

// socket wants an echo through a WebSocket, or the application's own answer where there is
// none.
func socket(t *testing.T, f *front, s scheme) {
	t.Helper()
	conn, err := net.Dial("tcp", hostOf(f.Server))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, strings.Replace(handshake, "GET /ws ", "GET /socket ", 1))
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.name == "h2c" {
		if res.StatusCode != http.StatusUpgradeRequired {
			t.Errorf("handshake = %d, want the application's own 426", res.StatusCode)
		}
		return
	}
	if res.StatusCode != 101 {
		t.Fatalf("handshake = %d, want 101", res.StatusCode)
	}
	_, _ = conn.Write(frame(1, []byte("hello")))
	if op, payload, err := readFrame(in); err != nil || op != 1 || string(payload) != "hello" {
		t.Errorf("echo = %d %q, %v", op, payload, err)
	}
}

// TestSchemesInConstantMemory: 64 MB each way through each kind, or as much as PANOPLY_LARGE
// says in MB, with all ends here.
func TestSchemesInConstantMemory(t *testing.T) {
	size := int64(64 << 20)
	if mb, err := strconv.ParseInt(os.Getenv("PANOPLY_LARGE"), 10, 64); err == nil {
		size = mb << 20
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 {
			_ = http.NewResponseController(w).EnableFullDuplex()
		}
		up := make(chan int64)
		go func() { n, _ := io.Copy(io.Discard, r.Body); up <- n }()
		_, _ = io.CopyN(w, zeros{}, size)
		if n := <-up; n != size {
			fmt.Fprint(w, "short upload")
		}
	})
	each(t, app, func(t *testing.T, _ scheme, change func(*upstream.Options)) {
		f := newFront(t, "", change)
		fullDuplex(f)
		before := heapSize()
		req, _ := http.NewRequest("POST", f.URL, io.LimitReader(zeros{}, size))
		req.ContentLength = size
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var most uint64
		buf, got := make([]byte, 64<<10), int64(0)
		for err == nil {
			var n int
			n, err = res.Body.Read(buf)
			if got += int64(n); got>>20 != (got-int64(n))>>20 {
				most = max(most, sampleHeap())
			}
		}
		if err != io.EOF || got != size {
			t.Errorf("the client read %d bytes, %v, want %d", got, err, size)
		}
		if grown := int64(most) - int64(before); grown > 16<<20 {
			t.Errorf("the heap grew by %d KB, want at most 16 MB", grown>>10)
		}
		t.Logf("%d MB each way, heap %d KB before and at most %d KB", size>>20, before>>10, most>>10)
	})
}

// TestUntrusted: whoever cannot prove to be the application gets no request.
func TestUntrusted(t *testing.T) {
	was := reverse
	reverse = true
	defer func() { reverse = was }()
	asked := 0
	change := overTLS(true)(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer plain.Close()
	for name, spoil := range map[string]func(*upstream.Options){
		"unknown authority": func(o *upstream.Options) { o.TLS = nil },
		"another's name":    func(o *upstream.Options) { o.TLS.ServerName = "other.example" },
		"plain HTTP there":  func(o *upstream.Options) { o.Address = hostOf(plain) },
	} {
		f := newFront(t, "", func(o *upstream.Options) { change(o); spoil(o) })
		res, err := http.Post(f.URL, "text/plain", strings.NewReader("secret"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := f.await(); res.StatusCode != 502 || len(got) != 1 || got[0] != upstream.Untrusted {
			t.Errorf("%s: %d, failures %v, want 502 and untrusted", name, res.StatusCode, got)
		}
		var o upstream.Options
		change(&o)
		spoil(&o)
		if err := o.Reach(t.Context()); err == nil {
			t.Errorf("%s: Reach = nil, want what is wrong", name)
		}
	}
	if asked != 0 {
		t.Errorf("%d requests reached the application", asked)
	}
	o := upstream.Options{Address: "a:1", Scheme: "https", TLS: &tls.Config{InsecureSkipVerify: true}}
	if _, err := upstream.NewReverse(o); err == nil {
		t.Error("NewReverse took a configuration that does not verify")
	}
}

// TestClientCertificate: the door shows its own where the application asks.
func TestClientCertificate(t *testing.T) {
	was := reverse
	reverse = true
	defer func() { reverse = was }()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.Organization)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for _, shown := range []bool{true, false} {
		f := newFront(t, "", func(o *upstream.Options) {
			o.Scheme, o.Address, o.TLS = "https", s.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com"}
			if shown {
				o.TLS.Certificates = s.TLS.Certificates // any will do
			}
		})
		res, err := http.Get(f.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if shown && string(body) != "[Acme Co]" || !shown && (res.StatusCode != 502 || f.await()[0] != upstream.Untrusted) {
			t.Errorf("certificate shown: %v, answer %d %q", shown, res.StatusCode, body)
		}
	}
}

func TestAsk(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "shop.example" || r.UserAgent() != "agent" || r.URL.Path != "/healthz" || r.URL.RawQuery != "deep=1" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	each(t, app, func(t *testing.T, _ scheme, change func(*upstream.Options)) {
		var o upstream.Options
		change(&o)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := o.Ask(ctx, "shop.example", "/healthz?deep=1", "agent"); err != nil {
			t.Errorf("Ask = %v, want nil", err)
		}
		if err := o.Ask(ctx, "shop.example", "/other", "agent"); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("Ask = %v, want the 503", err)
		}
		if err := o.Reach(ctx); err != nil {
			t.Errorf("Reach = %v, want nil", err)
		}
	})
}
