package audit

import (
	"context"
	"sync"
	"time"
)

// A budget holds the rate and the number of open requests to one host. It is shared by
// every session that asks this host.
type budget struct {
	slots chan struct{}
	// whole is held by whoever takes every slot.
	whole chan struct{}
	gap   time.Duration

	mu   sync.Mutex
	next time.Time
}

func newBudget(rate, parallel int) *budget {
	return &budget{slots: make(chan struct{}, parallel), whole: make(chan struct{}, 1), gap: time.Second / time.Duration(rate)}
}

// take waits for a slot and for the moment at which the next request may start.
func (b *budget) take(ctx context.Context) error {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	now := time.Now()
	if b.next.Before(now) {
		b.next = now
	}
	wait := b.next.Sub(now)
	b.next = b.next.Add(b.gap)
	b.mu.Unlock()
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		b.give()
		return ctx.Err()
	}
}

func (b *budget) give() { <-b.slots }

// takeAll waits until nothing else is open, and for the moment at which n requests may
// start together. They use up the time of n: whoever comes next waits for it.
func (b *budget) takeAll(ctx context.Context, n int) error {
	// One at a time, or two would each hold half of the slots for ever.
	select {
	case b.whole <- struct{}{}:
		defer func() { <-b.whole }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := b.take(ctx); err != nil {
		return err
	}
	for held := 1; held < cap(b.slots); held++ {
		select {
		case b.slots <- struct{}{}:
		case <-ctx.Done():
			for range held {
				b.give()
			}
			return ctx.Err()
		}
	}
	b.mu.Lock()
	b.next = b.next.Add(time.Duration(n-1) * b.gap)
	b.mu.Unlock()
	return nil
}

func (b *budget) giveAll() {
	for range cap(b.slots) {
		b.give()
	}
}
