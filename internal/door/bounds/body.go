package bounds

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long the server may look for the rest of a body that nobody wanted,
// after the answer has left.
const linger = 2 * time.Second

var (
	// ErrSlow is what reading returns when the client sent below the minimum rate. The
	// answer to it is 408.
	ErrSlow = errors.New("bounds: request body arrives too slowly")
	// ErrTooLarge is what reading returns past the maximum. The answer to it is 413.
	ErrTooLarge = errors.New("bounds: request body is too large")
)

// Body says how much a request body may be, and how slow.
type Body struct {
	// Grace is how long the client may take for a piece of Grace × MinRate bytes. Zero
	// or negative sets no pace.
	Grace time.Duration
	// MinRate is in bytes a second. Zero or negative sets no pace.
	MinRate int64
	// Max is in bytes. Zero or negative sets no limit.
	Max int64
	// Stream lets the body be a conversation: any byte within Grace is enough.
	Stream bool
}

// A Reader is a request body under watch. Like every request body it is read by one
// goroutine at a time; Err may be called by another.
type Reader struct {
	inner io.ReadCloser
	w     http.ResponseWriter
	piece int64         // bytes that must come within grace; 0 for no pace
	grace time.Duration // for each piece
	left  time.Duration // of the current piece
	got   int64         // of the current piece
	room  int64         // bytes until the maximum; -1 for none
	err   atomic.Pointer[error]
	total atomic.Int64 // bytes read

	mu    sync.Mutex // timer, slow, ended, done: a read may outlive the handler
	timer *time.Timer
	slow  bool
	ended bool
	done  bool
}

// Watch returns body under limits. The response writer is asked, through
// [http.ResponseController], to cut a read short; one that cannot (a recorder) leaves
// the pace unenforced.
func Watch(w http.ResponseWriter, body io.ReadCloser, limits Body) *Reader {
	b := &Reader{inner: body, w: w, room: -1}
	if limits.Grace > 0 && limits.MinRate > 0 {
		b.grace, b.left = limits.Grace, limits.Grace
		b.piece = max(1, int64(limits.Grace.Seconds()*float64(limits.MinRate)))
		if limits.Stream {
			b.piece = 1
		}
	}
	if limits.Max > 0 {
		b.room = limits.Max
	}
	return b
}

// Err returns the first failure of reading that was not the end of the body: ErrSlow,
// ErrTooLarge, or what the server found wrong in the framing.
func (b *Reader) Err() error {
	if err := b.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Total is how many bytes were read.
func (b *Reader) Total() int64 { return b.total.Load() }

// Read reads from the client, within the limits.
func (b *Reader) Read(p []byte) (int, error) {
	if err := b.Err(); err != nil {
		return 0, err
	}
	if b.room == 0 && len(p) > 0 {
		return b.past()
	}
	if b.room > 0 && int64(len(p)) > b.room {
		p = p[:b.room]
	}
	n, err := b.paced(p)
	b.total.Add(int64(n))
	if b.room > 0 {
		b.room -= int64(n)
	}
	if err != nil && err != io.EOF {
		err = b.fail(err)
	}
	return n, err
}

// past finds out whether a body that has reached its maximum also ends there.
func (b *Reader) past() (int, error) {
	var one [1]byte
	n, err := b.paced(one[:])
	switch {
	case n > 0:
		return 0, b.fail(ErrTooLarge)
	case err != nil && err != io.EOF:
		return 0, b.fail(err)
	}
	return 0, err
}

// paced reads under the clock. Only the time within the read counts.
func (b *Reader) paced(p []byte) (int, error) {
	if b.piece == 0 {
		n, err := b.inner.Read(p)
		b.after(err)
		return n, err
	}
	b.mu.Lock()
	if b.done {
		b.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	if b.timer == nil {
		b.timer = time.AfterFunc(b.left, b.cut)
	} else {
		b.timer.Reset(b.left)
	}
	b.mu.Unlock()
	start := time.Now()
	n, err := b.inner.Read(p)
	if b.after(err) && err != nil && err != io.EOF {
		err = ErrSlow
	}
	b.left -= time.Since(start)
	if b.got += int64(n); b.got >= b.piece {
		b.got, b.left = 0, b.grace
	}
	return n, err
}

// after stops the clock and tells whether it has struck.
func (b *Reader) after(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.ended = b.ended || err != nil
	return b.slow
}

// cut ends a read that took too long: a deadline in the past wakes it, on HTTP/1.1 and
// HTTP/2 alike. A deadline set before each read would stay behind it, and on HTTP/2
// break a body nobody waits for.
func (b *Reader) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return // the connection may carry the next request
	}
	b.slow = true
	_ = http.NewResponseController(b.w).SetReadDeadline(time.Unix(1, 0))
}

func (b *Reader) fail(err error) error {
	b.err.CompareAndSwap(nil, &err)
	return err
}

// Done is called when the handler has returned. When the body was not read to its end,
// the server has two seconds to find it before it closes the connection.
func (b *Reader) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = true
	if b.timer != nil {
		b.timer.Stop()
	}
	if !b.ended {
		_ = http.NewResponseController(b.w).SetReadDeadline(time.Now().Add(linger))
	}
}

// Close closes the body.
func (b *Reader) Close() error { return b.inner.Close() }
