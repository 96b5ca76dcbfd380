package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
)

// RunLimits holds a limit.Store to its contract. NewStore returns an empty one each time,
// or one in which nobody else uses these keys, and closes it with the test.
func RunLimits(t *testing.T, newStore func(t *testing.T) limit.Store) {
	for name, test := range map[string]func(*testing.T, limit.Store){
		"Algorithms": limitAlgorithms, "Verbs": limitVerbs, "Union": limitUnion, "Blocks": limitBlocks,
		"Ends": limitEnds, "Refuses": limitRefuses, "Race": limitRace, "Scan": limitScan,
	} {
		t.Run(name, func(t *testing.T) { test(t, newStore(t)) })
	}
}

// The policies of the suite. Nothing runs out within a test, but in Ends.
func limitRule(t *testing.T, p limit.Policy) *limit.Rule {
	t.Helper()
	r, err := limit.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var limitKeys atomic.Uint64

// limitKey is one that no other test has.
func limitKey() limit.Key {
	n := limitKeys.Add(1) + uint64(time.Now().UnixNano())<<8
	return limit.Key{Tag: n, ID: n * 0x9e3779b97f4a7c15}
}

func limitDecide(t *testing.T, s limit.Store, ops ...limit.Op) []limit.Result {
	t.Helper()
	results := make([]limit.Result, len(ops))
	if err := s.Decide(t.Context(), time.Now(), ops, results); err != nil {
		t.Fatal(err)
	}
	return results
}

func limitAlgorithms(t *testing.T, s limit.Store) {
	for _, alg := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow} {
		r := limitRule(t, limit.Policy{Name: "p", Algorithm: alg, Points: 5, Duration: time.Hour})
		op := limit.Op{Rule: r, Key: limitKey(), Points: 2}
		for i, want := range []bool{true, true, false} {
			got := limitDecide(t, s, op)[0]
			if got.Allowed != want || got.Allowed && got.Remaining != int64(3-2*i) {
				t.Errorf("%v: decision %d on 2 of 5 points = %+v", alg, i, got)
			}
			if !want && (got.Wait <= 0 || got.Wait > 2*time.Hour) {
				t.Errorf("%v: refused for %v, want up to two hours", alg, got.Wait)
			}
		}
		op.Points = 6
		if got := limitDecide(t, s, op)[0]; got.Allowed || alg != limit.FixedWindow && got.Wait != limit.Forever {
			t.Errorf("%v: 6 of 5 points = %+v, want never", alg, got)
		}
	}
}

func limitVerbs(t *testing.T, s limit.Store) {
	r := limitRule(t, limit.Policy{Name: "p", Algorithm: limit.FixedWindow, Points: 5, Duration: time.Hour})
	op := limit.Op{Rule: r, Key: limitKey()}
	do := func(v limit.Verb, points int64, want int64) limit.Result {
		t.Helper()
		op.Verb, op.Points = v, points
		got := limitDecide(t, s, op)[0]
		if got.Consumed != want {
			t.Errorf("verb %d with %d counts %d, want %d", v, points, got.Consumed, want)
		}
		return got
	}
	if do(limit.Peek, 0, 0).Found {
		t.Error("a key that was never used is found")
	}
	do(limit.Add, -3, 0)
	do(limit.Add, 4, 4)
	do(limit.Add, -1, 3)
	do(limit.Consume, 1, 4)
	if !do(limit.Peek, 1, 4).Allowed || do(limit.Peek, 2, 4).Allowed {
		t.Error("Peek does not tell what Consume would")
	}
	do(limit.Add, -9, 0)
	do(limit.Assign, 5, 5)
	if do(limit.Consume, 1, 6).Allowed {
		t.Error("allowed above what was assigned")
	}
	there, err := s.Delete(t.Context(), op.Key)
	if !there || err != nil {
		t.Errorf("Delete = %v, %v, want true", there, err)
	}
	if there, err = s.Delete(t.Context(), op.Key); there || err != nil {
		t.Errorf("Delete again = %v, %v, want false", there, err)
	}
	do(limit.Consume, 1, 1)
}

func limitUnion(t *testing.T, s limit.Store) {
	one, two := limitKey(), limitKey()
	two.Tag = one.Tag
	a := limit.Op{Rule: limitRule(t, limit.Policy{Name: "a", Points: 3, Duration: time.Hour}), Key: one, Points: 1}
	b := limit.Op{Rule: limitRule(t, limit.Policy{Name: "b", Algorithm: limit.FixedWindow, Points: 2, Duration: time.Hour}), Key: two, Points: 1}
	for i, want := range []bool{true, true, false, false} {
		if got := limit.Allowed(limitDecide(t, s, a, b)); got != want {
			t.Errorf("union %d = %v, want %v", i, got, want)
		}
	}
	a.Verb, b.Verb = limit.Peek, limit.Peek
	if got := limitDecide(t, s, a, b); got[0].Consumed != 2 || got[1].Consumed != 2 {
		t.Errorf("after refusals %d and %d are counted, want 2 and 2", got[0].Consumed, got[1].Consumed)
	}
}

