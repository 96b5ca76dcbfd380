package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

var tlsRules = check.Rules{
	{ID: "tls/absent", Title: "the address is plain HTTP", Severity: check.High, CWE: 319, ASVS: []string{"12.2.1"}},
	{ID: "tls/handshake", Title: "no TLS handshake succeeds", Severity: check.High, CWE: 319, ASVS: []string{"12.2.1"}},
	{ID: "tls/old-only", Title: "neither TLS 1.2 nor TLS 1.3 is offered", Severity: check.High, CWE: 327, ASVS: []string{"12.1.1"}},
	{ID: "tls/old-protocol", Title: "an outdated protocol is offered", Severity: check.Medium, CWE: 327, ASVS: []string{"12.1.1"}},
	{ID: "tls/no-tls13", Title: "TLS 1.3 is not offered", Severity: check.Info, CWE: 327, ASVS: []string{"12.1.1"}},
	{ID: "tls/weak-suite", Title: "an insecure cipher suite is accepted", Severity: check.Medium, CWE: 327, ASVS: []string{"12.1.2"}},
	{ID: "tls/cbc-suite", Title: "a cipher suite that Mozilla's configuration leaves out is accepted", Severity: check.Low, CWE: 327, ASVS: []string{"12.1.2"}},
	{ID: "tls/cert-expired", Title: "the certificate is not valid today", Severity: check.High, CWE: 298, ASVS: []string{"12.2.2"}},
	{ID: "tls/cert-expiring", Title: "the certificate ends soon", Severity: check.Low, CWE: 298, ASVS: []string{"12.2.2"}},
	{ID: "tls/cert-host", Title: "the certificate is for another host", Severity: check.High, CWE: 297, ASVS: []string{"12.2.2"}},
	{ID: "tls/cert-untrusted", Title: "the certificate's chain leads to no trusted root", Severity: check.High, CWE: 295, ASVS: []string{"12.2.2"}},
	{ID: "tls/cert-weak", Title: "the certificate's key or signature is weak", Severity: check.Medium, CWE: 326, ASVS: []string{"11.2.3"}},
	{ID: "tls/cert-long", Title: "the certificate is valid for longer than Mozilla's 366 days", Severity: check.Info},
	{ID: "tls/scan-fault", Title: "the scan of the TLS server found a fault", Severity: check.Medium, CWE: 326, ASVS: []string{"12.1.1"},
		Why: "Each fault has a known attack or breaks clients; its name and evidence say which.",
		Bad: "suite.export, tls.heartbleed", Good: "a scan without these",
		Fix: check.Fix{
			Express: "end TLS at the door or a current proxy", Go: "crypto/tls with MinVersion TLS 1.2 has none of these; renew the certificate where it is the fault",
			Door: "on by default: Mozilla's intermediate configuration",
		}},
	{ID: "tls/profile", Title: "the server does more than the profile that was asked for allows", Severity: check.Medium, CWE: 326, ASVS: []string{"12.1.1", "12.1.2"},
		Why: "Whoever asked for the profile relies on it: each deviation says what was seen and what is allowed.",
		Bad: "--profile intermediate: TLSv1.0 spoken", Good: "a server that does the same as the profile, or less",
		Fix: check.Fix{
			Express: "configure the proxy that ends TLS as ssl-config.mozilla.org writes it for the level", Go: "tlspolicy.Intermediate(cert) or tlspolicy.Modern(cert)",
			Door: "on by default: Mozilla's intermediate configuration; tls.policy: modern",
		}},
	{ID: "tls/plain-serves", Title: "the plain HTTP port answers without a redirect to HTTPS", Severity: check.Medium, CWE: 319, ASVS: []string{"12.2.1"}},
	{ID: "tls/plain-elsewhere", Title: "the plain HTTP port redirects to another host or not to HTTPS", Severity: check.Low, CWE: 319, ASVS: []string{"3.4.1"}},
	{ID: "tls/plain-loop", Title: "plain HTTP and HTTPS redirect to each other", Severity: check.Medium, CWE: 835, ASVS: []string{"12.2.1"},
		Why: "Nobody reaches the site over HTTPS; the app behind a proxy believes that it is asked in clear.",
		Fix: check.Fix{
			Express: "app.set('trust proxy', 'loopback'), so that req.secure is true behind the proxy", Go: "let clientip tell the scheme, and redirect only what came in clear",
			Door: "on by default: the door tells the app that it was asked over HTTPS (X-Forwarded-Proto)",
		}},
	{ID: "tls/downgrade", Title: "an encrypted page redirects to plain HTTP of the same host", Severity: check.Medium, CWE: 319, ASVS: []string{"12.2.1"},
		Bad: "https://shop.example/cart → Location: http://shop.example/login", Good: "Location: /login",
		Fix: check.Fix{
			Express: "res.redirect('/login'), and app.set('trust proxy', 'loopback') where the address is made from req.protocol", Go: `http.Redirect(w, r, "/login", http.StatusSeeOther)`,
			Door: "on by default: the door tells the app that it was asked over HTTPS (X-Forwarded-Proto)",
		}},
	{ID: "tls/plain-cookie", Title: "a cookie is set over plain HTTP", Severity: check.Medium, CWE: 614, ASVS: []string{"12.2.1", "3.3.1"},
		Fix: check.Fix{
			Express: "redirect to HTTPS before the session middleware, and cookie: { secure: true }", Go: "redirect to HTTPS before any handler that sets cookies",
			Door: "on by default: the plain port only redirects",
		}},
	{ID: "tls/plain-temporary", Title: "the redirect to HTTPS is a temporary one, so it is asked for each time", Severity: check.Info, ASVS: []string{"12.2.1"}},
	{ID: "tls/plain-hsts", Title: "Strict-Transport-Security is sent over plain HTTP, where browsers ignore it", Severity: check.Info, ASVS: []string{"3.4.1"}},
}

