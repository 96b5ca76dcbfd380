package tlsscan

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

	"golang.org/x/crypto/ocsp"
)

// What is fetched of authorities, at most: requests and bytes in all, bytes a list and
// an answer. The time for each is Options.Timeout.
const (
	maxFetches    = 8
	maxFetchBytes = 32 << 20
	maxListBytes  = 16 << 20
	maxAnswer     = 64 << 10
)

// fetched is what authorities said of certificates.
type fetched struct {
	lists   []*x509.RevocationList
	answers map[string][][]byte // OCSP responses by certificate
	faults  map[string]string   // by certificate
	asked   []string            // addresses, as they stand in certificates
}

// fetchRevocation asks the authorities of the certificates that some store trusts: a
// certificate from nowhere must not choose whom this machine talks to. The responder is
// asked about the leaf, and lists where it has no word and for what stands above it.
func (s *scan) fetchRevocation(ctx context.Context) {
	if !s.o.FetchRevocation {
		return
	}
	s.fetched.answers, s.fetched.faults = map[string][][]byte{}, map[string]string{}
	f := &fetcher{scan: s, client: s.fetchClient(), left: maxFetchBytes}
	pools := s.o.pools()
	for _, x := range s.served {
		leaf, sent, err := x.parse()
		if err != nil {
			continue
		}
		path := trustedPath(pools, leaf, sent, &s.o)
		if path == nil {
			s.fetched.faults[keyOf(leaf)] = "no store trusts the certificate, so nobody was asked"
			continue
		}
		for i, c := range path[:len(path)-1] {
			issuer := path[i+1]
			if i == 0 && f.respond(ctx, c, issuer) {
				continue
			}
			if !f.list(ctx, c, issuer) && i > 0 {
				f.respond(ctx, c, issuer)
			}
		}
	}
}

func trustedPath(pools []pool, leaf *x509.Certificate, sent []*x509.Certificate, o *Options) []*x509.Certificate {
	inter := x509.NewCertPool()
	for _, x := range sent {
		inter.AddCert(x)
	}
	for _, p := range pools {
		paths, err := leaf.Verify(x509.VerifyOptions{Roots: p.roots, Intermediates: inter, CurrentTime: o.Now})
		if err == nil {
			return shortest(paths)
		}
	}
	return nil
}

type fetcher struct {
	scan   *scan
	client *http.Client
	left   int64
}

// respond asks the responder, and says whether it gave a word that counts.
func (f *fetcher) respond(ctx context.Context, c, issuer *x509.Certificate) bool {
	if len(c.OCSPServer) == 0 {
		return false
	}
	ask, err := ocsp.CreateRequest(c, issuer, nil)
	var der []byte
	if err == nil {
		der, err = f.do(ctx, c.OCSPServer[0], ask, maxAnswer)
	}
	if err == nil {
		_, err = byResponse(der, c, issuer, f.scan.o.Now)
		f.scan.fetched.answers[keyOf(c)] = append(f.scan.fetched.answers[keyOf(c)], der)
	}
	f.fault(c, err)
	return err == nil
}

// list fetches the list of the authority, once, and says whether there is one.
func (f *fetcher) list(ctx context.Context, c, issuer *x509.Certificate) bool {
	if len(c.CRLDistributionPoints) == 0 {
		return false
	}
	at := c.CRLDistributionPoints[0]
	if has(f.scan.fetched.asked, at) {
		return true
	}
	text, err := f.do(ctx, at, nil, maxListBytes)
	var lists []*x509.RevocationList
	if err == nil {
		lists, err = ReadCRLs(text)
	}
	f.fault(c, err)
	f.scan.fetched.lists = append(f.scan.fetched.lists, lists...)
	return err == nil
}

func (f *fetcher) fault(c *x509.Certificate, err error) {
	if err != nil {
		f.scan.fetched.faults[keyOf(c)] = err.Error()
	}
}

// do sends a GET, or a POST with a body, and reads the answer within all bounds.
func (f *fetcher) do(ctx context.Context, at string, body []byte, most int64) ([]byte, error) {
	if err := fetchable(at); err != nil {
		return nil, err
	}
	if len(f.scan.fetched.asked) >= maxFetches {
		return nil, fmt.Errorf("no more than %d addresses of authorities are asked", maxFetches)
	}
	f.scan.fetched.asked = append(f.scan.fetched.asked, at)
	ctx, cancel := context.WithTimeout(ctx, f.scan.o.Timeout)
	defer cancel()
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "panoply")
	if body != nil {
		r.Header.Set("Content-Type", "application/ocsp-request")
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers with status %d", at, answer.StatusCode)
	}
	most = min(most, f.left)
	text, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	f.left -= int64(len(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", at, err)
	case int64(len(text)) > most:
		return nil, fmt.Errorf("%s sends more than %d bytes", at, most)
	}
	return text, nil
}

// fetchable says whether an address may be asked at all: in clear, as authorities have
// it, for what comes is signed.
func fetchable(at string) error {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil || len(at) > 2048 {
		return fmt.Errorf("%.100q is no address by http", at)
	}
	return nil
}

// fetchClient connects to port 80 of public addresses, and to those of this machine and
// network only where the target is this machine. The address is judged when it is dialled, so
// that no name can change its mind.
func (s *scan) fetchClient() *http.Client {
	inside := s.onLoopback()
	dialer := &net.Dialer{Timeout: s.o.Timeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || !inside && (a.Port() != 80 || !publicAddress(a.Addr())) {
			return fmt.Errorf("%s is not port 80 of a public address, and the server is not on this machine", address)
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHead},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 2 {
				return errors.New("more than two redirects")
			}
			return fetchable(r.URL.String())
		},
	}
}

func (s *scan) onLoopback() bool {
	host, _, err := net.SplitHostPort(s.addr)
	a, bad := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || bad == nil && a.IsLoopback())
}

// reserved are unicast networks that lead nowhere or inward though Go calls them global
// (RFC 6890): shared space, protocols, benchmarks, documentation, the future, and IPv6
// that carries an IPv4 address.
var reserved = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "fec0::/10")

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// publicAddress says that an address is one of the public network.
func publicAddress(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
