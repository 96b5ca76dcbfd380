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
	gap   time.Duration

	mu   sync.Mutex
	next time.Time
}

func newBudget(rate, parallel int) *budget {
	return &budget{slots: make(chan struct{}, parallel), gap: time.Second / time.Duration(rate)}
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
