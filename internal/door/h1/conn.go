package h1

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// readSize is the buffer that a connection reads into; a longer head gets a larger
	// one for its time.
	readSize = 4 << 10
	// warm is how long a connection between two requests keeps its buffers and what it
	// reuses. An idle one is a goroutine and its TLS state.
	warm = 2 * time.Second
)

// past wakes whoever waits for the connection.
var past = time.Unix(1, 0)

// A connection's state.
const (
	idle   int32 = iota // between requests: may be dismissed
	active              // has a request
	over                // dismissed, or taken over
)

// conn is one connection. One goroutine serves it; a body may be read on another, and
// the watcher reads while neither does.
type conn struct {
	s      *Server
	rwc    net.Conn
	tcp    *net.TCPConn // rwc without TLS, for sendfile
	tls    *tls.ConnectionState
	remote string
	began  time.Time
	base   context.Context // of the requests' contexts
	state  atomic.Int32

	// What was read and not used is buf[r:w].
	buf  []byte
	lent *[readSize]byte // buf, when it is from the pool
	r, w int
	scan scanner
	post bool // the last request was a POST, after which old clients send a CRLF too many

	armed       time.Time   // the read deadline that we set; zero for none
	readDirty   atomic.Bool // a handler has set another
	writeStale  bool        // an earlier handler's write deadline may stand
	writeDirty  atomic.Bool // this request's handler has set one
	x           *exchange   // kept for the next request
	watch       watcher
	taken, seen bool // hijacked; a first request came
	parked      bool // a goroutine of its own waits for the next request
}

var readPool = sync.Pool{New: func() any { return new([readSize]byte) }}

func (c *conn) serve() {
	c.remote = c.rwc.RemoteAddr().String()
	c.base = &connContext{c.s.Base, c.rwc.LocalAddr()}
	c.arm(c.began.Add(c.s.HeadTimeout))
	for c.request() {
	}
}

// request serves one request and tells whether another may follow.
func (c *conn) request() bool {
	n, bad := c.await()
	if n == 0 && bad == nil {
		return false
	}
	x := c.exchange()
	var fr framing
	if bad == nil {
		fr, bad = x.begin(n)
	}
	if bad != nil {
		x.refuse(bad)
		c.linger()
		return false
	}
	c.seen = true
	c.post = x.req.Method == http.MethodPost
	return x.run(fr)
}

// await returns the length of the next head, which is then in buf, or what is wrong with
// it, or neither when there will be none.
func (c *conn) await() (int, *fault) {
	c.scan = scanner{}
	var deadline time.Time
	for {
		c.skipCRLF()
		if c.r == c.w {
			if !c.first() {
				return 0, nil
			}
			deadline = time.Time{}
			continue // it may be the empty line, after which the connection is idle as before
		}
		n, bad := c.scan.end(c.buf[c.r:c.w])
		if n > c.s.HeadBytes || n == 0 && bad == nil && c.w-c.r >= c.s.HeadBytes {
			return 0, errLarge
		}
		if n > 0 || bad != nil {
			return n, bad
		}
		if deadline.IsZero() {
			deadline = c.began.Add(c.s.HeadTimeout)
			if c.seen {
				deadline = time.Now().Add(c.s.HeadTimeout)
			}
			c.arm(deadline)
		}
		c.room()
		m, err := c.rwc.Read(c.buf[c.w:])
		c.w += m
		if m == 0 && err != nil {
			if timeout(err) && c.w > c.r {
				return 0, errSlow
			}
			return 0, nil
		}
	}
}

// skipCRLF forgives one empty line after a POST (RFC 9112 section 2.2).
func (c *conn) skipCRLF() {
	if c.post && c.w-c.r >= 2 {
		if c.buf[c.r] == '\r' && c.buf[c.r+1] == '\n' {
			c.r += 2
			c.scan = scanner{}
		}
		c.post = false
	}
}

