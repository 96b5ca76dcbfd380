package limit

import (
	"context"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// flushers is how many debts are paid at a time.
const flushers = 32

// note counts what fails in a row, and gives the store up. A store that answers is told
// what it missed.
func (s *Shared) note(ctx context.Context, err error) {
	if err == nil && s.failures.Load() == 0 && !s.owing.Load() {
		return
	}
	s.mu.Lock()
	if err == nil {
		s.failures.Store(0)
		if len(s.pending) > 0 && !s.paying && !s.closed && !s.away.Load() {
			s.paying = true
			s.working.Go(func() {
				s.pay()
				s.mu.Lock()
				s.paying = false
				s.mu.Unlock()
			})
		}
		s.mu.Unlock()
		return
	}
	give := s.failures.Add(1) >= openAfter && !s.closed && s.away.CompareAndSwap(false, true)
	if give {
		s.working.Go(s.probe)
	}
	s.mu.Unlock()
	if give {
		s.sink.Tell(context.WithoutCancel(ctx), guard.Event{
			Practice: "brute-force", Rule: "store-away", Action: guard.Failed, Err: err,
			Detail: "limits go on in this process by each policy's Outage",
		})
	}
}

// alone decides without the store, by each policy's Outage.
func (s *Shared) alone(ctx context.Context, now time.Time, ops []Op, results []Result) error {
	c := calls.Get().(*call)
	defer calls.Put(c)
	n := 0
	refused := false
	var index [maxOps]int
	for i := range ops {
		op := &ops[i]
		switch outage := op.Rule.Policy.Outage; {
		case op.Verb != Consume || outage == LocalShare:
			c.ops[n] = *op
			c.ops[n].Rule = s.share(op.Rule)
			index[n] = i
			n++
		case outage == Closed:
			results[i] = Result{Wait: s.retry, Local: true}
			refused = true
		default:
			results[i] = Result{Allowed: true, Remaining: op.Rule.Policy.Points, Local: true}
		}
	}
	if n == 0 {
		return nil
	}
	if refused { // nothing is to be taken: only look
		for i := range n {
			if c.ops[i].Verb == Consume {
				c.ops[i].Verb = Peek
			}
		}
	}
	if err := s.local.Decide(ctx, now, c.ops[:n], c.results[:n]); err != nil {
		return err
	}
	allowed := Allowed(c.results[:n])
	for i := range n {
		op, res := &c.ops[i], &c.results[i]
		res.Local = true
		results[index[i]] = *res
		s.charge(now, &ops[index[i]], op.Verb, res, allowed)
	}
	return nil
}

// charge notes what the store has to be told.
func (s *Shared) charge(now time.Time, op *Op, verb Verb, res *Result, allowed bool) {
	blocked := res.Started || verb == Block
	points := int64(0)
	switch verb {
	case Consume:
		if allowed {
			points = op.Points
		}
	case Add:
		points = op.Points
	}
	if verb == Assign {
		s.owe(op.Key, func(d *debt) { *d = debt{rule: op.Rule, points: op.Points, forget: true} })
		return
	}
	if points == 0 && !blocked {
		return
	}
	s.owe(op.Key, func(d *debt) {
		d.rule = op.Rule
		d.points += points
		if blocked {
			d.forever = res.Reset == Forever
			d.blocked = now.Add(min(res.Reset, MaxDuration))
		}
	})
}

func (s *Shared) owe(key Key, change func(*debt)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.pending[key]
	if !ok && len(s.pending) >= maxDebts {
		return
	}
	change(&d)
	s.pending[key] = d
	s.owing.Store(true)
}

// probe asks until the store is back, and pays what is owed.
func (s *Shared) probe() {
	t := time.NewTicker(s.retry)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		if !s.answers() {
			continue
		}
		// What comes meanwhile is still decided here; the last of it is paid after.
		for range 3 {
			if !s.pay() {
				break
			}
		}
		s.mu.Lock()
		back := len(s.pending) < flushers
		if back {
			s.failures.Store(0)
			s.away.Store(false)
		}
		s.mu.Unlock()
		if back {
			s.pay()
			s.sink.Tell(context.Background(), guard.Event{
				Practice: "brute-force", Rule: "store-away", Action: guard.Noted, Detail: "the store is back; what was counted here was added to it",
			})
			return
		}
	}
}

func (s *Shared) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	ops := []Op{{Rule: s.recheck, Key: Key{Tag: s.recheck.salt, ID: s.recheck.salt}, Verb: Peek}}
	return s.store.Decide(ctx, time.Now(), ops, make([]Result, 1)) == nil
}

// pay tells the store what it missed. It is false when that failed: what was not told
// stays owed.
func (s *Shared) pay() bool {
	s.mu.Lock()
	debts := s.pending
	s.pending = map[Key]debt{}
	s.owing.Store(false)
	s.mu.Unlock()
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := map[Key]debt{}
	work := make(chan Key)
	for range min(flushers, len(debts)) {
		wg.Go(func() {
			for key := range work {
				if left, err := s.settle(key, debts[key]); err != nil {
					mu.Lock()
					failed[key] = left
					mu.Unlock()
				}
			}
		})
	}
	for key := range debts {
		work <- key
	}
	close(work)
	wg.Wait()
	for key, left := range failed {
		s.owe(key, func(d *debt) {
			if d.forget {
				return // newer
			}
			left.points += d.points
			if d.rule != nil {
				left.rule = d.rule
			}
			if !d.blocked.IsZero() {
				left.blocked, left.forever = d.blocked, d.forever
			}
			*d = left
		})
	}
	return len(failed) == 0
}

// settle pays one debt and returns what is left of it. An answer that was lost is paid
// twice: no count is too low for it.
func (s *Shared) settle(key Key, d debt) (debt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*s.timeout)
	defer cancel()
	if d.forget {
		if _, err := s.store.Delete(ctx, key); err != nil {
			return d, err
		}
		d.forget = false
	}
	var result [1]Result
	now := time.Now()
	if d.points != 0 {
		if err := s.store.Decide(ctx, now, []Op{{Rule: d.rule, Key: key, Verb: Add, Points: d.points}}, result[:]); err != nil {
			return d, err
		}
		d.points = 0
	}
	ttl := d.blocked.Sub(now)
	if d.forever {
		ttl = Forever
	}
	if ttl >= MinDuration {
		if err := s.store.Decide(ctx, now, []Op{{Rule: d.rule, Key: key, Verb: Block, TTL: ttl}}, result[:]); err != nil {
			return d, err
		}
	}
	return debt{}, nil
}
