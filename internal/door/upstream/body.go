package upstream

import (
	"bytes"
	"io"
	"net/http"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// A framing says where a body ends.
type framing uint8

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

const (
	// maxChunkLine bounds a chunk's size line, extensions included.
	maxChunkLine = 1 << 10
	// maxTrailers bounds the fields after a body, in bytes.
	maxTrailers = 64 << 10
)

// A body is an answer's body on its connection. It is read in place: what next returns
// lies in the connection's buffer.
type body struct {
	c        *conn
	framing  framing
	left     int64 // of the body, or of the chunk at hand
	inChunk  bool  // a chunk's CRLF is still to come
	ended    bool
	trailers []field
}

// begin sets the body that follows h as the answer to method.
//
// Source: RFC 9112 section 6.3.
func (b *body) begin(c *conn, method string, h *head) {
	b.c, b.left, b.inChunk, b.ended, b.trailers = c, 0, false, false, b.trailers[:0]
	switch {
	case method == http.MethodHead, h.status < 200, h.status == http.StatusNoContent, h.status == http.StatusNotModified:
		b.framing, b.ended = noBody, true
	case h.chunked:
		b.framing = byChunks
	case h.length >= 0:
		b.framing, b.left, b.ended = byLength, h.length, h.length == 0
	default:
		b.framing = byClose
	}
}

// next returns the next bytes, which are valid until the next call, or io.EOF at the
// body's end. Any other error is an answer that broke off.
func (b *body) next() ([]byte, error) {
	switch {
	case b.ended:
		return nil, io.EOF
	case b.framing == byLength:
		p, err := b.take()
		b.ended = b.left == 0
		return p, err
	case b.framing == byChunks:
		return b.chunk()
	}
	if len(b.c.unread()) == 0 {
		if err := b.fill(); err != nil {
			b.ended = err == io.EOF
			return nil, err
		}
	}
	p := b.c.unread()
	b.c.r = b.c.w
	return p, nil
}

// take returns some of what is left.
func (b *body) take() ([]byte, error) {
	if len(b.c.unread()) == 0 {
		if err := b.fill(); err != nil {
			return nil, broken(err)
		}
	}
	p := b.c.unread()
	p = p[:min(int64(len(p)), b.left)]
	b.c.r += len(p)
	b.left -= int64(len(p))
	return p, nil
}

// fill reads more, into a large buffer where more is to be expected than fits the small:
// by the length, or because it was full. A quiet stream keeps the small one.
func (b *body) fill() error {
	if b.c.full || b.framing == byLength && b.left > readSize {
		b.c.widen()
	}
	return b.c.fill()
}

// chunk returns some of a chunk, reading what is between chunks.
//
// Source: RFC 9112 section 7.1.
func (b *body) chunk() ([]byte, error) {
	for b.left == 0 {
		if b.inChunk {
			if err := b.crlf(); err != nil {
				return nil, err
			}
			b.inChunk = false
		}
		line, err := b.line(maxChunkLine)
		if err != nil {
			return nil, err
		}
		size, ok := wire.ChunkSize(line)
		if !ok {
			return nil, answerError("a chunk's size is no number")
		}
		if size == 0 {
			if err := b.trailer(); err != nil {
				return nil, err
			}
			b.ended = true
			return nil, io.EOF
		}
		b.left, b.inChunk = size, true
	}
	return b.take()
}

// crlf reads the end of a chunk.
func (b *body) crlf() error {
	for len(b.c.unread()) < 2 {
		if err := b.fill(); err != nil {
			return broken(err)
		}
	}
	if p := b.c.unread(); p[0] != '\r' || p[1] != '\n' {
		return answerError("a chunk is longer than it says")
	}
	b.c.r += 2
	return nil
}

// line reads a line of at most limit bytes and returns it without its CRLF.
func (b *body) line(limit int) ([]byte, error) {
	for at := 0; ; {
		p := b.c.unread()
		if i := bytes.IndexByte(p[at:], '\n'); i >= 0 {
			end := at + i - 1
			if end < 0 || p[end] != '\r' {
				return nil, answerError("a line between chunks ends without CR")
			}
			b.c.r += end + 2
			return p[:end], nil
		}
		if at = len(p); at > limit {
			return nil, answerError("a line between chunks has no end")
		}
		if err := b.fill(); err != nil {
			return nil, broken(err)
		}
	}
}

// trailer reads the fields after the last chunk.
func (b *body) trailer() error {
	for read := 0; ; {
		line, err := b.line(maxTrailers)
		if err != nil || len(line) == 0 {
			return err
		}
		if read += len(line); read > maxTrailers {
			return answerError("trailers without end")
		}
		f, err := parseField(string(line))
		if err != nil {
			return err
		}
		if !mayTrail(f.name) {
			return answerError("a trailer that would frame or route")
		}
		b.trailers = append(b.trailers, f)
	}
}

// broken makes an end in the middle what it is.
func broken(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