func limitBlocks(t *testing.T, s limit.Store) {
	p := limit.Policy{Name: "p", Points: 1, Duration: time.Hour, Blocks: []time.Duration{2 * time.Hour, limit.Forever}}
	op := limit.Op{Rule: limitRule(t, p), Key: limitKey(), Points: 1}
	limitDecide(t, s, op)
	if got := limitDecide(t, s, op)[0]; got.Allowed || !got.Started || !got.Blocked || got.Wait < 119*time.Minute {
		t.Errorf("the decision that is one too many = %+v, want a block of 2 h", got)
	}
	if got := limitDecide(t, s, op)[0]; got.Started || !got.Blocked {
		t.Errorf("within the block = %+v", got)
	}
	by := op
	by.Verb, by.TTL = limit.Block, limit.Forever
	if got := limitDecide(t, s, by)[0]; !got.Blocked || got.Reset != limit.Forever {
		t.Errorf("Block for ever = %+v", got)
	}
	if got := limitDecide(t, s, op)[0]; got.Allowed || got.Wait != limit.Forever {
		t.Errorf("blocked for ever = %+v", got)
	}
	if _, err := s.Delete(t.Context(), op.Key); err != nil {
		t.Fatal(err)
	}
	if got := limitDecide(t, s, op)[0]; !got.Allowed {
		t.Errorf("after Delete = %+v", got)
	}
}

func limitEnds(t *testing.T, s limit.Store) {
	for _, alg := range []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow} {
		r := limitRule(t, limit.Policy{Name: "p", Algorithm: alg, Points: 1, Duration: 60 * time.Millisecond})
		op := limit.Op{Rule: r, Key: limitKey(), Points: 1}
		limitDecide(t, s, op)
		got := limitDecide(t, s, op)[0]
		if got.Allowed {
			continue // a machine that stood still for 60 ms proves nothing
		}
		time.Sleep(got.Wait + 10*time.Millisecond)
		if got := limitDecide(t, s, op)[0]; !got.Allowed {
			t.Errorf("%v: refused after the wait it told: %+v", alg, got)
		}
	}
}

func limitRefuses(t *testing.T, s limit.Store) {
	r := limitRule(t, limit.Policy{Name: "p", Points: 5, Duration: time.Hour})
	key := limitKey()
	for name, ops := range map[string][]limit.Op{
		"no op":                {},
		"a negative number":    {{Rule: r, Key: key, Points: -1}},
		"a block of no length": {{Rule: r, Key: key, Verb: limit.Block}},
		"one key twice":        {{Rule: r, Key: key, Points: 1}, {Rule: r, Key: key, Points: 1}},
	} {
		if err := s.Decide(t.Context(), time.Now(), ops, make([]limit.Result, len(ops))); err == nil {
			t.Errorf("Decide with %s, want an error", name)
		}
	}
}

func limitRace(t *testing.T, s limit.Store) {
	one, two := limitKey(), limitKey()
	two.Tag = one.Tag
	a := limit.Op{Rule: limitRule(t, limit.Policy{Name: "a", Points: 40, Duration: time.Hour}), Key: one, Points: 1}
	b := limit.Op{Rule: limitRule(t, limit.Policy{Name: "b", Algorithm: limit.GCRA, Points: 25, Duration: 24 * time.Hour}), Key: two, Points: 1}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 12 {
				results := make([]limit.Result, 2)
				if err := s.Decide(context.Background(), time.Now(), []limit.Op{a, b}, results); err != nil {
					t.Error(err)
				}
				if limit.Allowed(results) {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 25 {
		t.Errorf("%d of 96 at once were allowed, want 25", allowed.Load())
	}
	a.Verb = limit.Peek
	if got := limitDecide(t, s, a)[0]; got.Consumed != 25 {
		t.Errorf("the other policy counts %d, want 25", got.Consumed)
	}
}

func limitScan(t *testing.T, s limit.Store) {
	p := limit.Policy{Name: "p", Points: 1, Duration: time.Hour, Blocks: []time.Duration{time.Hour}}
	op := limit.Op{Rule: limitRule(t, p), Key: limitKey(), Points: 1}
	limitDecide(t, s, op)
	limitDecide(t, s, op)
	found := false
	err := s.Scan(t.Context(), func(key limit.Key, state limit.State) bool {
		if key.ID == op.Key.ID {
			found = state.BlockedFor(time.Now().UnixMicro()) > 50*time.Minute && state.Rule == op.Rule.Number
		}
		return true
	})
	if err != nil || !found {
		t.Errorf("Scan = %v and found the block: %v", err, found)
	}
	seen := 0
	_ = s.Scan(t.Context(), func(limit.Key, limit.State) bool { seen++; return false })
	if seen > 1 {
		t.Errorf("Scan went on %d times after f returned false", seen-1)
	}
}
