package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// modern is Mozilla's intermediate configuration as far as Go can be told.
func modern() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	}}
}

// A leaf is what a certificate says; zero fields are good.
type leaf struct {
	from, until time.Duration
	ip          string
	rsa         int
}

func (l leaf) make(t *testing.T) tls.Certificate {
	t.Helper()
	until, ip := l.until, l.ip
	if until == 0 {
		until = 90 * 24 * time.Hour
	}
	if ip == "" {
		ip = "127.0.0.1"
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(l.from - time.Hour), NotAfter: time.Now().Add(until),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(ip)},
	}
	if l.rsa > 0 {
		k, err := rsa.GenerateKey(rand.Reader, l.rsa)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

// with serves another TLS configuration than the server's own, under the certificate
// of the server when the leaf is nil.
func with(l *leaf, change func(*tls.Config)) func(*testing.T, *httptest.Server) check.Target {
	return func(t *testing.T, s *httptest.Server) check.Target {
		c := modern()
		c.Certificates = s.TLS.Certificates
		if l != nil {
			c.Certificates = []tls.Certificate{l.make(t)}
		}
		if change != nil {
			change(c)
		}
		other := httptest.NewUnstartedServer(app("hello"))
		other.Config.ErrorLog = quiet
		other.TLS = c
		// StartTLS puts its own certificate behind those that are there.
		other.StartTLS()
		t.Cleanup(other.Close)
		return check.Target{URL: other.URL}
	}
}

// withPlain adds a plain HTTP port.
func withPlain(h http.HandlerFunc) func(*testing.T, *httptest.Server) check.Target {
	return func(t *testing.T, s *httptest.Server) check.Target {
		target := with(nil, nil)(t, s)
		plain := httptest.NewServer(h)
		t.Cleanup(plain.Close)
		target.Plain = plain.Listener.Addr().String()
		return target
	}
}

// serving serves an app over good TLS, and a plain port that knows the front's address.
func serving(front http.HandlerFunc, plain func(front string, w http.ResponseWriter, r *http.Request)) func(*testing.T, *httptest.Server) check.Target {
	return func(t *testing.T, s *httptest.Server) check.Target {
		other := httptest.NewUnstartedServer(front)
		other.Config.ErrorLog = quiet
		other.TLS = modern()
		other.TLS.Certificates = s.TLS.Certificates
		other.StartTLS()
		t.Cleanup(other.Close)
		target := check.Target{URL: other.URL}
		if plain != nil {
			port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { plain(other.URL, w, r) }))
			t.Cleanup(port.Close)
			target.Plain = port.Listener.Addr().String()
		}
		return target
	}
}

// linking serves a front page with links to two others.
func linking(plain func(front string, w http.ResponseWriter, r *http.Request)) func(*testing.T, *httptest.Server) check.Target {
	page := app("<a href=/b>b</a><a href=/c>c</a>")
	return serving(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b" || r.URL.Path == "/c" {
			r.URL.Path = "/"
		}
		page(w, r)
	}, plain)
}

