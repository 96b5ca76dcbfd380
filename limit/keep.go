package limit

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A Keeper keeps values over a restart: a Bucket of package diskstore is one. Its methods
// are safe for concurrent use.
type Keeper interface {
	// Set keeps a value for ttl: zero is for good, and a negative one removes it.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Each calls f for every value until f returns false.
	Each(ctx context.Context, f func(key string, value []byte, expires time.Time) bool) error
}

// ErrBehind is reported when blocks come, or are lifted, faster than that can be kept. They
// hold all the same, until the process ends; one that was lifted may be back after it.
var ErrBehind = errors.New("limit: blocks start faster than they can be kept; some hold only until the process ends")

const (
	// maxBehind is how many blocks wait to be kept.
	maxBehind = 1 << 14
	// keepers write at the same time, and share the disk's sync.
	keepers = 16
)

// A Keeping writes the blocks of a Memory to a Keeper, apart from decisions, which do not
// wait for it. Close writes what is left.
type Keeping struct {
	m      *Memory
	k      Keeper
	failed func(error)
	work   [keepers]chan kept
	behind atomic.Bool // something was not kept, and is still to be reported
	wg     sync.WaitGroup
	once   sync.Once
}

// kept is one block to be written; the zero State removes it.
type kept struct {
	id uint64
	s  State
}

// Keep reads the blocks that k holds into m, and from now on writes there each that
// starts or is lifted. Secret of the Hasher has to be the same as when they were written.
// Failed is called with what goes wrong later, by several goroutines; nil ignores it.
func (m *Memory) Keep(ctx context.Context, k Keeper, failed func(error)) (*Keeping, error) {
	if failed == nil {
		failed = func(error) {}
	}
	now := m.at(time.Now())
	err := k.Each(ctx, func(key string, value []byte, _ time.Time) bool {
		id, err := strconv.ParseUint(key, 16, 64)
		var s State
		if err != nil || s.UnmarshalBinary(value) != nil || s.Until <= now {
			return true
		}
		m.restore(id, now, s)
		return true
	})
	if err != nil {
		return nil, err
	}
	p := &Keeping{m: m, k: k, failed: failed}
	for i := range p.work {
		p.work[i] = make(chan kept, maxBehind/keepers)
		p.wg.Go(func() { p.write(p.work[i]) })
	}
	m.keeping.Store(p)
	return p, nil
}

// Close stops keeping, once all is written. The Keeper stays open.
func (p *Keeping) Close() error {
	p.once.Do(func() {
		p.m.keeping.CompareAndSwap(p, nil)
		p.m.quiet() // nobody is about to send
		for _, c := range p.work {
			close(c)
		}
	})
	p.wg.Wait()
	return nil
}

// quiet waits until every decision that may have seen a Keeping is over: they see it under
// the lock of a shard.
func (m *Memory) quiet() {
	for i := range m.shards {
		m.shards[i].mu.Lock()
		m.shards[i].mu.Unlock() //lint:ignore SA2001 the empty section is the point
	}
}

// Load puts a record as Scan of another Memory gave it, where there is none for its key: it
// is how a process that takes over from another goes on counting. Secret of both Hashers
// has to be the same. A record that has run out does nothing.
func (m *Memory) Load(key Key, s State) {
	if now := m.at(time.Now()); s.Until > now {
		m.restore(tag(key), now, s)
	}
}

// restore puts a record where there is none.
func (m *Memory) restore(id uint64, now int64, s State) {
	shard := &m.shards[shardOf(id)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.find(id) >= 0 {
		return
	}
	if i := shard.place(id, now, true); i >= 0 {
		*shard.state(i) = s
	}
}

// keep notes that a block has started, or with the zero State that one is lifted. The lock
// of the key's shard is held.
func (m *Memory) keep(id uint64, s State) {
	p := m.keeping.Load()
	if p == nil {
		return
	}
	select {
	case p.work[id%keepers] <- kept{id, s}: // one key, one writer: in order
	default:
		p.behind.Store(true) // a writer reports it, who holds no lock
	}
}

func (p *Keeping) write(work chan kept) {
	for one := range work {
		key := strconv.FormatUint(one.id, 16)
		ttl := time.Duration(-1)
		switch {
		case one.s.Until >= never:
			ttl = 0
		case one.s.Until != 0:
			ttl = max(span(one.s.Until, p.m.at(time.Now())), time.Millisecond)
		}
		value, _ := one.s.AppendBinary(nil) // never fails
		if err := p.k.Set(context.Background(), key, value, ttl); err != nil {
			p.failed(err)
		}
		if p.behind.CompareAndSwap(true, false) {
			p.failed(ErrBehind)
		}
	}
}
