package h1

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// reqContext is a request's context. It costs nothing until somebody asks for Done: then
// it makes a cancellable context of package context, so that derived ones find it, and
// soon begins to look whether the client is still there.
type reqContext struct {
	base context.Context
	c    *conn

	made  atomic.Pointer[cancellable]
	mu    sync.Mutex
	timer *time.Timer
	due   bool // it has struck: whether the client is there is to be looked at
	whole bool // the body was read to its end: the connection is free to be watched
	ended bool // the handler has returned
	taken bool // the connection is somebody else's
}

type cancellable struct {
	context.Context
	cancel context.CancelFunc
}

// Deadline implements context.Context.
func (x *reqContext) Deadline() (time.Time, bool) { return x.base.Deadline() }

// Value implements context.Context.
func (x *reqContext) Value(key any) any {
	if m := x.made.Load(); m != nil {
		return m.Value(key) // package context looks for its own this way
	}
	return x.base.Value(key)
}

// Err implements context.Context. It does not look for the client.
func (x *reqContext) Err() error {
	if m := x.made.Load(); m != nil {
		return m.Err()
	}
	return x.base.Err()
}

// Done implements context.Context.
func (x *reqContext) Done() <-chan struct{} {
	if m := x.made.Load(); m != nil {
		return m.Done()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if m := x.made.Load(); m != nil {
		return m.Done()
	}
	ctx, cancel := context.WithCancel(x.base)
	m := &cancellable{ctx, cancel}
	x.made.Store(m)
	if x.ended {
		cancel()
	} else if !x.taken {
		x.timer = time.AfterFunc(patience, x.look)
	}
	return m.Done()
}

// patience is how long a request that asks runs before its client is looked for. Most are
// answered by then, and cost no goroutine.
const patience = 100 * time.Millisecond

func (x *reqContext) look() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.due = true
	x.watch()
}

// watch begins to watch when it is time and the connection is free. It is called with mu
// held.
func (x *reqContext) watch() {
	if x.due && x.whole && !x.ended && !x.taken {
		x.c.watch.start(x.c, x.made.Load().cancel)
	}
}

// bodyEnded is called when the connection will not be read for this request any more.
func (x *reqContext) bodyEnded() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.whole = true
	x.watch()
}

// end is called when the handler has returned. It tells whether the context was asked
// for Done, and so may still be held.
func (x *reqContext) end() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = true
	m := x.made.Load()
	if m == nil {
		return false
	}
	if x.timer != nil {
		x.timer.Stop()
	}
	m.cancel()
	return true
}

// unwatched ends watching for good, because the connection is taken over.
func (x *reqContext) unwatched() {
	x.mu.Lock()
	x.taken = true
	x.mu.Unlock()
	x.c.watch.stop(x.c)
}

// reuse makes the context of the next request, when nobody asked this one for Done.
func (x *reqContext) reuse() {
	x.mu.Lock()
	x.ended, x.whole = false, false
	x.mu.Unlock()
}

// watcher reads ahead while a handler runs that wants to know whether the client is
// gone. What arrives is the next request; it stays in the connection's buffer.
type watcher struct {
	stopping atomic.Bool
	done     chan struct{} // nil: not running; written by start, which the context's lock holds
}

// start begins to watch c, whose buffer nobody else uses until stop.
func (v *watcher) start(c *conn, gone context.CancelFunc) {
	if v.done != nil {
		return
	}
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.buf) {
		return // the client sends ahead of us: it is there
	}
	v.stopping.Store(false)
	done := make(chan struct{})
	v.done = done
	c.unarm()
	go func() {
		defer close(done)
		for c.w < len(c.buf) && !v.stopping.Load() {
			n, err := c.rwc.Read(c.buf[c.w:])
			c.w += n
			if err != nil {
				if !timeout(err) {
					gone()
				}
				return
			}
		}
	}()
}

// stop ends watching and waits for the reader, so that the buffer is the caller's.
func (v *watcher) stop(c *conn) {
	if v.done == nil {
		return
	}
	v.stopping.Store(true)
	_ = c.rwc.SetReadDeadline(past)
	c.readDirty.Store(true)
	<-v.done
	v.done = nil
}
