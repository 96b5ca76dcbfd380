// Package body is one bounded, replayable look at a request's body. The login
// shield, the input filter and the token check of csrf each want to see the same
// bytes before the app does: [Look] reads them once, puts a body back that replays
// them followed by the rest, and every later Look finds what is there.
//
//	b, err := body.Look(r, 64<<10)
//	if err != nil {
//		return err // the client went away, or a limit further out was reached
//	}
//	values, err := b.Form()
//
// Reading a body has a price besides time: a client that sent "Expect: 100-continue"
// is told to go on with the first byte read. A guard that can refuse by the header
// alone does so before it looks.
//
// The memory held for a request is the limit and no more, grown as bytes arrive and
// never by what Content-Length promises. What lies behind the limit is neither read
// nor judged; [Body.Whole] says so, and a guard decides what that means for it. A
// compressed body is replayed, never decoded: see [ErrEncoded].
//
// Sources: RFC 9110 section 10.1.1 (Expect), URL Standard section 5.1
// (application/x-www-form-urlencoded), RFC 7578 (multipart/form-data), RFC 8259.
package body

import (
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"sync/atomic"
)

// Errors of the accessors, for [errors.Is].
var (
	// ErrEncoded: Content-Encoding names a coding other than identity. Decoding it
	// here would let a small request become a large one in memory.
	ErrEncoded = errors.New("body: encoded with a content coding; it is not decoded here")
	// ErrPartial: the body goes on behind the limit of the look, or its reading
	// failed. What was seen is returned with it.
	ErrPartial = errors.New("body: not seen whole; look with a larger limit")
	// ErrType: the body's Content-Type is not one the accessor reads.
	ErrType = errors.New("body: content type is not read by this accessor")
	// ErrSyntax: the body is not what its Content-Type says.
	ErrSyntax = errors.New("body: malformed for its content type")
	// ErrTooMany: more than MaxFields fields or parts. The first MaxFields are
	// returned with it.
	ErrTooMany = errors.New("body: too many fields")
)

// MaxFields is how many fields or parts an accessor reads. Express's body parsers
// stop at the same count.
const MaxFields = 1000

// A Body is what Look saw of one request's body. Like the request's own body it
// belongs to one goroutine at a time; only Close may come from another.
type Body struct {
	// Bytes are the bytes seen, at most the largest limit of any Look. They are
	// shared with the replay: read them, never change them.
	Bytes []byte
	// Whole says that Bytes are the whole body.
	Whole bool

	header  http.Header
	rest    io.ReadCloser
	pending []byte // bytes read from rest, Bytes first; one more than the limit at most
	off     int    // bytes replayed so far
	err     error  // what rest said last, io.EOF included; nil when it has more
	direct  bool   // the replay has gone over to rest
	closed  atomic.Bool

	form   parsed[url.Values]
	fields parsed[map[string]string]
}

type parsed[T any] struct {
	done  bool
	value T
	err   error
}

// Look returns up to limit bytes of the body of r and leaves r.Body replaying them,
// followed by the rest. It waits until so many have come or the body has ended; one
// byte more is read where only that tells whether it has.
//
// A second Look of the same request returns the same Body without reading, and so
// may show more than its own limit; one with a larger limit reads on, unless the app
// has read past what was held. A limit of zero or less reads nothing.
//
// The error is that of reading, such as [http.MaxBytesError] or a client that went
// away. The Body beside it holds what came before; the replay ends in the same
// error, and so does every later Look.
func Look(r *http.Request, limit int64) (*Body, error) {
	if b, ok := r.Body.(*Body); ok {
		b.read(limit, r.ContentLength)
		return b, b.failure()
	}
	b := &Body{header: r.Header, rest: r.Body}
	if r.Body == nil || r.Body == http.NoBody {
		// Left in place: an http.Transport knows an empty body by these two.
		b.rest, b.err, b.Whole = http.NoBody, io.EOF, true
		return b, nil
	}
	r.Body = b
	b.read(limit, r.ContentLength)
	return b, b.failure()
}

const (
	firstRead     = 4 << 10 // the most that is set aside before a byte has come
	maxEmptyReads = 100     // as bufio counts them
)

// read makes Bytes hold limit bytes where the body has so many.
func (b *Body) read(limit, length int64) {
	if int64(len(b.Bytes)) >= limit || b.Whole || b.direct || b.closed.Load() {
		return
	}
	limit = min(limit, math.MaxInt64-1)
	want := limit + 1 // the byte that tells whether limit was all
	if length >= 0 {
		want = min(limit, length)
	}
	for empty := 0; b.err == nil && int64(len(b.pending)) < want; {
		b.grow(want)
		n, err := b.rest.Read(b.pending[len(b.pending):min(int64(cap(b.pending)), want)])
		b.pending, b.err = b.pending[:len(b.pending)+n], err
		if n > 0 {
			empty = 0
		} else if empty++; empty == maxEmptyReads && err == nil {
			b.err = io.ErrNoProgress
		}
	}
	n := min(int64(len(b.pending)), limit)
	b.Bytes = b.pending[:n:n]
	b.Whole = n == int64(len(b.pending)) && (b.err == io.EOF || b.err == nil && n == length)
	b.form, b.fields = parsed[url.Values]{}, parsed[map[string]string]{}
}

// grow makes room for at least one byte, doubling up to want.
func (b *Body) grow(want int64) {
	if len(b.pending) < cap(b.pending) {
		return
	}
	size := min(want, int64(max(firstRead, 2*cap(b.pending))))
	larger := make([]byte, len(b.pending), size)
	copy(larger, b.pending)
	b.pending = larger
}

func (b *Body) failure() error {
	if b.err == io.EOF {
		return nil
	}
	return b.err
}

// Read replays what was seen and goes on with the rest.
func (b *Body) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.off < len(b.pending) {
		n := copy(p, b.pending[b.off:])
		b.off += n
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	b.direct = true
	n, err := b.rest.Read(p)
	b.err = err
	return n, err
}

// Close closes the request's own body. What Look saw stays readable through Bytes
// and the accessors.
func (b *Body) Close() error {
	b.closed.Store(true)
	return b.rest.Close()
}