var tlsCheck = check.Check{
	ID: "tls", Practice: "tls", Title: "TLS with today's protocols and a valid certificate",
	Why:      "Without TLS everybody on the way reads and changes what the app and its users say.",
	Severity: check.High, Needs: check.Wire, Rules: tlsRules, Run: runTLS,
	Bad:  "http://shop.example",
	Good: "https://shop.example, TLS 1.2 and 1.3 only, a certificate that browsers trust, port 80 redirects",
}

func runTLS(ctx context.Context, s *check.Session) check.Result {
	scan, err := scanTLS(ctx, s)
	var r check.Result
	if scan != nil && s.URL.Scheme == "https" {
		r = judgeScan(ctx, s, scan.report)
	} else {
		r = judgeTLS(ctx, s)
	}
	reason, partial, found := r.Reason, r.Partial, r.Findings
	var doc json.RawMessage
	if scan != nil {
		doc, found = scan.doc, append(found, scan.found...)
	}
	switch {
	case err != nil && scan != nil:
		reason, partial = err.Error(), true
	case err != nil:
		reason, partial = "the scan failed: "+err.Error(), true
	}
	if r = check.Conclude(reason, found); partial {
		r = check.NotProven(reason, found...)
	}
	r.Scan = doc
	mendTLS(&r)
	return r
}

// judgeTLS judges by a few handshakes of its own.
func judgeTLS(ctx context.Context, s *check.Session) check.Result {
	if s.URL.Scheme == "http" {
		return plainTarget(ctx, s)
	}
	t := tlsJudge{session: s}
	state, err := s.Wire.Handshake(ctx, t.offer(tls.VersionTLS12, tls.VersionTLS13))
	if err != nil {
		return t.failed(ctx, err)
	}
	t.protocols(ctx, state)
	t.certificate(state.PeerCertificates)
	plain := t.plain(ctx)
	t.downgrades(ctx)
	if t.doubt != nil {
		return check.NotProven(t.doubt.Error(), t.found...)
	}
	return check.Conclude(t.reason(state.Version, plain), t.found)
}

// reason says what holds.
func (t *tlsJudge) reason(version uint16, plain string) string {
	if slices.ContainsFunc(t.found, func(f check.Finding) bool { return f.ID == "tls/old-protocol" }) {
		return fmt.Sprintf("%s agreed; %s", tls.VersionName(version), plain)
	}
	return fmt.Sprintf("%s agreed, TLS 1.0 and 1.1 refused; %s", tls.VersionName(version), plain)
}

