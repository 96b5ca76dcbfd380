package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/tlsport"
)

// httpServer speaks HTTP on listeners. Today it is *http.Server.
type httpServer interface {
	Serve(net.Listener) error
	// Shutdown closes the listeners and waits for the requests under way.
	Shutdown(context.Context) error
	// Close cuts all connections.
	Close() error
}

type role uint8

const (
	roleTLS role = iota
	rolePlain
	roleAdmin
	roles
)

// A port is one configured address: one listener, or two for localhost, and its server.
type port struct {
	address   string
	server    httpServer
	fresh     *fresh
	listeners []net.Listener
	wg        sync.WaitGroup
}

// servers are the open ports by role. Ports whose address did not change stay as they
// are over a reload.
type servers struct {
	d *Door

	mu      sync.Mutex
	ports   [roles]*port
	retired []*port // closed to new connections by a reload, and finishing
}

// listen opens every port of cfg, or none, and serves.
func (d *Door) listen(ctx context.Context, cfg *config.Config) error {
	s := &servers{d: d}
	ports, err := s.open(ctx, cfg)
	if err != nil {
		return err
	}
	s.ports = ports
	d.servers = s // the redirect asks it for the HTTPS port
	for _, p := range ports {
		p.serve(d)
	}
	return nil
}

// open listens on every address of cfg that is not open already. Nothing is served
// yet; after an error what was opened is closed again.
func (s *servers) open(ctx context.Context, cfg *config.Config) (ports [roles]*port, err error) {
	defer func() {
		if err == nil {
			return
		}
		for i, p := range ports {
			if p != nil && p != s.ports[i] {
				p.closeListeners()
			}
		}
	}()
	for i, address := range [roles]string{roleTLS: cfg.Listen, rolePlain: cfg.Redirect, roleAdmin: cfg.Admin.Listen} {
		if address == "off" {
			continue
		}
		if old := s.ports[i]; old != nil && old.address == address {
			ports[i] = old
			continue
		}
		if ports[i], err = s.d.openPort(ctx, role(i), address, cfg); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

// change opens the ports of cfg that are new and lets go of those that are gone: these
// finish what they have begun.
func (s *servers) change(cfg *config.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ports, err := s.open(context.Background(), cfg)
	if err != nil {
		return err
	}
	for i, old := range s.ports {
		if old == ports[i] {
			continue
		}
		if old != nil {
			s.retired = append(s.retired, old)
			drain := time.Duration(cfg.Bounds.DrainTimeout)
			s.d.wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), drain)
				defer cancel()
				_ = old.shutdown(ctx)
			})
		}
		if ports[i] != nil {
			ports[i].serve(s.d)
		}
	}
	s.ports = ports
	return nil
}

func (d *Door) openPort(ctx context.Context, r role, address string, cfg *config.Config) (*port, error) {
	if r == roleAdmin && !admin.Loopback(address) {
		return nil, fmt.Errorf("door: admin.listen is %s, which is beyond loopback", address)
	}
	listeners, err := listenAll(ctx, address)
	if err != nil {
		return nil, err
	}
	p := &port{address: address, listeners: listeners, fresh: &fresh{conns: map[net.Conn]struct{}{}}}
	head := time.Duration(cfg.Bounds.HeadTimeout)
	srv := &http.Server{
		ReadHeaderTimeout: head,
		IdleTimeout:       time.Duration(cfg.Bounds.IdleTimeout),
		// The handler answers 431 itself at the configured size; this is where net/http
		// stops reading.
		MaxHeaderBytes: max(1<<20, 2*int(cfg.Bounds.HeadBytes)),
		// OPTIONS * would otherwise be answered before the guards see it.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(serverLog{d.log}, "", 0),
		ConnState:                    p.fresh.note,
	}
	switch r {
	case roleTLS:
		srv.Handler = d.begin(func(g *generation) http.Handler { return g.chain })
		for i, ln := range listeners {
			listeners[i] = tlsport.New(ln, tlsport.Options{Config: d.tlsConfig(), Timeout: head, Plain: d.plainAnswer, Failed: d.handshakeFailed})
		}
	case rolePlain:
		srv.Handler = d.begin(func(g *generation) http.Handler { return g.redirect })
	case roleAdmin:
		srv.Handler = admin.Handler(d.checks.problems, d.metrics.registry)
	}
	p.server = srv
	return p, nil
}

