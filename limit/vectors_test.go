package limit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/panoplysec/panoply/limit"
)

// The vectors are what rate-limiter-flexible 11.4.0 did; see testdata/README.md.
type vectors struct {
	Sequences []sequence
}

type sequence struct {
	ID, Backend, Note string
	Limiter           peer
	Ops               []recorded
	ConstructError    string `json:"construct_error"`
}

// A peer is the peer's own options. Durations are in seconds.
type peer struct {
	Class                string
	Points, Duration     any
	BlockDuration        float64
	ExecEvenly           bool
	ExecEvenlyMinDelayMs float64
	KeyPrefix            any
	Rate, Burst, Limiter *peer
	Limiters             []peer
	WhiteList, BlackList []string
	RunActionAnyway      bool
	Queue                struct{ MaxQueueSize int }
}

type recorded struct {
	At           int64
	Op           string
	Key          any
	Args         []any
	Outcome      string
	SettledAfter int64 `json:"settled_after_ms"`
	Result       result
}

type result struct {
	Kind                string
	Remaining, Consumed int64
	MsBeforeNext        int64
	First               bool
	Value               any
	Message             string
	Limiters            map[string]result
}

// declared are the sequences in which Panoply differs on purpose, and why.
var declared = map[string]string{
	"mem-A-07-negative-cost":      "a negative cost is refused: it raises the limit",
	"mem-A-20-reward-below-zero":  "no count falls below zero",
	"mem-A-25-set-no-duration":    "what is set without a duration lasts the policy's, not for ever",
	"mem-A-34-timer-overflow":     "a window of more than 24.8 days is kept",
	"mem-A-36-block-overflow":     "a block of more than 24.8 days is kept",
	"mem-A-49-login-pair-user-ip": "the documented login limiter limits",
	"mem-A-42-union":              "what one policy refuses costs nothing under the others",
	"mem-A-43-union-cost":         "what one policy refuses costs nothing under the others",
	"mem-A-46-bw-exact":           "an address on a list is found however it is written",
}

func seconds(v any) time.Duration {
	s := v.(float64)
	if s == 0 {
		return limit.Forever
	}
	return time.Duration(math.Round(s * float64(time.Second)))
}

// policy turns the peer's options into ours, where they can be said.
func (p *peer) policy() (limit.Policy, error) {
	points, ok := p.Points.(float64)
	duration, ok2 := p.Duration.(float64)
	name, ok3 := p.KeyPrefix.(string)
	if !ok || !ok2 || !ok3 && p.KeyPrefix != nil || duration < 0 {
		return limit.Policy{}, errors.New("not sayable: a field is missing, or of a wrong type")
	}
	if name == "" {
		name = "rlflx"
	}
	policy := limit.Policy{
		Name: name, Algorithm: limit.FixedWindow, Points: int64(points), Duration: seconds(duration),
		Even: p.ExecEvenly, MinDelay: time.Duration(p.ExecEvenlyMinDelayMs) * time.Millisecond,
	}
	if p.BlockDuration > 0 {
		policy.Blocks = []time.Duration{seconds(p.BlockDuration)}
	}
	return policy, nil
}

func (p *peer) limiter(t *testing.T, lists limit.Lists) (*limit.Limiter, error) {
	t.Helper()
	var policies []limit.Policy
	all := p.Limiters
	if all == nil {
		all = []peer{*p}
	}
	for _, one := range all {
		policy, err := one.policy()
		if err != nil {
			return nil, err
		}
		policies = append(policies, policy)
	}
	return limit.New(limit.Options{Policies: policies, Lists: lists})
}

// whole is an argument as the peer's memory limiter reads it.
func whole(args []any, i int, otherwise int64) int64 {
	if i >= len(args) {
		return otherwise
	}
	return int64(args[i].(float64))
}

