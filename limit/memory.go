package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/guard"
)

const (
	// DefaultMaxKeys is how many records a Memory keeps: 6 MB when all are there.
	DefaultMaxKeys = 1 << 17

	minKeys, maxKeys = 1 << 12, 1 << 28

	shardBits = 8
	shards    = 1 << shardBits
)

// MemoryOptions configure a Memory.
type MemoryOptions struct {
	// MaxKeys is how many records it keeps, 4,096 to 2^28. Zero is DefaultMaxKeys. A
	// record takes up to 47 bytes, and each policy that had to count keys without one 0.75
	// bytes for each of MaxKeys.
	MaxKeys int
}

// A Memory is a Store in this process. It has no goroutine: what has run out makes room as
// new keys come.
//
// At MaxKeys nothing that counts is dropped: no flood of new keys lifts a block or resets
// a count. New keys then share counters that never count too little, until records run
// out: see sketch for how often that refuses somebody who did nothing. Blocks that are
// asked for, or due, have some room of their own.
type Memory struct {
	shards [shards]shard
	keys   int
	base   time.Time
	micros int64 // base, in microseconds since 1970

	keeping atomic.Pointer[Keeping]

	mu       sync.RWMutex
	sketches map[uint16]*sketch
}

// NewMemory makes an empty Memory.
func NewMemory(o MemoryOptions) (*Memory, error) {
	if o.MaxKeys == 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	if o.MaxKeys < minKeys || o.MaxKeys > maxKeys {
		problems := guard.Problems{Package: "limit"}
		problems.Add("MaxKeys", strconv.Itoa(o.MaxKeys), fmt.Sprintf("%d to %d", minKeys, maxKeys), "")
		return nil, problems.Err()
	}
	base := time.Now()
	m := &Memory{keys: o.MaxKeys, base: base, micros: base.UnixMicro(), sketches: map[uint16]*sketch{}}
	for i := range m.shards {
		m.shards[i].cap = o.MaxKeys / shards
	}
	return m, nil
}

// at is now in microseconds since 1970, by the clock that nobody sets.
func (m *Memory) at(now time.Time) int64 {
	return m.micros + int64(now.Sub(m.base)/time.Microsecond)
}

func shardOf(id uint64) int { return int(id >> (64 - shardBits)) }

// tag keeps 0 for empty slots.
func tag(k Key) uint64 { return max(k.ID, 1) }

