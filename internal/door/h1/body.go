package h1

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// body is a request's body. It is made for each request and never reused: what reads it
// after the handler has returned gets an error. One goroutine reads at a time; Close may
// be called by another.
type body struct {
	c       *conn
	x       *exchange
	chunked bool
	expect  bool // the client waits for 100 before it sends
	trailer http.Header
	closed  atomic.Bool
	ended   atomic.Bool // read to its end
	failed  atomic.Bool // broken, or cut off

	mu   sync.Mutex // reading
	left int64      // of the body, or of the chunk
	step step
	over int // bytes of framing beyond what is usual
	err  error
}

// Read reads from the client. It returns io.ErrUnexpectedEOF when the client has left,
// and http.ErrBodyReadAfterClose after Close and after the handler has returned.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.expect {
		b.expect = false
		b.x.w.sendContinue()
	}
	return b.read(p)
}

// Close ends reading; what was not read is drained, within bounds, after the answer.
func (b *body) Close() error {
	b.closed.Store(true)
	return nil
}

func (b *body) read(p []byte) (n int, err error) {
	if b.chunked {
		n, err = b.readChunked(p)
	} else {
		n, err = b.readLength(p)
	}
	if err == nil {
		return n, nil
	}
	if err == io.EOF {
		b.ended.Store(true)
		if !b.closed.Load() {
			b.x.ctx.bodyEnded()
		}
	} else {
		b.failed.Store(true)
	}
	b.err = err
	return n, err
}

func (b *body) readLength(p []byte) (int, error) {
	n, err := b.data(p)
	if err != nil {
		return n, err
	}
	if b.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

// direct is the size from which a read goes past the buffer.
const direct = 2 << 10

// data reads up to left bytes that are content.
func (b *body) data(p []byte) (int, error) {
	c := b.c
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.r == c.w {
		if len(p) >= direct {
			n, err := c.rwc.Read(p)
			b.left -= int64(n)
			if n > 0 {
				return n, nil
			}
			return 0, cutOff(err)
		}
		if _, err := c.fill(); err != nil {
			return 0, cutOff(err)
		}
	}
	n := copy(p, c.buf[c.r:c.w])
	c.r += n
	b.left -= int64(n)
	return n, nil
}

// cutOff is what a body's end in the wrong place is called.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// drain reads to the end within bounds and tells whether it got there.
func (b *body) drain() bool {
	if b.expect || !b.chunked && b.left > drainBytes {
		return false
	}
	var buf [direct]byte
	for n := 0; n < drainBytes; {
		m, err := b.read(buf[:])
		n += m
		if err != nil {
			return err == io.EOF
		}
	}
	return false
}
