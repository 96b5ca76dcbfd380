package tlsscan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// errBudget ends a scan that would ask more of a server than was allowed.
var errBudget = errors.New("the limit of connections is reached")

// errGone ends a scan whose server went away.
var errGone = errors.New("the server takes no connections any more")

// A budget bounds what one scan asks of a server and takes from it: connections, bytes,
// how many at once, and how fast after the server was seen to shed load.
type budget struct {
	addr    string
	most    int
	timeout time.Duration // of one connection, all of it
	slots   chan struct{}

	mu    sync.Mutex
	made  int
	bytes int64
	pace  time.Duration // between two connections; zero is as fast as answers come
	next  time.Time
	lost  int // connections in a row that could not be made
}

// maxLost is after how many of them the server is asked no more.
const maxLost = 8

// maxBytes of one connection, and of all of a scan.
const (
	maxConnBytes = 1 << 20
	maxScanBytes = 32 << 20
)

// dial makes a connection that ends with its deadline.
func (b *budget) dial(ctx context.Context) (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release := func() { <-b.slots }
	if err := b.admit(ctx); err != nil {
		release()
		return nil, err
	}
	d := net.Dialer{Timeout: b.timeout}
	c, err := d.DialContext(ctx, "tcp", b.addr)
	b.reached(err == nil)
	if err != nil {
		release()
		return nil, err
	}
	deadline := time.Now().Add(b.timeout)
	if t, ok := ctx.Deadline(); ok && t.Before(deadline) {
		deadline = t
	}
	c.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	return &conn{Conn: c, budget: b, release: func() { stop(); release() }}, nil
}

// reached counts connections that could not be made, in a row.
func (b *budget) reached(ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost++; ok {
		b.lost = 0
	}
}

// gone says that the server takes no connections any more.
func (b *budget) gone() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost >= maxLost
}

// admit counts a connection and waits for its turn.
func (b *budget) admit(ctx context.Context) error {
	b.mu.Lock()
	if b.lost >= maxLost {
		b.mu.Unlock()
		return errGone
	}
	if b.made >= b.most || b.bytes > maxScanBytes {
		b.mu.Unlock()
		return errBudget
	}
	b.made++
	now := time.Now()
	at := b.next
	if at.Before(now) {
		at = now
	}
	b.next = at.Add(b.pace)
	b.mu.Unlock()
	return sleep(ctx, at.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slow halves the speed, down to about one connection a second.
func (b *budget) slow() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pace = min(max(2*b.pace, 60*time.Millisecond), time.Second)
	b.next = time.Now().Add(max(b.pace, 250*time.Millisecond))
}

func (b *budget) used() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.made
}

// conn counts what comes.
type conn struct {
	net.Conn
	budget  *budget
	release func()
	once    sync.Once
	got     int
}

func (c *conn) Read(p []byte) (int, error) {
	if c.got >= maxConnBytes {
		return 0, fmt.Errorf("%d bytes on one connection are enough", maxConnBytes)
	}
	n, err := c.Conn.Read(p[:min(len(p), maxConnBytes-c.got)])
	c.got += n
	c.budget.mu.Lock()
	c.budget.bytes += int64(n)
	c.budget.mu.Unlock()
	return n, err
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}

// hungUp says that the server ended the connection without a word.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// silent says that the time ran out.
func silent(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}
