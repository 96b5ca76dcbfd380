package limit_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

func TestCompileNamesEveryProblem(t *testing.T) {
	_, err := limit.Compile(limit.Policy{
		Name: "two words", Algorithm: 9, Points: 1 << 40, Duration: time.Microsecond, Burst: -1,
		Blocks: []time.Duration{0}, BlockAt: 3, Remember: time.Hour, MinDelay: 1, Outage: 7, Lease: 2, LocalBlockAt: -1, LocalBlock: 1,
	})
	var fields []string
	for _, e := range guard.OptionErrors(err) {
		fields = append(fields, strings.TrimPrefix(strings.TrimPrefix(e.Field, "Policy[two words]."), "Policy."))
	}
	want := "Name Algorithm Points Duration Burst Blocks[0] BlockAt Remember MinDelay Outage Lease LocalBlockAt LocalBlock"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("problems with %q, want %q", got, want)
	}
	for _, p := range []limit.Policy{
		{Name: "a", Points: 5, Duration: time.Minute, Even: true},
		{Name: "a", Algorithm: limit.GCRA, Points: 5, Duration: limit.Forever},
		{Name: "a", Points: 5, Duration: 101 * 365 * 24 * time.Hour},
		{Name: "a", Points: 5, Duration: time.Minute, Burst: 3},
		{Name: "a", Points: 5, Duration: time.Minute, Lease: 3},
	} {
		if _, err := limit.Compile(p); len(guard.OptionErrors(err)) != 1 {
			t.Errorf("Compile(%+v) = %v, want one problem", p, err)
		}
	}
}

// TestBoundaryBurst fires 300 attempts within 50 ms around the end of a window of 100 a
// second, as the peers were measured: they let 101 (httprate) to 199 (fixed windows) pass.
func TestBoundaryBurst(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy limit.Policy
		most   int
	}{
		{"sliding window", limit.Policy{Algorithm: limit.SlidingWindow}, 102},
		{"gcra", limit.Policy{Algorithm: limit.GCRA}, 105}, // 100, and what 50 ms give back
		{"fixed window", limit.Policy{Algorithm: limit.FixedWindow}, 199},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.policy.Name, c.policy.Points, c.policy.Duration = "p", 100, time.Second
			r, m := rule(t, c.policy), memory(t, 0)
			start := time.Now()
			op := limit.Op{Rule: r, Key: limit.Key{ID: 5}, Points: 1}
			decide(t, m, start, op) // opens the window
			allowed := 0
			for i := range 300 {
				if decide(t, m, start.Add(975*time.Millisecond+time.Duration(i)*50*time.Millisecond/300), op).Allowed {
					allowed++
				}
			}
			t.Logf("%d of 300", allowed)
			if allowed > c.most || allowed < 99 {
				t.Errorf("%d allowed, want 99 to %d", allowed, c.most)
			}
		})
	}
}

// TestWaitIsTrue plays random policies: what was refused is allowed after Wait, and not
// before.
func TestWaitIsTrue(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for n := range 400 {
		p := limit.Policy{
			Name: "p", Algorithm: limit.Algorithm(random.IntN(3)), Points: 1 + random.Int64N(20),
			Duration: time.Duration(1+random.IntN(5000)) * time.Millisecond,
		}
		if p.Algorithm == limit.GCRA && random.IntN(2) == 0 {
			p.Burst = 1 + random.Int64N(30)
		}
		if random.IntN(3) == 0 {
			p.Blocks = []time.Duration{time.Second, 3 * time.Second}
		}
		r, m := rule(t, p), memory(t, 0)
		now := time.Now()
		for range 60 {
			now = now.Add(time.Duration(random.Int64N(int64(p.Duration)/int64(p.Points) + 1)))
			op := limit.Op{Rule: r, Key: limit.Key{ID: uint64(n) + 1}, Points: 1 + random.Int64N(3)}
			res := decide(t, m, now, op)
			if res.Allowed {
				continue
			}
			refused++
			op.Verb = limit.Peek
			if res.Wait == limit.Forever {
				if op.Points <= int64(r.Capacity) {
					t.Fatalf("%+v: %d points wait for ever", p, op.Points)
				}
				continue
			}
			if res.Wait > 10*time.Microsecond {
				if got := decide(t, m, now.Add(res.Wait-10*time.Microsecond), op); got.Allowed {
					t.Fatalf("%+v: refused for %v, but 10 µs before it %+v", p, res.Wait, got)
				}
			}
			if got := decide(t, m, now.Add(res.Wait+time.Microsecond), op); !got.Allowed {
				t.Fatalf("%+v: refused for %v, and after it %+v", p, res.Wait, got)
			}
			now = now.Add(res.Wait + time.Microsecond)
		}
	}
	if refused < 1000 {
		t.Errorf("%d refusals, want more", refused)
	}
}