func TestTLSCommands(t *testing.T) {
	commands := func(target func(*testing.T, *httptest.Server) check.Target) map[string]string {
		got := make(map[string]string)
		for _, f := range audited(t, twin{check: "tls", target: target}).Findings {
			got[f.ID] = f.Reproduce
		}
		return got
	}
	for _, tt := range []struct {
		name, id string
		target   func(*testing.T, *httptest.Server) check.Target
		want     string
	}{
		{"suite", "tls/cbc-suite", with(nil, func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA} }), " -tls1_2 -cipher ECDHE-RSA-AES128-SHA:@SECLEVEL=0 </dev/null"},
		{"another host's", "tls/cert-host", with(&leaf{ip: "127.0.0.9"}, nil), " -verify_ip 127.0.0.1 </dev/null"},
		{"no tls 1.3", "tls/no-tls13", with(nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), " -tls1_3 </dev/null"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := commands(tt.target)[tt.id]
			if !strings.HasPrefix(got, "openssl s_client -connect 127.0.0.1:") || !strings.HasSuffix(got, tt.want) || strings.Contains(got, "-servername") {
				t.Errorf("command of %s = %q, want one that ends in %q and sends no address as a name", tt.id, got, tt.want)
			}
		})
	}
	t.Run("ipv6", func(t *testing.T) {
		r := audited(t, twin{check: "tls", target: func(t *testing.T, s *httptest.Server) check.Target {
			return check.Target{URL: "https://[::1]:8443", Address: strings.TrimPrefix(with(nil, nil)(t, s).URL, "https://")}
		}})
		for _, f := range r.Findings {
			if want := "openssl s_client -connect [::1]:8443 "; !strings.HasPrefix(f.Reproduce, want) {
				t.Errorf("command of %s = %q, want it to begin with %q", f.ID, f.Reproduce, want)
			}
		}
		if len(r.Findings) == 0 {
			t.Error("no finding, so no command was tested")
		}
	})
}

// TestOpenSSLName holds the names that openssl ciphers -v knows.
func TestOpenSSLName(t *testing.T) {
	for suite, want := range map[string]string{
		"TLS_RSA_WITH_RC4_128_SHA":                "RC4-SHA",
		"TLS_RSA_WITH_3DES_EDE_CBC_SHA":           "DES-CBC3-SHA",
		"TLS_RSA_WITH_AES_256_CBC_SHA":            "AES256-SHA",
		"TLS_RSA_WITH_AES_128_CBC_SHA256":         "AES128-SHA256",
		"TLS_RSA_WITH_AES_256_GCM_SHA384":         "AES256-GCM-SHA384",
		"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
		"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA":     "ECDHE-RSA-DES-CBC3-SHA",
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
		"TLS_ECDHE_RSA_WITH_RC4_128_SHA":          "ECDHE-RSA-RC4-SHA",
	} {
		if got := mend.OpenSSLName(suite); got != want {
			t.Errorf("OpenSSLName(%s) = %q, want %q", suite, got, want)
		}
	}
}

// scanned asks for a whole scan as well.
func scanned(target func(*testing.T, *httptest.Server) check.Target) func(*testing.T, *httptest.Server) check.Target {
	return func(t *testing.T, s *httptest.Server) check.Target {
		out := target(t, s)
		out.Scan = &check.Scan{Roots: []*x509.Certificate{s.Certificate()}}
		return out
	}
}

