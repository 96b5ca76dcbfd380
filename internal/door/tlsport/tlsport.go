package tlsport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// lingerBytes and lingerTime bound what is read after the plain answer, so that closing
// the connection does not reset it under the client's eyes.
const (
	lingerBytes = 64 << 10
	lingerTime  = time.Second
)

// Options configures a Listener.
type Options struct {
	// Config is used for every handshake. Required; use its GetConfigForClient to
	// change anything later.
	Config *tls.Config
	// Timeout is asked for the time of each handshake. Nil means 10 seconds.
	Timeout func() time.Duration
	// Plain returns the whole answer, head included, for a client that speaks HTTP
	// without TLS. Nil closes the connection.
	Plain func() []byte
	// Failed is told of a handshake that failed. It may be nil.
	Failed func(remote net.Addr, err error)
}

// A Listener hands out connections whose handshake is done.
type Listener struct {
	net.Listener
	opts  Options
	ready chan net.Conn
	wg    sync.WaitGroup
	hands sync.WaitGroup // handshakes under way
	stop  context.CancelFunc
	ctx   context.Context
	err   error // why accepting ended; set before ready's owner is gone
	ended chan struct{}
}

// New starts accepting on inner. Close ends it and waits. An error of inner's Accept
// ends it too, and is what Accept then returns.
func New(inner net.Listener, o Options) *Listener {
	if o.Timeout == nil {
		o.Timeout = func() time.Duration { return 10 * time.Second }
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Listener{Listener: inner, opts: o, ready: make(chan net.Conn), ctx: ctx, stop: stop, ended: make(chan struct{})}
	l.wg.Add(1)
	go l.accept()
	return l
}

// Accept returns the next connection, always a *tls.Conn.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.ended:
		return nil, l.err
	}
}

// Close stops accepting, drops the handshakes under way, and waits for both.
func (l *Listener) Close() error {
	l.stop()
	err := l.Listener.Close()
	l.wg.Wait()
	return err
}

// Finish stops accepting and lets the handshakes under way come to their end: Accept fails
// when the last of these connections was taken. It does not wait; Close still has to follow.
func (l *Listener) Finish() error { return l.Listener.Close() }

func (l *Listener) accept() {
	defer l.wg.Done()
	defer close(l.ended)
	defer l.hands.Wait()
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.err = err
			return
		}
		l.hands.Add(1)
		go l.handshake(conn)
	}
}

func (l *Listener) handshake(conn net.Conn) {
	defer l.hands.Done()
	ctx, cancel := context.WithTimeout(l.ctx, l.opts.Timeout())
	defer cancel()
	tc := tls.Server(conn, l.opts.Config)
	if err := tc.HandshakeContext(ctx); err != nil {
		l.failed(conn, err)
		return
	}
	select {
	case l.ready <- tc:
	case <-l.ctx.Done():
		_ = tc.Close()
	}
}

func (l *Listener) failed(conn net.Conn, err error) {
	defer conn.Close()
	if l.opts.Failed != nil {
		l.opts.Failed(conn.RemoteAddr(), err)
	}
	var record tls.RecordHeaderError
	if l.opts.Plain == nil || !errors.As(err, &record) || record.Conn == nil || !method(record.RecordHeader) {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(lingerTime))
	if _, err := conn.Write(l.opts.Plain()); err != nil {
		return
	}
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, conn, lingerBytes)
}

// method tells whether a record that is not TLS begins like an HTTP request line.
func method(head [5]byte) bool {
	for i, c := range head {
		if i > 0 && c == ' ' {
			return true
		}
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
