package accesslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// defaultLimit is how much waits to be written.
	defaultLimit = 1 << 20
	// every is how long a line waits for others at most, when some were written just now.
	every = 100 * time.Millisecond
	// soonAt is how much is written without waiting.
	soonAt = 32 << 10
	// failedEvery is the pause after a write that failed.
	failedEvery = time.Second
	// atATime is how much goes into one write where two doors may write at once and a file's
	// appending does not keep them apart: what a pipe takes whole (PIPE_BUF).
	atATime = 4 << 10
	// calm is how long nothing was lost when a loss is over.
	calm = time.Second
)

// Sink says where lines go.
type Sink struct {
	// Path is a file that lines are appended to, made with mode 0640 when it is not there.
	// Empty means Out. Only regular files and devices are taken: to open a pipe waits for
	// its reader.
	Path string
	// Out takes the lines without a Path. It is not closed.
	Out io.Writer
	// Limit is how many bytes may wait for a writer that is slow; zero means 1 MiB. As
	// many again may be on their way.
	Limit int
	// Tell is told when lines begin to be lost, with the reason where one is known, and
	// how many were once lines are written again. It may be nil. It is called on a
	// goroutine of its own and may block.
	Tell func(Loss)
}

// A Loss is an episode in which lines were lost or could not be written.
type Loss struct {
	// Lines is how many were lost; 0 when the episode begins.
	Lines uint64
	// Err is why writing fails; nil when it only takes too long.
	Err error
	// Over says that lines are written again.
	Over bool
}

// A Writer takes lines and writes them from a goroutine of its own, so that a full disk or
// a pipe that nobody reads never makes a request wait: what finds no room is dropped and
// counted. A line that comes after a pause is written at once; under load several leave
// together, within 100 ms or by 32 KiB, whichever is first. So a kill -9 loses what came
// within the last 100 ms.
//
// After an error the same bytes are tried again each second: a line is never half there,
// but where the file was changed in between. A Writer is safe for concurrent use.
type Writer struct {
	tell  func(Loss)
	limit int
	wake  chan struct{} // something is there
	soon  chan struct{} // much is there
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	path    string
	buf     []byte
	next    *output // takes over at the next write
	dropped uint64  // in this episode
	losing  bool
	closed  bool

	total atomic.Uint64
	fault atomic.Pointer[error]

	std *output // Sink.Out

	// The goroutine's own.
	now     *output
	seen    uint64    // of dropped, at the last look
	lost    time.Time // when that had grown
	out     []byte    // on its way
	written int       // of out
}

// output is where lines go. To close what is not ours does nothing.
type output struct {
	io.Writer
	close func() error
	whole bool // a write of any size stays in one piece
}

