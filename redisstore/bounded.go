package redisstore

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// crowded is how many calls may be inside rueidis at once before the next are bounded
	// from outside: half of its ring, where a call that finds no place waits whatever its
	// context. Those get most of the other half.
	crowded, rest = 512, 384
	// calm is how many answers in a row make a connection that failed a good one again.
	calm = 64
)

// bounded is a client whose calls end with their context.
//
// Those of rueidis nearly always do. But one that finds the connection gone waits for
// whoever dials, as long as that one's context allows, and for the end of what came of it;
// and one that finds the ring of the connection full, since a server stands still, waits
// until the connection is given up: more than a second. So where there is reason to fear
// that, after an error of a connection or in a crowd, a call runs apart from its caller, who
// goes when its time is over. Otherwise that would cost each call a goroutine.
type bounded struct {
	rueidis.Client
	*health
}

// A health is how the connections of a client are.
type health struct {
	inside atomic.Int32  // how many calls rueidis has
	shaky  atomic.Int32  // how many answers are to come before they are trusted again
	room   chan struct{} // of calls that run apart
}

func newHealth() *health { return &health{room: make(chan struct{}, rest)} }

func (h *health) apart() bool { return h.shaky.Load() > 0 || h.inside.Load() >= crowded }

// note remembers whether a call got an answer.
func (h *health) note(err error) {
	switch n := h.shaky.Load(); {
	case err == nil && n > 0:
		h.shaky.CompareAndSwap(n, n-1)
	case err != nil && !errors.Is(err, context.Canceled): // who leaves says nothing
		h.shaky.Store(calm)
	}
}

// A watched connection tells when it is closed: the next call has to dial.
type watched struct {
	net.Conn
	health *health
}

func (w watched) Close() error {
	w.health.shaky.Store(calm)
	return w.Conn.Close()
}

// Do implements rueidis.Client.
func (b *bounded) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if b.apart() {
		return outside(ctx, b.health, func() rueidis.RedisResult { return b.do(ctx, cmd) }, rueidis.NewErrorResult)
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
	if b.apart() {
		return outside(ctx, b.health, func() rueidis.RedisResult { return b.doCache(ctx, cmd, ttl) }, rueidis.NewErrorResult)
	}
	return b.doCache(ctx, cmd, ttl)
}

func (b *bounded) doCache(ctx context.Context, cmd rueidis.Cacheable, ttl time.Duration) rueidis.RedisResult {
	b.inside.Add(1)
	r := b.Client.DoCache(ctx, cmd, ttl)
	b.inside.Add(-1)
	b.note(r.NonRedisError())
	return r
}

// DoMulti implements rueidis.Client.
func (b *bounded) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	if !b.apart() {
		return b.doMulti(ctx, multi)
	}
	n := len(multi)
	return outside(ctx, b.health, func() []rueidis.RedisResult { return b.doMulti(ctx, multi) }, func(err error) []rueidis.RedisResult {
		all := make([]rueidis.RedisResult, n)
		for i := range all {
			all[i] = rueidis.NewErrorResult(err)
		}
		return all
	})
}

func (b *bounded) doMulti(ctx context.Context, multi []rueidis.Completed) []rueidis.RedisResult {
	b.inside.Add(1)
	all := b.Client.DoMulti(ctx, multi...)
	b.inside.Add(-1)
	for i := range all {
		b.note(all[i].NonRedisError())
	}
	return all
}

// Nodes implements rueidis.Client.
func (b *bounded) Nodes() map[string]rueidis.Client {
	nodes := b.Client.Nodes()
	for address, node := range nodes {
		nodes[address] = &bounded{node, b.health}
	}
	return nodes
}

// outside runs call in a goroutine, once there is room for it, and returns what it returns
// or, when ctx ends first, what failed makes of that. The call ends later, by the same ctx or
// with its connection.
func outside[T any](ctx context.Context, h *health, call func() T, failed func(error) T) T {
	select {
	case h.room <- struct{}{}:
	case <-ctx.Done():
		return failed(ctx.Err())
	}
	done := make(chan T, 1)
	go func() {
		done <- call()
		<-h.room
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return failed(ctx.Err())
	}
}
