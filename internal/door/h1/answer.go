package h1

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// statusLine appends the status line and, on a final answer, the Date.
func (w *response) statusLine(b []byte, status int) []byte {
	if w.x.req.ProtoMinor == 0 {
		b = append(b, "HTTP/1.0 "...)
	} else {
		b = append(b, "HTTP/1.1 "...)
	}
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\n"...)
	if status >= 200 {
		if _, own := w.header["Date"]; !own {
			b = append(b, "Date: "...)
			b = append(b, date(w.now)...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// stamp is a second and its text.
type stamp struct {
	second int64
	text   string
}

var lastStamp atomic.Pointer[stamp]

func date(now time.Time) string {
	second := now.Unix()
	s := lastStamp.Load()
	if s == nil || s.second != second {
		s = &stamp{second, now.UTC().Format(http.TimeFormat)}
		lastStamp.Store(s)
	}
	return s.text
}

// fields appends the header in the order of its names and notes what decides about the
// framing, which is ours: commit writes it.
func (w *response) fields(b []byte) []byte {
	start, closing := len(b), w.closing
	if len(w.order) == len(w.header) {
		whole := true
		for _, name := range w.order {
			values, ok := w.header[name]
			if !ok {
				whole = false
				break
			}
			b = w.field(b, name, values)
		}
		if whole {
			return b
		}
		b = b[:start]
		w.length, w.closing, w.typed, w.encoded, w.trailers, w.declared = -1, closing, false, false, false, nil
	}
	w.order = w.order[:0]
	for name := range w.header {
		w.order = append(w.order, name)
	}
	slices.Sort(w.order)
	for _, name := range w.order {
		b = w.field(b, name, w.header[name])
	}
	if len(w.order) > fieldsKept {
		w.order = nil
	}
	return b
}

func (w *response) field(b []byte, name string, values []string) []byte {
	switch name {
	case "Content-Length":
		if len(values) > 0 {
			w.length = lengthOf(values[0])
		}
		return b
	case "Transfer-Encoding":
		return b
	case "Connection":
		return w.connection(b, values)
	case "Content-Type":
		w.typed = true
		if w.status == http.StatusNotModified {
			return b
		}
	case "Content-Encoding":
		w.encoded = len(values) > 0 && values[0] != ""
	case "Trailer":
		w.declare(values)
	default:
		if strings.HasPrefix(name, http.TrailerPrefix) {
			w.trailers = true
			return b
		}
	}
	return appendField(b, name, values)
}

// connection passes on what is neither close nor keep-alive.
func (w *response) connection(b []byte, values []string) []byte {
	if wire.HasToken(values, "close") {
		w.closing = true
		return b
	}
	if wire.HasToken(values, "keep-alive") {
		return b
	}
	return appendField(b, "Connection", values)
}

func (w *response) declare(lines []string) {
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			if name != "" && !forbiddenTrailer(name) {
				w.declared = append(w.declared, name)
				w.trailers = true
			}
		}
	}
}

// appendField appends one line a value. A name that is no token is left out, a line end
// within a value becomes a blank: neither may begin another line.
func appendField(b []byte, name string, values []string) []byte {
	for _, v := range values {
		start := len(b)
		b = append(b, name...)
		for _, c := range b[start:] {
			if !wire.Token[c] {
				return b[:start]
			}
		}
		if name == "" {
			return b
		}
		b = append(b, ": "...)
		at := len(b)
		b = append(b, strings.Trim(v, " \t\r\n")...)
		for i := at; i < len(b); i++ {
			if b[i] == '\r' || b[i] == '\n' || b[i] == 0 {
				b[i] = ' '
			}
		}
		b = append(b, "\r\n"...)
	}
	return b
}

// lengthOf returns -1 for what is no length.
func lengthOf(s string) int64 {
	if n, ok := wire.Length(s); ok {
		return n
	}
	return -1
}

// commit decides how the body is framed and ends the head. Next is what will be written
// after pending; last says that there will be no more.
func (w *response) commit(next []byte, last bool) {
	w.committed = true
	body := w.pending
	sniff := body
	if len(sniff) == 0 {
		sniff = next
	}
	allowed := bodyAllowed(w.status)
	if allowed && !w.typed && !w.encoded && len(sniff) > 0 {
		w.out = append(w.out, "Content-Type: "...)
		w.out = append(w.out, http.DetectContentType(sniff)...)
		w.out = append(w.out, "\r\n"...)
	}
	w.closing = w.closing || w.framing.close || w.c.s.closing.Load() || w.unread(last)
	switch {
	case !allowed:
		w.mode = none
	case w.head:
		w.mode = none
		if w.length < 0 && last && !w.trailers && w.written > 0 {
			w.length = w.written
		}
		w.contentLength()
	case w.length >= 0:
		w.mode = length
		w.contentLength()
	case last && !w.trailers:
		w.mode, w.length = length, w.written
		w.contentLength()
	case w.x.req.ProtoMinor > 0:
		w.mode = chunked
		w.out = append(w.out, "Transfer-Encoding: chunked\r\n"...)
	default:
		w.mode, w.closing = toClose, true
	}
	if w.closing {
		if w.x.req.ProtoMinor > 0 { // in HTTP/1.0 silence says it
			w.out = append(w.out, "Connection: close\r\n"...)
		}
	} else if w.framing.keep10 {
		w.out = append(w.out, "Connection: keep-alive\r\n"...)
	}
	w.out = append(w.out, "\r\n"...)
	if w.mode == none {
		w.pending = w.pending[:0]
	} else if w.mode != chunked && len(body) > 0 {
		w.emit(body)
		w.pending = w.pending[:0]
	}
}

func (w *response) contentLength() {
	if w.length >= 0 {
		w.out = append(w.out, "Content-Length: "...)
		w.out = strconv.AppendInt(w.out, w.length, 10)
		w.out = append(w.out, "\r\n"...)
	}
}

// unread tells whether the request's body makes this the connection's last answer: it
// broke, the client was never told to send it, or too much of it is left.
func (w *response) unread(last bool) bool {
	b := w.x.body
	if b == nil || b.ended.Load() {
		return false
	}
	if b.failed.Load() || w.framing.expect && !w.sent {
		return true
	}
	if !last || !b.mu.TryLock() {
		return last
	}
	defer b.mu.Unlock()
	return !b.ended.Load() && (b.chunked || b.left > drainBytes)
}

// chunk writes pending and p as one chunk.
func (w *response) chunk(p []byte) {
	var line [20]byte
	size := strconv.AppendInt(line[:0], int64(len(w.pending)+len(p)), 16)
	w.emit(append(size, "\r\n"...))
	if len(w.pending) > 0 {
		w.emit(w.pending)
		w.pending = w.pending[:0]
	}
	if len(p) > 0 {
		w.emit(p)
	}
	w.emit([]byte("\r\n"))
}

// lastChunk ends a chunked body, with the trailers.
func (w *response) lastChunk() {
	w.out = append(w.out, "0\r\n"...)
	if w.trailers {
		for _, name := range w.declared {
			w.out = appendField(w.out, name, w.header[name])
		}
	}
	for name, values := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			name = http.CanonicalHeaderKey(name[len(http.TrailerPrefix):])
			if !forbiddenTrailer(name) {
				w.out = appendField(w.out, name, values)
			}
		}
	}
	w.out = append(w.out, "\r\n"...)
}
