package door

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/accesslog"
	"github.com/panoplysec/panoply/internal/door/bounds"
	"github.com/panoplysec/panoply/tlspolicy"
)

// application is the way to what is behind.
type application interface {
	http.Handler
	// CloseIdle closes the connections that no request uses.
	CloseIdle()
}

// generation is everything that one configuration decides. It does not change after
// build; the Door swaps it whole.
type generation struct {
	cfg    *config.Config
	guards *guards
	app    application
	apps   *apps // what app is made of
	tls    *tls.Config
	ca     *certs.LocalCA    // nil with certificate files
	files  *certs.FileSource // nil without
	sites  *sites

	chain    http.Handler // of the HTTPS port
	redirect http.Handler // of the plain port
	seen     []*atomic.Uint64
	access   *accesslog.Log
	body     bounds.Body
	stream   bounds.Body // of a conversation
	headMax  int
	auditKey []byte
}

// build makes a generation of cfg, or tells everything that is wrong with it. It must
// be called with d.mu held and the state open.
func (d *Door) build(cfg *config.Config) (*generation, error) {
	g, err := d.groundwork(cfg)
	if err != nil {
		return nil, err
	}
	ramp := func(age time.Duration) (*hsts, error) { return d.newHSTS(cfg, age, g.tls.GetCertificate) }
	if g.guards, err = d.compile(cfg, ramp); err != nil {
		return nil, err
	}
	for name, mode := range g.guards.modes {
		if mode != off {
			g.seen = append(g.seen, d.ledger.Seen(name))
		}
	}
	if g.apps, err = d.apps(cfg); err != nil {
		return nil, err
	}
	g.app = g.apps
	g.chain = d.chain(g)
	g.redirect = d.redirectChain(g)
	return g, nil
}

// groundwork makes what of a generation touches no guard: bounds, certificates, keys.
func (d *Door) groundwork(cfg *config.Config) (*generation, error) {
	g := &generation{cfg: cfg, access: d.logFor(cfg), sites: newSites(d.metrics, cfg.Sites)}
	b := cfg.Bounds
	g.headMax = int(b.HeadBytes)
	g.body = bounds.Body{Grace: time.Duration(b.BodyGrace), MinRate: b.BodyMinRate, Max: b.BodyMax}

	g.stream = g.body
	if g.body.MinRate > 0 {
		g.stream.Grace, g.stream.Stream = max(time.Duration(b.StreamIdle), g.body.Grace), true
	}

	certificate, err := g.certificates(cfg, d.state.dir)
	if err != nil {
		return nil, err
	}
	if g.auditKey, err = auditKey(cfg, d.state.dir); err != nil {
		return nil, err
	}
	profile, ok := tlspolicy.ByName(cfg.TLS.Policy)
	if !ok {
		return nil, fmt.Errorf("door: tls.policy is %q, must be intermediate or modern", cfg.TLS.Policy)
	}
	g.tls = profile.Config()
	g.tls.GetCertificate = certificate
	return g, nil
}

// certificates opens the files, and the local CA where there are none or where a site is
// a local name, for which no public CA gives one.
func (g *generation) certificates(cfg *config.Config, stateDir string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	given := len(cfg.TLS.Certificates) > 0
	if !given || slices.ContainsFunc(cfg.Sites, config.LocalName) {
		ca, err := certs.OpenLocalCA(stateDir)
		if err != nil {
			return nil, err
		}
		g.ca = ca
		if !given {
			return ca.GetCertificate, nil
		}
	}
	pairs := make([]certs.Pair, len(cfg.TLS.Certificates))
	for i, c := range cfg.TLS.Certificates {
		pairs[i] = certs.Pair{Cert: c.Cert, Key: c.Key}
	}
	files, err := certs.Files(pairs)
	if err != nil {
		return nil, err
	}
	g.files = files
	if g.ca != nil {
		return files.WithLocal(g.ca), nil
	}
	return files.GetCertificate, nil
}

// forward tells the application who asks, and its place in the trace.
func (d *Door) forward(out http.Header, in *http.Request) {
	clientip.WriteForwarded(out, in, clientip.Of(in))
	if d.tracer != nil {
		d.trace(out, in)
	}
}

// keepTrailer refuses request trailers that would speak for others, were the
// application to fold trailers into headers.
func keepTrailer(name string) bool {
	probe := &http.Request{Header: http.Header{name: nil}}
	nobody.Strip(probe)
	return len(probe.Header) == 1
}

// nobody trusts no proxy.
var nobody = func() *clientip.Resolver {
	v, err := clientip.New(clientip.Options{})
	if err != nil {
		panic(err) // the zero Options are valid
	}
	return v
}()
