package limit

import (
	"math/bits"
	"sync"
)

const (
	// A shard's table is never fuller than this, so that a search ends soon.
	loadNumber, loadOf = 9, 10
	// reserve is the part of a table's cap that only blocks may use beyond it.
	reserveOf = 32
	// sweepStep is how many slots each new key looks at for ones that have run out, and
	// sweepFull how many when there is no room.
	sweepStep, sweepFull = 4, 32

	firstSlots = 16
)

// A shard is a hash table with linear probing, in two arrays without a pointer. It grows
// to its cap and never drops a record that has not run out.
type shard struct {
	mu     sync.Mutex
	tags   []uint64 // 0: an empty slot
	states []State
	used   int
	cap    int // of used
	hand   int // where the sweep goes on
	_      [40]byte
}

// slotsFor is how many slots a cap needs.
func slotsFor(cap int) int {
	whole := cap + cap/reserveOf + 1
	return whole*loadOf/loadNumber + 2
}

func (s *shard) home(id uint64) int {
	hi, _ := bits.Mul64(id<<shardBits, uint64(len(s.tags)))
	return int(hi)
}

// find returns the slot of id, or -1.
func (s *shard) find(id uint64) int {
	if len(s.tags) == 0 {
		return -1
	}
	for i := s.home(id); ; {
		switch s.tags[i] {
		case id:
			return i
		case 0:
			return -1
		}
		if i++; i == len(s.tags) {
			i = 0
		}
	}
}

// place makes a slot for an id that has none; -1 where there is no room. With spare it may
// use the reserve.
func (s *shard) place(id uint64, now int64, spare bool) int {
	s.sweep(now, sweepStep)
	room := s.cap
	if spare {
		room += s.cap/reserveOf + 1
	}
	if s.used >= room {
		if s.sweep(now, sweepFull); s.used >= room {
			return -1
		}
	}
	if (s.used+1)*loadOf > len(s.tags)*loadNumber {
		s.grow(now)
	}
	i := s.put(id)
	s.states[i] = State{}
	return i
}

// put takes the first empty slot for id.
func (s *shard) put(id uint64) int {
	i := s.home(id)
	for s.tags[i] != 0 {
		if i++; i == len(s.tags) {
			i = 0
		}
	}
	s.tags[i] = id
	s.used++
	return i
}

// grow doubles the table, up to what the cap needs, and leaves behind what has run out. A
// shard is small, so this holds its lock for some tens of microseconds.
func (s *shard) grow(now int64) {
	tags, states := s.tags, s.states
	n := min(max(firstSlots, 2*len(tags)), slotsFor(s.cap))
	s.tags, s.states, s.used, s.hand = make([]uint64, n), make([]State, n), 0, 0
	for i, id := range tags {
		if id != 0 && states[i].Until > now {
			s.states[s.put(id)] = states[i]
		}
	}
}

// sweep looks at n slots and empties those that have run out.
func (s *shard) sweep(now int64, n int) {
	for range min(n, len(s.tags)) {
		if s.hand >= len(s.tags) {
			s.hand = 0
		}
		if s.tags[s.hand] != 0 && s.states[s.hand].Until <= now {
			s.remove(s.hand) // which may move another one here
			continue
		}
		s.hand++
	}
}

// remove empties slot i and moves those behind it that would no longer be found.
func (s *shard) remove(i int) {
	n := len(s.tags)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		if s.tags[j] == 0 {
			break
		}
		// The record at j stays if its home lies between the gap and j.
		home := s.home(s.tags[j])
		if (j-home+n)%n < (j-i+n)%n {
			continue
		}
		s.tags[i], s.states[i] = s.tags[j], s.states[j]
		i = j
	}
	s.tags[i] = 0
	s.used--
}
