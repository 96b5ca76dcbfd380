package tlsscan

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

func TestMaxAge(t *testing.T) {
	for value, want := range map[string]int{
		"": 0, "max-age=300": 300, "includeSubDomains; max-age=63072000; preload": 63072000, `MAX-AGE = "60" ;includeSubDomains`: 60,
		"max-age": 0, "max-age=": 0, "max-age=-1": 0, "max-age=2y": 0, "includeSubDomains": 0,
		"max-age=300; max-age=300": 0, "max-age=300; Max-Age=63072000": 0, "max-age=300, max-age=300": 0,
	} {
		if got := maxAge(value); got != want {
			t.Errorf("maxAge(%q) = %d, want %d", value, got, want)
		}
	}
}

// TestPageOfHTTP2 holds that of a server that agrees to HTTP/2 alone its page counts, and
// not what it says to those who agreed on nothing.
func TestPageOfHTTP2(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"app.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), TLSConfig: &tls.Config{NextProtos: []string{"h2"}}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && r.Host == ln.Addr().String() && r.URL.Path == "/" {
			w.Header().Set("Strict-Transport-Security", "max-age=600")
		}
	})}
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP2(true)
	go s.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2"}}))
	t.Cleanup(func() { s.Close() })
	r, err := Scan(t.Context(), ln.Addr().String(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if h := r.Features.HSTS; h == nil || *h != 600 {
		t.Errorf("HSTS %v, want 600; %v %v", h, r.Features.ALPN, r.NotTested)
	}
	if has(r.Findings, "http.hsts-missing") || r.NotTested["http.hsts-missing"] != "" {
		t.Errorf("the page of HTTP/2 was not counted: %v %v", r.Findings, r.NotTested)
	}
}

// frames are an answer of HTTP/2, the last with all fields.
func frames(blocks ...[]byte) []byte {
	out := appendFrame(nil, frameSettings, 0, 0, nil)
	for _, b := range blocks {
		out = appendFrame(out, frameHeaders, flagWhole, 1, b)
	}
	return out
}

func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

func TestReadHead2(t *testing.T) {
	final := block(":status", "200", "strict-transport-security", "max-age=1")
	padded := append(append([]byte{3, 0, 0, 0, 0, 9}, final...), 0, 0, 0)
	for name, in := range map[string][]byte{
		"plain":         frames(final),
		"informational": frames(block(":status", "103"), final),
		"padded":        appendFrame(nil, frameHeaders, flagWhole|flagPadded|flagWeight, 1, padded),
		"continued":     appendFrame(appendFrame(nil, frameHeaders, 0, 1, final[:4]), frameContinuation, flagWhole, 1, final[4:]),
	} {
		head, err := readHead2(bytes.NewReader(in))
		if got := head.Get("Strict-Transport-Security"); err != nil || got != "max-age=1" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, in := range map[string][]byte{
		"nothing": nil, "reset": appendFrame(nil, frameReset, 0, 1, make([]byte, 4)), "no fields": frames([]byte{0xff}), "half": frames(final)[:20],
		"settings for ever": bytes.Repeat(frames(), 100),
	} {
		if _, err := readHead2(bytes.NewReader(in)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// FuzzPage2 holds that a head of HTTP/2 has no more than it may.
func FuzzPage2(f *testing.F) {
	f.Add(frames(block(":status", "200", "a", strings.Repeat("b", 4000))))
	f.Add(frames(append(block("a", strings.Repeat("b", 4000)), bytes.Repeat([]byte{0xbe}, 1000)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, err := readHead2(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := 0
		for _, values := range head {
			n += len(values)
		}
		if n > maxFields {
			t.Errorf("%d fields", n)
		}
	})
}