// first waits for the first bytes of a request: for a while in a read, and then, when
// what is not needed was given back, for the socket to become readable.
func (c *conn) first() bool {
	c.r, c.w = 0, 0
	if len(c.buf) > readSize {
		c.buf = nil
	}
	c.lend()
	last := c.began.Add(c.s.HeadTimeout)
	if c.seen {
		since := time.Now()
		if c.x != nil {
			since = c.x.w.now
		}
		c.warmUntil(since.Add(min(warm, c.s.IdleTimeout)))
	} else {
		c.arm(earlier(last, c.began.Add(warm)))
	}
	if n, err := c.begin(); n > 0 || !timeout(err) {
		return n > 0
	}
	if c.seen {
		last = time.Now().Add(c.s.IdleTimeout - warm)
	}
	if time.Until(last) <= 0 {
		return false
	}
	c.arm(last)
	c.release()
	if c.rest() {
		return false
	}
	if c.parked = c.socket() != nil; c.parked {
		return false // end goes on with wake
	}
	return c.resume()
}

// wake waits for the next request of a connection that rests, and serves on. It runs on a
// goroutine of its own, whose stack is as small as they begin: the one that has served had
// grown by a handshake and by handlers, and a collection would halve it only now and then.
func (c *conn) wake() {
	defer c.end()
	c.parked = false
	// A read has timed out before, so TLS holds nothing back.
	if c.socket().Read(ready) != nil || !c.resume() {
		return // idle for too long, gone, or dismissed
	}
	for c.request() {
	}
}

func (c *conn) resume() bool {
	c.lend()
	n, _ := c.begin()
	return n > 0
}

// begin reads the first bytes, with which the connection becomes active.
func (c *conn) begin() (int, error) {
	if c.rest() {
		return 0, nil
	}
	n, err := c.rwc.Read(c.buf)
	c.w = n
	if n > 0 && !c.state.CompareAndSwap(idle, active) {
		return 0, nil
	}
	return n, err
}

// socket returns what is below TLS, nil when that is no socket.
func (c *conn) socket() syscall.RawConn {
	inner := c.rwc
	if tc, ok := inner.(*tls.Conn); ok {
		inner = tc.NetConn()
	}
	sc, ok := inner.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return rc
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// rest marks the connection as one that may be dismissed, and tells whether it must go.
// The read deadline is set before: dismiss sets one that wins.
func (c *conn) rest() bool {
	c.state.CompareAndSwap(active, idle)
	return c.s.closing.Load() || c.state.Load() == over
}

// dismiss ends the connection if it carries no request.
func (c *conn) dismiss() {
	if c.state.CompareAndSwap(idle, over) {
		_ = c.rwc.SetReadDeadline(past)
	}
}

// lend gets a buffer; release gives back what an idle connection can do without.
func (c *conn) lend() {
	if c.buf == nil {
		c.lent = readPool.Get().(*[readSize]byte)
		c.buf = c.lent[:]
	}
}

func (c *conn) release() {
	if c.lent != nil {
		readPool.Put(c.lent)
	}
	c.buf, c.lent = nil, nil
	if c.x != nil {
		c.x.w.release()
		c.x = nil
	}
}

// room makes space after w, of one head's size at most.
func (c *conn) room() {
	c.lend()
	if c.w < len(c.buf) {
		return
	}
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
		return
	}
	more := make([]byte, min(4*len(c.buf), c.s.HeadBytes+readSize))
	copy(more, c.buf[:c.w])
	if c.lent != nil {
		readPool.Put(c.lent)
		c.lent = nil
	}
	c.buf = more
}

// fill reads more into the buffer, for a body.
func (c *conn) fill() (int, error) {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	c.room()
	n, err := c.rwc.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		err = nil
	}
	return n, err
}

// arm sets the read deadline; zero removes it.
func (c *conn) arm(t time.Time) {
	c.readDirty.Store(false)
	c.armed = t
	_ = c.rwc.SetReadDeadline(t)
}

// warmUntil is arm, unless a deadline stands that is nearly as good.
func (c *conn) warmUntil(t time.Time) {
	if !c.readDirty.Load() && !c.armed.IsZero() {
		if early := t.Sub(c.armed); early >= 0 && early < warm/2 {
			return
		}
	}
	c.arm(t)
}

// unarm lets reads wait as long as the handler wants.
func (c *conn) unarm() {
	if !c.armed.IsZero() || c.readDirty.Load() {
		c.arm(time.Time{})
	}
}

func timeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// connContext holds what is the same for all requests of a connection.
type connContext struct {
	context.Context
	local net.Addr
}

func (c *connContext) Value(key any) any {
	if key == http.LocalAddrContextKey {
		return c.local
	}
	return c.Context.Value(key)
}
