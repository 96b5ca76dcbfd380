package redisstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
)

// The vectors are what rate-limiter-flexible 11.4.0 did on a real Redis; see
// limit/testdata/README.md.
type sequence struct {
	ID, Backend, Note string
	Limiter           peer
	Ops               []recorded
}

// A peer is the peer's own options. Durations are in seconds.
type peer struct {
	Class                   string
	Points                  int64
	Duration                float64
	BlockDuration           float64
	BlockOnConsumed         int64
	InMemoryBlockOnConsumed int64
	InMemoryBlockDuration   float64
	KeyPrefix               string
	StoreDown               bool
	Insurance               *peer
	Limiters                []peer
}

type recorded struct {
	At        int64
	Op        string
	Key       string
	Args      []any
	Outcome   string
	StartedAt int64 `json:"started_at_ms"` // where the recorder was late
	Result    recordedResult
}

type recordedResult struct {
	Kind                string
	Remaining, Consumed int64
	MsBeforeNext        int64
	First               bool
	Value               any
	Limiters            map[string]recordedResult // of a union: those that refuse
}

func (r recordedResult) String() string {
	switch r.Kind {
	case "res":
		return fmt.Sprintf("remaining %d consumed %d first %v", r.Remaining, r.Consumed, r.First)
	case "error", "null":
		return r.Kind
	}
	return fmt.Sprint(r.Kind, " ", r.Value)
}

// declared are the sequences in which Panoply differs on purpose, and why.
var declared = map[string]string{
	"redis-A-11-block-0":            "what is blocked for ever stays so when it is asked for",
	"redis-A-12-penalty-reward":     "no count falls below zero",
	"redis-A-13-first-flag":         "a window that is open is opened once, whatever was given back",
	"redis-A-14-fraction":           "a negative cost is refused: it raises the limit",
	"redis-A-15-subsecond":          "a duration below a second is exact",
	"redis-A-16-fraction-duration":  "a duration is not cut to whole seconds",
	"redis-A-22-down-insured-block": "what is refused within a block is not counted, so that it costs nothing",
}

// constructors make the limiters that sequences are played on: by their ID, or "" for all
// others. The sequences about what a process keeps of its own, before or instead of the
// server, have one of their own.
var constructors = map[string]func(t *testing.T, store limit.Store, p peer) (*limit.Limiter, error){
	"":                              plain,
	"redis-A-05-inmem":              shared,
	"redis-A-06-inmem-dur":          shared,
	"redis-A-07-inmem-delete":       shared,
	"redis-A-20-down-no-insurance":  plain,
	"redis-A-21-down-insured":       shared,
	"redis-A-22-down-insured-block": shared,
	"redis-A-23-union-down":         plain,
}

// plain asks the store, and nobody else.
func plain(t *testing.T, store limit.Store, p peer) (*limit.Limiter, error) {
	all := p.Limiters // of a union: one decision of one store, so all are where the dead one is
	if all == nil {
		all = []peer{p}
	}
	var policies []limit.Policy
	for _, p := range all {
		policy := limit.Policy{
			Name: p.KeyPrefix, Algorithm: limit.FixedWindow, Points: p.Points, Duration: seconds(p.Duration), BlockAt: p.BlockOnConsumed,
			LocalBlockAt: p.InMemoryBlockOnConsumed,
		}
		if policy.Name == "" {
			policy.Name = "rlflx"
		}
		if p.BlockDuration > 0 {
			policy.Blocks = []time.Duration{seconds(p.BlockDuration)}
		}
		if p.InMemoryBlockDuration > 0 {
			policy.LocalBlock = seconds(p.InMemoryBlockDuration)
		}
		policies = append(policies, policy)
		if p.StoreDown {
			store = nobody(t)
		}
	}
	return limit.New(limit.Options{Policies: policies, Store: store, Secret: []byte("the same in all tests")})
}