// plainTarget judges an http address: broken, unless all it does is to send visitors to
// HTTPS, which then is the address to audit.
func plainTarget(ctx context.Context, s *check.Session) check.Result {
	x, err := s.Wire.Do(ctx, check.Request{Path: s.URL.RequestURI()})
	if err != nil {
		return check.NotProven(err.Error())
	}
	if to := secureRedirect(s, x); to != nil {
		return check.NotProven("the address only redirects to HTTPS; audit " + to.String())
	}
	if to, ok := redirected(x); ok && to.Scheme == "https" {
		return check.Conclude("", []check.Finding{elsewhere(x)})
	}
	f := tlsRules.Find("tls/absent", "http", x.Evidence()).Saying("%s is served without TLS", x.URL).In(check.Network)
	return check.Conclude("", []check.Finding{f})
}

// offer is a client that takes any certificate, to see what the server does with each
// offer; the certificate is judged apart.
func offer(lowest, highest uint16) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: lowest, MaxVersion: highest, NextProtos: []string{"h2", "http/1.1"}}
	for _, suite := range tls.CipherSuites() {
		c.CipherSuites = append(c.CipherSuites, suite.ID)
	}
	if lowest < tls.VersionTLS12 {
		c.CipherSuites = append(c.CipherSuites, insecureSuites()...)
	}
	return c
}

// insecureSuites have no forward secrecy or a broken cipher.
func insecureSuites() []uint16 {
	var ids []uint16
	for _, suite := range tls.InsecureCipherSuites() {
		ids = append(ids, suite.ID)
	}
	return ids
}

