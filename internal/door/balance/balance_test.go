package balance

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func members(n int) []*Member {
	all := make([]*Member, n)
	for i := range all {
		all[i] = newMember("api", fmt.Sprintf("http://10.0.0.%d:3000", i+1), nil)
	}
	return all
}

func prefix(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 32)
}

// picks counts who is picked in n requests that never end.
func picks(s *Set, n int, begin bool) []int {
	counts := make([]int, len(s.members))
	for i := range n {
		j, _ := s.Pick(prefix(i), false, None)
		counts[j]++
		if begin {
			s.members[j].Begin()
		}
	}
	return counts
}

func TestPolicies(t *testing.T) {
	for _, p := range []Policy{TwoChoices, LeastConnections} {
		for i, n := range picks(NewSet(p, members(4)...), 400, true) {
			if n < 80 || n > 120 {
				t.Errorf("policy %d: member %d has %d of 400 requests, want about 100", p, i, n)
			}
		}
	}
	all := members(4)
	for range 5 {
		all[0].Begin()
	}
	for range 50 {
		if i, _ := NewSet(LeastConnections, all...).Pick(netip.Prefix{}, true, None); i == 0 {
			t.Fatal("LeastConnections picks the busiest")
		}
	}
	counts := picks(NewSet(Client, members(4)...), 4000, false)
	for i, n := range counts {
		if n < 800 || n > 1200 {
			t.Errorf("Client: member %d has %d of 4000 clients, want about 1000", i, n)
		}
	}
}

// TestClientsStay: when a member goes, only its clients move, and they come back with it.
func TestClientsStay(t *testing.T) {
	all := members(5)
	s := NewSet(Client, all...)
	before := map[int]int{}
	for c := range 1000 {
		before[c], _ = s.Pick(prefix(c), false, None)
	}
	all[2].set(lost)
	for c := range 1000 {
		now, _ := s.Pick(prefix(c), false, None)
		if was := before[c]; was != 2 && now != was || now == 2 {
			t.Fatalf("client %d went from member %d to %d while 2 was lost", c, was, now)
		}
	}
	all[2].Answered()
	other := NewSet(Client, members(5)...) // another door
	for c := range 1000 {
		now, _ := s.Pick(prefix(c), true, None)
		there, _ := other.Pick(prefix(c), true, None)
		if now != before[c] || there != now {
			t.Fatalf("client %d is at %d, and at %d by another door, want %d", c, now, there, before[c])
		}
	}
}

func TestPickAvoidsTheUnwell(t *testing.T) {
	for _, p := range []Policy{TwoChoices, LeastConnections, Client} {
		for _, bit := range []uint32{lost, slow, down} {
			all := members(3)
			all[0].set(bit)
			all[0].until.Store(time.Now().Add(time.Hour).UnixNano())
			all[1].set(down)
			for i := range 50 {
				if got, trial := NewSet(p, all...).Pick(prefix(i), true, None); got != 2 || trial {
					t.Fatalf("policy %d, state %d: picked %d, trial %v, want the one that is well", p, bit, got, trial)
				}
			}
			if got, _ := NewSet(p, all...).Pick(prefix(1), true, 2); got != None {
				t.Errorf("policy %d: after the failure of the last one that is well: %d, want none", p, got)
			}
		}
	}
}

// TestAllUnwell: the least bad is tried rather than refusing.
func TestAllUnwell(t *testing.T) {
	all := members(3)
	all[0].set(lost)
	all[1].set(slow)
	all[1].until.Store(time.Now().Add(time.Hour).UnixNano())
	all[2].set(down)
	for i := range 20 {
		if got, _ := NewSet(TwoChoices, all...).Pick(prefix(i), false, None); got != 1 {
			t.Fatalf("picked %d, want the slow one", got)
		}
	}
	all[1].set(lost)
	if got, _ := NewSet(Client, all...).Pick(prefix(1), false, None); got != 2 {
		t.Errorf("picked %d, want the one that is down", got)
	}
}

func TestTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(2)
		s := NewSet(LeastConnections, all...)
		all[0].Slow(time.Now())
		pick := func(safe bool) (int, bool) { return s.Pick(prefix(1), safe, None) }
		if i, _ := pick(true); i != 1 {
			t.Fatalf("picked %d at once, want the other", i)
		}
		time.Sleep(asideFirst)
		if i, trial := pick(false); i != 1 || trial {
			t.Fatalf("a request that may not be repeated went to %d, trial %v", i, trial)
		}
		i, trial := pick(true)
		if i != 0 || !trial {
			t.Fatalf("picked %d, trial %v, want the trial of the slow one", i, trial)
		}
		all[0].Begin()
		if i, _ := pick(true); i != 1 {
			t.Fatal("two trials at once")
		}
		all[0].Slow(time.Now())
		all[0].End(true)
		time.Sleep(asideFirst)
		if i, _ := pick(true); i != 1 {
			t.Fatal("the second time aside is no longer than the first")
		}
		for range 20 {
			all[0].Slow(time.Now())
		}
		time.Sleep(asideMost)
		if i, trial := pick(true); i != 0 || !trial {
			t.Fatal("aside for longer than a second")
		}
		all[0].End(true)
		if i, trial := pick(false); i != 1 || trial {
			t.Fatalf("a request that may not be repeated went to %d, trial %v", i, trial)
		}
		time.Sleep(asideUnsafe)
		if i, trial := pick(false); i != 0 || !trial {
			t.Fatal("where no request may be repeated, none is a trial")
		}
		all[0].Answered()
		all[0].End(true)
		if got := all[0].Standing(); !got.Up || got.InFlight != -2 { // three ends, one begin
			t.Errorf("Standing = %+v, want up", got)
		}
	})
}

// TestTrialThatStreams: a trial whose answer is a stream does not keep the member from being
// tried again.
func TestTrialThatStreams(t *testing.T) {
	for _, p := range []Policy{TwoChoices, LeastConnections, Client} {
		all := members(2)
		all[1].set(lost)
		s := NewSet(p, all...)
		all[0].Slow(time.Now().Add(-time.Hour))
		i, trial := s.Pick(prefix(1), true, None)
		if i != 0 || !trial {
			t.Fatalf("policy %d: picked %d, trial %v, want the trial of the slow one", p, i, trial)
		}
		all[0].Begin()
		all[0].Answered() // and the answer goes on
		all[0].Slow(time.Now().Add(-time.Hour))
		if i, trial := s.Pick(prefix(1), true, None); i != 0 || !trial {
			t.Errorf("policy %d: picked %d, trial %v, want a second trial while the first streams", p, i, trial)
		}
	}
}

func TestPickAllocates(t *testing.T) {
	for _, p := range []Policy{TwoChoices, LeastConnections, Client} {
		all := members(3)
		all[1].set(lost)
		s := NewSet(p, all...)
		if n := testing.AllocsPerRun(200, func() { s.Pick(prefix(7), true, None) }); n > 0 {
			t.Errorf("policy %d: Pick allocates %v times, want 0", p, n)
		}
	}
}

