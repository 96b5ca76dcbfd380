package door

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/door/sessions"
)

const (
	// tellEvery is how often a door hears what others have ended.
	tellEvery = time.Second
	// maxUntold bounds what waits for a Redis that is away.
	maxUntold = 1 << 14
)

// A journal is what doors tell each other by: redisstore's.
type journal interface {
	Append(ctx context.Context, entry []byte) error
	After(ctx context.Context, id string, f func(entry []byte)) (last string, err error)
}

// doors tells the other doors of a site of logouts and logins, and hears theirs. What could
// not be told is told later; what could not be heard is heard later, in its order.
type doors struct {
	journal journal
	ended   *sessions.Ended
	say     func(format string, args ...any)
	stop    context.CancelFunc
	wg      sync.WaitGroup
	wake    chan struct{}

	mu     sync.Mutex
	untold [][]byte
	away   bool
}

// tellDoors begins to, where doors share a key, by which they know sessions by the same
// hashes, and a Redis.
func (d *Door) tellDoors() {
	if !d.state.shared || d.limits == nil || d.limits.redis == nil {
		return
	}
	d.doors = newDoors(d.limits.redis.Journal("ended", sessions.MaxEnded), d.ended, d.say)
}

func newDoors(j journal, ended *sessions.Ended, say func(string, ...any)) *doors {
	ctx, stop := context.WithCancel(context.Background())
	s := &doors{journal: j, ended: ended, say: say, stop: stop, wake: make(chan struct{}, 1)}
	ended.Tell(s.tell)
	s.wg.Go(func() { s.run(ctx) })
	return s
}

// close tells what is left, once.
func (s *doors) close() {
	if s == nil {
		return
	}
	s.stop()
	s.wg.Wait()
}

// rest is what close could not tell.
func (s *doors) rest() [][]byte {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.untold)
}

// again goes on after close. What was heard before is heard once more, which changes nothing.
func (s *doors) again() *doors {
	if s == nil {
		return nil
	}
	next := newDoors(s.journal, s.ended, s.say)
	for _, note := range s.rest() {
		next.tell(note)
	}
	return next
}

// tell queues a note. A request must not wait for it.
func (s *doors) tell(note []byte) {
	s.mu.Lock()
	if len(s.untold) == maxUntold {
		s.untold = s.untold[1:] // the oldest: its session is the nearest to its end
	}
	s.untold = append(s.untold, note)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *doors) run(ctx context.Context) {
	last := ""
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		last = s.hear(ctx, last)
		s.flush(ctx)
		select {
		case <-ctx.Done():
			final, cancel := context.WithTimeout(context.Background(), tellEvery)
			s.flush(final)
			cancel()
			return
		case <-tick.C:
		case <-s.wake:
			s.flush(ctx)
		}
	}
}

func (s *doors) hear(ctx context.Context, last string) string {
	last, err := s.journal.After(ctx, last, func(entry []byte) { s.ended.Told(entry) })
	s.outcome(ctx, err)
	return last
}

// flush tells what is queued, until that fails.
func (s *doors) flush(ctx context.Context) {
	for {
		s.mu.Lock()
		if len(s.untold) == 0 {
			s.mu.Unlock()
			return
		}
		note := s.untold[0]
		s.mu.Unlock()
		if err := s.journal.Append(ctx, note); err != nil {
			s.outcome(ctx, err)
			return
		}
		s.mu.Lock()
		if len(s.untold) > 0 && &s.untold[0][0] == &note[0] {
			s.untold = s.untold[1:]
		}
		s.mu.Unlock()
	}
}

// outcome says when the others are out of reach, and when they are back.
func (s *doors) outcome(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	changed := s.away != (err != nil)
	s.away = err != nil
	s.mu.Unlock()
	switch {
	case changed && err != nil:
		s.say("sessions: the other doors do not hear of logouts until the Redis answers: %v", err)
	case changed:
		s.say("sessions: the other doors hear of logouts again")
	}
}