// cbcSuites have forward secrecy but no authenticated encryption. Go's own default
// offers them, Mozilla's intermediate configuration does not.
//
// Source: Mozilla Server Side TLS 6.0.
func cbcSuites() []uint16 {
	var ids []uint16
	for _, suite := range tls.CipherSuites() {
		if strings.Contains(suite.Name, "_CBC_") {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}

// tlsJudge collects what the handshakes show.
type tlsJudge struct {
	session *check.Session
	found   []check.Finding
	// doubt is why an offer could not be tried to its end.
	doubt error
}

func (t *tlsJudge) add(id, subject, seen, format string, args ...any) {
	e := check.Evidence{Kind: check.Packet, Where: "TLS " + t.session.URL.Host, Seen: seen, Command: t.openssl(id, subject)}
	t.found = append(t.found, tlsRules.Find(id, subject, e).Saying(format, args...).In(check.Network))
}

// host is the name that the certificate has to be for.
func (t *tlsJudge) host() string {
	if s := t.session.Target.Scan; s != nil && s.ServerName != "" {
		return s.ServerName
	}
	return t.session.URL.Hostname()
}

func (t *tlsJudge) offer(lowest, highest uint16) *tls.Config {
	c := offer(lowest, highest)
	if s := t.session.Target.Scan; s != nil {
		c.ServerName = s.ServerName
	}
	return c
}

// openssl is a command that shows the handshake. An address has no server name
// (RFC 6066 section 3), and weak offers need OpenSSL's lowest security level.
func (t *tlsJudge) openssl(id, subject string) string {
	port := t.session.URL.Port()
	if port == "" {
		port = "443"
	}
	command, verify := "openssl s_client -connect "+net.JoinHostPort(t.session.URL.Hostname(), port), " -verify_ip "
	host := t.host()
	if _, err := netip.ParseAddr(host); err != nil {
		command, verify = command+" -servername "+host, " -verify_hostname "
	}
	switch {
	case subject == "TLS 1.0":
		command += " -tls1 -cipher ALL:@SECLEVEL=0"
	case subject == "TLS 1.1":
		command += " -tls1_1 -cipher ALL:@SECLEVEL=0"
	case subject == "TLS 1.3":
		command += " -tls1_3"
	case strings.HasPrefix(subject, "TLS_"):
		command += " -tls1_2 -cipher " + mend.OpenSSLName(subject) + ":@SECLEVEL=0"
	case id == "tls/cert-host":
		command += verify + host
	}
	return command + " </dev/null"
}

// failed tells an address that does not answer from one whose TLS is broken or too old.
func (t *tlsJudge) failed(ctx context.Context, err error) check.Result {
	if !handshakeFailed(err) {
		return check.NotProven(err.Error())
	}
	old, olderr := t.session.Wire.Handshake(ctx, t.offer(tls.VersionTLS10, tls.VersionTLS13))
	if olderr == nil {
		name := tls.VersionName(old.Version)
		if old.Version >= tls.VersionTLS12 {
			name = tls.CipherSuiteName(old.CipherSuite)
			t.add("tls/weak-suite", name, name, "only outdated cipher suites are accepted, such as %s", name)
		} else {
			t.add("tls/old-only", name, name, "the best that is offered is %s", name)
		}
		t.certificate(old.PeerCertificates)
		return check.Conclude("", t.found)
	}
	t.add("tls/handshake", "handshake", err.Error(), "%v", err)
	return check.Conclude("", t.found)
}

// handshakeFailed says that a connection was made and the handshake on it failed.
func handshakeFailed(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	if errors.As(err, &alert) || errors.As(err, &record) {
		return true
	}
	return strings.HasPrefix(err.Error(), "the TLS handshake failed")
}

// protocols tries each version by itself and one set of suites. An error other than a
// refusal leaves it in doubt.
func (t *tlsJudge) protocols(ctx context.Context, best *tls.ConnectionState) {
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		name := tls.VersionName(v)
		state, err := t.session.Wire.Handshake(ctx, t.offer(v, v))
		if err == nil {
			t.add("tls/old-protocol", name, name+" with "+tls.CipherSuiteName(state.CipherSuite), "%s is offered", name)
		} else if !handshakeFailed(err) {
			t.doubt = err
		}
	}
	for _, set := range []struct {
		id     string
		suites []uint16
	}{{"tls/weak-suite", insecureSuites()}, {"tls/cbc-suite", cbcSuites()}} {
		only := t.offer(tls.VersionTLS12, tls.VersionTLS12)
		only.CipherSuites = set.suites
		state, err := t.session.Wire.Handshake(ctx, only)
		if err == nil {
			name := tls.CipherSuiteName(state.CipherSuite)
			t.add(set.id, name, "TLS 1.2 with "+name, "the suite %s is accepted", name)
		} else if !handshakeFailed(err) {
			t.doubt = err
		}
	}
	if best.Version < tls.VersionTLS13 {
		t.add("tls/no-tls13", "TLS 1.3", "the best is "+tls.VersionName(best.Version), "TLS 1.3 is not offered")
	}
}

func (t *tlsJudge) certificate(chain []*x509.Certificate) {
	if len(chain) == 0 {
		return
	}
	leaf, now := chain[0], time.Now()
	shown := fmt.Sprintf("subject: %s\nissuer: %s\nnames: %s\nvalid: %s to %s", leaf.Subject, leaf.Issuer, names(leaf),
		leaf.NotBefore.UTC().Format(time.DateTime), leaf.NotAfter.UTC().Format(time.DateTime))
	host := t.host()
	if err := leaf.VerifyHostname(host); err != nil {
		t.add("tls/cert-host", host, shown, "the certificate is for %s, not for %s", names(leaf), host)
	}
	whole, left := leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now)
	switch {
	case now.Before(leaf.NotBefore):
		t.add("tls/cert-expired", host, shown, "the certificate is valid only from %s", leaf.NotBefore.UTC().Format(time.DateOnly))
	case left < 0:
		t.add("tls/cert-expired", host, shown, "the certificate ended on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	case left < whole/10:
		t.add("tls/cert-expiring", host, shown, "the certificate ends on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	inter := x509.NewCertPool()
	for _, c := range chain[1:] {
		inter.AddCert(c)
	}
	// The dates were judged above; here only the way to a root counts.
	at := now
	if at.After(leaf.NotAfter) || at.Before(leaf.NotBefore) {
		at = leaf.NotBefore.Add(whole / 2)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: t.session.Roots, Intermediates: inter, CurrentTime: at}); err != nil {
		t.add("tls/cert-untrusted", host, shown, "the certificate is not trusted: %v", err)
	}
	if why := weakness(leaf); why != "" {
		t.add("tls/cert-weak", host, shown, "the certificate has %s", why)
	}
	if whole > 367*24*time.Hour {
		t.add("tls/cert-long", host, shown, "the certificate is valid for %d days", int(whole.Hours()/24))
	}
}

func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	return strings.Join(all, ", ")
}

// weakness names what is below Mozilla's intermediate configuration.
func weakness(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return fmt.Sprintf("an RSA key of %d bits", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			return fmt.Sprintf("an elliptic key of %d bits", key.Curve.Params().BitSize)
		}
	}
	switch c.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA, x509.DSAWithSHA1:
		return "a signature by " + c.SignatureAlgorithm.String()
	}
	return ""
}
