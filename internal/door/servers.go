package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// httpServer speaks HTTP on listeners: *http.Server, or the own loop and it.
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

// A port is one configured address with the server on it: one listener, or two for
// localhost.
type port struct {
	address   string
	life      serverBounds // with which the server was made
	managed   bool         // the service manager decides on the address
	server    httpServer
	fresh     *fresh
	listeners []*shared
	leases    []*lease
	wg        sync.WaitGroup
}

// servers are the open ports by role. Ports whose address did not change stay as they
// are over a reload; where bounds of the server changed, another server takes over the
// listeners, and the connections that are there stay with the old one.
type servers struct {
	d *Door

	mu      sync.Mutex
	ports   [roles]*port
	retired []*port // have connections, take no new ones
}

// listen opens every port of cfg, or none, and serves.
func (d *Door) listen(ctx context.Context, cfg *config.Config) error {
	s := &servers{d: d}
	ports, err := s.open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := d.ready.close(); err != nil {
		for _, p := range ports {
			if p != nil {
				p.closeListeners()
			}
		}
		return err
	}
	s.ports = ports
	d.servers = s // the redirect asks it for the HTTPS port
	for _, p := range ports {
		p.serve(d)
	}
	return nil
}

// open makes a port for every address of cfg, or keeps the one that fits. Nothing is
// served yet; after an error what was opened is closed again.
func (s *servers) open(ctx context.Context, cfg *config.Config) (ports [roles]*port, err error) {
	defer func() {
		if err == nil {
			return
		}
		for i, p := range ports {
			if p != nil && (s.ports[i] == nil || p.address != s.ports[i].address) {
				p.closeListeners()
			}
		}
	}()
	for i, address := range addresses(cfg) {
		old := s.ports[i]
		if old != nil && old.managed && old.address != address {
			return ports, fmt.Errorf("door: %s cannot change from %s to %s while running: the socket is the service manager's; change it there, and restart both", roleKeys[i], old.address, address)
		}
		if address == "off" {
			continue
		}
		if role(i) == roleAdmin && !admin.Loopback(address) && cfg.Admin.AllowOthers == "" {
			return ports, fmt.Errorf("door: admin.listen is %s, which is beyond loopback", address)
		}
		switch {
		case old == nil || old.address != address:
			listeners, managed, err := s.d.openListeners(ctx, role(i), address)
			if err != nil {
				return ports, err
			}
			ports[i] = s.d.newPort(role(i), address, listeners, cfg)
			ports[i].managed = managed
		case old.life != serverBoundsOf(role(i), cfg):
			ports[i] = s.d.newPort(role(i), address, old.listeners, cfg)
			ports[i].managed = old.managed
		default:
			ports[i] = old
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
		ports[i].serve(s.d)
		switch {
		case old == nil:
		case ports[i] != nil && ports[i].address == old.address:
			old.endLeases()
			s.retired = append(s.retired, old)
		default:
			drain := time.Duration(cfg.Bounds.DrainTimeout)
			s.d.wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), drain)
				defer cancel()
				_ = old.shutdown(ctx)
			})
		}
	}
	s.ports = ports
	return nil
}

// openListeners listens on an address, or takes the sockets that are ready for it. The
// handshake belongs to the listener and not to the server, so that one under way survives a
// reload.
func (d *Door) openListeners(ctx context.Context, r role, address string) (all []*shared, managed bool, err error) {
	var listeners []net.Listener
	for _, one := range d.ready.take(r, address) {
		if r == roleAdmin && admin.Loopback(address) && !admin.Loopback(one.Addr().String()) {
			_ = one.Close()
			return nil, false, fmt.Errorf("door: the socket %q for admin.listen is on %s, which is beyond loopback", one.name, one.Addr())
		}
		listeners, managed = append(listeners, patient{one.Listener}), managed || one.managed
	}
	if listeners == nil {
		if listeners, err = listenAll(ctx, address); err != nil {
			return nil, false, err
		}
	}
	all = make([]*shared, len(listeners))
	for i, socket := range listeners {
		ln := socket
		if r == roleTLS {
			ln = tlsport.New(ln, tlsport.Options{Config: d.tlsConfig(), Timeout: d.handshakeTime, Plain: d.plainAnswer, Failed: d.handshakeFailed})
		}
		all[i] = share(ln, socket.(patient).Listener, d.deafened)
	}
	return all, managed, nil
}

// deafened is told of a listener that ended by itself.
func (d *Door) deafened(err error) {
	d.deaf.Store(true)
	d.log.Error("a listener failed; restart the door", "err", err)
}

func (d *Door) newPort(r role, address string, listeners []*shared, cfg *config.Config) *port {
	p := &port{address: address, life: serverBoundsOf(r, cfg), listeners: listeners, fresh: &fresh{conns: map[net.Conn]struct{}{}}}
	for _, ln := range listeners {
		p.leases = append(p.leases, ln.lease())
	}
	var handler http.Handler
	switch r {
	case roleTLS:
		handler = d.begin(func(g *generation) http.Handler { return g.chain })
	case rolePlain:
		handler = d.begin(func(g *generation) http.Handler { return g.redirect })
	case roleAdmin:
		handler = admin.Handler(d.readiness, d.metrics.Registry, d.others)
	}
	p.server = d.newServer(p, handler)
	return p
}

// others are those beyond this machine who may read health and metrics.
func (d *Door) others() admin.Others {
	c := d.current.Load().cfg.Admin
	return admin.Others{Allowed: c.AllowOthers != "", Hosts: c.Hosts}
}

func (d *Door) handshakeTime() time.Duration {
	return time.Duration(d.current.Load().cfg.Bounds.HeadTimeout)
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
	d.metrics.Handshake()
	d.log.Debug("TLS handshake failed", "remote", remote.String(), "err", ledger.Clean(err.Error(), 256))
}

func (p *port) serve(d *Door) {
	if p == nil {
		return
	}
	for _, ln := range p.leases {
		p.wg.Go(func() {
			if err := p.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				d.deafened(err)
			}
		})
	}
}

func (p *port) closeListeners() {
	for _, ln := range p.listeners {
		_ = ln.Close()
	}
}

func (p *port) endLeases() {
	for _, l := range p.leases {
		_ = l.Close()
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
	last := s.ports[roleAdmin]
	all := append(s.retired, s.ports[roleTLS], s.ports[rolePlain])
	s.mu.Unlock()
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, p := range all {
		if p != nil {
			wg.Go(func() { errs[i] = p.shutdown(ctx) })
		}
	}
	wg.Wait()
	if last != nil {
		last.closeListeners()
		_ = last.server.Close()
		last.wg.Wait()
	}
	return errors.Join(errs...)
}

// fresh knows the connections that have not asked for anything yet. Shutdown would wait
// five seconds for each, and browsers open some in advance.
type fresh struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	open   int // connections of net/http, fresh or not
	closed bool
}

func (f *fresh) note(c net.Conn, state http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch state {
	case http.StateNew:
		f.open++
	case http.StateClosed, http.StateHijacked:
		f.open--
	}
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
