package door

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/h1"
)

// ownLoop is the option by which the door's own HTTP/1.1 serves, and not net/http.
const ownLoop = "own"

// poison makes the own loop overwrite what guards must not keep. Tests set it.
var poison bool

// newServer serves handler on connections, with the loop that the configuration names.
func (d *Door) newServer(p *port, handler http.Handler) httpServer {
	b := p.life
	std := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: time.Duration(b.head),
		IdleTimeout:       time.Duration(b.idle),
		// The handler answers 431 itself at the configured size; this is where net/http
		// stops reading.
		MaxHeaderBytes: max(1<<20, 2*int(b.headBytes)),
		// OPTIONS * would otherwise be answered before the guards see it.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(serverLog{d.log}, "", 0),
		ConnState:                    p.fresh.note,
	}
	if b.loop != ownLoop {
		return std
	}
	own := &h1.Server{
		Handler:     handler,
		Refuse:      d.refused,
		HeadTimeout: time.Duration(b.head),
		HeadBytes:   int(b.headBytes),
		IdleTimeout: time.Duration(b.idle),
		Base:        context.WithValue(context.Background(), http.ServerContextKey, std),
		Logger:      d.log,
		Poison:      poison,
	}
	s := &bothServers{own: own, std: std, other: &handed{conns: make(chan net.Conn), closed: make(chan struct{})}}
	own.Other = s.other.give
	return s
}

// refused answers what the own loop could not read as a request.
func (d *Door) refused(w http.ResponseWriter, r *http.Request, status int, rule string) {
	d.begin(func(g *generation) http.Handler {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.refuse(w, r, status, rule, "") })
		return g.guards.headers.Handler(g.guards.conceal.Handler(g.guards.client.Handler(h)))
	}).ServeHTTP(w, r)
}

// bothServers are the own loop, and net/http for the connections that speak HTTP/2.
type bothServers struct {
	own   *h1.Server
	std   *http.Server
	other *handed
	once  sync.Once
}

// Serve serves ln until one of the servers is shut down.
func (s *bothServers) Serve(ln net.Listener) error {
	s.once.Do(func() {
		s.other.addr = ln.Addr()
		go func() { _ = s.std.Serve(s.other) }() // ends when other is closed
	})
	return s.own.Serve(ln)
}

func (s *bothServers) Shutdown(ctx context.Context) error {
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { errs[0] = s.own.Shutdown(ctx) })
	wg.Go(func() { errs[1] = s.std.Shutdown(ctx) })
	wg.Wait()
	_ = s.other.Close()
	return errors.Join(errs[:]...)
}

func (s *bothServers) Close() error {
	_ = s.other.Close()
	return errors.Join(s.own.Close(), s.std.Close())
}

// handed is a listener of connections that somebody else has accepted.
type handed struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (h *handed) give(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.closed:
		_ = conn.Close()
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func (h *handed) Addr() net.Addr { return h.addr }

// serverBounds are those that a server keeps for its life.
type serverBounds struct {
	head, idle config.Duration
	headBytes  int64
	loop       string
}

func serverBoundsOf(r role, cfg *config.Config) serverBounds {
	b := cfg.Bounds
	s := serverBounds{b.HeadTimeout, b.IdleTimeout, b.HeadBytes, cfg.HTTP1}
	if r == roleAdmin {
		s.loop = "" // what listens on loopback alone stays with net/http
	}
	return s
}