// piece is what of b goes into one write: whole lines, but for one that is longer.
func (o *output) piece(b []byte) []byte {
	if o.whole || len(b) <= atATime {
		return b
	}
	if i := bytes.LastIndexByte(b[:atATime], '\n'); i >= 0 {
		return b[:i+1]
	}
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

// Open returns a Writer, which Close ends.
func Open(s Sink) (*Writer, error) {
	std := &output{Writer: s.Out, close: func() error { return nil }}
	w := &Writer{
		tell: s.Tell, limit: s.Limit, path: s.Path, std: std, now: std,
		wake: make(chan struct{}, 1), soon: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if w.limit <= 0 {
		w.limit = defaultLimit
	}
	if w.tell == nil {
		w.tell = func(Loss) {}
	}
	if s.Path != "" {
		t, err := openOutput(s.Path)
		if err != nil {
			return nil, err
		}
		w.now = t
	}
	go w.run()
	return w, nil
}

func openOutput(path string) (*output, error) {
	if info, err := os.Stat(path); err == nil && !fit(info) {
		return nil, unfit(path)
	}
	// Should it be a pipe by now after all, this does not wait for a reader.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	info, err := f.Stat()
	if err != nil || !fit(info) {
		_ = f.Close()
		return nil, unfit(path)
	}
	return &output{Writer: f, close: f.Close, whole: info.Mode().IsRegular()}, nil
}

func fit(info os.FileInfo) bool { return info.Mode().IsRegular() || info.Mode()&os.ModeDevice != 0 }

func unfit(path string) error {
	return fmt.Errorf("access log: %s is neither a file nor a device; leave log.file empty for stdout", path)
}

// Write takes one line. It never blocks and has no error: a line without room is dropped.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.buf)+len(line) > w.limit {
		w.drop(1)
		return len(line), nil
	}
	before := len(w.buf)
	w.buf = append(w.buf, line...)
	switch {
	case before == 0:
		signal(w.wake)
	case before < soonAt && len(w.buf) >= soonAt:
		signal(w.soon)
	}
	return len(line), nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// drop counts lost lines, and tells of the first. It is called with mu held.
func (w *Writer) drop(n uint64) {
	w.total.Add(n)
	w.dropped += n
	if !w.losing && !w.closed {
		w.losing = true
		go w.tell(Loss{Err: w.Err()}) // whoever is told may block as well
	}
}

// Dropped is how many lines were lost.
func (w *Writer) Dropped() uint64 { return w.total.Load() }

// Err is why lines cannot be written at the moment; nil when they can.
func (w *Writer) Err() error {
	if err := w.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// Reopen opens the file of the same name anew, after whatever rotates logs has renamed the
// old one. No line that comes after it goes to the old. On an error the old one stays. It
// does nothing without a path.
func (w *Writer) Reopen() error {
	w.mu.Lock()
	path := w.path
	w.mu.Unlock()
	if path == "" {
		return nil
	}
	p, err := w.Prepare(path)
	if err == nil {
		p.Use()
	}
	return err
}

// A Pending is a file that lines may go to. One of its methods is called, once.
type Pending struct {
	w    *Writer
	path string
	to   *output
}

// Prepare opens path, or takes Sink.Out again where it is empty. Nothing changes before Use.
func (w *Writer) Prepare(path string) (*Pending, error) {
	if path == "" {
		return &Pending{w, path, w.std}, nil
	}
	to, err := openOutput(path)
	if err != nil {
		return nil, err
	}
	return &Pending{w, path, to}, nil
}

// Use makes lines go there.
func (p *Pending) Use() {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next != nil {
		_ = w.next.close() // nothing was written to it
	}
	w.path, w.next = p.path, p.to
	signal(w.wake)
}

// Drop leaves all as it is.
func (p *Pending) Drop() { _ = p.to.close() }

// Close writes what is there and ends the Writer. When ctx is done first, which it is for
// a pipe that nobody reads, the rest is lost, and the error says so.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.stop)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		return fmt.Errorf("access log: the last lines could not be written: %w", context.Cause(ctx))
	}
	if n := lines(w.out[w.written:]) + lines(w.buf); n > 0 {
		return fmt.Errorf("access log: the last %d lines could not be written: %w", n, w.Err())
	}
	return nil
}

func lines(b []byte) int { return bytes.Count(b, []byte{'\n'}) }

func (w *Writer) run() {
	defer close(w.done)
	timer := time.NewTimer(time.Hour)
	for ended := false; !ended; {
		select {
		case <-w.wake:
		case <-w.stop:
			ended = true
		}
		err := w.flush()
		if ended && err == nil {
			err = w.flush() // what came meanwhile
		}
		pause, soon := every, w.soon
		if err != nil {
			pause, soon = failedEvery, nil
			signal(w.wake)
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-soon:
		case <-w.stop:
		}
	}
	_ = w.now.close() // every write was looked at
}

// flush writes what is there, if anything, to where it should go now.
func (w *Writer) flush() error {
	w.mu.Lock()
	next := w.next
	w.next = nil
	if w.written == len(w.out) {
		w.out, w.buf, w.written = w.buf, w.out[:0], 0
	}
	w.mu.Unlock()
	if next != nil {
		w.change(next)
	}
	for w.written < len(w.out) {
		piece := w.now.piece(w.out[w.written:])
		n, err := w.now.Write(piece)
		w.written += max(n, 0)
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			w.failed(err)
			return err
		}
	}
	w.recovered()
	return nil
}

// change lets another file take over. What is left of a line whose beginning went to the
// old one is of no use there.
func (w *Writer) change(next *output) {
	if w.written > 0 && w.written < len(w.out) && w.out[w.written-1] != '\n' {
		w.written += bytes.IndexByte(w.out[w.written:], '\n') + 1
		w.mu.Lock()
		w.drop(1)
		w.mu.Unlock()
	}
	_ = w.now.close()
	w.now = next
}

func (w *Writer) failed(err error) {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = fmt.Errorf("%s: %w", path.Path, path.Err)
	}
	first := w.fault.Swap(&err) == nil
	w.mu.Lock()
	defer w.mu.Unlock()
	if first && !w.losing && !w.closed {
		w.losing = true
		go w.tell(Loss{Err: err})
	}
}

// recovered tells what was lost once lines are written again, and for a second none was
// lost: who is slow for long is told of once.
func (w *Writer) recovered() {
	w.fault.Store(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf) > 0 {
		signal(w.wake) // what woke us may have been about this as well
	}
	if !w.losing || w.closed {
		return
	}
	if now := time.Now(); w.dropped != w.seen {
		w.seen, w.lost = w.dropped, now
		signal(w.wake)
		return
	} else if now.Sub(w.lost) < calm {
		signal(w.wake)
		return
	}
	go w.tell(Loss{Lines: w.dropped, Over: true})
	w.losing, w.dropped, w.seen = false, 0, 0
}
