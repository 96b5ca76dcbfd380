package tlsscan_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan"
)

// TestSilentIntolerance holds that a server that swallows hellos with TLS 1.3 is heard
// out in a simpler manner.
func TestSilentIntolerance(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}, CipherSuites: intermediate, MaxVersion: tls.VersionTLS12})
	addr := behind(t, server, func(hello []byte) bool {
		if !slices.ContainsFunc([]byte{1, 2, 3, 4}, func(n byte) bool { return bytes.Contains(hello, []byte{0, 43, 0, 2*n + 1, 2 * n, 3, 4}) }) {
			return false
		}
		time.Sleep(6 * time.Second)
		return true
	})
	r, err := tlsscan.Scan(t.Context(), addr, tlsscan.Options{ServerName: "app.test", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Protocols, []string{"TLSv1.2"}) || r.Evidence["tls.version-intolerant"] == "" || r.Evidence["tls.intolerant"] == "" {
		t.Errorf("protocols %v, findings %v, incomplete %v", r.Protocols, r.Findings, r.Incomplete)
	}
}

// TestOldVersionIntolerance holds that a server of TLS 1.0 that hangs up at newer
// versions is scanned.
func TestOldVersionIntolerance(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{rsa: 2048}.make(t, root)}, CipherSuites: []uint16{0x2f, 0x35}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
	r := scan(t, behind(t, server, func(hello []byte) bool { return len(hello) < 6 || hello[5] > 1 }), root.cert)
	if !slices.Equal(r.Protocols, []string{"TLSv1.0"}) || len(r.Suites["TLSv1.0"]) != 2 || r.Evidence["tls.version-intolerant"] == "" || len(r.Incomplete) > 0 {
		t.Errorf("protocols %v, suites %v, findings %v, incomplete %v", r.Protocols, r.Suites, r.Findings, r.Incomplete)
	}
}

// TestGone holds that a server that goes away in the middle of a scan is blamed for
// nothing, and not waited for.
func TestGone(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}, CipherSuites: intermediate, CurvePreferences: groups})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var taken atomic.Int32
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if taken.Add(1) > 3 {
				c.Close()
				ln.Close()
				return
			}
			go func() {
				defer c.Close()
				relay(c, server)
			}()
		}
	}()
	begin := time.Now()
	r := scan(t, ln.Addr().String(), root.cert)
	blamed := slices.ContainsFunc(r.Findings, func(f string) bool { return strings.HasPrefix(f, "tls.") || f == "target.no-handshake" })
	if blamed || len(r.Incomplete) == 0 || time.Since(begin) > 30*time.Second {
		t.Errorf("after %v: findings %v, incomplete %v", time.Since(begin), r.Findings, r.Incomplete)
	}
}

// TestH2Only holds that a server that refuses HTTP/1.1 with an alert that is not meant
// for it is seen with TLS 1.3.
func TestH2Only(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	c := &tls.Config{Certificates: []tls.Certificate{leaf{}.make(t, root)}, CipherSuites: intermediate, CurvePreferences: groups, NextProtos: []string{"h2"}}
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(h.SupportedProtos) > 0 && !slices.Contains(h.SupportedProtos, "h2") {
			return nil, net.ErrClosed
		}
		return nil, nil
	}
	r := scan(t, serve(t, c), root.cert)
	if !slices.Equal(r.Protocols, []string{"TLSv1.2", "TLSv1.3"}) || !slices.Equal(r.Features.ALPN, []string{"h2"}) {
		t.Errorf("protocols %v, ALPN %v, notes %v", r.Protocols, r.Features.ALPN, r.Notes)
	}
}

// TestACMEALPN holds that a server that has another certificate for whoever names the
// protocol of a challenge (RFC 8737) is not asked for it.
func TestACMEALPN(t *testing.T) {
	root := newAuthority(t, "root", nil, 1000*time.Hour)
	id := leaf{}.make(t, root)
	c := &tls.Config{CipherSuites: intermediate, CurvePreferences: groups, NextProtos: []string{"h2", "http/1.1", "acme-tls/1"}}
	c.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if slices.Contains(h.SupportedProtos, "acme-tls/1") {
			return nil, net.ErrClosed
		}
		return &id, nil
	}
	if r := scan(t, serve(t, c), root.cert); !slices.Equal(r.Features.ALPN, []string{"h2", "http/1.1"}) {
		t.Errorf("ALPN %v", r.Features.ALPN)
	}
}