// peerResult is a Decision in the peer's terms. It calls the start of a block a first, too.
func peerResult(d limit.Decision) result {
	switch d.Policy {
	case "allow-list":
		return result{Kind: "res", Remaining: 1<<53 - 1}
	case "deny-list":
		return result{Kind: "res", MsBeforeNext: 1<<53 - 1}
	}
	ms := int64(-1)
	if d.Reset != limit.Forever {
		ms = max(0, int64((d.Reset-d.Delay+time.Millisecond-1)/time.Millisecond))
	}
	return result{Kind: "res", Remaining: d.Remaining, Consumed: d.Consumed, MsBeforeNext: ms, First: d.First || d.Started}
}

type subject struct {
	*limit.Limiter
	bursty *limit.Bursty
	queue  *limit.Queue
}

func newSubject(t *testing.T, p peer) (s subject, err error) {
	switch p.Class {
	case "BurstyRateLimiter":
		rate, err := p.Rate.limiter(t, limit.Lists{})
		if err != nil {
			return s, err
		}
		burst, err := p.Burst.limiter(t, limit.Lists{})
		return subject{bursty: &limit.Bursty{Rate: rate, Burst: burst}}, err
	case "RLWrapperBlackAndWhite":
		l, err := p.Limiter.limiter(t, limit.Lists{Allow: p.WhiteList, Deny: p.BlackList, CountAnyway: p.RunActionAnyway})
		return subject{Limiter: l}, err
	case "RateLimiterQueue":
		l, err := p.Limiter.limiter(t, limit.Lists{})
		if err != nil {
			return s, err
		}
		q, err := limit.NewQueue(l, p.Queue.MaxQueueSize)
		return subject{Limiter: l, queue: q}, err
	}
	l, err := p.limiter(t, limit.Lists{})
	return subject{Limiter: l}, err
}

// play does one recorded op and returns what it came to, in the peer's terms.
func (s subject) play(ctx context.Context, op recorded) (outcome string, got result, delay time.Duration) {
	var d limit.Decision
	var err error
	switch op.Op {
	case "consume":
		cost := whole(op.Args, 0, 1)
		switch {
		case s.bursty != nil:
			d, err = s.bursty.Consume(ctx, fmt.Sprint(op.Key), cost)
		case len(op.Args) > 1:
			d, err = s.ConsumeFor(ctx, fmt.Sprint(op.Key), cost, seconds(op.Args[1].(map[string]any)["customDuration"]))
		default:
			d, err = s.Consume(ctx, fmt.Sprint(op.Key), cost)
		}
	case "penalty":
		d, err = s.Penalty(ctx, fmt.Sprint(op.Key), whole(op.Args, 0, 1))
	case "reward":
		d, err = s.Reward(ctx, fmt.Sprint(op.Key), whole(op.Args, 0, 1))
	case "set":
		ttl := time.Duration(0)
		if len(op.Args) > 1 {
			ttl = seconds(op.Args[1])
		}
		d, err = s.Set(ctx, fmt.Sprint(op.Key), whole(op.Args, 0, 0), ttl)
	case "block":
		d, err = s.Block(ctx, fmt.Sprint(op.Key), seconds(op.Args[0]))
	case "get":
		if s.bursty != nil {
			d, err = s.bursty.Get(ctx, fmt.Sprint(op.Key))
		} else {
			d, err = s.Get(ctx, fmt.Sprint(op.Key))
		}
		if err == nil && !d.Found && d.Policy != "allow-list" && d.Policy != "deny-list" {
			return "resolve", result{Kind: "null"}, 0
		}
	case "delete":
		ok, e := s.Delete(ctx, fmt.Sprint(op.Key))
		if err = e; err == nil {
			return "resolve", result{Kind: "bool", Value: ok}, 0
		}
	case "getTokensRemaining":
		if d, err = s.Get(ctx, fmt.Sprint(op.Key)); err == nil {
			return "resolve", result{Kind: "number", Value: float64(d.Remaining)}, 0
		}
	}
	if err != nil {
		return "reject", result{Kind: "error", Message: err.Error()}, 0
	}
	outcome, got = "resolve", peerResult(d)
	if op.Op == "consume" && !d.Allowed {
		outcome = "reject"
	}
	if op.Op == "set" {
		got.Remaining = 0 // whatever remains
	}
	return outcome, got, d.Delay
}

