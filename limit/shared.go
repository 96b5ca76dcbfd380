package limit

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/guard"
)

const (
	// DefaultTimeout is how long one decision waits for the shared store.
	DefaultTimeout = 15 * time.Millisecond
	// DefaultRetry is how often a store that does not answer is asked again.
	DefaultRetry = 250 * time.Millisecond

	// openAfter is how many decisions in a row fail before the store is not asked any more.
	openAfter = 3
	// recheckBlocks is how often a key that is known to be blocked is asked about: somebody
	// may have lifted the block in another process.
	recheckBlocks = 5 * time.Second
)

// SharedOptions configure a Shared.
type SharedOptions struct {
	// Store is shared with other processes. Required.
	Store Store
	// Local is this process's memory. Nil is one of its own.
	Local *Memory
	// Instances is how many processes share the Store. Required: it is what LocalShare
	// divides by.
	Instances int
	// Timeout is how long a decision waits for the Store, 1 ms to 10 s. Zero is
	// DefaultTimeout.
	Timeout time.Duration
	// Retry is how often the Store is asked again while it does not answer, 10 ms to 1
	// min. Zero is DefaultRetry.
	Retry time.Duration
	// Sink receives an event when the Store is given up and when it is back. Nil logs.
	Sink guard.Sink
}

// A Shared puts a Store in front of which nothing waits for long. It is a Store itself.
//
// A key that is blocked is refused in this process, and the Store is asked about it once
// in 5 seconds. After 3 decisions in a row that failed or took longer than Timeout the
// Store is left alone: then each policy's Outage answers at once, and one probe each Retry
// finds out when it is back. What was counted and blocked meanwhile is then added to the
// Store, for up to 65,536 keys.
//
// With LocalShare a process allows its share of what was left when it last saw the key. So
// a key is allowed at most Points + Instances × ceil(Points/Instances) within the Duration
// in which the Store goes away, and Instances × ceil(Points/Instances) in those after.
//
// A policy with a Lease takes several points at a time for keys that are busy, and spends
// them here, within a twentieth of Duration. Each process holds at most Lease points of a
// key, so within one Duration at most Instances × Lease points more are spent than the
// policy allows; a decision on one op alone uses leases, one on several does not.
//
// Close ends its probes.
type Shared struct {
	store     Store
	local     *Memory
	instances int64
	timeout   time.Duration
	retry     time.Duration
	sink      guard.Sink
	recheck   *Rule
	rules     sync.Map // *Rule → its share, *Rule
	leases    leases

	away     atomic.Bool
	owing    atomic.Bool // pending is not empty
	failures atomic.Int32

	mu      sync.Mutex
	closed  bool
	paying  bool
	pending map[Key]debt
	working sync.WaitGroup
	stop    chan struct{}
}

// A debt is what the store has not been told about a key.
type debt struct {
	rule    *Rule
	points  int64
	blocked time.Time // until when, or zero
	forever bool
	forget  bool
}

// maxDebts bounds the memory of an outage.
const maxDebts = 1 << 16