// shared puts a Shared before the store. The peer's insurance has points of its own, ours
// what is there divided by Instances.
func shared(t *testing.T, store limit.Store, p peer) (*limit.Limiter, error) {
	instances := 1
	if p.Insurance != nil {
		instances = int(p.Points / p.Insurance.Points)
	}
	if p.StoreDown {
		store, p.StoreDown = nobody(t), false
	}
	s, err := limit.NewShared(limit.SharedOptions{
		Store: store, Instances: instances, Sink: func(context.Context, guard.Event) {},
		Timeout: time.Second, // of a busy machine
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	return plain(t, s, p)
}

// nobody is a server that is not there.
func nobody(t *testing.T) limit.Store {
	l, err := redisstore.NewLimits(redisstore.Options{Address: []string{"127.0.0.1:" + strconv.Itoa(need.Port(t))}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func seconds(s float64) time.Duration {
	if s == 0 {
		return limit.Forever
	}
	return time.Duration(math.Round(s * float64(time.Second)))
}

var errUnsayable = errors.New("not a whole number")

// whole is an argument as the peer's Redis limiter reads it.
func whole(args []any, i int, otherwise int64) (int64, error) {
	if i >= len(args) {
		return otherwise, nil
	}
	switch v := args[i].(type) {
	case float64:
		if v == math.Trunc(v) {
			return int64(v), nil
		}
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	return 0, errUnsayable
}

// do plays one recorded op and returns what it came to, in the peer's terms.
func do(t *testing.T, l *limit.Limiter, op recorded) (outcome string, got recordedResult) {
	ctx := t.Context()
	var d limit.Decision
	var ok bool
	n, err := whole(op.Args, 0, 1)
	switch {
	case err != nil:
	case op.Op == "consume" && len(op.Args) > 1:
		d, err = l.ConsumeFor(ctx, op.Key, n, seconds(op.Args[1].(map[string]any)["customDuration"].(float64)))
	case op.Op == "consume":
		d, err = l.Consume(ctx, op.Key, n)
	case op.Op == "penalty":
		d, err = l.Penalty(ctx, op.Key, n)
	case op.Op == "reward":
		d, err = l.Reward(ctx, op.Key, n)
	case op.Op == "set":
		ttl := time.Duration(0)
		if len(op.Args) > 1 {
			ttl = seconds(op.Args[1].(float64))
		}
		d, err = l.Set(ctx, op.Key, n, ttl)
	case op.Op == "block":
		d, err = l.Block(ctx, op.Key, seconds(float64(n)))
	case op.Op == "get":
		d, err = l.Get(ctx, op.Key)
		if err == nil && !d.Found {
			return "resolve", recordedResult{Kind: "null"}
		}
	case op.Op == "delete":
		if ok, err = l.Delete(ctx, op.Key); err == nil {
			return "resolve", recordedResult{Kind: "bool", Value: ok}
		}
	default:
		t.Errorf("an op %q", op.Op)
	}
	if err != nil {
		return "reject", recordedResult{Kind: "error"}
	}
	got = recordedResult{Kind: "res", Remaining: d.Remaining, Consumed: d.Consumed, MsBeforeNext: -1, First: d.First}
	if d.Reset != limit.Forever {
		got.MsBeforeNext = int64((d.Reset + time.Millisecond - 1) / time.Millisecond)
	}
	switch {
	case op.Op == "set":
		got.Remaining = 0 // whatever remains
	case op.Op == "consume" && d.Local && d.Started:
		got.First = true // in memory the peer calls that so, too
	case op.Op == "consume" && d.Local && d.Blocked:
		got.Consumed = 0 // the peer does not say more of a key that is blocked in memory
	}
	if outcome = "resolve"; op.Op == "consume" && !d.Allowed {
		outcome = "reject"
	}
	return outcome, got
}

const (
	tolerance = 150 // milliseconds, as the recorder states
	tooLate   = 100 // milliseconds after which a play proves nothing
)

// playSequence also returns by how many milliseconds this machine was late.
func playSequence(t *testing.T, l *limit.Limiter, q sequence, try int) (different []string, late int64) {
	began := time.Now()
	for i, op := range q.Ops {
		op.Key += strings.Repeat("'", try)
		time.Sleep(time.Until(began.Add(time.Duration(op.At) * time.Millisecond)))
		late = max(late, time.Since(began).Milliseconds()-op.At)
		if op.Op == "getKey" {
			continue
		}
		if op.Result.Kind == "union" { // one error is the answer of all
			for _, r := range op.Result.Limiters {
				if r.Kind == "error" {
					op.Result = r
				}
			}
		}
		outcome, got := do(t, l, op)
		late = max(late, time.Since(began).Milliseconds()-op.At)
		off := got.MsBeforeNext - op.Result.MsBeforeNext
		forever := got.MsBeforeNext < 0 || op.Result.MsBeforeNext < 0
		if outcome != op.Outcome || got.String() != op.Result.String() || max(off, -off) > tolerance || forever && off != 0 {
			different = append(different, fmt.Sprintf("op %d %s %v at %d = %s, %v and %dms, want %s, %v and %dms",
				i, op.Op, op.Args, op.At, outcome, got, got.MsBeforeNext, op.Outcome, op.Result, op.Result.MsBeforeNext))
		}
	}
	return different, late
}

// TestVectorsRedis plays what the peer did on Redis, all sequences at once.
func TestVectorsRedis(t *testing.T) {
	text, err := os.ReadFile("../limit/testdata/ratelimit.json")
	if err != nil {
		t.Fatal(err)
	}
	var recordings struct{ Sequences []json.RawMessage }
	if err := json.Unmarshal(text, &recordings); err != nil {
		t.Fatal(err)
	}
	s := start(t)
	store := limits(t, redisstore.Options{Address: []string{s.addr}})
	played := 0
	var all sync.WaitGroup
	for _, raw := range recordings.Sequences {
		var head struct{ ID, Backend string }
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		if head.Backend != "redis" {
			continue
		}
		constructor := constructors[head.ID]
		if constructor == nil {
			constructor = constructors[""]
		}
		var q sequence
		if err := json.Unmarshal(raw, &q); err != nil {
			t.Fatal(err)
		}
		played++
		l, err := constructor(t, store, q.Limiter)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { // not t.Parallel, of which only a few run at a time
			different, late := playSequence(t, l, q, 0)
			for try := 1; len(different) > 0 && late > tooLate && try < 10; try++ {
				t.Logf("%s is played again: it was %dms late", q.ID, late)
				different, late = playSequence(t, l, q, try)
			}
			if why := declared[q.ID]; why == "" {
				for _, line := range different {
					t.Errorf("%s %s", q.ID, line)
				}
			} else if len(different) == 0 {
				t.Errorf("%s agrees, but is declared to differ: %s", q.ID, why)
			}
		})
	}
	all.Wait()
	if want := 15 + len(constructors); played != want {
		t.Errorf("played %d sequences, want %d", played, want)
	}
}
