package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/audit/check"
)

// The bounds on what a target may say.
const (
	maxBody  = 1 << 20
	maxHead  = 64 << 10
	maxEarly = 8
	// maxKept is how many bytes of bodies one target may make us remember; beyond it
	// each body counts with its first lateBody bytes.
	maxKept  = 16 << 20
	lateBody = 16 << 10
)

func (s *session) newTransport() *http.Transport {
	return &http.Transport{
		// No proxy of the environment: only the target is contacted.
		DialTLSContext:         s.dialTLS,
		DialContext:            s.dial,
		DisableCompression:     true,
		MaxConnsPerHost:        s.options.Parallel,
		MaxResponseHeaderBytes: maxHead,
		IdleConnTimeout:        s.options.RequestTimeout,
	}
}

// dial connects to the pinned addresses, whatever address is asked for: the transport
// knows the front and the plain port by names only.
func (s *session) dial(ctx context.Context, network, address string) (net.Conn, error) {
	to := s.allowed.front
	if address == plainHost {
		to = s.allowed.plain
	}
	if len(to) == 0 {
		return nil, errors.New("the address is not part of this audit")
	}
	var first error
	var d net.Dialer
	for _, addr := range to {
		conn, err := d.DialContext(ctx, network, addr.String())
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (s *session) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return s.shake(ctx, network, address, s.lenient())
}

// dialVerified is for what carries credentials: it goes to the holder of a certificate
// that holds, or nowhere.
func (s *session) dialVerified(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.shake(ctx, network, address, &tls.Config{ServerName: s.url.Hostname(), RootCAs: s.roots})
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("credentials are not sent, since the certificate does not hold: %w; --root FILE trusts its authority", bad.Err)
	}
	return conn, err
}

func (s *session) shake(ctx context.Context, network, address string, c *tls.Config) (net.Conn, error) {
	return s.shakeOver(ctx, s.dial, network, address, c)
}

func (s *session) shakeOver(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), network, address string, c *tls.Config) (net.Conn, error) {
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	client := tls.Client(conn, c)
	if err := client.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, &handshakeError{err}
	}
	return client, nil
}

// lenient accepts every certificate and every protocol there is: an audit must be able
// to talk with a server whose TLS it will call broken. What the certificate is worth is
// judged by the check tls; credentials go another way, see dialVerified.
func (s *session) lenient() *tls.Config {
	c := &tls.Config{ServerName: s.url.Hostname(), InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		c.CipherSuites = append(c.CipherSuites, suite.ID)
	}
	return c
}

// known are the methods that every parser knows. Node answers another one on a new
// connection and closes a used one without a word, so those get a new one always.
var known = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace,
}

type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "the TLS handshake failed: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// plainHost is the name under which the transport dials the plain port, so that its
// connections are never mixed with those to the front.
const plainHost = "plain.invalid:80"

// send makes one exchange.
func (s *session) send(r check.Request) (*check.Exchange, error) {
	if r.To == check.Plain && len(s.allowed.plain) == 0 && s.unreachable == nil {
		return nil, errors.New("the plain HTTP port is not known")
	}
	if err := s.admit(s.run); err != nil {
		return nil, err
	}
	defer s.budget.give()
	var transport http.RoundTripper
	if r.Client > 0 {
		var err error
		if transport, err = s.client(r.Client); err != nil {
			return nil, err
		}
	}
	return s.exchange(r, transport)
}

// exchange makes one exchange whose budget is paid, over the transport given or the one
// that suits the request.
func (s *session) exchange(r check.Request, over http.RoundTripper) (*check.Exchange, error) {
	ctx, cancel := context.WithTimeout(s.run, s.options.RequestTimeout)
	defer cancel()

	x := &check.Exchange{Request: r}
	credentials := ""
	if r.As == check.User {
		var err error
		if credentials, err = s.user(); err != nil {
			return nil, err
		}
	}
	ctx, took := timed(ctx)
	req, err := s.request(ctx, x, credentials)
	if err != nil {
		return nil, err
	}
	transport := http.RoundTripper(s.transport)
	switch {
	case over != nil:
		transport = over
	case (r.As == check.User || r.Secret) && !s.public.Loopback:
		transport = s.verified
	case !slices.Contains(known, req.Method):
		transport = s.fresh
	}
	resp, err := transport.RoundTrip(req)
	if err == nil {
		defer resp.Body.Close()
		x.Took = took()
		x.Status, x.Header, x.TLS = resp.StatusCode, resp.Header, resp.TLS
		x.Public = s.trustedByAll(resp.TLS)
		var broke error
		// What follows a switch of protocols is no body, and may never end.
		if resp.StatusCode != http.StatusSwitchingProtocols {
			broke = s.read(x, resp)
		}
		x.Trailer = resp.Trailer
		s.judge(r.To, broke)
		s.reached.Store(true)
		return x, nil
	}
	s.judge(r.To, err)
	return nil, plainly(err)
}

