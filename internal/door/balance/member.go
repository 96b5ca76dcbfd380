package balance

import (
	"hash/fnv"
	"strings"
	"sync/atomic"
	"time"
)

// Why a member is not well, as bits.
const (
	lost uint32 = 1 << iota // could not be connected to
	slow                    // did not answer in time
	down                    // a Check failed
)

const (
	// asideFirst and asideMost bound how long a slow member is put aside, and how long the
	// keeper waits before it connects to a lost one again.
	asideFirst = 100 * time.Millisecond
	asideMost  = time.Second
	// asideUnsafe is for how much longer no request is a trial that may not be repeated:
	// where all are such, as with gRPC, one has to be.
	asideUnsafe = 5 * time.Second
)

// A Member is one address of a group. It is made by [Keeper.Member] and safe for concurrent
// use.
type Member struct {
	group, address string
	seed           uint64
	changed        func(*Member)

	state    atomic.Uint32 // 0 while it is well
	until    atomic.Int64  // slow: aside until then, in Unix ns
	strikes  atomic.Int32  // times out in a row
	trying   atomic.Bool   // a trial is under way
	missing  chan struct{} // it was lost: asks for the keeper
	inFlight atomic.Int64
	requests atomic.Uint64
	failures atomic.Uint64
}

func newMember(group, address string, changed func(*Member)) *Member {
	h := fnv.New64a()
	_, _ = h.Write([]byte(address))
	return &Member{group: group, address: address, seed: mix(h.Sum64()), changed: changed, missing: make(chan struct{}, 1)}
}

// Group and Address are what the member is known by.
func (m *Member) Group() string   { return m.group }
func (m *Member) Address() string { return m.address }

// Begin counts a request that goes there; End its end. Trial is what Pick said.
func (m *Member) Begin() {
	m.inFlight.Add(1)
	m.requests.Add(1)
}

// End is called once for each Begin.
func (m *Member) End(trial bool) {
	m.inFlight.Add(-1)
	if trial {
		m.trying.Store(false)
	}
}

// Answered tells that a request was answered, whatever the status.
func (m *Member) Answered() {
	if m.state.Load()&(lost|slow) == 0 && m.strikes.Load() == 0 {
		return
	}
	m.strikes.Store(0)
	m.clear(lost | slow)
}

// Failed counts an exchange that failed for any reason.
func (m *Member) Failed() { m.failures.Add(1) }

// Lost tells that it could not be connected to.
func (m *Member) Lost() {
	m.set(lost)
	select {
	case m.missing <- struct{}{}:
	default: // the keeper knows
	}
}

// Slow tells that it did not answer in time.
func (m *Member) Slow(now time.Time) {
	n := min(m.strikes.Add(1)-1, 8)
	m.until.Store(now.Add(min(asideFirst<<n, asideMost)).UnixNano())
	m.set(slow)
}

// Reachable tells whether it was last connected to, and no Check has failed.
func (m *Member) Reachable() bool { return m.state.Load()&(lost|down) == 0 }

func (m *Member) well() bool { return m.state.Load() == 0 }

// due tells whether it is only slow, and its time aside is over for such a request.
func (m *Member) due(now time.Time, safe bool) bool {
	until := m.until.Load()
	if !safe {
		until += int64(asideUnsafe)
	}
	return m.state.Load() == slow && until <= now.UnixNano() && !m.trying.Load()
}

// try claims the trial.
func (m *Member) try() bool { return m.trying.CompareAndSwap(false, true) }

func (m *Member) set(bit uint32) {
	if old := m.state.Or(bit); old&bit == 0 && bit&(lost|down) != 0 {
		m.tell()
	}
}

// clear ends the trial of a slow member too: the answer may be a stream that goes on for
// hours, and the member could not be tried again while it lasts.
func (m *Member) clear(bits uint32) {
	old := m.state.And(^bits)
	if old&bits&slow != 0 {
		m.trying.Store(false)
	}
	if old&bits&(lost|down) != 0 {
		m.tell()
	}
}

func (m *Member) tell() {
	if m.changed != nil {
		m.changed(m)
	}
}

// A Standing is what there is to tell of a member.
type Standing struct {
	// Up tells that requests go there. Why says why not: "lost", "slow", "down", or several.
	Up  bool
	Why string
	// InFlight is how many requests are under way; the others are counts since the start.
	InFlight           int64
	Requests, Failures uint64
}

// Standing returns what there is to tell.
func (m *Member) Standing() Standing {
	s := Standing{InFlight: m.inFlight.Load(), Requests: m.requests.Load(), Failures: m.failures.Load()}
	state := m.state.Load()
	var why []string
	for _, one := range [...]struct {
		bit  uint32
		name string
	}{{lost, "lost"}, {slow, "slow"}, {down, "down"}} {
		if state&one.bit != 0 {
			why = append(why, one.name)
		}
	}
	s.Up, s.Why = state == 0, strings.Join(why, ", ")
	return s
}
