package h1

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Server serves HTTP/1.1 on connections. Its fields are not changed once it serves; its
// methods are safe for concurrent use.
type Server struct {
	// Handler answers every request. Required.
	Handler http.Handler
	// Refuse answers what is no request, with the status and the rule that it broke.
	// The request holds what was understood: method and target may be empty, the header
	// is. The connection ends after it. Nil sends the bare status.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, rule string)
	// Other takes the connections on which TLS has agreed on another protocol than
	// HTTP/1.1; it must not block for long. Nil closes them.
	Other func(net.Conn)
	// HeadTimeout is the time for a request head, from its first byte to the empty line,
	// and for the first one from the connection's begin. Default 10 s. A client that
	// began gets 408.
	HeadTimeout time.Duration
	// HeadBytes bounds a head, its line ends included. Default 64 KiB. Beyond it: 431.
	HeadBytes int
	// IdleTimeout is how long a connection is kept between two requests. Default 60 s.
	IdleTimeout time.Duration
	// Base is the parent of the contexts of all requests. Default: one that holds a
	// *http.Server for http.ServerContextKey, which handlers of net/http look for.
	Base context.Context
	// Logger is told of handlers that panic. Default: nobody.
	Logger *slog.Logger
	// Poison overwrites what a handler must not keep when it has returned, and reuses
	// nothing. It is for tests under -race, which then report who reads it.
	Poison bool

	once     sync.Once
	closing  atomic.Bool
	mu       sync.Mutex
	conns    map[*conn]struct{}
	accepts  map[net.Listener]struct{}
	drained  chan struct{}
	draining bool // drained is closed when conns is empty
}

func (s *Server) init() {
	s.once.Do(func() {
		if s.HeadTimeout <= 0 {
			s.HeadTimeout = 10 * time.Second
		}
		if s.HeadBytes <= 0 {
			s.HeadBytes = 64 << 10
		}
		if s.IdleTimeout <= 0 {
			s.IdleTimeout = time.Minute
		}
		if s.Logger == nil {
			s.Logger = slog.New(slog.DiscardHandler)
		}
		if s.Base == nil {
			s.Base = context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
		}
		s.conns = map[*conn]struct{}{}
		s.accepts = map[net.Listener]struct{}{}
		s.drained = make(chan struct{})
	})
}

// Serve accepts on ln until Accept fails or the server is shut down, and then returns
// http.ErrServerClosed or Accept's error. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	s.init()
	s.mu.Lock()
	s.accepts[ln] = struct{}{}
	s.mu.Unlock()
	defer func() {
		_ = ln.Close()
		s.mu.Lock()
		delete(s.accepts, ln)
		s.mu.Unlock()
	}()
	for {
		if s.closing.Load() {
			return http.ErrServerClosed
		}
		conn, err := ln.Accept()
		if err != nil {
			if s.closing.Load() {
				return http.ErrServerClosed
			}
			return err
		}
		go s.ServeConn(conn)
	}
}

// ServeConn serves one connection until it ends, a handler has taken it over, or it rests:
// another goroutine then waits for its next request. It does the TLS handshake where that
// was not done.
func (s *Server) ServeConn(rwc net.Conn) {
	s.init()
	c := &conn{s: s, rwc: rwc, began: time.Now()}
	if !s.add(c) {
		_ = rwc.Close()
		return
	}
	defer c.end()
	if tc, ok := rwc.(*tls.Conn); ok {
		if !c.handshake(tc) {
			return
		}
	} else {
		c.tcp, _ = rwc.(*net.TCPConn)
	}
	c.serve()
}

// handshake settles TLS and its protocol.
func (c *conn) handshake(tc *tls.Conn) bool {
	state := tc.ConnectionState()
	if !state.HandshakeComplete {
		ctx, cancel := context.WithTimeout(context.Background(), c.s.HeadTimeout)
		err := tc.HandshakeContext(ctx)
		cancel()
		if err != nil {
			return false
		}
		state = tc.ConnectionState()
	}
	switch state.NegotiatedProtocol {
	case "", "http/1.1":
		c.tls = &state
		return true
	}
	if c.s.Other != nil && c.leave() {
		c.s.Other(c.rwc)
	}
	return false
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

// remove forgets c.
func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.settle()
}

// Open is how many connections there are, but for those that were handed on or taken over.
func (s *Server) Open() int {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// settle is called with mu held.
func (s *Server) settle() {
	if s.closing.Load() && len(s.conns) == 0 && !s.draining {
		s.draining = true
		close(s.drained)
	}
}

// stop ends accepting.
func (s *Server) stop() {
	s.init()
	s.closing.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for ln := range s.accepts {
		_ = ln.Close()
	}
	s.settle()
}

// Shutdown stops accepting, ends the connections that carry no request, and waits for
// the others until ctx is done; their answers say that the connection closes. It does not
// wait for connections that handlers have taken over, nor for those given to Other. The
// error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	s.mu.Lock()
	for c := range s.conns {
		c.dismiss()
	}
	s.mu.Unlock()
	select {
	case <-s.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops accepting and cuts all connections. It does not wait for handlers.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cut()
	}
	return nil
}

var errDone = errors.New("h1: the handler has returned")