// TestKeeperConnects: what was lost is connected to until it is back, without a request.
func TestKeeperConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		k := NewKeeper(func(*Member) { told.Add(1) })
		defer k.Close()
		m := k.Member("api", "a")
		var back atomic.Bool
		var dials atomic.Int32
		use := []Use{{Member: m, Connect: func(context.Context) error {
			dials.Add(1)
			if back.Load() {
				return nil
			}
			return errors.New("refused")
		}}}
		k.Settle(use)
		m.Lost()
		time.Sleep(10 * time.Second)
		if n := dials.Load(); n < 8 || n > 14 || m.Reachable() {
			t.Errorf("%d dials in 10 s, reachable %v, want about one a second", n, m.Reachable())
		}
		// A reload in between forgets nothing.
		k.Settle(use)
		if k.Member("api", "a") != m || m.Reachable() {
			t.Error("a reload lost what was known")
		}
		back.Store(true)
		time.Sleep(time.Second)
		if !m.Reachable() || told.Load() != 2 {
			t.Errorf("a second after its return: reachable %v, told %d times, want 2", m.Reachable(), told.Load())
		}
		k.Settle(nil)
		if k.Member("api", "a") == m {
			t.Error("a member that nobody uses is kept")
		}
	})
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeeper(nil)
		defer k.Close()
		m := k.Member("api", "a")
		var well atomic.Bool
		var asked atomic.Int32
		well.Store(true)
		check := &Check{Interval: 5 * time.Second, Timeout: time.Second, Fall: 3, Rise: 2, Ask: func(ctx context.Context) error {
			asked.Add(1)
			if !well.Load() {
				<-ctx.Done() // it hangs
				return ctx.Err()
			}
			return nil
		}}
		use := func(c *Check) {
			k.Settle([]Use{{Member: m, Connect: func(context.Context) error { return nil }, Check: c}})
		}
		use(check)
		time.Sleep(11 * time.Second)
		if n := asked.Load(); n != 3 || !m.Reachable() {
			t.Fatalf("asked %d times in 11 s, reachable %v, want 3", n, m.Reachable())
		}
		well.Store(false)
		time.Sleep(12 * time.Second)
		if !m.Reachable() {
			t.Fatal("down after less than 3 failures")
		}
		time.Sleep(7 * time.Second)
		if m.Reachable() || m.Standing().Why != "down" {
			t.Fatalf("Standing = %+v after 3 failures, want down", m.Standing())
		}
		m.Answered() // by a request: the page that was asked for still fails
		if m.Reachable() {
			t.Fatal("a request brought up what a check took down")
		}
		well.Store(true)
		time.Sleep(2500 * time.Millisecond) // one that hangs, then two
		if !m.Reachable() {
			t.Error("not up after two answers")
		}
		well.Store(false)
		time.Sleep(20 * time.Second)
		use(nil)
		if !m.Reachable() {
			t.Error("down by a check that is no longer there")
		}
	})
}

// TestManyAtOnce is for the race detector: reloads under load leave no count behind.
func TestManyAtOnce(t *testing.T) {
	k := NewKeeper(nil)
	defer k.Close()
	use := func() []Use {
		var all []Use
		for i := range 3 {
			all = append(all, Use{Member: k.Member("api", fmt.Sprint(i)), Connect: func(context.Context) error { return nil }})
		}
		return all
	}
	k.Settle(use())
	done := make(chan bool)
	for g := range 4 {
		go func() {
			for i := range 2000 {
				var ms []*Member
				for _, u := range use() {
					ms = append(ms, u.Member)
				}
				s := NewSet(Policy(g%3), ms...)
				j, trial := s.Pick(prefix(i), i%2 == 0, None)
				m := ms[j]
				m.Begin()
				switch i % 5 {
				case 0:
					m.Lost()
				case 1:
					m.Slow(time.Now())
				default:
					m.Answered()
				}
				m.End(trial)
			}
			done <- true
		}()
	}
	for range 20 {
		k.Settle(use())
	}
	for range 4 {
		<-done
	}
	for _, u := range use() {
		if n := u.Member.Standing().InFlight; n != 0 {
			t.Errorf("%d requests under way after all have ended", n)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for name, p := range map[string]Policy{"two-choices": TwoChoices, "least-connections": LeastConnections, "client": Client} {
		b.Run(name, func(b *testing.B) {
			s := NewSet(p, members(8)...)
			b.ReportAllocs()
			for b.Loop() {
				s.Pick(prefix(7), true, None)
			}
		})
	}
}
