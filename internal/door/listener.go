package door

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/tlsport"
)

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
		return []net.Listener{patient{ln}}, nil
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
		return []net.Listener{patient{first}}, nil
	}
	return []net.Listener{patient{first}, patient{second}}, nil
}

func listenError(address string, err error) error {
	if inUse(err) {
		return fmt.Errorf("door: %s is in use; stop what listens there, or choose another address: %w", address, err)
	}
	return fmt.Errorf("door: cannot listen on %s: %w", address, err)
}

// patient waits out what passes: no file descriptor left, or a connection that was reset
// in the queue. Its Accept fails only when the listener is closed.
type patient struct{ net.Listener }

func (p patient) Accept() (net.Conn, error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		conn, err := p.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		time.Sleep(wait)
	}
}

// shared is a listener that outlives the server on it: each server has a lease, and the
// next one goes on where it ended, so that no connection is refused in between.
type shared struct {
	net.Listener
	socket net.Listener // what is below TLS
	conns  chan net.Conn
	ending atomic.Bool
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

// share begins to accept on ln, which stands on socket. Close ends it and waits. Failed is
// told when it ends by itself.
func share(ln, socket net.Listener, failed func(error)) *shared {
	s := &shared{Listener: ln, socket: socket, conns: make(chan net.Conn), stop: make(chan struct{})}
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				if !s.ending.Load() {
					failed(err)
				}
				return
			}
			select {
			case s.conns <- conn:
			case <-s.stop:
				_ = conn.Close()
				return
			}
		}
	})
	return s
}

// finish stops accepting, and waits until a server has what was accepted. The leases go on,
// with nothing to come.
func (s *shared) finish() {
	s.ending.Store(true)
	if t, ok := s.Listener.(*tlsport.Listener); ok {
		_ = t.Finish()
	} else {
		_ = s.Listener.Close()
	}
	s.wg.Wait()
}

// Close closes the listener for all leases.
func (s *shared) Close() error {
	var err error
	s.ending.Store(true)
	s.once.Do(func() {
		close(s.stop)
		err = s.Listener.Close()
	})
	s.wg.Wait()
	return err
}

func (s *shared) lease() *lease { return &lease{shared: s, ended: make(chan struct{})} }

// lease is one server's time on a shared listener.
type lease struct {
	*shared
	ended chan struct{}
	once  sync.Once
}

func (l *lease) Accept() (net.Conn, error) {
	select {
	case <-l.ended: // before a connection that could go to the next
		return nil, net.ErrClosed
	default:
	}
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.ended:
	case <-l.stop:
	}
	return nil, net.ErrClosed
}

// Close ends the lease; the listener stays open.
func (l *lease) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}
