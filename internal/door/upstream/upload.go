package upstream

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/bounds"
	"github.com/panoplysec/panoply/internal/door/wire"
)

const (
	// early is how long the rest of a request's body may take when its answer is over.
	early = 50 * time.Millisecond
	// linger is how long the server may look for the rest of a body that nobody wanted.
	linger = 2 * time.Second
)

// An upload sends a request's body on a goroutine of its own: the application may answer
// before it has all, and a stream may go both ways.
type upload struct {
	begun   bool          // the goroutine runs, or has run
	running bool          // and was not waited for
	done    chan struct{} // it has ended

	ending      atomic.Bool // the last piece is on its way
	interrupted atomic.Bool // by us: its errors are ours

	// Read when the goroutine has ended.
	err    error // of reading from the client
	stuck  bool  // the application reads no more
	failed bool  // not all was sent
}

var errTooLong = errors.New("upstream: a body longer than its Content-Length")

// send begins the upload.
func (x *exchange) send() {
	x.up.begun, x.up.running = true, true
	_ = x.c.net.SetDeadline(time.Time{}) // the time for the answer begins with the request's end
	go x.upload(x.c)
}

func (x *exchange) upload(c *conn) {
	lent := bufferPool.Get().(*[bufferSize]byte)
	x.copyUp(c, lent[:])
	bufferPool.Put(lent)
	x.mu.Lock()
	if x.stage == forHead {
		_ = c.net.SetReadDeadline(time.Now().Add(x.p.opts.Response))
	}
	x.mu.Unlock()
	x.up.done <- struct{}{}
}

// copyUp copies the body, in chunks where its length is not known.
func (x *exchange) copyUp(c *conn, buf []byte) {
	const front, back = 10, 2 // room for a chunk's size and its end
	chunked := x.length < 0
	left := x.length
	var armed time.Time
	for {
		room := buf[front : len(buf)-back]
		n, err := x.in.Body.Read(room)
		if !chunked {
			if left -= int64(n); left < 0 {
				n, err = 0, errTooLong
			} else if left == 0 {
				err = io.EOF
			} else if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
		}
		if err != nil && err != io.EOF {
			x.up.failed = true
			if !x.up.interrupted.Load() || errors.Is(err, bounds.ErrSlow) || errors.Is(err, bounds.ErrTooLarge) {
				x.up.err = err
			}
			_ = c.net.Close() // the application must not take it for whole
			return
		}
		piece := room[:n]
		if chunked && n > 0 {
			piece = frameChunk(buf, front, n)
		}
		if err == io.EOF {
			x.up.ending.Store(true)
			if chunked {
				piece = x.appendEnd(piece)
			}
		}
		if len(piece) > 0 {
			if now := time.Now(); now.Sub(armed) > x.slack() {
				_ = c.net.SetWriteDeadline(now.Add(x.p.opts.Idle + x.slack()))
				armed = now
			}
			if _, werr := c.net.Write(piece); werr != nil {
				// There may be an answer all the same: it is read on.
				x.up.failed = true
				if timedOut(werr) {
					x.up.stuck = true
					_ = c.net.Close()
				}
				return
			}
		}
		if err == io.EOF {
			return
		}
	}
}

// frameChunk puts the size before and the end after the n bytes at front in buf.
func frameChunk(buf []byte, front, n int) []byte {
	var digits [8]byte
	size := strconv.AppendInt(digits[:0], int64(n), 16)
	begin := front - len(size) - 2
	copy(buf[begin:], size)
	copy(buf[front-2:], "\r\n")
	copy(buf[front+n:], "\r\n")
	return buf[begin : front+n+2]
}

// appendEnd appends the last chunk and the trailers that were announced and kept: a
// sender may append others.
func (x *exchange) appendEnd(b []byte) []byte {
	b = append(b, "0\r\n"...)
	for _, name := range x.trailer {
		for _, value := range x.in.Trailer[name] {
			if !wire.IsValue(value) {
				continue
			}
			b = append(append(b, name...), ": "...)
			b = append(append(b, value...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// cut tells that the answer comes before the request has been read. Nobody can say how much
// of it is still to come, so the client's connection ends with the answer.
func (x *exchange) cut() bool { return x.streams && !x.up.ending.Load() }

// join waits for the upload to end, and ends it when the answer has come first: the
// body is the server's again when the handler returns.
func (x *exchange) join() {
	if !x.up.running {
		return
	}
	x.up.running = false
	if x.c != nil { // the connection is well, and may be used again
		select {
		case <-x.up.done:
			return
		default:
		}
		wait := time.NewTimer(early)
		defer wait.Stop()
		select {
		case <-x.up.done:
			return
		case <-wait.C:
		}
		x.release(false)
	}
	select {
	case <-x.up.done:
		return
	default:
	}
	x.up.interrupted.Store(true)
	rc := http.NewResponseController(x.w)
	if rc.SetReadDeadline(time.Unix(1, 0)) != nil {
		_ = x.in.Body.Close()
		<-x.up.done
		return
	}
	<-x.up.done
	_ = rc.SetReadDeadline(time.Now().Add(linger))
}
