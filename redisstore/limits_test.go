package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
)

func rule(t testing.TB, p limit.Policy) *limit.Rule {
	t.Helper()
	r, err := limit.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func decide(t testing.TB, l *redisstore.Limits, ops ...limit.Op) []limit.Result {
	t.Helper()
	results := make([]limit.Result, len(ops))
	if err := l.Decide(t.Context(), time.Time{}, ops, results); err != nil {
		t.Error(err)
	}
	return results
}

var algorithms = []limit.Algorithm{limit.SlidingWindow, limit.GCRA, limit.FixedWindow}

// TestLimitsRace has many processes ask for one key: what is allowed is exactly the limit.
func TestLimitsRace(t *testing.T) {
	const instances, callers, calls, points = 16, 8, 3, 100
	s := start(t)
	for _, algorithm := range algorithms {
		t.Run(algorithm.String(), func(t *testing.T) {
			r := rule(t, limit.Policy{Name: "race", Algorithm: algorithm, Points: points, Duration: limit.MaxDuration})
			op := limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: uint64(algorithm)}, Points: 1}
			var allowed atomic.Int64
			var all sync.WaitGroup
			for range instances {
				l := limits(t, redisstore.Options{Address: []string{s.addr}})
				for range callers {
					all.Go(func() {
						for range calls {
							if decide(t, l, op)[0].Allowed {
								allowed.Add(1)
							}
						}
					})
				}
			}
			all.Wait()
			if n := allowed.Load(); n != points {
				t.Errorf("allowed %d of %d, want %d", n, instances*callers*calls, points)
			}
		})
	}
}

