package wire

import (
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/panoplysec/panoply/audit/check"
)

// StrictTransport judges one field for one host, which no loopback server can be.
func StrictTransport(host, field string, secure, public bool) string {
	x := &check.Exchange{Status: 200, Header: http.Header{}, Public: public}
	if field != "" {
		x.Header.Set("Strict-Transport-Security", field)
	}
	if secure {
		x.TLS = new(tls.ConnectionState)
	}
	h := headersJudge{session: &check.Session{URL: &url.URL{Scheme: "https", Host: host}}, pages: []*check.Exchange{x}, rules: map[string]*seen{}}
	h.transport()
	for id := range h.rules {
		return id
	}
	return ""
}

// SetCookie reads a field and tells its name, value, and whether it deletes and whether
// it looks like a session.
func SetCookie(field string) (name, value string, deletes, session bool) {
	c := parseSetCookie(field)
	return c.name, c.value, c.deletes(), c.session()
}

// OpenSSLName is OpenSSL's name of a cipher suite.
func OpenSSLName(suite string) string { return opensslName(suite) }

// Policy reads one policy.
func Policy(text string) map[string][]string { return parsePolicy(text) }
