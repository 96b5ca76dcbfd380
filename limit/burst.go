package limit

import "context"

// A Bursty allows what Rate refuses as long as Burst allows it: a steady rate, and a
// store of more for a rush.
type Bursty struct{ Rate, Burst *Limiter }

// Consume takes n points of key from Rate, and where it refuses from Burst. What it
// reports is Rate's; Wait is the shorter of both.
func (b Bursty) Consume(ctx context.Context, key string, n int64) (Decision, error) {
	d, err := b.Rate.Consume(ctx, key, n)
	if err != nil || d.Allowed {
		return d, err
	}
	more, err := b.Burst.Consume(ctx, key, n)
	if err != nil {
		return Decision{}, err
	}
	if d.Allowed = more.Allowed; d.Allowed {
		d.Wait, d.Blocked = 0, false
	} else {
		d.Wait = min(d.Wait, more.Wait)
	}
	d.Reset = min(d.Reset, more.Reset)
	return d, nil
}

// Get tells where key stands with Rate. Reset is zero while Burst has counted nothing.
func (b Bursty) Get(ctx context.Context, key string) (Decision, error) {
	d, err := b.Rate.Get(ctx, key)
	if err != nil {
		return d, err
	}
	more, err := b.Burst.Get(ctx, key)
	d.Reset = min(d.Reset, more.Reset)
	return d, err
}