// union races two policies of which the narrower decides, over the stores of several
// processes, and returns what is counted in the end.
func union(t *testing.T, tag uint64, stores ...*redisstore.Limits) {
	t.Helper()
	wide := limit.Op{Rule: rule(t, limit.Policy{Name: "wide", Points: 1000, Duration: limit.MaxDuration}), Key: limit.Key{Tag: tag, ID: tag + 1}, Points: 1}
	narrow := limit.Op{Rule: rule(t, limit.Policy{Name: "narrow", Algorithm: limit.FixedWindow, Points: 50, Duration: limit.MaxDuration}), Key: limit.Key{Tag: tag, ID: tag + 2}, Points: 1}
	var allowed atomic.Int64
	var all sync.WaitGroup
	for _, l := range stores {
		for range 8 {
			all.Go(func() {
				for range 5 {
					if limit.Allowed(decide(t, l, wide, narrow)) {
						allowed.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	wide.Verb, narrow.Verb = limit.Peek, limit.Peek
	results := decide(t, stores[0], wide, narrow)
	if n := allowed.Load(); n != 50 || results[0].Consumed != 50 || results[1].Consumed != 50 {
		t.Errorf("allowed %d, counted %d and %d, want 50 of each", n, results[0].Consumed, results[1].Consumed)
	}
}

func TestLimitsUnionRace(t *testing.T) {
	s := start(t)
	var stores []*redisstore.Limits
	for range 4 {
		stores = append(stores, limits(t, redisstore.Options{Address: []string{s.addr}}))
	}
	union(t, 1, stores...)
}

func TestLimitsCluster(t *testing.T) {
	nodes := cluster(t)
	var addresses []string
	for _, n := range nodes {
		addresses = append(addresses, n.addr)
	}
	one, two := limits(t, redisstore.Options{Address: addresses}), limits(t, redisstore.Options{Address: addresses[:1]})
	const tags = 20
	for tag := range uint64(tags) {
		union(t, tag<<32, one, two)
	}
	found := map[limit.Key]limit.State{}
	if err := two.Scan(t.Context(), func(k limit.Key, s limit.State) bool { found[k] = s; return true }); err != nil || len(found) != 2*tags {
		t.Errorf("Scan() of three nodes told %d records, %v, want %d", len(found), err, 2*tags)
	}
	used := 0
	for _, n := range nodes {
		if n.tell(t, "DBSIZE") != ":0" {
			used++
		}
	}
	if used < 2 {
		t.Errorf("%d tags are on %d nodes, want them spread", tags, used)
	}
	for k := range found {
		if ok, err := one.Delete(t.Context(), k); !ok || err != nil {
			t.Errorf("Delete(%v) = %v, %v", k, ok, err)
		}
	}
	for _, n := range nodes {
		if got := n.tell(t, "DBSIZE"); got != ":0" {
			t.Errorf("DBSIZE of %s = %s after all were deleted", n.addr, got)
		}
	}
}

// TestLimitsRestart stops the server in the middle: it comes back without the script.
func TestLimitsRestart(t *testing.T) {
	s := start(t)
	l := limits(t, redisstore.Options{Address: []string{s.addr}, Timeout: 2 * time.Second})
	op := limit.Op{Rule: rule(t, limit.Policy{Name: "api", Points: 5, Duration: time.Hour}), Key: limit.Key{Tag: 1, ID: 2}, Points: 1}
	decide(t, l, op)
	if got := decide(t, l, op)[0]; got.Consumed != 2 {
		t.Fatalf("Consumed = %d, want 2", got.Consumed)
	}
	s.kill()
	results := make([]limit.Result, 1)
	err := l.Decide(t.Context(), time.Time{}, []limit.Op{op}, results)
	if err == nil || !strings.HasPrefix(err.Error(), "redisstore: decide at "+s.addr+": ") {
		t.Errorf("Decide() at a dead server = %v, want an error that names %s", err, s.addr)
	}
	if err := l.Scan(t.Context(), func(limit.Key, limit.State) bool { return true }); err == nil {
		t.Error("Scan() at a dead server = nil, want an error")
	}
	s.up(t)
	eventually(t, "after the restart", func() error { return l.Decide(t.Context(), time.Time{}, []limit.Op{op}, results) })
	if results[0].Consumed != 1 || !results[0].Allowed {
		t.Errorf("after the restart %+v, want the first of five", results[0])
	}
	if got := s.tell(t, "SCRIPT FLUSH"); got != "+OK" {
		t.Fatal(got)
	}
	if got := decide(t, l, op)[0]; got.Consumed != 2 {
		t.Errorf("without the script Consumed = %d, want 2", got.Consumed)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if err := l.Decide(t.Context(), time.Time{}, []limit.Op{op}, results); !errors.Is(err, redisstore.ErrClosed) {
		t.Errorf("Decide() after Close = %v, want ErrClosed", err)
	}
}

// TestLimitsExpiry looks at how long the server keeps records.
func TestLimitsExpiry(t *testing.T) {
	s := start(t)
	l := limits(t, redisstore.Options{Address: []string{s.addr}, Prefix: "app:"})
	forever := []time.Duration{limit.Forever}
	for i, test := range []struct {
		name     string
		policy   limit.Policy
		ops      []limit.Op
		from, to time.Duration // of the time to live; zero: for good; negative: no record
	}{
		{"sliding", limit.Policy{Duration: time.Minute, Points: 5}, []limit.Op{{Points: 1}}, 110 * time.Second, 2 * time.Minute},
		{"fixed", limit.Policy{Algorithm: limit.FixedWindow, Duration: time.Minute, Points: 5}, []limit.Op{{Points: 1}, {Points: 9}}, 50 * time.Second, time.Minute},
		{"bucket", limit.Policy{Algorithm: limit.GCRA, Duration: time.Hour, Points: 60, Burst: 5}, []limit.Op{{Points: 2}}, 110 * time.Second, 2 * time.Minute},
		{"block", limit.Policy{Duration: time.Minute, Points: 0, Blocks: []time.Duration{time.Hour}}, []limit.Op{{Points: 1}}, 59 * time.Minute, time.Hour},
		{"remembered", limit.Policy{Duration: time.Minute, Points: 0, Blocks: []time.Duration{time.Hour, 2 * time.Hour}, Remember: time.Hour}, []limit.Op{{Points: 1}}, 119 * time.Minute, 2 * time.Hour},
		{"forever", limit.Policy{Duration: time.Minute, Points: 0, Blocks: forever}, []limit.Op{{Points: 1}}, 0, 0},
		{"by hand, then a shorter one", limit.Policy{Duration: time.Minute, Points: 5}, []limit.Op{{Verb: limit.Block, TTL: limit.Forever}, {Verb: limit.Block, TTL: time.Minute}}, 50 * time.Second, time.Minute},
		{"refused", limit.Policy{Duration: time.Minute, Points: 0}, []limit.Op{{Points: 1}}, -1, -1},
		{"peeked", limit.Policy{Duration: time.Minute, Points: 5}, []limit.Op{{Verb: limit.Peek, Points: 1}}, -1, -1},
		{"all given back", limit.Policy{Algorithm: limit.GCRA, Duration: time.Hour, Points: 5}, []limit.Op{{Points: 2}, {Verb: limit.Add, Points: -5}}, -1, -1},
	} {
		test.policy.Name = "p"
		key := limit.Key{Tag: 7, ID: uint64(i)}
		for _, op := range test.ops {
			op.Rule, op.Key = rule(t, test.policy), key
			decide(t, l, op)
		}
		ms, err := strconv.ParseInt(strings.TrimPrefix(s.tell(t, "PTTL "+l.Name(key)), ":"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ttl := time.Duration(ms) * time.Millisecond
		switch {
		case test.from < 0 && ms != -2, test.from == 0 && ms != -1, test.from > 0 && (ttl < test.from || ttl > test.to+time.Millisecond):
			t.Errorf("%s: PTTL = %d, want %v to %v", test.name, ms, test.from, test.to)
		}
	}
}

func TestLimitsDeleteScan(t *testing.T) {
	s := start(t)
	l := limits(t, redisstore.Options{Address: []string{s.addr}, Prefix: "a*[b]?:"})
	other := limits(t, redisstore.Options{Address: []string{s.addr}})
	r := rule(t, limit.Policy{Name: "api", Points: 5, Duration: time.Hour})
	want := map[limit.Key]bool{}
	for i := range uint64(3000) {
		k := limit.Key{Tag: i * 0x9e3779b97f4a7c15, ID: ^i}
		want[k] = true
		decide(t, l, limit.Op{Rule: r, Key: k, Points: 2})
	}
	decide(t, other, limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: 1}, Points: 1})
	s.tell(t, "SET a*[b]?:limit:{foreign 1")
	got := map[limit.Key]bool{}
	err := l.Scan(t.Context(), func(k limit.Key, state limit.State) bool {
		if got[k] = true; state.Level != 2 || state.Rule != r.Number {
			t.Errorf("%v has %+v", k, state)
		}
		return true
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("Scan() told %d records, %v, want the %d of this prefix", len(got), err, len(want))
	}
	told := 0
	if err := l.Scan(t.Context(), func(limit.Key, limit.State) bool { told++; return told < 5 }); err != nil || told != 5 {
		t.Errorf("Scan() went on to %d, %v, after it was told to stop", told, err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Scan(canceled, func(limit.Key, limit.State) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan() of a context that is over = %v", err)
	}
	k := limit.Key{Tag: 0, ID: ^uint64(0)}
	for _, want := range []bool{true, false} {
		if ok, err := l.Delete(t.Context(), k); ok != want || err != nil {
			t.Errorf("Delete() = %v, %v, want %v", ok, err, want)
		}
	}
	s.tell(t, "SET "+l.Name(k)+" foreign")
	if err := l.Decide(t.Context(), time.Time{}, []limit.Op{{Rule: r, Key: k}}, make([]limit.Result, 1)); err == nil || !strings.Contains(err.Error(), "no state") {
		t.Errorf("Decide() on foreign bytes = %v, want an error", err)
	}
	if err := l.Scan(t.Context(), func(limit.Key, limit.State) bool { return true }); err == nil || !strings.Contains(err.Error(), l.Name(k)) {
		t.Errorf("Scan() over foreign bytes = %v, want an error that names the key", err)
	}
}

// TestLimitsRoundTrips counts the commands of decisions.
func TestLimitsRoundTrips(t *testing.T) {
	s := start(t)
	l := limits(t, redisstore.Options{Address: []string{s.addr}})
	var ops []limit.Op
	for i := range 16 {
		r := rule(t, limit.Policy{Name: fmt.Sprint("p", i), Points: 2, Duration: time.Hour, Blocks: []time.Duration{time.Minute, time.Hour}})
		ops = append(ops, limit.Op{Rule: r, Key: limit.Key{Tag: 9, ID: uint64(i)}, Points: 1})
	}
	decide(t, l, ops...) // and the script is there
	m := watch(t, s)
	blocked := false
	for name, ops := range map[string][]limit.Op{"one": ops[:1], "a union": ops[:4], "a union of 16": ops} {
		seen := m.of(t, s, func() {
			for range 4 {
				for _, r := range decide(t, l, ops...) {
					blocked = blocked || r.Started
				}
			}
		})
		if len(seen) != 4 || slices.ContainsFunc(seen, func(line string) bool { return !strings.Contains(strings.ToLower(line), `"evalsha"`) }) {
			t.Errorf("4 decisions of %s sent %d commands, want 4 EVALSHA:\n%s", name, len(seen), strings.Join(seen, "\n"))
		}
	}
	if !blocked {
		t.Error("no block was started")
	}
}

func TestLimitsRefuses(t *testing.T) {
	_, err := redisstore.NewLimits(redisstore.Options{Prefix: "{x}"})
	problems := guard.OptionErrors(err)
	if len(problems) != 2 || problems[0].Field != "Address" || problems[1].Field != "Prefix" {
		t.Errorf("NewLimits() = %v, want Address and Prefix", err)
	}
	l, err := redisstore.NewLimits(redisstore.Options{Address: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := rule(t, limit.Policy{Name: "api", Points: 5, Duration: time.Hour})
	for name, ops := range map[string][]limit.Op{
		"none":     {},
		"the same": {{Rule: r}, {Rule: r}},
		"two tags": {{Rule: r, Key: limit.Key{Tag: 1}}, {Rule: r, Key: limit.Key{Tag: 2, ID: 1}}},
		"negative": {{Rule: r, Points: -1}},
		"no time":  {{Rule: r, Verb: limit.Block}},
	} {
		err := l.Decide(t.Context(), time.Time{}, ops, make([]limit.Result, len(ops)))
		if err == nil || strings.Contains(err.Error(), "connect") {
			t.Errorf("Decide() of %s = %v, want an error before the server is asked", name, err)
		}
	}
}

func FuzzLimitsRead(f *testing.F) {
	r := rule(f, limit.Policy{Name: "api", Algorithm: limit.GCRA, Points: 5, Duration: time.Hour, Even: true})
	f.Add([]byte(nil))
	f.Add(append([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 15}, make([]byte, limit.StateSize)...))
	f.Fuzz(func(t *testing.T, reply []byte) {
		for n := 1; n <= 2; n++ {
			ops, results := make([]limit.Op, n), make([]limit.Result, n)
			for i := range ops {
				ops[i] = limit.Op{Rule: r, Points: 1}
			}
			if err := redisstore.Read(reply, ops, results); err == nil && len(reply) != 8+33*n {
				t.Errorf("Read() takes %d bytes for %d ops", len(reply), n)
			}
		}
	})
}

func FuzzLimitsName(f *testing.F) {
	l, err := redisstore.NewLimits(redisstore.Options{Address: []string{"127.0.0.1:1"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(l.Name(limit.Key{Tag: 1, ID: ^uint64(0)}))
	f.Add("panoply:limit:{0000000000000001}:000000000000000A")
	f.Fuzz(func(t *testing.T, name string) {
		if k, ok := l.ParseName(name); ok && l.Name(k) != name {
			t.Errorf("ParseName(%q) = %v, whose name is %q", name, k, l.Name(k))
		}
	})
}
