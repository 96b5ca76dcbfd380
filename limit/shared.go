package limit

import (
	"context"
	"errors"
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
	// maxShares is how many rules a Shared remembers its share of.
	maxShares = 1 << 10
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
// in 5 seconds, or with LocalBlockAt not at all. After 3 decisions in a row that failed or
// took longer than Timeout the Store is left alone: then each policy's Outage answers at
// once, and one probe each Retry finds out when it is back. What was counted and blocked
// meanwhile, and still is, is then added to the Store, for up to 65,536 keys.
//
// With LocalShare a process allows its share of what was left when it last saw the key. So
// a key is allowed at most Points + Instances × ceil(Points/Instances) within a Duration in
// which the Store goes away or comes back, and Instances × ceil(Points/Instances) in those
// between. A Store that comes back without its data has forgotten up to Points more: then
// it is 2 × Points + Instances × ceil(Points/Instances), and what was blocked before it went
// away is blocked for 5 seconds at most.
//
// A decision is made, and counted, whether or not its caller waits for it: the end of a
// context does not stop it.
//
// A policy with a Lease takes several points at a time for keys that are busy, and spends
// them here, within a twentieth of Duration. Each process holds at most Lease points of a
// key, so within one Duration at most Instances × Lease points more are spent than the
// policy allows, in an outage, too; a decision on one op alone uses leases, one on several
// does not.
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
	shares    atomic.Int32
	leases    leases

	away     atomic.Bool
	owing    atomic.Bool // pending or settling is not empty
	failures atomic.Int32

	mu       sync.Mutex
	closed   bool
	paying   bool
	pending  map[Key]debt
	settling map[Key]debt // what is just being paid
	payment  sync.Mutex   // held by who pays: debts are paid in order
	working  sync.WaitGroup
	stop     chan struct{}
}

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

// Away tells whether the Store does not answer at the moment, so that each process decides
// alone. It is false until a decision has found out.
func (s *Shared) Away() bool { return s.away.Load() }

// Close ends the probes, waits for them, and pays what is owed if the Store answers. The
// Store stays open.
func (s *Shared) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	s.working.Wait()
	if s.owing.Load() {
		s.pay() // with more time than a decision has, and once: all that is left of it is here
	}
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
	if s.shares.Add(1) > maxShares { // of policies that reloads took the place of
		s.rules.Clear()
		s.shares.Store(1)
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
		return s.alone(ctx, now, ops, results)
	}
	for i := range ops {
		if op := &ops[i]; op.Rule.Policy.Lease > 1 && op.Verb != Consume && op.Verb != Peek {
			s.leases.drop(op.Key) // it is about what was there before
		}
		s.mirror(now, &ops[i], &results[i])
	}
	return nil
}

// call asks the store. It does so whether or not the caller waits for the answer: who
// hangs up is counted like the others.
func (s *Shared) call(ctx context.Context, now time.Time, ops []Op, results []Result) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	err := s.store.Decide(bounded, now, ops, results)
	cancel()
	s.note(ctx, err)
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
	at, share, p := s.local.at(now), s.share(op.Rule), &op.Rule.Policy
	switch {
	case op.Verb == Peek && !res.Found:
		return
	case res.Blocked && res.Reset >= MinDuration:
		s.blockHere(at, share, op.Key, res.Reset, recheckBlocks)
		return
	case p.LocalBlockAt > 0 && op.Verb == Consume && res.Consumed >= p.LocalBlockAt && max(p.LocalBlock, res.Reset) >= MinDuration:
		d := res.Reset
		if p.LocalBlock > 0 {
			d = p.LocalBlock
			res.Reset = d
			if !res.Allowed {
				res.Wait = max(res.Wait, d)
			}
		}
		s.blockHere(at, share, op.Key, d, d) // the store knows no such block: it is not asked
		return
	case p.LocalBlockAt > 0 && (op.Verb == Peek || op.Verb == Add) && s.blockedHere(at, share, op.Key):
		return
	case op.Verb == Assign:
		_, _ = s.local.Delete(context.Background(), s.recheckKey(op.Key)) // a Memory's has no error
	case s.owing.Load():
		return // the store does not know of all that was counted here
	}
	local := Op{Rule: share, Key: op.Key, Verb: Assign, Points: min(max((res.Consumed+s.instances-1)/s.instances, 0), maxPoints)}
	if p.Algorithm == FixedWindow && res.Reset >= MinDuration {
		local.TTL = res.Reset
	}
	s.local.mirror(at, &local)
}

// blockHere refuses a key in this process, and asks the store about it once in recheck.
func (s *Shared) blockHere(at int64, r *Rule, key Key, d, recheck time.Duration) {
	var ignored Result
	block := Op{Rule: r, Key: key, Verb: Block, TTL: d}
	_ = s.local.one(at, &block, &ignored) // without room, the store is asked each time
	again := Op{Rule: s.recheck, Key: s.recheckKey(key), Points: 1, TTL: recheck}
	_ = s.local.one(at, &again, &ignored) // counts: the next look is later
}

func (s *Shared) blockedHere(at int64, r *Rule, key Key) bool {
	var res Result
	look := Op{Rule: r, Key: key, Verb: Peek}
	_ = s.local.one(at, &look, &res) // a Peek has no error
	return res.Blocked
}

var errDebts = errors.New("limit: the store is away, and there is no room to note what it has to be told")

// Delete implements Store. While the store is away it is told later.
func (s *Shared) Delete(ctx context.Context, key Key) (bool, error) {
	found, _ := s.local.Delete(ctx, key) // a Memory's has no error
	_, _ = s.local.Delete(ctx, s.recheckKey(key))
	s.leases.drop(key)
	s.forgive(key)
	if !s.away.Load() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		there, err := s.store.Delete(bounded, key)
		cancel()
		s.note(ctx, err)
		if err == nil {
			return there || found, nil
		}
	}
	if !s.owe(key, debt{forget: true}) {
		return found, errDebts
	}
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
