package h1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// Hijack implements http.Hijacker. What was read ahead is in the reader's buffer; the
// connection has no deadlines, and the server knows it no more.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c := w.c
	if c.taken {
		return nil, nil, http.ErrHijacked
	}
	if w.done {
		return nil, nil, errDone
	}
	if w.wrote {
		if err := w.FlushError(); err != nil {
			return nil, nil, err
		}
	}
	if b := w.x.body; b != nil {
		b.closed.Store(true)
	}
	w.x.ctx.unwatched()
	c.leave()
	_ = c.rwc.SetDeadline(time.Time{})
	early := append([]byte(nil), c.buf[c.r:c.w]...)
	in := bufio.NewReaderSize(&ahead{early, c.rwc}, max(readSize, len(early)))
	if len(early) > 0 {
		_, _ = in.Peek(len(early)) // into its buffer, where takers look for it
	}
	return c.rwc, bufio.NewReadWriter(in, bufio.NewWriterSize(c.rwc, readSize)), nil
}

// ahead yields what was read ahead, then the connection.
type ahead struct {
	early []byte
	conn  net.Conn
}

func (a *ahead) Read(p []byte) (int, error) {
	if len(a.early) > 0 {
		n := copy(p, a.early)
		a.early = a.early[n:]
		return n, nil
	}
	return a.conn.Read(p)
}

// SetReadDeadline is for http.ResponseController, and like SetWriteDeadline may be called
// by another goroutine while the handler runs.
func (w *response) SetReadDeadline(t time.Time) error {
	w.c.readDirty.Store(true)
	return w.c.rwc.SetReadDeadline(t)
}

// SetWriteDeadline is for http.ResponseController. It holds for this answer.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.c.writeDirty.Store(true)
	return w.c.rwc.SetWriteDeadline(t)
}

// EnableFullDuplex is for http.ResponseController: a handler may always answer before it
// has read.
func (w *response) EnableFullDuplex() error { return nil }

// ReadFrom copies src, through sendfile or splice where the connection is plain and the
// length is declared.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.c.tcp != nil && w.length >= 0 && w.typed && !w.head && bodyAllowed(w.status) && !w.c.taken && !w.done {
		left := w.length - w.written
		if limited, ok := src.(*io.LimitedReader); !ok || limited.N > left {
			src = &io.LimitedReader{R: src, N: left}
		}
		if err := w.FlushError(); err != nil {
			return 0, err
		}
		w.c.freshWrites()
		n, err := w.c.tcp.ReadFrom(src)
		w.written += n
		if err != nil {
			w.closing = true
		}
		return n, err
	}
	buf := largePool.Get().(*[largeSize]byte)
	defer largePool.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{src}, buf[:32<<10])
}
