package session

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// DefaultMaxSessions is how many sessions a Memory holds.
const DefaultMaxSessions = 1 << 20

const (
	memoryShards = 256
	sweepStep    = 4 // records looked at on each Save
)

// MemoryOptions configure a Memory.
type MemoryOptions struct {
	// MaxSessions is how many sessions are held at most, spread over 256 shards. Zero is
	// DefaultMaxSessions; negative is refused. In a full shard a new session takes the
	// place of the one without user that ends first, of a few looked at; where all of
	// those have users, Save returns ErrFull. So a flood of visitors logs nobody out.
	MaxSessions int
}

// Memory is a Store, and an Index, in this process: for tests, and for one process whose
// users may be logged out by a restart. Expired sessions are removed a few at a time, by
// those who save; no lock is held for longer than that takes. What it holds is not
// sealed: whoever reads this process's memory has the keys as well.
type Memory struct {
	max    int // in one shard
	shards [memoryShards]memoryShard
	owners [memoryShards]ownerShard
}

type memoryShard struct {
	mu     sync.Mutex
	by     map[Key]*memoryRecord
	all    []*memoryRecord // in no order; the sweep goes through it
	cursor int
}

type memoryRecord struct {
	Record
	key Key
	at  int // in all
}

type ownerShard struct {
	mu sync.Mutex
	by map[Owner]map[Key]struct{}
}

// NewMemory returns an empty store. The error is a [guard.OptionError].
func NewMemory(o MemoryOptions) (*Memory, error) {
	p := guard.Problems{Package: "session"}
	if o.MaxSessions < 0 {
		p.Add("MaxSessions", strconv.Itoa(o.MaxSessions), "zero or more", "")
		return nil, p.Err()
	}
	if o.MaxSessions == 0 {
		o.MaxSessions = DefaultMaxSessions
	}
	m := &Memory{max: (o.MaxSessions + memoryShards - 1) / memoryShards}
	for i := range m.shards {
		m.shards[i].by = map[Key]*memoryRecord{}
		m.owners[i].by = map[Owner]map[Key]struct{}{}
	}
	return m, nil
}

func (m *Memory) shard(key *Key) *memoryShard { return &m.shards[key[0]] }

// get returns a live record; an expired one is removed. The shard is locked.
func (m *Memory) get(s *memoryShard, key *Key, now time.Time) *memoryRecord {
	r := s.by[*key]
	if r != nil && !now.Before(r.Expires) {
		m.remove(s, r)
		return nil
	}
	return r
}

func (m *Memory) remove(s *memoryShard, r *memoryRecord) {
	delete(s.by, r.key)
	last := s.all[len(s.all)-1]
	s.all[r.at], last.at = last, r.at
	s.all[len(s.all)-1] = nil
	s.all = s.all[:len(s.all)-1]
	m.disown(r)
}

// Load implements Store.
func (m *Memory) Load(ctx context.Context, key Key) (Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, err
	}
	r, ok := m.load(&key, time.Now())
	return r, ok, nil
}

// load is Load for a manager, which knows the time.
func (m *Memory) load(key *Key, now time.Time) (Record, bool) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := m.get(s, key, now); r != nil {
		return r.Record, true
	}
	return Record{}, false
}

// Save implements Store.
func (m *Memory) Save(ctx context.Context, key Key, r Record) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r.Data, r.Label = bytes.Clone(r.Data), bytes.Clone(r.Label)
	return m.save(&key, r, time.Now())
}

// save is Save for a manager, which knows the time and never changes what it has given.
func (m *Memory) save(key *Key, r Record, now time.Time) (uint64, error) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.sweep(s, now)
	old := m.get(s, key, now)
	version := r.Version + 1
	switch {
	case r.Version == 0:
		if old != nil {
			return 0, ErrConflict
		}
		if len(s.all) >= m.max && !m.evict(s) {
			return 0, ErrFull
		}
		old = &memoryRecord{key: *key, at: len(s.all)}
		s.by[*key], s.all = old, append(s.all, old)
	case old == nil:
		return 0, ErrGone
	case old.Version != r.Version:
		return 0, ErrConflict
	default:
		r.Owner = old.Owner
	}
	r.Version = version
	r.Expires = r.Expires.Truncate(time.Millisecond)
	old.Record = r
	if version == 1 {
		m.own(old)
	}
	return version, nil
}

// Touch implements Store.
func (m *Memory) Touch(ctx context.Context, key Key, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := m.shard(&key)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := m.get(s, &key, now); r != nil {
		r.Expires = expires.Truncate(time.Millisecond)
	}
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key Key, _ Owner) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := m.shard(&key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.by[key]; r != nil {
		m.remove(s, r)
	}
	return nil
}

// Len returns how many sessions are held, expired ones that no sweep has met included.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += len(s.all)
		s.mu.Unlock()
	}
	return n
}

// sweep looks at a few records, each time where it stopped before.
func (m *Memory) sweep(s *memoryShard, now time.Time) {
	for range min(sweepStep, len(s.all)) {
		if s.cursor >= len(s.all) {
			s.cursor = 0
		}
		if r := s.all[s.cursor]; !now.Before(r.Expires) {
			m.remove(s, r)
			continue
		}
		s.cursor++
	}
}

// evict makes room in a full shard: of the next records it drops the one of a visitor
// that ends first.
func (m *Memory) evict(s *memoryShard) bool {
	const look = 32
	var first *memoryRecord
	for range min(look, len(s.all)) {
		if s.cursor >= len(s.all) {
			s.cursor = 0
		}
		r := s.all[s.cursor]
		s.cursor++
		if r.Owner == (Owner{}) && (first == nil || r.Expires.Before(first.Expires)) {
			first = r
		}
	}
	if first == nil {
		return false
	}
	m.remove(s, first)
	return true
}

func (m *Memory) own(r *memoryRecord) {
	if r.Owner == (Owner{}) {
		return
	}
	o := &m.owners[r.Owner[0]]
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by[r.Owner] == nil {
		o.by[r.Owner] = map[Key]struct{}{}
	}
	o.by[r.Owner][r.key] = struct{}{}
}

func (m *Memory) disown(r *memoryRecord) {
	if r.Owner == (Owner{}) {
		return
	}
	o := &m.owners[r.Owner[0]]
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.by[r.Owner], r.key)
	if len(o.by[r.Owner]) == 0 {
		delete(o.by, r.Owner)
	}
}

// Owned implements Index.
func (m *Memory) Owned(ctx context.Context, owner Owner) ([]Owned, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := &m.owners[owner[0]]
	o.mu.Lock()
	keys := make([]Key, 0, len(o.by[owner]))
	for key := range o.by[owner] {
		keys = append(keys, key)
	}
	o.mu.Unlock()
	var all []Owned
	for _, key := range keys {
		r, ok, err := m.Load(ctx, key)
		if err != nil {
			return nil, err
		}
		if ok {
			r.Data = nil
			all = append(all, Owned{key, r})
		}
	}
	return all, nil
}
