package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func many(n int, address func(int) string) []Target {
	var all []Target
	for i := range n {
		all = append(all, Target{Line: i + 1, Address: address(i)})
	}
	return all
}

func ports(i int) string { return fmt.Sprintf("127.0.0.1:%d", i+1) }

// TestOrder holds that results come in the order of the list, whatever takes how long.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		var running, most atomic.Int32
		err := Run(t.Context(), many(100, ports), Options[int]{
			Parallel: 8, Size: func(int) int { return 1 },
			Do: func(_ context.Context, x Target) int {
				for n := running.Add(1); n > most.Load(); {
					most.Store(n)
				}
				time.Sleep(time.Duration(x.Line*7%13) * time.Second)
				running.Add(-1)
				return x.Line
			},
			Emit: func(x Target, r int) error {
				if x.Line != r {
					t.Errorf("the result of line %d came with line %d", r, x.Line)
				}
				got = append(got, r)
				return nil
			},
		})
		if err != nil || len(got) != 100 || !slices.IsSorted(got) {
			t.Errorf("Run = %v, %v", got, err)
		}
		if n := most.Load(); n != 8 {
			t.Errorf("%d at a time, want 8", n)
		}
	})
}

// TestHostsAreSpared holds that a host gets one job at a time under all its names, and
// this machine is not waited for.
func TestHostsAreSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := make(map[string]int)
		var mu sync.Mutex
		local := 0
		targets := many(60, func(i int) string {
			return []string{fmt.Sprintf("192.0.2.1:%d", i+1), fmt.Sprintf("https://192.0.2.2/%d", i), ports(i)}[i%3]
		})
		start := time.Now()
		err := Run(t.Context(), targets, Options[bool]{
			Parallel: 16, Size: func(bool) int { return 1 }, Emit: func(Target, bool) error { return nil },
			Do: func(_ context.Context, x Target) bool {
				mu.Lock()
				busy[x.Host()]++
				if n := busy[x.Host()]; n > 1 && !own(x.Host()) {
					t.Errorf("%d jobs at %s", n, x.Host())
				}
				local = max(local, busy["127.0.0.1"])
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				busy[x.Host()]--
				mu.Unlock()
				return true
			},
		})
		if took := time.Since(start); err != nil || took != 20*time.Second {
			t.Errorf("Run = %v after %v, want the 20 seconds of one host", err, took)
		}
		if local < 2 {
			t.Error("this machine was spared, too")
		}
	})
}

// TestNamesOfOneAddress holds that two names of one address are one host.
func TestNamesOfOneAddress(t *testing.T) {
	q := newQueue(many(2, func(i int) string { return []string{"a.test:1", "b.test:1"}[i] }), nil, func() (bool, int) { return false, 0 })
	q.keys["a.test"], q.keys["b.test"] = []string{"=192.0.2.1"}, []string{"=192.0.2.9", "=192.0.2.1"}
	if i, ok := q.next(t.Context()); !ok || i != 0 {
		t.Fatalf("next = %d, %v", i, ok)
	}
	if _, _, ok := q.pick(); ok {
		t.Error("both names were begun at once")
	}
	q.done(0)
	if i, ok := q.next(t.Context()); !ok || i != 1 {
		t.Errorf("next = %d, %v after the first was done", i, ok)
	}
}

// TestHeldResultsAreBounded holds that a slow first target keeps no more than the bound
// in memory, and that the rest goes on after it.
func TestHeldResultsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done, given atomic.Int32
		err := Run(t.Context(), many(200, ports), Options[int]{
			Parallel: 4, held: 1000, Size: func(int) int { return 100 },
			Do: func(_ context.Context, x Target) int {
				if x.Line == 1 {
					time.Sleep(time.Hour)
				}
				if waiting := done.Add(1) - given.Load(); waiting > 16 {
					t.Errorf("%d results wait", waiting)
				}
				return x.Line
			},
			Emit: func(Target, int) error { given.Add(1); return nil },
		})
		if err != nil || given.Load() != 200 {
			t.Errorf("Run = %v, %d results", err, given.Load())
		}
	})
}

// TestStop holds that the end of the context gives back what was done, with gaps, and
// nothing of what was stopped.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var got []int
		err := Run(ctx, many(50, ports), Options[int]{
			Parallel: 3, Size: func(int) int { return 1 }, Emit: func(_ Target, r int) error { got = append(got, r); return nil },
			Do: func(ctx context.Context, x Target) int {
				if x.Line == 2 {
					<-ctx.Done()
					return -1
				}
				select {
				case <-time.After(1500 * time.Millisecond):
				case <-ctx.Done():
					return -2
				}
				return x.Line
			},
		})
		if !errors.Is(err, ErrStopped) || len(got) != 12 || slices.Contains(got, 2) || !slices.IsSorted(got) || got[0] < 1 {
			t.Errorf("Run = %v, %v", got, err)
		}
	})
}

// TestKnownTargetsAskNobody holds that what is known is not kept waiting for a host.
func TestKnownTargetsAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := Run(t.Context(), many(40, func(i int) string { return fmt.Sprintf("192.0.2.1:%d", i+1) }), Options[bool]{
			Parallel: 40, Size: func(bool) int { return 1 }, Emit: func(Target, bool) error { return nil }, Known: func(x Target) bool { return x.Line > 2 },
			Do: func(context.Context, Target) bool { time.Sleep(time.Second); return true },
		})
		if took := time.Since(start); err != nil || took != 2*time.Second {
			t.Errorf("Run = %v after %v, want the 2 seconds of those that are not known", err, took)
		}
	})
}

func TestEmitFails(t *testing.T) {
	full := errors.New("no space left")
	var n atomic.Int32
	err := Run(t.Context(), many(1000, ports), Options[int]{
		Parallel: 4, Size: func(int) int { return 1 }, Emit: func(Target, int) error { return full },
		Do: func(context.Context, Target) int { n.Add(1); return 0 },
	})
	if !errors.Is(err, full) || n.Load() > 100 {
		t.Errorf("Run = %v after %d jobs", err, n.Load())
	}
	if err := Run(t.Context(), nil, Options[int]{}); err == nil {
		t.Error("Parallel 0 was taken")
	}
}