func TestEscalation(t *testing.T) {
	r := rule(t, limit.Policy{
		Name: "p", Points: 2, Duration: time.Minute, Remember: time.Hour,
		Blocks: []time.Duration{time.Minute, 5 * time.Minute, limit.Forever},
	})
	m := memory(t, 0)
	now := time.Now()
	op := limit.Op{Rule: r, Key: limit.Key{ID: 1}, Points: 1}
	var got []string
	for range 3 {
		for range 2 {
			if !decide(t, m, now, op).Allowed {
				t.Fatal("refused, want a clean start after a block")
			}
		}
		res := decide(t, m, now, op)
		got = append(got, fmt.Sprint(res.Started, res.Wait))
		if res.Wait != limit.Forever {
			now = now.Add(res.Wait)
		}
	}
	want := []string{"true 1m0s", "true 5m0s", fmt.Sprint(true, limit.Forever)}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("blocks = %v, want %v", got, want)
	}
	if res := decide(t, m, now.Add(200*365*24*time.Hour), op); res.Allowed {
		t.Error("a block for ever has ended")
	}

	// A block that is long over starts from the first again.
	op.Key.ID = 2
	for range 3 {
		decide(t, m, now, op)
	}
	now = now.Add(time.Minute + time.Hour)
	for range 2 {
		decide(t, m, now, op)
	}
	if res := decide(t, m, now, op); res.Wait != time.Minute {
		t.Errorf("the block after Remember lasts %v, want 1m", res.Wait)
	}
}

func TestEvenGCRA(t *testing.T) {
	r := rule(t, limit.Policy{Name: "p", Algorithm: limit.GCRA, Points: 5, Duration: 2 * time.Second, Even: true})
	m := memory(t, 0)
	start := time.Now()
	op := limit.Op{Rule: r, Key: limit.Key{ID: 1}, Points: 1}
	for i := range 5 { // perfectly spaced: nobody waits, unlike the peer
		if res := decide(t, m, start.Add(time.Duration(i)*400*time.Millisecond), op); res.Delay != 0 {
			t.Errorf("call %d is delayed by %v", i, res.Delay)
		}
	}
	op.Key.ID = 2
	for i := range 5 {
		if got, want := decide(t, m, start, op).Delay, time.Duration(i)*400*time.Millisecond; got < want-time.Millisecond || got > want+time.Millisecond {
			t.Errorf("call %d of a rush is delayed by %v, want %v", i, got, want)
		}
	}
}

// TestLongestDurations counts in windows of 1 ms to 100 years.
func TestLongestDurations(t *testing.T) {
	for _, d := range []time.Duration{limit.MinDuration, 100 * 24 * time.Hour, limit.MaxDuration, limit.Forever} {
		for _, alg := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow} {
			if d == limit.Forever && alg == limit.GCRA {
				continue
			}
			r := rule(t, limit.Policy{Name: "p", Algorithm: alg, Points: 2, Duration: d})
			m := memory(t, 0)
			now := time.Now()
			op := limit.Op{Rule: r, Key: limit.Key{ID: 1}, Points: 1}
			decide(t, m, now, op)
			decide(t, m, now, op)
			soon := now.Add(200 * 365 * 24 * time.Hour)
			if d != limit.Forever {
				soon = now.Add(d/2 - d/20)
			}
			if decide(t, m, soon, op).Allowed {
				t.Errorf("%v %v: a third within the duration", alg, d)
			}
			if d != limit.Forever && !decide(t, m, now.Add(2*d+time.Millisecond), op).Allowed {
				t.Errorf("%v %v: refused after twice the duration", alg, d)
			}
		}
	}
}
