package limit

import (
	"context"
	"sync"
	"time"
)

const (
	// maxLeases bounds the keys that points are held for.
	maxLeases = 1 << 14
	// leaseOf is the part of Duration for which a lease is good, as 1/leaseOf.
	leaseOf = 20
)

// leases are the points that this process has taken and not yet spent.
type leases struct {
	mu   sync.Mutex
	held map[Key]*lease
}

// A lease belongs to one key. It starts with one point and grows while it is spent before
// its time, so that a quiet key leaves nothing unspent.
type lease struct {
	mu     sync.Mutex
	left   int64
	size   int64
	until  time.Time
	last   Result    // of the store
	at     time.Time // of last
	asking *asking   // nil: nobody asks

	refused    time.Time // until when the store has not refusedFor
	refusedFor int64
}

// asking is one caller's question for a key, for which others wait.
type asking struct {
	done   chan struct{}
	failed bool // to be read after done
}

func (l *leases) of(key Key, now time.Time) *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.held[key]; one != nil {
		return one
	}
	if len(l.held) >= maxLeases {
		looked := 0
		for k, one := range l.held { // some at random
			if one.mu.TryLock() {
				idle := one.asking == nil && now.After(one.until) && now.After(one.refused)
				one.mu.Unlock()
				if idle {
					delete(l.held, k)
				}
			}
			if looked++; looked == 64 {
				break
			}
		}
		if len(l.held) >= maxLeases {
			return nil
		}
	}
	one := &lease{size: 1}
	l.held[key] = one
	return one
}

func (l *leases) drop(key Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, key)
}

// leased spends points that are held, and takes more when they are gone. While one caller
// asks the store for a key, the others wait for what it brings: not longer than they would
// for the store.
func (s *Shared) leased(ctx context.Context, now time.Time, ops []Op, results []Result) error {
	op := &ops[0]
	l := s.leases.of(op.Key, now)
	if l == nil || op.Points == 0 {
		return s.ask(ctx, now, ops, results)
	}
	var late <-chan time.Time
	for {
		l.mu.Lock()
		if l.spend(now, op.Points, &results[0]) {
			l.mu.Unlock()
			return nil
		}
		if l.asking == nil {
			break
		}
		asking := l.asking
		l.mu.Unlock()
		if late == nil {
			t := time.NewTimer(s.timeout)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-asking.done:
		case <-late:
			return s.alone(ctx, now, ops, results)
		}
		if asking.failed || s.away.Load() {
			return s.alone(ctx, now, ops, results)
		}
	}
	mine := &asking{done: make(chan struct{})}
	l.asking = mine
	take, held := l.want(now, op, s.instances)
	l.mu.Unlock()
	err := s.take(ctx, now, op, take, held, l, results)
	l.mu.Lock()
	mine.failed = err != nil
	close(mine.done)
	l.asking = nil
	l.mu.Unlock()
	if err != nil {
		return s.alone(ctx, now, ops, results)
	}
	return nil
}

// spend answers from what is held, or from knowing that there is nothing. The lock is held.
func (l *lease) spend(now time.Time, n int64, res *Result) bool {
	switch {
	case now.Before(l.until) && l.left >= n:
		l.left -= n
		*res = l.last
		res.Remaining += l.left
		return true
	case now.Before(l.refused) && n >= l.refusedFor:
		*res = l.last
		wait := l.refused.Sub(now)
		if res.Wait != Forever {
			wait = max(wait, res.Wait-now.Sub(l.at))
		} else {
			wait = Forever
		}
		res.Allowed, res.Wait, res.Remaining = false, wait, 0
		return true
	}
	return false
}

// want is how many points to ask for, beside those that are held and put aside. The lock
// is held.
func (l *lease) want(now time.Time, op *Op, instances int64) (take, held int64) {
	if l.at.IsZero() { // nothing is known of the key
		return op.Points, 0
	}
	if now.Before(l.until) || !l.last.Allowed {
		l.size = min(2*l.size, op.Rule.Policy.Lease)
	} else { // what was not spent in time was too much
		l.size = max(1, (l.size-l.left)/2)
	}
	if !now.Before(l.until) {
		l.left = 0
	}
	// Near the limit the rest is for everybody; at the limit a refusal tells what is there.
	spare := l.last.Remaining / (2 * instances)
	if !l.last.Allowed {
		spare = op.Rule.Policy.Lease
	}
	take = max(op.Points-l.left, min(l.size, spare))
	held = l.left // less than op.Points
	l.left = 0
	return take, held
}

// take asks for points, and where so many are not there for fewer. What was refused is
// refused here for a while, so that a flood is not a flood of the store.
func (s *Shared) take(ctx context.Context, now time.Time, op *Op, take, held int64, l *lease, results []Result) error {
	ops := [1]Op{{Rule: op.Rule, Key: op.Key, Points: take}}
	err := s.call(ctx, now, ops[:], results)
	res := &results[0]
	if need := op.Points - held; err == nil && !res.Allowed && take > need && res.Remaining >= need {
		take = max(need, min(take, res.Remaining/2))
		ops[0].Points = take
		err = s.call(ctx, now, ops[:], results)
	}
	if err == nil {
		s.mirror(now, &ops[0], res)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left += held
	if err != nil {
		return err
	}
	l.last, l.at = *res, now
	l.last.Local, l.last.First, l.last.Started = true, false, false
	ttl := op.Rule.Policy.Duration / leaseOf
	if !res.Allowed {
		l.refused = now.Add(min(max(min(res.Wait, ttl), ttl/2), recheckBlocks))
		l.refusedFor = op.Points
		return nil
	}
	l.left += take - op.Points
	l.until = now.Add(ttl)
	res.Remaining += l.left
	return nil
}
