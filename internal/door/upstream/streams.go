package upstream

import (
	"context"
	"sync"
	"time"
)

// Streams knows the WebSockets and event streams that are open. They would hold a stop
// for its whole drain time, and their clients know how to come back, so they are ended
// first. It belongs to the door, not to one Proxy: streams outlive a reload.
type Streams struct {
	mu       sync.Mutex
	open     map[ender]struct{}
	draining bool
	empty    chan struct{} // closed when draining and open is empty
}

type ender interface{ end() }

// NewStreams returns an empty set.
func NewStreams() *Streams {
	return &Streams{open: map[ender]struct{}{}, empty: make(chan struct{})}
}

func (s *Streams) add(e ender) {
	s.mu.Lock()
	draining := s.draining
	s.open[e] = struct{}{}
	s.mu.Unlock()
	if draining {
		e.end()
	}
}

func (s *Streams) remove(e ender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.open[e]; !ok {
		return
	}
	delete(s.open, e)
	if s.draining && len(s.open) == 0 {
		close(s.empty)
	}
}

// Open returns how many streams are open.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Drain ends all streams: an event stream at once, a WebSocket with a Close frame 1001
// (going away) and closeWait for its answer. It returns when all have ended or ctx is
// done. A stream that begins later is ended at once. It is called at most once.
func (s *Streams) Drain(ctx context.Context) {
	s.mu.Lock()
	s.draining = true
	all := make([]ender, 0, len(s.open))
	for e := range s.open {
		all = append(all, e)
	}
	none := len(all) == 0
	s.mu.Unlock()
	if none {
		return
	}
	for _, e := range all {
		e.end()
	}
	select {
	case <-s.empty:
	case <-ctx.Done():
	}
}

// closeWait is how long a WebSocket client may take to answer a Close frame.
const closeWait = 2 * time.Second