func (r result) String() string {
	switch r.Kind {
	case "res":
		return fmt.Sprintf("remaining %d consumed %d ms %d first %v", r.Remaining, r.Consumed, r.MsBeforeNext, r.First)
	case "error":
		return "error"
	}
	return fmt.Sprint(r.Kind, " ", r.Value)
}

func load(t *testing.T) []sequence {
	t.Helper()
	text, err := os.ReadFile("testdata/ratelimit.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v.Sequences
}

// TestVectorsMemory plays what the peer did in memory, in the peer's own terms.
func TestVectorsMemory(t *testing.T) {
	played := 0
	for _, q := range load(t) {
		if q.Backend != "memory" || strings.HasSuffix(q.ID, "-prefix") || strings.HasSuffix(q.ID, "-prefix-default") {
			continue
		}
		played++
		t.Run(q.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				different := playSequence(t, q)
				if why := declared[q.ID]; why == "" {
					for _, line := range different {
						t.Error(line)
					}
				} else if len(different) == 0 {
					t.Errorf("agrees, but is declared to differ: %s", why)
				}
			})
		})
	}
	if played < 60 {
		t.Errorf("played %d sequences, want all of them", played)
	}
}

func playSequence(t *testing.T, q sequence) (different []string) {
	s, err := newSubject(t, q.Limiter)
	if (err != nil) != (q.ConstructError != "") {
		return []string{fmt.Sprintf("New = %v, want %q", err, q.ConstructError)}
	}
	if err != nil {
		return nil
	}
	start := time.Now()
	lines := make(chan string, len(q.Ops))
	for i, op := range q.Ops {
		time.Sleep(time.Until(start.Add(time.Duration(op.At) * time.Millisecond)))
		if op.Op == "getKey" {
			continue
		}
		if op.Op == "removeTokens" {
			go func() { lines <- s.removeTokens(t, i, op) }()
			synctest.Wait()
			continue
		}
		if op.Op == "reward" && op.Result.Consumed < 0 && declared[q.ID] == "" {
			t.Logf("from op %d on the peer has a count below zero: %s", i, declared["mem-A-20-reward-below-zero"])
			break
		}
		outcome, got, delay := s.play(t.Context(), op)
		want := op.Result
		if want.Kind == "union" {
			want = unionOf(want, outcome)
		}
		if outcome != op.Outcome || got.String() != want.String() || delay.Milliseconds() != op.SettledAfter {
			different = append(different, fmt.Sprintf("op %d %s %v at %d = %s, %v after %v, want %s, %v after %dms",
				i, op.Op, op.Args, op.At, outcome, got, delay, op.Outcome, want, op.SettledAfter))
		}
	}
	for _, op := range q.Ops {
		if op.Op != "removeTokens" {
			continue
		}
		if line := <-lines; line != "" {
			different = append(different, line)
		}
	}
	return different
}

// unionOf is the limiter of a union that a Decision reports.
func unionOf(u result, outcome string) result {
	var best result
	for _, r := range u.Limiters {
		if best.Kind == "" || outcome == "resolve" && r.Remaining < best.Remaining || outcome == "reject" && r.MsBeforeNext > best.MsBeforeNext {
			best = r
		}
	}
	return best
}

func (s subject) removeTokens(t *testing.T, i int, op recorded) string {
	began := time.Now()
	d, err := s.queue.Wait(t.Context(), fmt.Sprint(op.Key), whole(op.Args, 0, 1))
	took := time.Since(began).Milliseconds()
	if op.Outcome == "reject" {
		if err == nil {
			return fmt.Sprintf("op %d removeTokens = %v, want an error", i, d)
		}
		return ""
	}
	if err != nil || float64(d.Remaining) != op.Result.Value || took != op.SettledAfter {
		return fmt.Sprintf("op %d removeTokens = %d, %v after %dms, want %v after %dms", i, d.Remaining, err, took, op.Result.Value, op.SettledAfter)
	}
	return ""
}
