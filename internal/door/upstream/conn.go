package upstream

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// readSize is the buffer that a connection keeps while it is idle. A usual answer's
	// head, and often the answer, fits.
	readSize = 4 << 10
	// bufferSize is that of the buffers lent for long bodies.
	bufferSize = 32 << 10
)

var bufferPool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A conn is one connection to the application. It belongs to one request at a time, or
// to the pool.
type conn struct {
	net   net.Conn
	raw   syscall.RawConn // nil where there is none
	look  func(fd uintptr)
	ready bool // look's answer: something to read, or the end

	buf   []byte // small, or big, or grown for a large head
	r, w  int    // buf[r:w] has been read and not used
	full  bool   // the last read left no room: there may be more
	big   *[bufferSize]byte
	small [readSize]byte

	waits  waiter    // nil: reads just block
	since  time.Time // in the pool
	until  time.Time // it may be used again
	reused bool      // has been in the pool
}

// A waiter is told of the reads that may block.
type waiter interface {
	// before is called before each read.
	before()
	// late is called when a read's deadline has passed. It says whether to read on.
	late() bool
}

func newConn(c net.Conn) *conn {
	own := &conn{net: c}
	own.buf = own.small[:]
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			own.raw = raw
		}
	}
	return own
}

// unread returns what has been read and not used.
func (c *conn) unread() []byte { return c.buf[c.r:c.w] }

// fill reads more. It makes room by moving what is unread to the front, and grows a
// buffer that is full of it; who calls it bounds that.
func (c *conn) fill() error {
	switch {
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w < len(c.buf):
	case c.r > 0:
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	default:
		grown := make([]byte, 2*len(c.buf))
		copy(grown, c.buf)
		c.lend(grown, nil)
	}
	for range 100 {
		if c.waits != nil {
			c.waits.before()
		}
		n, err := c.net.Read(c.buf[c.w:])
		c.w += n
		c.full = c.w == len(c.buf)
		switch {
		case n > 0:
			return nil
		case err == nil:
		case c.waits != nil && timedOut(err) && c.waits.late():
		default:
			return err
		}
	}
	return io.ErrNoProgress
}

// widen borrows a large buffer for a body that does not fit the small one.
func (c *conn) widen() {
	if len(c.buf) >= bufferSize {
		return
	}
	big := bufferPool.Get().(*[bufferSize]byte)
	c.w = copy(big[:], c.unread())
	c.r = 0
	c.lend(big[:], big)
}

// narrow goes back to the small buffer; nothing may be unread.
func (c *conn) narrow() {
	c.r, c.w, c.full = 0, 0, false
	c.lend(c.small[:], nil)
}

func (c *conn) lend(buf []byte, big *[bufferSize]byte) {
	if c.big != nil {
		bufferPool.Put(c.big)
	}
	c.buf, c.big = buf, big
}

// close gives up the connection.
func (c *conn) close() {
	_ = c.net.Close()
	c.narrow()
}

func timedOut(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