// request builds what is sent, with the target as it stands: a malformed path must
// arrive malformed.
func (s *session) request(ctx context.Context, x *check.Exchange, credentials string) (*http.Request, error) {
	r := x.Request
	x.URL = s.address(r)
	path := cmp.Or(r.Path, s.url.RequestURI())
	scheme, host, dialled := s.url.Scheme, s.url.Host, s.url.Host
	if r.To == check.Plain {
		scheme, host, dialled = "http", s.plainName(), plainHost
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if len(x.Early) == maxEarly {
				return errors.New("more than eight interim answers")
			}
			x.Early = append(x.Early, http.Header(h))
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, method, scheme+"://"+dialled+"/", nil)
	if err != nil {
		return nil, err
	}
	if req.URL, err = target(scheme, dialled, path); err != nil {
		return nil, err
	}
	req.Host = host
	if r.Body != "" {
		req.Body = io.NopCloser(strings.NewReader(r.Body))
		req.ContentLength = int64(len(r.Body))
	}
	req.Header.Set("User-Agent", "panoply-audit")
	if s.options.Mark != "" {
		req.Header.Set(MarkHeader, s.options.Mark)
	}
	for line := range strings.SplitSeq(credentials+"\n"+r.Headers, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			if strings.EqualFold(name, "Host") {
				req.Host = value
			} else {
				req.Header.Add(name, value)
			}
		}
	}
	return req, nil
}

// target is an address whose request line holds the path as it stands. One that begins
// with two slashes needs another form: net/url would make an absolute address of it,
// and a proxy would take the request elsewhere.
func target(scheme, host, path string) (*url.URL, error) {
	u := &url.URL{Scheme: scheme, Host: host, Opaque: path}
	if strings.HasPrefix(path, "//") {
		whole, query, _ := strings.Cut(path, "?")
		plain, err := url.PathUnescape(whole)
		if err != nil {
			return nil, errors.New("a path that begins with two slashes and cannot be decoded")
		}
		u = &url.URL{Scheme: scheme, Host: host, Path: plain, RawPath: whole, RawQuery: query}
	}
	if got := u.RequestURI(); got != path {
		return nil, errors.New("a path that cannot be sent as it stands")
	}
	return u, nil
}

// address is the absolute address of a request.
func (s *session) address(r check.Request) string {
	path := cmp.Or(r.Path, s.url.RequestURI())
	if r.To == check.Plain && len(s.allowed.plain) > 0 {
		return "http://" + s.plainName() + path
	}
	return s.url.Scheme + "://" + s.url.Host + path
}

// plainName is the Host under which the plain port is asked.
func (s *session) plainName() string {
	host := s.url.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := s.allowed.plain[0].Port(); port != 80 {
		return fmt.Sprintf("%s:%d", host, port)
	}
	return host
}

// read takes the body up to the bound, with gzip taken off under the same bound.
// An error is why the body broke off; what came before it counts.
func (s *session) read(x *check.Exchange, resp *http.Response) error {
	var body io.Reader = resp.Body
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		raw := bufio.NewReader(io.LimitReader(body, maxBody))
		z, err := gzip.NewReader(raw)
		if err != nil {
			x.Truncated = true
			return err
		}
		body = z
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	n, err := io.Copy(buf, io.LimitReader(body, maxBody+1))
	if n > maxBody {
		buf.Truncate(maxBody)
	}
	x.Truncated = n > maxBody || err != nil
	if s.kept.Load() > maxKept && buf.Len() > lateBody {
		buf.Truncate(lateBody)
		x.Truncated = true
	}
	s.kept.Add(int64(buf.Len()))
	x.Body = bytes.Clone(buf.Bytes())
	return err
}

// buffers grow to the size of the largest body and are used again for the next.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// trustedByAll says whether the certificate holds for every browser: by the system's
// roots alone, without those given to this run.
func (s *session) trustedByAll(state *tls.ConnectionState) bool {
	if state == nil || len(state.PeerCertificates) == 0 {
		return false
	}
	inter := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		inter.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: s.url.Hostname(), Intermediates: inter})
	return err == nil
}

// plainly takes the wrapping off an error of the network that says nothing new.
func plainly(err error) error {
	var shake *handshakeError
	if errors.As(err, &shake) {
		return shake
	}
	if late(err) {
		return reason(context.DeadlineExceeded)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no connection: %w", op.Err)
	}
	if text, ok := strings.CutPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: "); ok {
		return errors.New(text)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the connection was closed without an answer over HTTP/1.1")
	}
	// The transport's words for bytes that came before the request was sent.
	if strings.Contains(err.Error(), "readLoopPeekFailLocked") {
		return errors.New("malformed HTTP: the server spoke first")
	}
	return reason(err)
}
