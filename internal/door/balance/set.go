package balance

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"
)

// A Policy says how a member is picked.
type Policy uint8

const (
	// TwoChoices draws two and takes the one with fewer requests under way.
	TwoChoices Policy = iota
	// LeastConnections takes the one with the fewest requests under way.
	LeastConnections
	// Client keeps each client's address prefix at one member for as long as that is well,
	// the same one at every door. A request without an address is TwoChoices'.
	Client
)

// ParsePolicy reads "two-choices", "least-connections" or "client".
func ParsePolicy(s string) (Policy, bool) {
	switch s {
	case "two-choices":
		return TwoChoices, true
	case "least-connections":
		return LeastConnections, true
	case "client":
		return Client, true
	}
	return 0, false
}

// None is the number of no member.
const None = -1

// A Set is the members of one group under one policy. It does not change, and is safe for
// concurrent use.
type Set struct {
	policy  Policy
	members []*Member
}

// NewSet returns a Set of at least one member.
func NewSet(p Policy, members ...*Member) *Set { return &Set{policy: p, members: members} }

// Members returns the members. They are not to be changed.
func (s *Set) Members() []*Member { return s.members }

// Pick returns the number of the member for a request of a client. Safe tells that the
// request may be repeated, so that it is the trial of a slow member before another is; trial
// says that it is one, which is to be handed to [Member.End]. After a failure, not is the member that failed:
// then only one that is well is picked, or None. It allocates nothing.
func (s *Set) Pick(client netip.Prefix, safe bool, not int) (i int, trial bool) {
	if len(s.members) == 1 {
		if not == 0 {
			return None, false
		}
		return 0, false
	}
	switch {
	case s.policy == Client && client.IsValid():
		i, trial = s.byClient(client, safe, not)
	case s.policy == LeastConnections:
		i, trial = s.least(safe, not)
	default:
		i, trial = s.ofTwo(safe, not)
	}
	if i == None && not == None {
		i = s.leastBad()
	}
	return i, trial
}

func (s *Set) ofTwo(safe bool, not int) (int, bool) {
	n := len(s.members)
	i := rand.IntN(n)
	j := rand.IntN(n - 1)
	if j >= i {
		j++
	}
	a, b := s.members[i], s.members[j]
	if i == not || j == not || !a.well() || !b.well() {
		return s.least(safe, not) // which also sees who is due for a trial
	}
	if b.inFlight.Load() < a.inFlight.Load() {
		return j, false
	}
	return i, false
}

// least begins anywhere, so that equals take turns.
func (s *Set) least(safe bool, not int) (int, bool) {
	n := len(s.members)
	best, fewest := None, int64(0)
	var now time.Time
	i := rand.IntN(n)
	for range n {
		if i++; i == n {
			i = 0
		}
		m := s.members[i]
		if i == not {
			continue
		}
		if !m.well() {
			if not == None {
				if now.IsZero() {
					now = time.Now()
				}
				if m.due(now, safe) && m.try() {
					return i, true
				}
			}
			continue
		}
		if busy := m.inFlight.Load(); best == None || busy < fewest {
			best, fewest = i, busy
		}
	}
	return best, false
}

// byClient takes the member whose hash with the client is the highest: when a member goes,
// only its clients move, and they come back with it.
func (s *Set) byClient(client netip.Prefix, safe bool, not int) (int, bool) {
	bytes := client.Masked().Addr().As16()
	high, low := binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:])
	var now time.Time
	best, top := None, uint64(0)
	for i, m := range s.members {
		if i == not {
			continue
		}
		if !m.well() {
			if not != None {
				continue
			}
			if now.IsZero() {
				now = time.Now()
			}
			if !m.due(now, safe) {
				continue
			}
		}
		if h := mix(mix(m.seed^high) ^ low); best == None || h > top {
			best, top = i, h
		}
	}
	if best == None || s.members[best].well() {
		return best, false
	}
	if s.members[best].try() {
		return best, true
	}
	return s.byClient(client, safe, not) // another request has just become the trial
}

// leastBad is the member of which the least is known that speaks against it.
func (s *Set) leastBad() int {
	best, least := 0, ^uint64(0)
	for i, m := range s.members {
		state := m.state.Load()
		var bad uint64
		switch { // slow has answered once, down may not be asked what it is asked
		case state&lost != 0:
			bad = 3 << 32
		case state&down != 0:
			bad = 2 << 32
		case state&slow != 0:
			bad = 1 << 32
		}
		if bad += uint64(max(m.inFlight.Load(), 0)); bad < least {
			best, least = i, bad
		}
	}
	return best
}

// mix is the finalizer of SplitMix64, which spreads each bit over all.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