// tlsConfig asks the generation at hand for each connection, so a reload needs no new
// listener.
func (d *Door) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12, // the profile decides
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return d.current.Load().tls, nil },
	}
}

func (d *Door) handshakeFailed(remote net.Addr, err error) {
	d.metrics.handshake()
	d.log.Debug("TLS handshake failed", "remote", remote.String(), "err", ledger.Clean(err.Error(), 256))
}

// listenAll opens the address; for "localhost" both loopback addresses, of which ::1
// may be missing on this machine.
func listenAll(ctx context.Context, address string) ([]net.Listener, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("door: listen: %w", err)
	}
	var lc net.ListenConfig
	if host != "localhost" {
		ln, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, listenError(address, err)
		}
		return []net.Listener{ln}, nil
	}
	first, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", portText))
	if err != nil {
		return nil, listenError(address, err)
	}
	_, portText, err = net.SplitHostPort(first.Addr().String()) // the one chosen, for port 0
	if err != nil {
		_ = first.Close()
		return nil, fmt.Errorf("door: listen: %w", err)
	}
	second, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", portText))
	if err != nil {
		if inUse(err) && !strings.HasSuffix(address, ":0") {
			_ = first.Close()
			return nil, listenError(net.JoinHostPort("::1", portText), err)
		}
		return []net.Listener{first}, nil
	}
	return []net.Listener{first, second}, nil
}

func listenError(address string, err error) error {
	if inUse(err) {
		return fmt.Errorf("door: %s is in use; stop what listens there, or choose another address: %w", address, err)
	}
	return fmt.Errorf("door: cannot listen on %s: %w", address, err)
}

func (p *port) serve(d *Door) {
	if p == nil {
		return
	}
	for _, ln := range p.listeners {
		p.wg.Go(func() {
			if err := p.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				d.log.Error("a listener failed; restart the door", "address", p.address, "err", err)
			}
		})
	}
}

func (p *port) closeListeners() {
	for _, ln := range p.listeners {
		_ = ln.Close()
	}
}

// shutdown stops accepting, lets requests finish until ctx is done, then cuts.
func (p *port) shutdown(ctx context.Context) error {
	p.closeListeners()
	p.fresh.close()
	err := p.server.Shutdown(ctx)
	if errors.Is(err, net.ErrClosed) {
		err = nil // the listeners, which were closed above; nothing was cut
	}
	if err != nil {
		_ = p.server.Close()
	}
	p.wg.Wait()
	return err
}

func (s *servers) addr(r role) net.Addr {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.ports[r]; p != nil {
		return p.listeners[0].Addr()
	}
	return nil
}

// all returns the addresses of a role.
func (s *servers) all(r role) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	if p := s.ports[r]; p != nil {
		for _, ln := range p.listeners {
			out = append(out, ln.Addr().String())
		}
	}
	return out
}

// shutdown ends all ports at once; the admin port goes last, so that health can be
// asked during the drain.
func (s *servers) shutdown(ctx context.Context) error {
	s.mu.Lock()
	ports := s.ports
	s.mu.Unlock()
	var wg sync.WaitGroup
	errs := make([]error, roles)
	for i, p := range ports {
		if p != nil && role(i) != roleAdmin {
			wg.Go(func() { errs[i] = p.shutdown(ctx) })
		}
	}
	wg.Wait()
	if p := ports[roleAdmin]; p != nil {
		_ = p.server.Close()
		p.closeListeners()
		p.wg.Wait()
	}
	return errors.Join(errs...)
}

// fresh knows the connections that have not asked for anything yet. Shutdown would wait
// five seconds for each, and browsers open some in advance.
type fresh struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

func (f *fresh) note(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(f.conns, c)
	case f.closed:
		_ = c.Close()
	default:
		f.conns[c] = struct{}{}
	}
}

func (f *fresh) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.conns {
		_ = c.Close()
	}
}

// serverLog takes what net/http has to say: mostly clients that broke off.
type serverLog struct{ *slog.Logger }

func (l serverLog) Write(p []byte) (int, error) {
	l.Debug("server", "detail", ledger.Clean(strings.TrimSpace(string(p)), 512))
	return len(p), nil
}
