package limit

import (
	"math/bits"
	"sync"
)

const (
	// A shard's table is never fuller than this, so that a search ends.
	loadNumber, loadOf = 19, 20
	// reserveOf is the part of a table's cap that only blocks may use beyond it.
	reserveOf = 128
	// sweepStep is how many slots each new key looks at for ones that have run out, and
	// sweepFull how many when there is no room.
	sweepStep, sweepFull = 3, 30

	firstBuckets = 4
	inBucket     = 3
)

// A bucket is two lines of a cache: three records beside the ids by which they are found.
type bucket struct {
	tags   [inBucket]uint64 // 0: an empty slot
	states [inBucket]State
	_      uint64
}

// A shard is a hash table with linear probing, from bucket to bucket, without a pointer. It
// grows to its cap and never drops a record that has not run out.
type shard struct {
	mu      sync.Mutex
	buckets []bucket
	used    int
	cap     int // of used
	hand    int // the slot where the sweep goes on
	_       [72]byte
}

// bucketsFor is how many buckets a cap needs.
func bucketsFor(cap int) int {
	whole := cap + cap/reserveOf + 1
	return (whole*loadOf/loadNumber)/inBucket + 1
}

func (s *shard) slots() int           { return len(s.buckets) * inBucket }
func (s *shard) tag(i int) *uint64    { return &s.buckets[i/inBucket].tags[i%inBucket] }
func (s *shard) state(i int) *State   { return &s.buckets[i/inBucket].states[i%inBucket] }
func (s *shard) free(i int)           { *s.tag(i) = 0 }
func (s *shard) move(to, from int)    { *s.tag(to), *s.state(to) = *s.tag(from), *s.state(from) }
func (s *shard) next(i int) int       { return (i + 1) % s.slots() }
func (s *shard) gap(from, to int) int { return (to - from + s.slots()) % s.slots() }

// home is the bucket at which the search for id starts.
func (s *shard) home(id uint64) int {
	hi, _ := bits.Mul64(id<<shardBits, uint64(len(s.buckets)))
	return int(hi)
}

// find returns the slot of id, or -1.
func (s *shard) find(id uint64) int {
	if len(s.buckets) == 0 {
		return -1
	}
	for b := s.home(id); ; {
		for i, tag := range &s.buckets[b].tags {
			if tag == id {
				return b*inBucket + i
			}
			if tag == 0 {
				return -1
			}
		}
		if b++; b == len(s.buckets) {
			b = 0
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
	if (s.used+1)*loadOf > s.slots()*loadNumber {
		s.grow(now)
	}
	i := s.put(id)
	*s.state(i) = State{}
	return i
}

// put takes the first empty slot for id.
func (s *shard) put(id uint64) int {
	i := s.home(id) * inBucket
	for *s.tag(i) != 0 {
		i = s.next(i)
	}
	*s.tag(i) = id
	s.used++
	return i
}

// grow doubles the table, up to what the cap needs, and leaves behind what has run out. A
// shard is small, so this holds its lock for some tens of microseconds.
func (s *shard) grow(now int64) {
	old := s.buckets
	s.buckets = make([]bucket, min(max(firstBuckets, 2*len(old)), bucketsFor(s.cap)))
	s.used, s.hand = 0, 0
	for b := range old {
		for i, id := range &old[b].tags {
			if id != 0 && old[b].states[i].Until > now {
				*s.state(s.put(id)) = old[b].states[i]
			}
		}
	}
}

// sweep looks at n slots and empties those that have run out.
func (s *shard) sweep(now int64, n int) {
	for range min(n, s.slots()) {
		if s.hand >= s.slots() {
			s.hand = 0
		}
		if *s.tag(s.hand) != 0 && s.state(s.hand).Until <= now {
			s.remove(s.hand) // which may move another one here
			continue
		}
		s.hand++
	}
}

// remove empties slot i and moves those behind it that would no longer be found.
func (s *shard) remove(i int) {
	for j := s.next(i); *s.tag(j) != 0; j = s.next(j) {
		// The record at j stays if its home lies between the gap and j.
		if s.gap(s.home(*s.tag(j))*inBucket, j) < s.gap(i, j) {
			continue
		}
		s.move(i, j)
		i = j
	}
	s.free(i)
	s.used--
}
