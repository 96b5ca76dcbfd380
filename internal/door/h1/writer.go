package h1

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// mode is how the end of an answer's body is told.
type mode uint8

const (
	none    mode = iota // there is no body
	length              // Content-Length
	chunked             // Transfer-Encoding
	toClose             // by closing, for HTTP/1.0
)

// response is the ResponseWriter of a request. It collects: an answer that fits its
// buffers leaves in one write, with its length.
type response struct {
	x       *exchange
	c       *conn
	header  http.Header
	framing framing // of the request
	head    bool    // the request is a HEAD
	now     time.Time

	status    int
	wrote     bool // the header is serialised
	committed bool // so is the framing; body bytes follow
	mode      mode
	closing   bool // the connection ends with this answer
	done      bool
	length    int64 // declared, or -1
	written   int64 // by the handler
	err       error // of the connection

	typed, encoded bool     // the handler has set Content-Type, Content-Encoding
	trailers       bool     // fields follow the body
	declared       []string // their names
	order          []string // of the header's keys, kept for the next answer

	pending     []byte // body that is not framed yet
	out         []byte // what leaves next
	lentPending *[pendingSize]byte
	lentOut     *[outSize]byte
	large       *[largeSize]byte

	cont sync.Mutex // 1xx and the final header, where the client waits for 100
	said bool       // no 100 is to be sent any more
	sent bool       // 100 was sent
}

const (
	pendingSize = 4 << 10
	outSize     = 8 << 10
	largeSize   = 40 << 10 // holds a proxy's copy buffer and a head
)

var (
	pendingPool = sync.Pool{New: func() any { return new([pendingSize]byte) }}
	outPool     = sync.Pool{New: func() any { return new([outSize]byte) }}
	largePool   = sync.Pool{New: func() any { return new([largeSize]byte) }}
)

// begin readies w for the answer to x.
func (w *response) begin(x *exchange) {
	w.x, w.c = x, x.c
	if w.lentOut == nil {
		w.lentOut, w.lentPending = outPool.Get().(*[outSize]byte), pendingPool.Get().(*[pendingSize]byte)
	}
	w.framing, w.head = framing{close: true}, false
	w.reset()
	w.done, w.err = false, nil
	w.said, w.sent = false, false
}

// frame tells what the request's head decides about the answer.
func (w *response) frame(fr framing) {
	w.framing, w.head = fr, w.x.req.Method == http.MethodHead
}

// reset forgets an answer of which nothing has left.
func (w *response) reset() {
	clear(w.header)
	w.status, w.wrote, w.committed, w.mode, w.closing = 0, false, false, none, false
	w.length, w.written = -1, 0
	w.typed, w.encoded, w.trailers, w.declared = false, false, false, nil
	w.pending, w.out = w.lentPending[:0], w.lentOut[:0]
}

// release gives the buffers back.
func (w *response) release() {
	if w.lentOut != nil {
		outPool.Put(w.lentOut)
		pendingPool.Put(w.lentPending)
		w.lentOut, w.lentPending = nil, nil
	}
	w.shrink()
	w.out, w.pending = nil, nil
}

func (w *response) shrink() {
	if w.large != nil {
		w.out = nil
		if w.lentOut != nil {
			w.out = w.lentOut[:0]
		}
		largePool.Put(w.large)
		w.large = nil
	}
}

// Header returns the header that the next WriteHeader sends, and the trailers after it.
func (w *response) Header() http.Header { return w.header }

// WriteHeader serialises the header; later changes do nothing, trailers apart. A 1xx
// leaves at once, and to HTTP/1.1 only. It panics for a status that has not three digits,
// as net/http does.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("h1: invalid WriteHeader code %d", status))
	}
	if w.wrote || w.done || w.c.taken {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.inform(status)
		return
	}
	if w.framing.expect {
		w.cont.Lock()
		w.said = true
		w.cont.Unlock()
	}
	w.status, w.wrote = status, true
	w.now = time.Now()
	w.out = w.statusLine(w.out[:0], status)
	w.out = w.fields(w.out)
}