// NewShared makes a Shared. Its error joins all problems.
func NewShared(o SharedOptions) (*Shared, error) {
	problems := guard.Problems{Package: "limit"}
	if o.Store == nil {
		problems.Add("Store", "nil", "a Store", "redisstore.NewLimits makes one")
	}
	if o.Instances < 1 {
		problems.Add("Instances", strconv.Itoa(o.Instances), "how many processes share the Store, one or more", "")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Retry == 0 {
		o.Retry = DefaultRetry
	}
	if o.Timeout < time.Millisecond || o.Timeout > 10*time.Second {
		problems.Add("Timeout", o.Timeout.String(), "zero (15ms) or 1ms to 10s", "")
	}
	if o.Retry < 10*time.Millisecond || o.Retry > time.Minute {
		problems.Add("Retry", o.Retry.String(), "zero (250ms) or 10ms to 1m", "")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if o.Local == nil {
		o.Local, _ = NewMemory(MemoryOptions{}) // the zero options have no error
	}
	return &Shared{
		store: o.Store, local: o.Local, instances: int64(o.Instances), timeout: o.Timeout, retry: o.Retry, sink: o.Sink,
		recheck: newRule(Policy{Name: "recheck", Algorithm: FixedWindow, Points: 1, Duration: recheckBlocks}),
		pending: map[Key]debt{}, stop: make(chan struct{}), leases: leases{held: map[Key]*lease{}},
	}, nil
}

// Close ends the probes and waits for them. The Store stays open.
func (s *Shared) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	s.working.Wait()
	return nil
}

// share is the rule by which this process decides alone.
func (s *Shared) share(r *Rule) *Rule {
	if v, ok := s.rules.Load(r); ok {
		return v.(*Rule)
	}
	p := r.Policy
	part := func(n int64) int64 {
		if n <= 0 {
			return n
		}
		return (n + s.instances - 1) / s.instances
	}
	over := p.BlockAt - p.Points
	p.Points, p.Burst, p.Lease = part(p.Points), part(p.Burst), 0
	if p.Algorithm == FixedWindow {
		p.BlockAt = p.Points + over
	}
	v, _ := s.rules.LoadOrStore(r, newRule(p))
	return v.(*Rule)
}

// Decide implements Store.
func (s *Shared) Decide(ctx context.Context, now time.Time, ops []Op, results []Result) error {
	if err := CheckOps(ops, results); err != nil {
		return err
	}
	if s.refusedHere(now, ops, results) {
		return nil
	}
	if s.away.Load() {
		return s.alone(ctx, now, ops, results)
	}
	if len(ops) == 1 && ops[0].Rule.Policy.Lease > 1 && ops[0].Verb == Consume {
		return s.leased(ctx, now, ops, results)
	}
	return s.ask(ctx, now, ops, results)
}

// ask is a decision by the store, and one by this process where that fails.
func (s *Shared) ask(ctx context.Context, now time.Time, ops []Op, results []Result) error {
	if err := s.call(ctx, now, ops, results); err != nil {
		if ctx.Err() != nil {
			return err // the caller has gone
		}
		return s.alone(ctx, now, ops, results)
	}
	for i := range ops {
		s.mirror(now, &ops[i], &results[i])
	}
	return nil
}

func (s *Shared) call(ctx context.Context, now time.Time, ops []Op, results []Result) error {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	err := s.store.Decide(bounded, now, ops, results)
	cancel()
	if err == nil || ctx.Err() == nil {
		s.note(ctx, err)
	}
	return err
}

// refusedHere answers where a key is known to be blocked.
func (s *Shared) refusedHere(now time.Time, ops []Op, results []Result) bool {
	at, refused := s.local.at(now), false
	for i := range ops {
		op := &ops[i]
		if op.Verb != Consume {
			return false
		}
		look := Op{Rule: s.share(op.Rule), Key: op.Key, Verb: Peek, Points: op.Points}
		_ = s.local.one(at, &look, &results[i]) // a Peek has no error
		results[i].Local = true
		if !results[i].Blocked {
			results[i].Allowed, results[i].Wait = true, 0
			continue
		}
		again := Op{Rule: s.recheck, Key: s.recheckKey(op.Key), Points: 1}
		var res Result
		_ = s.local.one(at, &again, &res) // without room it refuses
		if res.Allowed && !s.away.Load() {
			return false
		}
		refused = true
	}
	return refused
}

func (s *Shared) recheckKey(k Key) Key { return Key{Tag: k.Tag, ID: mix64(k.ID + s.recheck.salt)} }

// mirror keeps what the store said, for when it is away.
func (s *Shared) mirror(now time.Time, op *Op, res *Result) {
	at := s.local.at(now)
	p := &op.Rule.Policy
	var ignored Result
	local := Op{Rule: s.share(op.Rule), Key: op.Key}
	block := time.Duration(0)
	switch {
	case op.Verb == Peek && !res.Found:
		return
	case res.Blocked:
		block = res.Reset
	case p.LocalBlockAt > 0 && op.Verb == Consume && res.Consumed >= p.LocalBlockAt:
		if block = p.LocalBlock; block == 0 {
			block = res.Reset
		}
	}
	if block >= MinDuration {
		local.Verb, local.TTL = Block, block
		again := Op{Rule: s.recheck, Key: s.recheckKey(op.Key), Points: 1}
		if p.LocalBlockAt == 0 {
			_ = s.local.one(at, &again, &ignored) // counts: the next look is in 5 s
		}
	} else {
		local.Verb, local.Points = Assign, (res.Consumed+s.instances-1)/s.instances
		if p.Algorithm == FixedWindow && res.Reset >= MinDuration {
			local.TTL = res.Reset
		}
	}
	local.Points = min(max(local.Points, 0), maxPoints)
	_ = s.local.one(at, &local, &ignored) // without room, the policy's share starts anew
}

// Delete implements Store. While the store is away it is told later.
func (s *Shared) Delete(ctx context.Context, key Key) (bool, error) {
	found, _ := s.local.Delete(ctx, key) // a Memory's has no error
	_, _ = s.local.Delete(ctx, s.recheckKey(key))
	s.leases.drop(key)
	if !s.away.Load() {
		bounded, cancel := context.WithTimeout(ctx, s.timeout)
		there, err := s.store.Delete(bounded, key)
		cancel()
		if err == nil || ctx.Err() != nil {
			return there || found, err
		}
		s.note(ctx, err)
	}
	s.owe(key, func(d *debt) { *d = debt{forget: true} })
	return found, nil
}

// Scan implements Store: over the shared store, or while it is away over what is known
// here.
func (s *Shared) Scan(ctx context.Context, f func(Key, State) bool) error {
	if s.away.Load() {
		return s.local.Scan(ctx, f)
	}
	return s.store.Scan(ctx, f)
}
