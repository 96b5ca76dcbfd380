package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/panoplysec/panoply/certs"
)

// checkCertificates looks at how long certificates last, and whether browsers can follow
// them to a CA that they trust. That they are for the sites the configuration holds.
func checkCertificates(_ context.Context, o *Options) []Line {
	var lines []Line
	for _, c := range o.Config.TLS.Certificates {
		l := Line{Check: "certificate", Subject: c.Cert}
		pair, err := certs.LoadPair(certs.Pair{Cert: c.Cert, Key: c.Key})
		if err != nil {
			l.Verdict, l.Found = Problem, err.Error() // changed since the configuration was read
			lines = append(lines, l)
			continue
		}
		l.lasts(pair.Leaf, o.Now())
		lines = append(lines, l, o.chain(c.Cert, pair))
	}
	if len(lines) == 0 {
		return []Line{o.localCA()}
	}
	return lines
}

// lasts judges the end of a certificate by its own length: one of six days is renewed
// later than one of ninety.
func (l *Line) lasts(leaf *x509.Certificate, now time.Time) {
	left, whole := leaf.NotAfter.Sub(now), leaf.NotAfter.Sub(leaf.NotBefore)
	days := fmt.Sprintf("%.1f days left, until %s", left.Hours()/24, leaf.NotAfter.UTC().Format(time.RFC3339))
	l.Verdict, l.Found = OK, days
	switch {
	case now.Before(leaf.NotBefore):
		l.Verdict, l.Found, l.Do = Problem, "begins only at "+leaf.NotBefore.UTC().Format(time.RFC3339), "look at this machine's clock"
	case left <= 0:
		l.Verdict, l.Found, l.Do = Problem, "ended at "+leaf.NotAfter.UTC().Format(time.RFC3339), "renew it, then panoply reload"
	case left < whole/10:
		l.Verdict, l.Do = Problem, "renew it now, then panoply reload"
	case left < whole/4:
		l.Verdict, l.Do = Warning, "renew it, then panoply reload; what should have done so did not"
	}
}

func (o *Options) chain(file string, pair *tls.Certificate) Line {
	l := Line{Check: "chain", Subject: file, Verdict: OK}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	leaf := pair.Leaf
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: o.Roots, Intermediates: between, CurrentTime: leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)})
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		l.Found = fmt.Sprintf("leads to %s, which this machine trusts", chains[0][len(chains[0])-1].Subject.CommonName)
	case errors.As(err, &unknown) && string(leaf.RawIssuer) == string(leaf.RawSubject):
		l.Verdict, l.Found, l.Do = Problem, "is signed by itself: browsers refuse it", "get one from a CA"
	case errors.As(err, &unknown):
		l.Verdict, l.Found = Warning, fmt.Sprintf("leads to no CA that this machine trusts; its issuer is %s", organisation(leaf))
		l.Do = "put the issuers into the file after the leaf (fullchain.pem), unless the CA is your own and your clients know it"
	default:
		l.Verdict, l.Found = Problem, err.Error()
	}
	return l
}

// localCA looks for the CA of loopback names without making it.
func (o *Options) localCA() Line {
	file := certs.RootFile(o.Config.State)
	l := Line{Check: "certificate", Subject: file}
	text, err := os.ReadFile(file)
	block, _ := pem.Decode(text)
	switch {
	case errors.Is(err, os.ErrNotExist):
		l.Verdict, l.Found = NotChecked, "the local CA is made at the first start"
		return l
	case err != nil:
		l.Verdict, l.Found = NotChecked, err.Error()
		return l
	case block == nil:
		l.Verdict, l.Found, l.Do = Problem, "holds no certificate", "remove its folder; the door makes another at its next start"
		return l
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		l.Verdict, l.Found, l.Do = Problem, err.Error(), "remove its folder; the door makes another at its next start"
		return l
	}
	l.lasts(root, o.Now())
	if l.Verdict == OK {
		l.Found = "the local CA, for loopback names only; " + l.Found
	}
	return l
}

// DefaultDateURL answers with the right time: the directory of a CA that is asked anyway.
const DefaultDateURL = "https://acme-v02.api.letsencrypt.org/directory"

// maxSkew is how wrong a clock may be.
const maxSkew = 10 * time.Second

// checkClock compares this machine's clock with what else tells the time: the beginning of
// certificates, and where asked for, a server.
func checkClock(ctx context.Context, o *Options) []Line {
	l := Line{Check: "clock"}
	now := o.Now()
	for _, c := range o.Config.TLS.Certificates {
		if pair, err := certs.LoadPair(certs.Pair{Cert: c.Cert, Key: c.Key}); err == nil && now.Before(pair.Leaf.NotBefore) {
			l.Verdict, l.Found = Problem, fmt.Sprintf("it is %s here, before %s begins", now.UTC().Format(time.RFC3339), c.Cert)
			l.Do = "set the clock: timedatectl set-ntp true"
			return []Line{l}
		}
	}
	if !o.Online {
		l.Verdict, l.Found, l.Do = NotChecked, "nothing here tells the right time", "--online asks a server for it"
		return []Line{l}
	}
	there, err := o.date(ctx)
	if err != nil {
		l.Verdict, l.Found = NotChecked, err.Error()
		return []Line{l}
	}
	l.Verdict, l.Found = OK, "is right within "+maxSkew.String()
	if skew := o.Now().Sub(there); skew.Abs() > maxSkew {
		l.Verdict, l.Found, l.Do = Problem, fmt.Sprintf("is wrong by %s", skew.Round(time.Second)), "set the clock: timedatectl set-ntp true"
	}
	return []Line{l}
}

func (o *Options) date(ctx context.Context) (time.Time, error) {
	address := o.DateURL
	if address == "" {
		address = DefaultDateURL
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return time.Time{}, err
	}
	client := o.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
	}
	res, err := client.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	_ = res.Body.Close()
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s tells no time", address)
	}
	return at, nil
}

// checkRelease has nobody to ask: there is no feed of releases.
func checkRelease(context.Context, *Options) []Line {
	return []Line{{"release", "", NotChecked, "there is no feed that tells of newer releases", ""}}
}
