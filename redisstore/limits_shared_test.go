package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
)

// count is how often the server was told a command, from "INFO commandstats".
func (s *server) count(t testing.TB, command string) (n int64) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = fmt.Fprint(c, "INFO commandstats\r\nQUIT\r\n")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if calls, ok := strings.CutPrefix(lines.Text(), "cmdstat_"+command+":calls="); ok {
			_, _ = fmt.Sscanf(calls, "%d", &n)
		}
	}
	return n
}

// busyMachine is what a door waits for where nothing fails: alone, it would allow more.
const busyMachine = 5 * time.Second

func through(t testing.TB, d *door, op limit.Op) limit.Result {
	t.Helper()
	var r [1]limit.Result
	if err := d.Decide(t.Context(), time.Now(), []limit.Op{op}, r[:]); err != nil {
		t.Error(err)
	}
	return r[0]
}

// TestSharedBlock counts what a blocked key costs, and lifts the block at another door.
func TestSharedBlock(t *testing.T) {
	t.Parallel()
	s := start(t)
	doors := fleet(t, s.addr, 2, busyMachine)
	op := limit.Op{Rule: rule(t, limit.Policy{Name: "p", Points: 2, Duration: time.Hour, Blocks: []time.Duration{time.Hour}}), Key: limit.Key{Tag: 1, ID: 1}, Points: 1}
	for range 3 {
		through(t, doors[0], op)
	}
	if r := through(t, doors[1], op); r.Allowed || !r.Blocked || r.Local {
		t.Errorf("the first time at another door = %+v, want the server's block", r)
	}
	m := watch(t, s)
	lifted := time.Now()
	seen := m.of(t, s, func() {
		for _, d := range doors {
			for range 1000 {
				if r := through(t, d, op); r.Allowed || !r.Blocked || !r.Local {
					t.Fatalf("a blocked key = %+v", r)
				}
			}
		}
	})
	if len(seen) != 0 && time.Since(lifted) < 4*time.Second {
		t.Errorf("2000 requests of a blocked key sent %q, want nothing", seen)
	}
	if ok, err := doors[1].Delete(t.Context(), op.Key); !ok || err != nil {
		t.Errorf("Delete() = %v, %v", ok, err)
	}
	lifted = time.Now()
	if r := through(t, doors[1], op); !r.Allowed {
		t.Errorf("at the door that lifted the block = %+v", r)
	}
	for !through(t, doors[0], op).Allowed {
		if time.Since(lifted) > 20*time.Second { // 5 s, and a busy machine
			t.Fatal("the block that another door lifted does not end")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("lifted at the other door after %v", time.Since(lifted).Round(10*time.Millisecond))
}

// TestSharedLeases has 4 doors share a busy key, and counts calls and what passes.
func TestSharedLeases(t *testing.T) {
	t.Parallel()
	const instances, points, lease = 4, 2000, 100
	for _, algorithm := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA} {
		s := start(t)
		doors := fleet(t, s.addr, instances, busyMachine)
		r := rule(t, limit.Policy{Name: "p", Algorithm: algorithm, Points: points, Duration: time.Hour, Lease: lease})
		busy := limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: 1}, Points: 1}
		through(t, doors[0], busy) // and the script is there
		const attempts = 3000
		var passed atomic.Int64
		passed.Add(1)
		began, before := time.Now(), s.count(t, "evalsha")
		hit := func(op limit.Op, passed *atomic.Int64) {
			var all sync.WaitGroup
			for _, d := range doors {
				for range callersOfDoor {
					all.Go(func() {
						for range attempts / instances / callersOfDoor {
							if through(t, d, op).Allowed {
								passed.Add(1)
							}
						}
					})
				}
			}
			all.Wait()
		}
		hit(busy, &passed)
		calls := s.count(t, "evalsha") - before
		t.Logf("%v: %d attempts, %d passed of %d, %d calls: 1 for %.0f attempts", algorithm, attempts, passed.Load(), points, calls, float64(attempts)/float64(calls))
		if calls*10 > attempts {
			t.Errorf("%v: %d calls for %d attempts, want a tenth at most", algorithm, calls, attempts)
		}
		leaked := points * int64(time.Since(began)+time.Second) / int64(time.Hour)
		if n := passed.Load(); n > points+leaked || n < points-instances*lease {
			t.Errorf("%v: %d passed, want up to %d, and all of it but what is held", algorithm, n, points)
		}
		// A flood that is refused costs no more.
		before = s.count(t, "evalsha")
		hit(busy, &passed)
		if calls := s.count(t, "evalsha") - before; calls*10 > attempts {
			t.Errorf("%v: %d calls for %d attempts that are refused, want a tenth at most", algorithm, calls, attempts)
		}
		// A quiet key leaves nothing unspent.
		quiet := busy
		quiet.Key = limit.Key{Tag: 2, ID: 2}
		for _, d := range doors {
			through(t, d, quiet)
		}
		quiet.Verb = limit.Peek
		if got := through(t, doors[0], quiet).Consumed; got != instances {
			t.Errorf("%v: a quiet key counts %d, want the %d that were taken", algorithm, got, instances)
		}
	}
}

// TestSharedColdStart has a door start while the server stands still, or is not there.
func TestSharedColdStart(t *testing.T) {
	for _, paused := range []bool{true, false} {
		s := start(t)
		if paused {
			s.signal(t, syscall.SIGSTOP)
		} else {
			s.kill()
		}
		l, err := redisstore.NewLimits(redisstore.Options{Address: []string{s.addr}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		back := make(chan struct{}, 1)
		shared, err := limit.NewShared(limit.SharedOptions{Store: l, Instances: 2, Sink: func(_ context.Context, e guard.Event) {
			if e.Action == guard.Noted {
				back <- struct{}{}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer shared.Close()
		op := limit.Op{Rule: rule(t, limit.Policy{Name: "p", Points: 20, Duration: time.Hour}), Key: limit.Key{Tag: 1, ID: 1}, Points: 1}
		var took []time.Duration
		passed := int64(0)
		for range 100 {
			began := time.Now()
			if through(t, &door{Shared: shared}, op).Allowed {
				passed++
			}
			took = append(took, time.Since(began))
		}
		t.Logf("paused %v: p50 %v, longest %v", paused, p50(took), slices.Max(took))
		if passed != 10 || p50(took) > 2*time.Millisecond || slices.Max(took) > 500*time.Millisecond {
			t.Errorf("paused %v: %d passed, want the share of 10, three after %v at most and the rest at once", paused, passed, limit.DefaultTimeout)
		}
		if paused {
			s.signal(t, syscall.SIGCONT)
		} else {
			s.up(t)
		}
		select {
		case <-back:
		case <-time.After(20 * time.Second):
			t.Fatal("the door does not find the server")
		}
		op.Verb = limit.Peek
		if got := decide(t, limits(t, redisstore.Options{Address: []string{s.addr}}), op)[0].Consumed; got < passed {
			t.Errorf("paused %v: the server counts %d, want the %d that passed", paused, got, passed)
		}
	}
}

func p50(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