var tlsTwins = []twin{
	{check: "tls", name: "scanned", target: scanned(with(nil, nil)), want: []string{"tls/cert-long"}},
	{check: "tls", name: "scanned, a stranger in the chain", bad: true, want: []string{"tls/scan-fault", "tls/cert-untrusted"},
		target: scanned(func(t *testing.T, s *httptest.Server) check.Target {
			stranger := leaf{}.make(t)
			return with(&leaf{}, func(c *tls.Config) {
				c.Certificates[0].Certificate = append(c.Certificates[0].Certificate, stranger.Certificate...)
			})(t, s)
		})},
	{check: "tls", name: "scanned, tls 1.0 only", bad: true, want: []string{"tls/old-only", "tls/cert-long"},
		target: scanned(with(nil, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS10, tls.VersionTLS10, nil
		}))},
	{check: "tls", name: "scanned, tls 1.0 and 1.1 too", bad: true, want: []string{"tls/old-protocol", "tls/cbc-suite", "tls/cert-long"},
		target: scanned(with(nil, func(c *tls.Config) { c.MinVersion, c.CipherSuites = tls.VersionTLS10, nil }))},
	{check: "tls", name: "scanned, tls 1.2 only", want: []string{"tls/no-tls13", "tls/cert-long"},
		target: scanned(with(nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }))},
	{check: "tls", name: "scanned, another host", bad: true, want: []string{"tls/cert-host", "tls/cert-untrusted", "tls/scan-fault"}, target: scanned(with(&leaf{ip: "127.0.0.9"}, nil))},
	{check: "tls", name: "scanned, no tls at all", bad: true, plain: true, want: []string{"tls/absent"}, target: func(_ *testing.T, s *httptest.Server) check.Target {
		return check.Target{URL: strings.Replace(s.URL, "http://", "https://", 1), Scan: &check.Scan{Alone: true}}
	}},
	{check: "tls", name: "scanned, the front page leads to plain http", bad: true, want: []string{"tls/downgrade", "tls/cert-long"},
		target: func(t *testing.T, s *httptest.Server) check.Target {
			out := scanned(serving(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
			}, nil))(t, s)
			out.Scan.Alone = true
			return out
		}},
	{check: "tls", name: "intermediate", target: with(nil, nil), want: []string{"tls/cert-long"}},
	{check: "tls", name: "plain http", bad: true, plain: true, handler: app("hello"), want: []string{"tls/absent"}},
	{check: "tls", name: "plain http that only redirects", plain: true, status: check.Unproven, handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusMovedPermanently)
	}},
	{check: "tls", name: "plain http that redirects to another host", bad: true, plain: true, want: []string{"tls/plain-elsewhere"}, handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.example/", http.StatusMovedPermanently)
	}},
	{check: "tls", name: "plain http that redirects to plain http", bad: true, plain: true, want: []string{"tls/absent"}, handler: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://other.example/", http.StatusMovedPermanently)
	}},
	{check: "tls", name: "plain http with a refresh in the page", bad: true, plain: true, want: []string{"tls/absent"},
		handler: app(`<meta http-equiv=refresh content="0;url=https://127.0.0.1/">`)},
	{check: "tls", name: "go's own default suites", bad: true, want: []string{"tls/cbc-suite", "tls/cert-long"},
		target: with(nil, func(c *tls.Config) { c.CipherSuites = nil })},
	{check: "tls", name: "tls 1.0 and 1.1 too", bad: true, want: []string{"tls/old-protocol", "tls/cbc-suite", "tls/cert-long"},
		target: with(nil, func(c *tls.Config) { c.MinVersion, c.CipherSuites = tls.VersionTLS10, nil })},
	{check: "tls", name: "tls 1.0 only", bad: true, want: []string{"tls/old-only", "tls/cert-long"},
		target: with(nil, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS10, tls.VersionTLS10, nil
		})},
	{check: "tls", name: "http/2 only", want: []string{"tls/cert-long"}, target: func(t *testing.T, s *httptest.Server) check.Target {
		c := modern()
		c.Certificates, c.NextProtos = s.TLS.Certificates, []string{"h2"}
		// Go's own HTTP/2 server also takes a client that offers http/1.1 only; others
		// end the handshake.
		ln, err := tls.Listen("tcp", "127.0.0.1:0", c)
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
					c.(*tls.Conn).Handshake()
				}()
			}
		}()
		return check.Target{URL: "https://" + ln.Addr().String()}
	}},
	{check: "tls", name: "tls 1.2 only", want: []string{"tls/no-tls13", "tls/cert-long"},
		target: with(nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })},
	{check: "tls", name: "insecure suites beside good ones", bad: true, want: []string{"tls/weak-suite", "tls/cert-long"},
		target: with(nil, func(c *tls.Config) {
			c.CipherSuites = append(c.CipherSuites, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA)
		})},
	{check: "tls", name: "expired and not known", bad: true, want: []string{"tls/cert-expired", "tls/cert-untrusted"},
		target: with(&leaf{from: -24 * time.Hour, until: -time.Hour}, nil)},
	{check: "tls", name: "not valid yet", bad: true, want: []string{"tls/cert-expired", "tls/cert-untrusted"},
		target: with(&leaf{from: 24 * time.Hour}, nil)},
	{check: "tls", name: "ends soon", bad: true, want: []string{"tls/cert-expiring", "tls/cert-untrusted"},
		target: with(&leaf{from: -80 * 24 * time.Hour, until: 24 * time.Hour}, nil)},
	{check: "tls", name: "another host's", bad: true, want: []string{"tls/cert-host", "tls/cert-untrusted"},
		target: with(&leaf{ip: "127.0.0.9"}, nil)},
	{check: "tls", name: "small key", bad: true, want: []string{"tls/cert-weak", "tls/cert-untrusted"},
		target: with(&leaf{rsa: 1024}, nil)},
	{check: "tls", name: "plain port redirects", want: []string{"tls/cert-long"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusPermanentRedirect)
	})},
	{check: "tls", name: "plain port serves", bad: true, want: []string{"tls/cert-long", "tls/plain-serves"}, target: withPlain(app("hello"))},
	{check: "tls", name: "plain port sends elsewhere", bad: true, want: []string{"tls/cert-long", "tls/plain-elsewhere"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.example/", http.StatusFound)
	})},
	{check: "tls", name: "plain port redirects for now", want: []string{"tls/cert-long", "tls/plain-temporary"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusFound)
	})},
	{check: "tls", name: "plain port sets a cookie", bad: true, want: []string{"tls/cert-long", "tls/plain-cookie"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "old", MaxAge: -1})
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: "en"})
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusMovedPermanently)
	})},
	{check: "tls", name: "plain port deletes a cookie", want: []string{"tls/cert-long"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "old", MaxAge: -1})
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusMovedPermanently)
	})},
	{check: "tls", name: "plain port pins", want: []string{"tls/cert-long", "tls/plain-hsts"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusMovedPermanently)
	})},
	{check: "tls", name: "only the front page redirects", bad: true, want: []string{"tls/cert-long", "tls/plain-serves"}, target: linking(func(front string, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, front+"/", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, "hello")
	})},
	{check: "tls", name: "the app sends back to plain http", bad: true, want: []string{"tls/cert-long", "tls/downgrade"}, target: serving(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "http://"+r.Host+"/new", http.StatusFound)
			return
		}
		app("<a href=/old>old</a>")(w, r)
	}, nil)},
	{check: "tls", name: "a redirect in clear to somebody else", want: []string{"tls/cert-long"}, target: serving(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
			return
		}
		app("<a href=/old>old</a>")(w, r)
	}, nil)},
	{check: "tls", name: "round and round", bad: true, want: []string{"tls/cert-long", "tls/downgrade", "tls/plain-loop"}, target: serving(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
	}, func(front string, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, front+"/", http.StatusMovedPermanently)
	})},
	{check: "tls", name: "plain port refuses", want: []string{"tls/cert-long"}, target: withPlain(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusMisdirectedRequest) })},
	{check: "tls", name: "plain port is closed", want: []string{"tls/cert-long"}, target: func(t *testing.T, s *httptest.Server) check.Target {
		target := with(nil, nil)(t, s)
		target.Plain = fmt.Sprintf("127.0.0.1:%d", need.Port(t))
		return target
	}},
	{check: "tls", name: "no tls on the port", bad: true, want: []string{"tls/handshake"}, target: func(t *testing.T, s *httptest.Server) check.Target {
		plain := httptest.NewServer(app("hello"))
		t.Cleanup(plain.Close)
		return check.Target{URL: "https://" + plain.Listener.Addr().String()}
	}},
	{check: "tls", name: "the handshake is reset", bad: true, want: []string{"tls/handshake"}, target: func(t *testing.T, s *httptest.Server) check.Target {
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
				io.ReadFull(c, make([]byte, 5))
				c.Close()
			}
		}()
		return check.Target{URL: "https://" + ln.Addr().String()}
	}},
	{check: "tls", name: "nobody there", status: check.Unproven, target: func(t *testing.T, s *httptest.Server) check.Target {
		return check.Target{URL: fmt.Sprintf("https://127.0.0.1:%d", need.Port(t))}
	}},
}
