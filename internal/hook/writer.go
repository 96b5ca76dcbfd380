package hook

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
)

// state is how far an answer has come.
type state uint8

const (
	open     state = iota // nothing decided
	held                  // phases wait for the body that Peek asked for
	resumed               // the peeked body was judged; the rest of the phases run
	sent                  // header out, body passes through
	replaced              // header and replacement out, body is swallowed
	hijacked
)

// Writer is the wrapped ResponseWriter of an Exchange. Like every ResponseWriter it
// belongs to one goroutine at a time.
type Writer struct {
	x       *Exchange
	inner   http.ResponseWriter
	state   state
	next    Phase
	buf     []byte
	written int64
	err     error
}

// Header returns the inner writer's header.
func (w *Writer) Header() http.Header { return w.inner.Header() }

// Unwrap lets http.ResponseController reach deadlines and full duplex.
func (w *Writer) Unwrap() http.ResponseWriter { return w.inner }

// WriteHeader runs the phases and sends the header, or holds it for Peek.
func (w *Writer) WriteHeader(status int) {
	if w.state != open {
		return // superfluous, or the late header of an answer that was replaced
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		// On the transport's goroutine: nothing of the exchange is written to.
		a := Answer{Kind: Informational, Status: status, Header: w.inner.Header(), Request: w.x.r}
		w.x.run(Judge, &a)
		w.inner.WriteHeader(status)
		return
	}
	w.x.last = Answer{Kind: Final, Status: status, Header: w.inner.Header(), Request: w.x.r, x: w.x}
	w.next = w.x.run(Judge, &w.x.last)
	if w.next == phases {
		w.send()
		return
	}
	w.state = held
}

// resume judges the held body and goes on with the phases, as far as one asks to Peek at
// more of it.
func (w *Writer) resume(whole bool) {
	a := &w.x.last
	for a.peek != nil {
		n := min(len(w.buf), int(a.peekMax))
		if !whole && n < int(a.peekMax) {
			w.state = held
			return
		}
		f := a.peek
		a.peek, w.state = nil, resumed
		f(a, w.buf[:n:n], whole && n == len(w.buf))
		w.next = w.x.run(w.next, a)
	}
	buf := w.buf
	w.buf = nil
	w.send()
	if w.state == sent && len(buf) > 0 {
		w.pass(buf)
	}
}

// send commits the header, and the body when a phase has replaced it.
func (w *Writer) send() {
	a := &w.x.last
	w.inner.WriteHeader(a.Status)
	if !a.replaced {
		w.state = sent
		return
	}
	w.state = replaced
	if len(a.body) > 0 && bodyAllowed(a.Status) && w.x.r.Method != http.MethodHead {
		w.pass(a.body)
	}
}

func (w *Writer) pass(p []byte) (int, error) {
	n, err := w.inner.Write(p)
	w.note(int64(n), err)
	return n, err
}

func (w *Writer) note(n int64, err error) {
	w.written += n
	if err != nil && w.err == nil {
		w.err = err
	}
}

// Write sends the header first when it has not left.
func (w *Writer) Write(p []byte) (int, error) {
	if w.state == open {
		w.WriteHeader(http.StatusOK)
	}
	switch w.state {
	case sent:
		return w.pass(p)
	case held:
		a := &w.x.last
		if room := int(a.peekMax) - len(w.buf); len(p) <= room {
			w.buf = append(w.buf, p...)
			return len(p), nil
		} else if room > 0 {
			w.buf = append(w.buf, p[:room]...)
			w.resume(false)
			n, err := w.Write(p[room:])
			return room + n, err
		}
		w.resume(false)
		return w.Write(p)
	case hijacked:
		return 0, http.ErrHijacked
	}
	return len(p), nil
}

// WriteString is Write without a copy where the inner writer has it.
func (w *Writer) WriteString(s string) (int, error) {
	if w.state == sent {
		n, err := io.WriteString(w.inner, s)
		w.note(int64(n), err)
		return n, err
	}
	return w.Write([]byte(s))
}

// ReadFrom keeps the server's sendfile path open.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	if w.state == open {
		w.WriteHeader(http.StatusOK)
	}
	if w.state == sent {
		if rf, ok := w.inner.(io.ReaderFrom); ok {
			n, err := rf.ReadFrom(r)
			w.note(n, err)
			return n, err
		}
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// Flush implements http.Flusher.
func (w *Writer) Flush() { _ = w.FlushError() }

// FlushError sends the header and what is buffered below. It waits while Peek holds
// the answer.
func (w *Writer) FlushError() error {
	if w.state == open {
		w.WriteHeader(http.StatusOK)
	}
	if w.state == held {
		return nil
	}
	err := http.NewResponseController(w.inner).Flush()
	w.note(0, err)
	return err
}

// Hijack implements http.Hijacker. No phase runs for what is written then; who has
// registered with OnHijack may refuse.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.x.onHijack != nil && w.state == open {
		if err := w.x.onHijack(w.x); err != nil {
			return nil, nil, err
		}
	}
	conn, rw, err := http.NewResponseController(w.inner).Hijack()
	if err == nil {
		w.state = hijacked
	}
	return conn, rw, err
}

// Push implements http.Pusher where the server has it.
func (w *Writer) Push(target string, opts *http.PushOptions) error {
	if p, ok := w.inner.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}

// finish sends what the handler left unsent and treats the trailers.
func (w *Writer) finish() {
	switch w.state {
	case open:
		w.WriteHeader(http.StatusOK)
		if w.state == held {
			w.resume(true)
		}
	case held:
		w.resume(true)
	}
	if w.state == sent {
		w.trailers()
	}
}

// reset forgets an answer that was begun and not sent, header included: after a panic
// nothing of it is worth sending.
func (w *Writer) reset() {
	clear(w.inner.Header())
	w.state, w.buf, w.x.last = open, nil, Answer{}
}

// trailers lets the phases see the fields that follow the body: those announced in
// Trailer and those marked with http.TrailerPrefix.
func (w *Writer) trailers() {
	h := w.inner.Header()
	var fields http.Header
	add := func(name, key string) {
		if v, ok := h[key]; ok {
			if fields == nil {
				fields = http.Header{}
			}
			fields[name] = v
		}
	}
	var prefixed bool
	for key := range h {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			prefixed = true
			add(http.CanonicalHeaderKey(key[len(http.TrailerPrefix):]), key)
		}
	}
	for _, line := range h["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			add(name, name)
		}
	}
	if fields == nil {
		return
	}
	before := make([]string, 0, len(fields))
	for name := range fields {
		before = append(before, name)
	}
	a := Answer{Kind: Trailer, Status: w.x.last.Status, Header: fields, Request: w.x.r}
	w.x.run(Judge, &a)
	for _, name := range before {
		v, kept := fields[name]
		if _, announced := h[name]; announced {
			if kept {
				h[name] = v
			} else {
				delete(h, name)
			}
		}
		if !prefixed {
			continue
		}
		for key := range h {
			if strings.HasPrefix(key, http.TrailerPrefix) && http.CanonicalHeaderKey(key[len(http.TrailerPrefix):]) == name {
				if kept {
					h[key] = v
				} else {
					delete(h, key)
				}
			}
		}
	}
}
