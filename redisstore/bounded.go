package redisstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// crowded is how many calls may be inside rueidis at once before the next are bounded from
// outside: half of its ring, where a call that finds no place waits whatever its context.
const crowded = 512

// bounded is a client whose calls end with their context.
//
// Those of rueidis nearly always do. But one that finds the connection gone waits for
// whoever dials, as long as that one's context allows, and one that finds the ring of the
// connection full, since a server stands still, waits until the connection is given up: more
// than a second. So where there is reason to fear that, after an error of the connection or
// in a crowd, a call runs apart from its caller, who goes when its time is over. Otherwise
// that would cost each call a goroutine.
type bounded struct {
	rueidis.Client
	inside atomic.Int32
	shaky  atomic.Bool // the last answer was an error of the connection
}

func (b *bounded) apart() bool { return b.shaky.Load() || b.inside.Load() >= crowded }

// note remembers whether the connection works. It is read for every call and written for
// few.
func (b *bounded) note(err error) {
	if shaky := err != nil; b.shaky.Load() != shaky {
		b.shaky.Store(shaky)
	}
}

// Do implements rueidis.Client.
func (b *bounded) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if b.apart() {
		return outside(ctx, func() rueidis.RedisResult { return b.do(ctx, cmd) }, rueidis.NewErrorResult)
	}
	return b.do(ctx, cmd)
}

func (b *bounded) do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	b.inside.Add(1)
	r := b.Client.Do(ctx, cmd)
	b.inside.Add(-1)
	b.note(r.NonRedisError())
	return r
}

// DoCache implements rueidis.Client.
func (b *bounded) DoCache(ctx context.Context, cmd rueidis.Cacheable, ttl time.Duration) rueidis.RedisResult {
	call := func() rueidis.RedisResult {
		b.inside.Add(1)
		r := b.Client.DoCache(ctx, cmd, ttl)
		b.inside.Add(-1)
		b.note(r.NonRedisError())
		return r
	}
	if b.apart() {
		return outside(ctx, call, rueidis.NewErrorResult)
	}
	return call()
}

// DoMulti implements rueidis.Client.
func (b *bounded) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	n := len(multi)
	call := func() []rueidis.RedisResult {
		b.inside.Add(1)
		all := b.Client.DoMulti(ctx, multi...)
		b.inside.Add(-1)
		for _, r := range all {
			b.note(r.NonRedisError())
		}
		return all
	}
	if !b.apart() {
		return call()
	}
	return outside(ctx, call, func(err error) []rueidis.RedisResult {
		all := make([]rueidis.RedisResult, n)
		for i := range all {
			all[i] = rueidis.NewErrorResult(err)
		}
		return all
	})
}

// Nodes implements rueidis.Client.
func (b *bounded) Nodes() map[string]rueidis.Client {
	nodes := b.Client.Nodes()
	for address, node := range nodes {
		nodes[address] = &bounded{Client: node}
	}
	return nodes
}

// outside runs call in a goroutine, and returns what it returns or, when ctx ends first,
// what failed makes of that. The call ends later, by the same ctx or with its connection.
func outside[T any](ctx context.Context, call func() T, failed func(error) T) T {
	done := make(chan T, 1)
	go func() { done <- call() }()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return failed(ctx.Err())
	}
}
