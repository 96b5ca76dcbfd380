package limit

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
)

var (
	// ErrQueueFull is returned when as many as may wait are waiting.
	ErrQueueFull = errors.New("limit: the queue is full")
	// ErrTooMany is returned for more points than there will ever be at once.
	ErrTooMany = errors.New("limit: more points than the policy ever allows at once")
)

const (
	// DefaultMaxWaiting is how many may wait for a Queue.
	DefaultMaxWaiting = 1024

	// recheck is how often a waiter looks again: points may be given back before their time.
	recheck = time.Minute
)

// A Queue lets callers wait for their points, in the order in which they came. The order
// holds within this process; the points may be shared by many. Callers that hold no place
// in it any more leave nothing behind.
type Queue struct {
	limiter *Limiter
	max     int

	mu      sync.Mutex
	waiting int
	lines   map[string]*line
}

// A line is the callers that wait for one key.
type line struct {
	turn chan struct{} // holds a token while nobody is at the front
	n    int           // callers, the one at the front included
}

// NewQueue makes a Queue in which at most maxWaiting callers wait, all keys together. Zero
// is DefaultMaxWaiting; a negative number is a *[guard.OptionError].
func NewQueue(l *Limiter, maxWaiting int) (*Queue, error) {
	if l == nil || maxWaiting < 0 {
		problems := guard.Problems{Package: "limit"}
		problems.Add("NewQueue", strconv.Itoa(maxWaiting), "a Limiter, and zero or more waiting", "")
		return nil, problems.Err()
	}
	if maxWaiting == 0 {
		maxWaiting = DefaultMaxWaiting
	}
	return &Queue{limiter: l, max: maxWaiting, lines: map[string]*line{}}, nil
}

// Wait takes n points of key as soon as they are there and those who came before have
// theirs. It returns ErrQueueFull or ErrTooMany at once, and ctx's error when that ends.
func (q *Queue) Wait(ctx context.Context, key string, n int64) (Decision, error) {
	for _, r := range q.limiter.rules {
		if float64(n) > r.Capacity {
			return Decision{}, ErrTooMany
		}
	}
	l, err := q.join(key)
	if err != nil {
		return Decision{}, err
	}
	defer q.leave(key, l)
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return Decision{}, ctx.Err()
	}
	defer func() { <-l.turn }()
	for {
		// What waits is not an attempt: only look, until the points are there.
		d, err := q.limiter.listed(ctx, key, Op{Verb: Peek, Points: n})
		if err == nil && d.Allowed {
			d, err = q.limiter.Consume(ctx, key, n)
		}
		if err != nil || d.Allowed {
			return d, err
		}
		if !pause(ctx, min(max(d.Wait, time.Millisecond), recheck)) {
			return Decision{}, ctx.Err()
		}
	}
}

// join takes a place at the end of a key's line.
func (q *Queue) join(key string) (*line, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[key]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
	}
	if q.waiting >= q.max {
		return nil, ErrQueueFull
	}
	q.waiting++
	l.n++
	q.lines[key] = l
	return l, nil
}

func (q *Queue) leave(key string, l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting--
	if l.n--; l.n == 0 {
		delete(q.lines, key)
	}
}
