package redisstore_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
)

func limits(t testing.TB, o redisstore.Options) *redisstore.Limits {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second // of a busy machine
	}
	l, err := redisstore.NewLimits(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// A game is a random sequence of decisions over up to four policies.
type game struct {
	*rand.Rand
	rules []*limit.Rule
	now   int64 // microseconds since 1970
	tag   uint64
}

// clockOf makes a time that limit.Memory rounds to now, whatever the fraction of a
// microsecond at which it was made.
func clockOf(now int64) time.Time { return time.Unix(0, now*1000+999) }

func (g *game) pick(all ...time.Duration) time.Duration { return all[g.IntN(len(all))] }

func (g *game) span() time.Duration {
	return g.pick(time.Millisecond, 1500*time.Microsecond+7, 10*time.Millisecond, time.Second, 1234567*time.Microsecond,
		time.Minute, time.Hour, 24*time.Hour, limit.MaxDuration, limit.Forever)
}

func (g *game) policy(name string) limit.Policy {
	p := limit.Policy{Name: name, Algorithm: limit.Algorithm(g.IntN(3)), Duration: g.span(), Points: g.Int64N(12) - 1}
	if g.IntN(8) == 0 {
		p.Points = 1 << g.IntN(32)
	}
	if p.Algorithm == limit.GCRA {
		if p.Duration == limit.Forever {
			p.Duration = time.Minute
		}
		p.Burst = g.Int64N(9)
	}
	for range max(0, g.IntN(6)-2) {
		p.Blocks = append(p.Blocks, g.span())
	}
	if len(p.Blocks) > 1 && g.IntN(2) == 0 {
		p.Remember = g.span()
	}
	if p.Algorithm == limit.FixedWindow && len(p.Blocks) > 0 && g.IntN(2) == 0 {
		p.BlockAt = max(p.Points, 0) + 1 + g.Int64N(4)
	}
	if p.Algorithm != limit.SlidingWindow {
		p.Even = g.IntN(3) == 0
	}
	if p.Even && p.Algorithm == limit.FixedWindow && g.IntN(2) == 0 {
		p.MinDelay = g.pick(time.Millisecond, time.Second)
	}
	return p
}

func (g *game) op(rule int) limit.Op {
	r := g.rules[rule]
	op := limit.Op{Rule: r, Key: limit.Key{Tag: g.tag, ID: (g.tag<<8 + uint64(rule) + 1) * 0x9e3779b97f4a7c15}}
	op.Verb = [...]limit.Verb{limit.Consume, limit.Consume, limit.Consume, limit.Consume, limit.Consume, limit.Peek,
		limit.Add, limit.Assign, limit.Block}[min(g.IntN(12), 8)]
	if g.IntN(3) > 0 && op.Verb >= limit.Assign {
		op.Verb = limit.Consume // rarely: they end what there is
	}
	op.Points = g.Int64N(4)
	if g.IntN(10) == 0 {
		op.Points = g.Int64N(1 << 31)
	}
	if op.Verb == limit.Add && g.IntN(2) == 0 {
		op.Points = -g.Int64N(6)
	}
	if op.Verb == limit.Block || g.IntN(8) == 0 {
		op.TTL = g.span()
	}
	return op
}

// advance moves the clock by nothing, by little, or to about the end of something.
func (g *game) advance(results []limit.Result) {
	switch g.IntN(6) {
	case 0:
	case 1:
		g.now += g.Int64N(1000)
	case 2:
		g.now += g.Int64N(3_000_000)
	case 3:
		g.now += g.Int64N(max(1, min(1<<40, g.rules[g.IntN(len(g.rules))].Span)))
	default:
		r := results[g.IntN(len(results))]
		d := g.pick(r.Reset, r.Wait, r.Delay, r.Reset/2)
		if d < 365*24*time.Hour {
			g.now += max(0, int64(d/time.Microsecond)+g.Int64N(3)-1)
		}
	}
}

func describe(ops []limit.Op) (text string) {
	for _, op := range ops {
		p := op.Rule.Policy
		text += fmt.Sprintf("\n  %v verb %d points %d ttl %v of %d in %v, burst %d, blocks %v at %d, remember %v",
			p.Algorithm, op.Verb, op.Points, op.TTL, p.Points, p.Duration, p.Burst, p.Blocks, p.BlockAt, p.Remember)
	}
	return text
}

// TestLimitsAgree plays thousands of random sequences on a limit.Memory and on the script,
// with the same clock: every Result has to be the same, to the microsecond.
func TestLimitsAgree(t *testing.T) {
	sequences, steps := 3000, 24
	if testing.Short() {
		sequences = 400
	}
	s := start(t)
	const workers = 4
	for worker := range workers {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			shared := limits(t, redisstore.Options{Address: []string{s.addr}})
			memory, err := limit.NewMemory(limit.MemoryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for seed := worker; seed < sequences; seed += workers {
				play(t, memory, shared, uint64(seed), steps)
				if t.Failed() {
					return
				}
			}
		})
	}
}

func play(t *testing.T, memory *limit.Memory, shared *redisstore.Limits, seed uint64, steps int) {
	t.Helper()
	g := &game{Rand: rand.New(rand.NewPCG(seed, 1)), tag: seed + 1, now: time.Now().Add(time.Minute).UnixMicro()}
	for i := range 4 {
		for {
			r, err := limit.Compile(g.policy(fmt.Sprint("p", i)))
			if err == nil {
				g.rules = append(g.rules, r)
				break
			}
		}
	}
	for step := range steps {
		n := max(1, g.IntN(6)-1)
		var ops []limit.Op
		for _, rule := range g.Perm(4)[:n] {
			ops = append(ops, g.op(rule))
		}
		want, got := make([]limit.Result, n), make([]limit.Result, n)
		if err := memory.Decide(t.Context(), clockOf(g.now), ops, want); err != nil {
			t.Fatalf("seed %d step %d: Memory.Decide() = %v", seed, step, err)
		}
		if err := shared.DecideAt(t.Context(), g.now, ops, got); err != nil {
			t.Fatalf("seed %d step %d: Limits.Decide() = %v%s", seed, step, err, describe(ops))
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d step %d at %d:%s\nLimits %+v\nMemory %+v", seed, step, g.now, describe(ops), got, want)
		}
		g.advance(want)
	}
}