// sketch returns the sketch of a rule; nil where make is false and there is none.
func (m *Memory) sketch(r *Rule, make bool) *sketch {
	m.mu.RLock()
	k := m.sketches[r.Number]
	m.mu.RUnlock()
	if k != nil || !make {
		return k
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k = m.sketches[r.Number]; k == nil {
		k = newSketch(r, m.keys)
		m.sketches[r.Number] = k
	}
	return k
}

// Decide implements Store. It never fails but for ops that are malformed.
func (m *Memory) Decide(_ context.Context, now time.Time, ops []Op, results []Result) error {
	if len(ops) == 1 {
		if err := ops[0].check(); err != nil {
			return err
		}
		return m.one(m.at(now), &ops[0], &results[0])
	}
	if err := CheckOps(ops, results); err != nil {
		return err
	}
	return m.all(m.at(now), ops, results)
}

var (
	errOps    = errors.New("limit: a decision needs 1 to 16 ops with different keys, and a result for each")
	errPoints = errors.New("limit: a negative number of points")
	errFull   = errors.New("limit: no room for another record that is asked for; raise MaxKeys")
	errTTL    = errors.New("limit: a time to live of less than 1ms or over 100 years")
)

const maxOps = 16

func (op *Op) check() error {
	switch op.Verb {
	case Consume, Peek, Assign:
		if op.Points < 0 || op.Points > maxPoints {
			return errPoints
		}
	}
	if (op.TTL != 0 || op.Verb == Block) && !validSpan(op.TTL) {
		return errTTL
	}
	return nil
}

// CheckOps tells what a Store refuses: ops that are not 1 to 16, with different keys and a
// result for each; negative points but for Add; a TTL out of bounds.
func CheckOps(ops []Op, results []Result) error {
	if len(ops) == 0 || len(ops) > maxOps || len(results) != len(ops) {
		return errOps
	}
	for i := range ops {
		if err := ops[i].check(); err != nil {
			return err
		}
		for j := range i {
			if ops[i].Key.ID == ops[j].Key.ID {
				return errOps
			}
		}
	}
	return nil
}

// one is the decision of a single op.
func (m *Memory) one(now int64, op *Op, res *Result) error {
	id := tag(op.Key)
	s := &m.shards[shardOf(id)]
	s.mu.Lock()
	i := s.find(id)
	if i < 0 && op.idle() {
		*res = m.lookAt(id, now, op)
		s.mu.Unlock()
		return nil
	}
	if i < 0 {
		if i = s.place(id, now, op.forced()); i < 0 {
			if op.forced() {
				s.mu.Unlock()
				return errFull
			}
			*res = m.estimate(s, id, now, op, true)
			s.mu.Unlock()
			return nil
		}
		m.inherit(s.state(i), id, now, op)
	}
	was := s.state(i).Flags
	op.Rule.one(s.state(i), now, op, res)
	if res.Started || op.forced() {
		m.keepBlock(id, was, s.state(i))
	}
	s.mu.Unlock()
	return nil
}

// mirror does an Assign that is worth less than the room that is left for blocks: without
// other room it does nothing.
func (m *Memory) mirror(now int64, op *Op) {
	id := tag(op.Key)
	s := &m.shards[shardOf(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	if i < 0 {
		if i = s.place(id, now, false); i < 0 {
			return
		}
	}
	var ignored Result
	was := s.state(i).Flags
	op.Rule.one(s.state(i), now, op, &ignored)
	m.keepBlock(id, was, s.state(i))
}

// keepBlock keeps a block that starts, and forgets one that something else took the place
// of. The lock of the key's shard is held.
func (m *Memory) keepBlock(id uint64, was Flags, s *State) {
	if s.Flags&FlagBlocked != 0 {
		m.keep(id, *s)
	} else if was&FlagBlocked != 0 {
		m.keep(id, State{})
	}
}

// forced tells an op that needs a record of its own.
func (op *Op) forced() bool { return op.Verb == Block || op.Verb == Assign }

// idle tells an op that leaves no trace on a key of which nothing is known.
func (op *Op) idle() bool {
	return op.Verb == Peek || op.Verb == Add && op.Points <= 0
}

// inherit gives a new record what its key took while there was no room for one.
func (m *Memory) inherit(s *State, id uint64, now int64, op *Op) {
	if op.forced() {
		return
	}
	k := m.sketch(op.Rule, false)
	if k == nil {
		return
	}
	peek := Op{Rule: op.Rule, Verb: Peek}
	if res := k.look(op.Rule, id, now, &peek); res.Consumed > 0 {
		op.Rule.add(s, now, float64(res.Consumed))
	}
}

// estimate decides for a key that has no record and gets none, but for a block that is
// due. The lock of s is held.
func (m *Memory) estimate(s *shard, id uint64, now int64, op *Op, commit bool) Result {
	k := m.sketch(op.Rule, true)
	res := k.look(op.Rule, id, now, op)
	switch {
	case op.Verb == Add && op.Points > 0 || commit && op.Verb == Consume && res.Allowed:
		k.count(id, now, op.Points)
	case op.Verb == Consume && !res.Allowed && len(op.Rule.Blocks) > 0:
		if i := s.place(id, now, true); i >= 0 {
			op.Rule.strike(s.state(i), now)
			res.Started = true
			op.Rule.Report(s.state(i), now, op, &res)
			m.keepBlock(id, 0, s.state(i))
		}
	}
	return res
}

// all is the decision of several ops: it looks at copies, and writes them back when every
// op is allowed.
func (m *Memory) all(now int64, ops []Op, results []Result) error {
	var order [maxOps]uint8
	for i := range ops {
		order[i] = uint8(shardOf(tag(ops[i].Key)))
	}
	locks := order[:len(ops)]
	slices.Sort(locks)
	locks = slices.Compact(locks)
	for _, n := range locks {
		m.shards[n].mu.Lock()
	}
	defer func() {
		for _, n := range locks {
			m.shards[n].mu.Unlock()
		}
	}()

	var copies [maxOps]State
	var known [maxOps]bool
	for i := range ops {
		op, id := &ops[i], tag(ops[i].Key)
		s := &m.shards[shardOf(id)]
		j := s.find(id)
		if j < 0 && !op.idle() {
			if j = s.place(id, now, op.forced()); j >= 0 {
				m.inherit(s.state(j), id, now, op)
			} else if op.forced() {
				return errFull
			}
		}
		if known[i] = j >= 0; known[i] {
			copies[i] = *s.state(j)
			op.Rule.step(&copies[i], now, op, false, &results[i])
			continue
		}
		results[i] = m.lookAt(id, now, op)
	}
	allowed := Allowed(results)
	for i := range ops {
		op, id := &ops[i], tag(ops[i].Key)
		s := &m.shards[shardOf(id)]
		switch {
		case known[i] && op.Verb != Peek && (allowed || op.Verb != Consume || results[i].Started):
			// Placing the others may have moved it, or taken it for run out.
			j := s.find(id)
			if j < 0 {
				j = s.place(id, now, true)
			}
			if j < 0 {
				results[i] = m.estimate(s, id, now, op, allowed)
				continue
			}
			was := s.state(j).Flags
			*s.state(j) = copies[i]
			if results[i].Started || op.forced() {
				m.keepBlock(id, was, &copies[i])
			}
		case known[i]:
			if j := s.find(id); j >= 0 && s.state(j).Until <= now {
				s.remove(j) // placed for what was not taken, or run out
			}
		case !op.idle():
			results[i] = m.estimate(s, id, now, op, allowed)
		}
	}
	return nil
}

// lookAt is what is known of a key without a record.
func (m *Memory) lookAt(id uint64, now int64, op *Op) (res Result) {
	if k := m.sketch(op.Rule, !op.idle()); k != nil {
		return k.look(op.Rule, id, now, op)
	}
	var none State
	op.Rule.step(&none, now, op, false, &res)
	return res
}

// Delete implements Store. What a key took while there was no room for its record stays
// counted.
func (m *Memory) Delete(_ context.Context, key Key) (bool, error) {
	id := tag(key)
	s := &m.shards[shardOf(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(id)
	if i < 0 {
		return false, nil
	}
	live := s.state(i).Until > m.at(time.Now())
	if s.state(i).Flags&FlagBlocked != 0 {
		m.keep(id, State{})
	}
	s.remove(i)
	return live, nil
}

// Scan implements Store. A Tag is not kept: it is 0. It copies a shard at a time, so f may
// call the Memory.
func (m *Memory) Scan(ctx context.Context, f func(Key, State) bool) error {
	now := m.at(time.Now())
	var keys []Key
	var states []State
	for n := range m.shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &m.shards[n]
		keys, states = keys[:0], states[:0]
		s.mu.Lock()
		for b := range s.buckets {
			for i, id := range &s.buckets[b].tags {
				if state := s.buckets[b].states[i]; id != 0 && state.Until > now {
					keys, states = append(keys, Key{ID: id}), append(states, state)
				}
			}
		}
		s.mu.Unlock()
		for i := range keys {
			if !f(keys[i], states[i]) {
				return nil
			}
		}
	}
	return nil
}

// Len is how many records there are, those included that have run out and not yet made
// room.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += s.used
		s.mu.Unlock()
	}
	return n
}
