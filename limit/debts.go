package limit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxDebts bounds the memory of an outage.
	maxDebts = 1 << 16
	// flushers is how many debts are paid at a time.
	flushers = 32
	// maxTries is how often a debt is refused by a store that answers before it is given up.
	maxTries = 3
)

// A debt is what the store has not been told about a key.
type debt struct {
	rule    *Rule
	points  int64
	assign  bool          // points take the place of what is counted
	window  time.Duration // of the window that assign opened at since; zero: the policy's
	since   time.Time
	blocked time.Time // until when, or zero
	forever bool
	forget  bool // everything that was there before
	tries   uint8
}

// then is d and after it a newer one.
func (d debt) then(newer debt) debt {
	if newer.forget || newer.assign {
		return newer
	}
	d.points += newer.points
	if newer.rule != nil {
		d.rule = newer.rule
	}
	if !newer.blocked.IsZero() {
		d.blocked, d.forever = newer.blocked, newer.forever
	}
	return d
}

// charge notes what the store has to be told.
func (s *Shared) charge(now time.Time, op *Op, verb Verb, res *Result, allowed bool) {
	d := debt{rule: op.Rule}
	switch verb {
	case Consume:
		if allowed {
			d.points = op.Points
		}
	case Add:
		d.points = op.Points
	case Assign:
		d.points, d.assign, d.window, d.since = op.Points, true, op.TTL, now
	}
	if res.Started || verb == Block {
		d.forever = res.Reset == Forever
		d.blocked = now.Add(min(res.Reset, MaxDuration))
	}
	if d.points != 0 || d.assign || !d.blocked.IsZero() {
		s.owe(op.Key, d)
	}
}

// owe is false when there is no room.
func (s *Shared) owe(key Key, d debt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	older, ok := s.pending[key]
	if !ok && len(s.pending) >= maxDebts {
		return false
	}
	s.pending[key] = older.then(d)
	s.owing.Store(true)
	return true
}

// forgive drops what is owed for a key that is deleted. What is just being paid is deleted
// again afterwards.
func (s *Shared) forgive(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, key)
	if _, ok := s.settling[key]; ok {
		s.pending[key] = debt{forget: true}
	}
}

// payMost pays until little has come in the meantime. It is false when the store does not
// take it.
func (s *Shared) payMost() bool {
	for range 3 {
		if !s.pay() {
			return false
		}
		s.mu.Lock()
		few := len(s.pending) < flushers
		s.mu.Unlock()
		if few {
			break
		}
	}
	return true
}

// pay tells the store what it missed. It is false when that failed: what was not told
// stays owed.
func (s *Shared) pay() bool {
	s.payment.Lock()
	defer s.payment.Unlock()
	s.mu.Lock()
	debts := s.pending
	s.pending, s.settling = map[Key]debt{}, debts
	s.mu.Unlock()

	var wg sync.WaitGroup
	var broken atomic.Bool
	var mu sync.Mutex
	failed := map[Key]debt{}
	work := make(chan Key)
	for range min(flushers, len(debts)) {
		wg.Go(func() {
			for key := range work {
				left, err := debts[key], error(nil)
				if !broken.Load() {
					if left, err = s.settle(key, left); err == nil {
						continue
					}
					// One key that the store does not take must not keep it away for ever.
					if !s.answers() {
						broken.Store(true)
					} else if left.tries++; left.tries >= maxTries {
						continue
					}
				}
				mu.Lock()
				failed[key] = left
				mu.Unlock()
			}
		})
	}
	for key := range debts {
		work <- key
	}
	close(work)
	wg.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.settling = nil
	for key, left := range failed {
		newer, ok := s.pending[key]
		if ok || len(s.pending) < maxDebts {
			s.pending[key] = left.then(newer)
		}
	}
	s.owing.Store(len(s.pending) > 0)
	return len(failed) == 0
}

// settle pays one debt and returns what is left of it. An answer that was lost is paid
// twice: no count is too low for it.
func (s *Shared) settle(key Key, d debt) (debt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*s.timeout)
	defer cancel()
	now := time.Now()
	var result [1]Result
	tell := func(op Op) error {
		op.Rule, op.Key = d.rule, key
		return s.store.Decide(ctx, now, []Op{op}, result[:])
	}
	if d.assign {
		ttl, over := d.window, false
		if ttl != 0 && ttl != Forever {
			ttl -= now.Sub(d.since)
			over = ttl < MinDuration
		}
		if over {
			d.assign, d.forget, d.points = false, true, 0
		} else {
			if err := tell(Op{Verb: Assign, Points: min(max(s.counts(now, key, d), 0), maxPoints), TTL: ttl}); err != nil {
				return d, err
			}
			d.assign, d.points = false, 0
		}
	}
	if d.forget {
		if _, err := s.store.Delete(ctx, key); err != nil {
			return d, err
		}
		d.forget = false
	}
	if d.points != 0 {
		if n := s.counts(now, key, d); n != 0 {
			if err := tell(Op{Verb: Add, Points: n}); err != nil {
				return d, err
			}
		}
		d.points = 0
	}
	ttl := d.blocked.Sub(now)
	if d.forever {
		ttl = Forever
	}
	if ttl >= MinDuration {
		if err := tell(Op{Verb: Block, TTL: ttl}); err != nil {
			return d, err
		}
	}
	return debt{}, nil
}

// counts is what of a debt's points is still counted: after a long outage most has run out,
// and a bucket that got it all at once would leak for as long.
func (s *Shared) counts(now time.Time, key Key, d debt) int64 {
	look := Op{Rule: s.share(d.rule), Key: key, Verb: Peek}
	var res Result
	_ = s.local.one(s.local.at(now), &look, &res) // a Peek has no error
	return min(d.points, res.Consumed)
}
