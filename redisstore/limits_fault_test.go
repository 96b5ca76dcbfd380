package redisstore_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
)

// A door is one process of a fleet: a connection and a Shared of its own.
type door struct {
	*limit.Shared
	gone, back atomic.Int64 // when its circuit opened and closed, in nanoseconds since 1970
}

const doorsInFleet = 3

// fleet makes n doors, of which timeout is as in limit.SharedOptions.
func fleet(t testing.TB, addr string, n int, timeout time.Duration) []*door {
	t.Helper()
	var doors []*door
	for range n {
		d := &door{}
		l := limits(t, redisstore.Options{Address: []string{addr}, Timeout: redisstore.DefaultTimeout})
		var err error
		d.Shared, err = limit.NewShared(limit.SharedOptions{Store: l, Instances: n, Timeout: timeout, Sink: func(_ context.Context, e guard.Event) {
			if e.Action == guard.Failed {
				d.gone.Store(time.Now().UnixNano())
			} else {
				d.back.Store(time.Now().UnixNano())
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		doors = append(doors, d)
	}
	return doors
}

// A target is a key under attack.
type target struct {
	op     limit.Op
	from   int32 // the phase in which the attack on it begins
	passed [phases]atomic.Int64
}

func (k *target) allowed(from, to int) (n int64) {
	for phase := from; phase <= to; phase++ {
		n += k.passed[phase].Load()
	}
	return n
}

// The phases of an attack.
const (
	before = iota
	outage
	after
	phases
)

// An attack is callers that hammer targets through doors, and what they saw.
type attack struct {
	doors   []*door
	targets []*target
	phase   atomic.Int32
	since   [phases]int64

	mu   sync.Mutex
	seen []seen
	late []time.Duration // by how much this machine oversleeps
	stop chan struct{}
	all  sync.WaitGroup
}

type seen struct {
	door int
	at   int64
	took time.Duration
}

const callersOfDoor = 4

func hammer(t testing.TB, doors []*door, targets []*target) *attack {
	a := &attack{doors: doors, targets: targets, stop: make(chan struct{})}
	a.since[before] = time.Now().UnixNano()
	for i, d := range doors {
		for caller := range callersOfDoor {
			a.all.Go(func() {
				var mine []seen
				for n := caller; ; n++ {
					k := targets[n%len(targets)]
					phase := a.phase.Load()
					if phase >= k.from {
						began := time.Now()
						var r [1]limit.Result
						if err := d.Decide(t.Context(), began, []limit.Op{k.op}, r[:]); err != nil {
							t.Errorf("Decide() = %v, want no error whatever the server does", err)
						}
						mine = append(mine, seen{i, began.UnixNano(), time.Since(began)})
						if r[0].Allowed {
							k.passed[phase].Add(1)
						}
					}
					select {
					case <-a.stop:
						a.mu.Lock()
						a.seen = append(a.seen, mine...)
						a.mu.Unlock()
						return
					case <-time.After(500 * time.Microsecond):
					}
				}
			})
		}
	}
	a.all.Go(func() {
		for {
			began := time.Now()
			select {
			case <-a.stop:
				return
			case <-time.After(time.Millisecond):
				a.late = append(a.late, time.Since(began)-time.Millisecond)
			}
		}
	})
	return a
}

// enter does what begins a phase. What is asked from then on belongs to it.
func (a *attack) enter(phase int, begin func()) {
	a.since[phase] = time.Now().UnixNano()
	begin()
	a.phase.Store(int32(phase))
}

func (a *attack) end() {
	close(a.stop)
	a.all.Wait()
}

func p99(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// latencies tells how long decisions took from the failure on, and of those the ones for
// which the circuit was open. It allows for what this machine oversleeps.
func (a *attack) latencies(t testing.TB) {
	var all, open []time.Duration
	for _, s := range a.seen {
		if s.at < a.since[outage] {
			continue
		}
		all = append(all, s.took)
		d := a.doors[s.door]
		if gone := d.gone.Load(); gone != 0 && s.at > gone && s.at+int64(s.took) < d.back.Load() {
			open = append(open, s.took)
		}
	}
	slack, stall := p99(a.late), slices.Max(a.late)
	t.Logf("%d decisions from the failure on: p99 %v, longest %v; %d with the circuit open: p99 %v, longest %v; this machine oversleeps %v, and %v at most",
		len(all), p99(all), slices.Max(all), len(open), p99(open), slices.Max(append(open, 0)), slack, stall)
	if got := p99(all); got > 40*time.Millisecond+slack {
		t.Errorf("p99 from the failure on = %v, want 20ms", got)
	}
	if got := p99(open); got > 2*time.Millisecond+slack {
		t.Errorf("p99 with the circuit open = %v, want 1ms", got)
	}
}

// wait waits until all doors are content.
func (a *attack) wait(t testing.TB, what string, f func(*door) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !all(a.doors, f); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the doors have not all %s", what)
		}
	}
}

func all(doors []*door, f func(*door) bool) bool {
	return !slices.ContainsFunc(doors, func(d *door) bool { return !f(d) })
}

func (s *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// TestSharedFaults stops the server in the middle of an attack through three doors, and
// holds what Shared states of each key: how much passes in all, and what arrives after.
func TestSharedFaults(t *testing.T) {
	const points, share = 30, 10 // for each of three doors
	durable := []string{"--appendonly", "yes", "--appendfsync", "always"}
	for _, test := range []struct {
		name    string
		args    []string
		stop    func(*testing.T, *server)
		up      func(*testing.T, *server)
		forgets bool
	}{
		{"pause", nil, func(t *testing.T, s *server) { s.signal(t, syscall.SIGSTOP) }, func(t *testing.T, s *server) { s.signal(t, syscall.SIGCONT) }, false},
		{"kill, with its data", durable, func(_ *testing.T, s *server) { s.kill() }, func(t *testing.T, s *server) { s.up(t) }, false},
		{"kill, without its data", nil, func(_ *testing.T, s *server) { s.kill() }, func(t *testing.T, s *server) { s.up(t) }, true},
		{"kill after a pause", durable, func(t *testing.T, s *server) {
			s.signal(t, syscall.SIGSTOP)
			time.Sleep(200 * time.Millisecond)
			s.kill()
		}, func(t *testing.T, s *server) { s.up(t) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, test.args...)
			doors := fleet(t, s.addr, doorsInFleet, 0)
			var targets []*target
			add := func(from int32, p limit.Policy) *target {
				p.Name, p.Points, p.Duration = "p", points, time.Hour
				id := uint64(len(targets)+1) * 0x9e3779b97f4a7c15
				k := &target{from: from, op: limit.Op{Rule: rule(t, p), Key: limit.Key{Tag: id, ID: id}, Points: 1}}
				targets = append(targets, k)
				return k
			}
			for from := range int32(phases) {
				for _, algorithm := range algorithms {
					add(from, limit.Policy{Algorithm: algorithm})
				}
				add(from, limit.Policy{Blocks: []time.Duration{time.Hour}})
			}
			// Half of these is taken before.
			half := []*target{add(outage, limit.Policy{}), add(outage, limit.Policy{Algorithm: limit.FixedWindow})}
			for _, k := range half {
				for n := range points / 2 {
					var r [1]limit.Result
					if err := doors[n%len(doors)].Decide(t.Context(), time.Now(), []limit.Op{k.op}, r[:]); err != nil || !r[0].Allowed {
						t.Fatal(r, err)
					}
					k.passed[before].Add(1)
				}
			}

			// All of these is taken elsewhere, so that no door knows: the worst there is.
			stranger := limits(t, redisstore.Options{Address: []string{s.addr}})
			for _, algorithm := range algorithms {
				k := add(outage, limit.Policy{Algorithm: algorithm})
				for range points {
					if !decide(t, stranger, k.op)[0].Allowed {
						t.Fatal("the first points are refused")
					}
				}
				k.passed[before].Add(points)
			}

			a := hammer(t, doors, targets)
			time.Sleep(250 * time.Millisecond)
			a.enter(outage, func() { test.stop(t, s) })
			a.wait(t, "given the server up", func(d *door) bool { return d.gone.Load() > d.back.Load() })
			time.Sleep(300 * time.Millisecond)
			a.enter(after, func() { test.up(t, s) })
			a.wait(t, "come back", func(d *door) bool { return d.back.Load() > d.gone.Load() })
			time.Sleep(300 * time.Millisecond)
			a.end()
			a.latencies(t)
			// A door that gave the server up once more, on a busy machine, owes until it closes.
			for _, d := range doors {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}

			another := limits(t, redisstore.Options{Address: []string{s.addr}})
			bound := int64(points + doorsInFleet*share)
			if test.forgets {
				bound += points
			}
			for i, k := range targets {
				total := k.allowed(before, after)
				if total > bound {
					t.Errorf("key %d: %d passed, of which %d before the outage and %d in it, want at most %d", i, total, k.allowed(before, before), k.allowed(outage, outage), bound)
				}
				if total == 0 {
					t.Errorf("key %d: nothing passed", i)
				}
				look := k.op
				look.Verb = limit.Peek
				got := decide(t, another, look)[0]
				if k.op.Rule.Policy.Blocks != nil {
					if !got.Blocked && !(test.forgets && k.from == before) {
						t.Errorf("key %d: no block at the server: %+v", i, got)
					}
					continue
				}
				counted := total
				if test.forgets {
					counted = k.allowed(outage, after)
				}
				if got.Consumed < counted {
					t.Errorf("key %d: the server counts %d, want the %d that passed", i, got.Consumed, counted)
				}
			}
			t.Logf("passed: %v", func() (n []int64) {
				for _, k := range targets {
					n = append(n, k.allowed(before, after))
				}
				return n
			}())
		})
	}
}

// TestSharedCrowd has more callers wait for a server that stands still than a connection
// has room for: all go on in time, and so does who comes after them.
func TestSharedCrowd(t *testing.T) {
	s := start(t)
	doors := fleet(t, s.addr, 1, 0)
	op := limit.Op{Rule: rule(t, limit.Policy{Name: "p", Points: 100, Duration: time.Hour}), Key: limit.Key{Tag: 1, ID: 1}, Points: 1}
	through(t, doors[0], op)
	alone := limits(t, redisstore.Options{Address: []string{s.addr}, Timeout: redisstore.DefaultTimeout})
	decide(t, alone, op)
	shared := func() error { through(t, doors[0], op); return nil }
	limited := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		return alone.Decide(ctx, time.Now(), []limit.Op{op}, make([]limit.Result, 1))
	}
	const crowd = 3000
	rush := func(ask func() error) (longest time.Duration, answered int64) {
		took := make([]time.Duration, crowd)
		var all sync.WaitGroup
		var good atomic.Int64
		for i := range took {
			all.Go(func() {
				began := time.Now()
				if ask() == nil {
					good.Add(1)
				}
				took[i] = time.Since(began)
			})
		}
		all.Wait()
		return slices.Max(took), good.Load()
	}
	// What so many calls take of the machine while the server answers is not waiting.
	pace, _ := rush(shared)
	paceLimited, _ := rush(limited)
	s.signal(t, syscall.SIGSTOP)
	// Where nothing bounds a wait, it is a second.
	hold := func(what string, longest, pace, want time.Duration) {
		t.Helper()
		t.Logf("%d callers of %s: longest %v, %v while the server answers", crowd, what, longest, pace)
		if longest > 800*time.Millisecond+pace {
			t.Errorf("a caller of %s waited %v, want about %v and %v", what, longest, want, pace)
		}
	}
	longest, _ := rush(shared)
	hold("Shared", longest, pace, limit.DefaultTimeout)
	longest, answered := rush(limited)
	if answered > 0 {
		t.Errorf("%d calls of Decide() of a server that stands still = nil, want an error", answered)
	}
	hold("Limits", longest, paceLimited, 20*time.Millisecond)
	began := time.Now()
	if err := limited(); err == nil {
		t.Error("Decide() of a server that stands still, after the crowd = nil, want an error")
	}
	hold("Limits after the crowd", time.Since(began), paceLimited, 20*time.Millisecond)
	s.signal(t, syscall.SIGCONT)
	eventually(t, "when it goes on", func() error { return alone.Ping(t.Context()) })
}
