package wire_test

import (
	"crypto/tls"
	"net/http/httptest"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
)

// held asks for a whole scan and for a profile to be kept.
func held(name, text string) func(*testing.T, *httptest.Server) check.Target {
	return func(t *testing.T, s *httptest.Server) check.Target {
		out := scanned(with(nil, nil))(t, s)
		out.Scan.Profile, out.Scan.ProfileText = name, []byte(text)
		return out
	}
}

// noPage sends a target to a server that ends connections after the handshake.
func noPage(t *testing.T, target check.Target, certificates []tls.Certificate) check.Target {
	c := modern()
	c.Certificates = certificates
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
	target.URL = "https://" + ln.Addr().String()
	return target
}

var profileTwins = []twin{
	{check: "tls", name: "scanned, more than the profile allows", bad: true, want: []string{"tls/profile", "tls/cert-long"},
		target: held("own.json", `{"tls_versions": ["TLSv1.3"], "ciphers": {"iana": []}}`)},
	{check: "tls", name: "scanned, as the profile allows", want: []string{"tls/cert-long"}, target: held("own.json", `{"tls_versions": ["TLSv1.2", "TLSv1.3"], "rsa_key_size": 2048}`)},
	{check: "tls", name: "scanned, a profile that cannot be seen whole", status: check.Unproven, want: []string{"tls/cert-long"},
		target: func(t *testing.T, s *httptest.Server) check.Target {
			return noPage(t, held("own.json", `{"hsts_min_age": 1}`)(t, s), s.TLS.Certificates)
		}},
}

// TestScanAlone holds that the check makes no connection beside those of the scan.
func TestScanAlone(t *testing.T) {
	r := audited(t, twin{check: "tls", target: func(t *testing.T, s *httptest.Server) check.Target {
		out := scanned(with(nil, nil))(t, s)
		out.Scan.Alone = true
		return out
	}})
	if row := rowOf(t, r, "tls"); row.Status != check.Proved || r.Targets[0].Requests != 0 {
		t.Errorf("%v (%s) with %d requests beside the scan, want none", row.Status, row.Reason, r.Targets[0].Requests)
	}
}