// inform sends a 1xx. It may run on another goroutine than the handler's, which then
// waits for it (a proxy's transport).
func (w *response) inform(status int) {
	if w.x.req.ProtoMinor == 0 {
		return
	}
	w.cont.Lock()
	defer w.cont.Unlock()
	if status == http.StatusContinue {
		if w.said {
			return
		}
		w.said, w.sent = true, true
	}
	b := w.statusLine(make([]byte, 0, 512), status)
	for name, values := range w.header {
		if name != "Content-Length" && name != "Transfer-Encoding" && name != "Connection" {
			b = appendField(b, name, values)
		}
	}
	w.send(append(b, "\r\n"...))
}

// sendContinue is called when the body is first read.
func (w *response) sendContinue() {
	w.cont.Lock()
	defer w.cont.Unlock()
	if !w.said {
		w.said, w.sent = true, true
		w.send([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
}

// Write writes the body, of what length the header says.
func (w *response) Write(p []byte) (int, error) {
	if w.c.taken {
		return 0, http.ErrHijacked
	}
	if w.done {
		return 0, errDone
	}
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !bodyAllowed(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if w.length >= 0 && w.written+int64(len(p)) > w.length {
		return 0, http.ErrContentLength
	}
	if w.err != nil {
		return 0, w.err
	}
	w.written += int64(len(p))
	if !w.committed {
		if (w.length < 0 || w.head) && len(w.pending)+len(p) <= cap(w.pending) {
			w.pending = append(w.pending, p...)
			return len(p), nil
		}
		w.commit(p, false)
	}
	if w.mode != none {
		w.frameBody(p)
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// WriteString is Write.
func (w *response) WriteString(s string) (int, error) {
	if w.wrote && !w.committed && !w.done && !w.c.taken && w.err == nil && w.length < 0 && len(s) > 0 && bodyAllowed(w.status) && len(w.pending)+len(s) <= cap(w.pending) {
		w.pending = append(w.pending, s...)
		w.written += int64(len(s))
		return len(s), nil
	}
	return w.Write([]byte(s))
}

// frameBody puts p into out, in chunks where the answer is chunked.
func (w *response) frameBody(p []byte) {
	if w.mode != chunked {
		w.emit(p)
		return
	}
	if len(w.pending)+len(p) <= cap(w.pending) {
		w.pending = append(w.pending, p...)
		return
	}
	w.chunk(p)
}

// emit sends p, through the buffer when it is small or something waits there.
func (w *response) emit(p []byte) {
	if len(w.out)+len(p) > cap(w.out) && len(w.out) > 0 && w.large == nil && len(w.out)+len(p) <= largeSize {
		w.large = largePool.Get().(*[largeSize]byte)
		w.out = append(w.large[:0], w.out...)
	}
	if len(w.out)+len(p) > cap(w.out) {
		w.flushOut()
	}
	if len(w.out) == 0 && len(p) >= outSize {
		w.send(p)
		return
	}
	w.out = append(w.out, p...)
}

func (w *response) flushOut() {
	if len(w.out) > 0 {
		w.send(w.out)
		w.out = w.out[:0]
	}
}

// send writes to the connection and remembers its first error.
func (w *response) send(b []byte) {
	if w.err != nil {
		return
	}
	w.c.freshWrites()
	if _, err := w.c.rwc.Write(b); err != nil {
		w.err = err
		w.closing = true
	}
}

// freshWrites removes the write deadline that an earlier request's handler has left.
func (c *conn) freshWrites() {
	if c.writeStale && !c.writeDirty.Load() {
		_ = c.rwc.SetWriteDeadline(time.Time{})
	}
	c.writeStale = false
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what is buffered, and the header first.
func (w *response) FlushError() error {
	if w.c.taken {
		return http.ErrHijacked
	}
	if w.done {
		return errDone
	}
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if !w.committed {
		w.commit(nil, false)
	}
	if w.mode == chunked && len(w.pending) > 0 {
		w.chunk(nil)
	}
	w.flushOut()
	return w.err
}

// finish completes the answer when the handler has returned. The error is of the
// connection, or says that the body was shorter than its length.
func (w *response) finish() error {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if !w.committed {
		w.commit(nil, true)
	}
	if w.mode == chunked {
		if len(w.pending) > 0 {
			w.chunk(nil)
		}
		w.lastChunk()
	}
	w.flushOut()
	w.shrink()
	if w.err == nil && w.mode == length && w.written != w.length {
		return http.ErrContentLength // too little; the client finds out by the close
	}
	return w.err
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
