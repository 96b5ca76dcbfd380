package limit

import (
	"context"
	"time"

	"github.com/panoplysec/panoply/guard"
)

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
		if s.answers() && s.payMost() {
			break
		}
	}
	s.failures.Store(0)
	s.away.Store(false)
	s.pay() // the last of what was decided here meanwhile
	s.sink.Tell(context.Background(), guard.Event{
		Practice: "brute-force", Rule: "store-away", Action: guard.Noted, Detail: "the store is back; what was counted here was added to it",
	})
}

func (s *Shared) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	ops := []Op{{Rule: s.recheck, Key: Key{Tag: s.recheck.salt, ID: s.recheck.salt}, Verb: Peek}}
	return s.store.Decide(ctx, time.Now(), ops, make([]Result, 1)) == nil
}
