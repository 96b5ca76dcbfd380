package door

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/handover"
	"github.com/panoplysec/panoply/limit"
)

func counting(t testing.TB) (*Door, *limit.Memory) {
	t.Helper()
	m, err := limit.NewMemory(limit.MemoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &Door{limits: &limits{store: m, memory: m}}, m
}

// TestFarCountsAreNearCounts asks one memory here and another through a channel's JSON.
func TestFarCountsAreNearCounts(t *testing.T) {
	d, _ := counting(t)
	_, here := counting(t)
	a := &answerer{d: d, rules: map[string]*limit.Rule{}}
	dead := false
	far := &farStore{here: here, ask: func(kind string, what, into any) error {
		if dead {
			return errors.New("gone")
		}
		text, err := json.Marshal(what)
		if err != nil {
			return err
		}
		said, err := a.answer(handover.Message{Kind: kind, Body: text})
		if err != nil {
			return err
		}
		if text, err = json.Marshal(said); err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	}}
	_, near := counting(t)
	rule, err := limit.Compile(limit.Policy{Name: "day", Points: 3, Duration: time.Hour, Blocks: []time.Duration{time.Minute, limit.Forever}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, op := range []limit.Op{
		{Verb: limit.Consume, Points: 2}, {Verb: limit.Add, Points: -1}, {Verb: limit.Consume, Points: 2}, {Verb: limit.Peek, Points: 1},
		{Verb: limit.Consume, Points: 1}, {Verb: limit.Assign, Points: 1}, {Verb: limit.Block, TTL: limit.Forever}, {Verb: limit.Consume, Points: 1},
	} {
		op.Rule, op.Key = rule, limit.Key{Tag: 1, ID: 1<<63 + 7}
		var want, got [1]limit.Result
		if err := near.Decide(t.Context(), now, []limit.Op{op}, want[:]); err != nil {
			t.Fatal(err)
		}
		if err := far.Decide(t.Context(), now, []limit.Op{op}, got[:]); err != nil {
			t.Fatal(err)
		}
		// The clocks are two, so what is left of a time is not the same to the microsecond.
		for _, r := range []*limit.Result{&got[0], &want[0]} {
			r.Reset, r.Wait = r.Reset.Round(10*time.Minute), r.Wait.Round(10*time.Minute)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("op %d = %+v, want %+v", i, got, want)
		}
	}
	if here.Len() != 0 || len(a.rules) != 1 {
		t.Errorf("%d records here, %d rules there, want none and one", here.Len(), len(a.rules))
	}
	if found, err := far.Delete(t.Context(), limit.Key{ID: 1<<63 + 7}); err != nil || !found {
		t.Errorf("Delete = %v, %v, want it found there", found, err)
	}
	dead = true
	var got [1]limit.Result
	if err := far.Decide(t.Context(), now, []limit.Op{{Rule: rule, Key: limit.Key{ID: 9}, Points: 1}}, got[:]); err != nil || !got[0].Allowed || here.Len() != 1 {
		t.Errorf("Decide = %+v, %v with the other door dead, want it counted here", got, err)
	}
}

// FuzzAnswer asks what no door would: the answer is an error, and no panic.
func FuzzAnswer(f *testing.F) {
	f.Add(askDecide, `[{"policy":{"Name":"a","Points":1,"Duration":1000000000},"key":{"ID":1},"points":1}]`)
	f.Add(askDecide, `[]`)
	f.Add(askForget, `{"ID":1}`)
	f.Add(askEnded, `{"verb":"look"}`)
	f.Add("x", ``)
	f.Fuzz(func(t *testing.T, kind, text string) {
		if kind == askOrigins || kind == askCookies || kind == askRefused {
			t.Skip("needs more of a door")
		}
		d, _ := counting(t)
		a := &answerer{d: d, rules: map[string]*limit.Rule{}}
		_, _ = a.answer(handover.Message{Kind: kind, Body: json.RawMessage(text)})
	})
}

// FuzzLoad takes over counts that were damaged.
func FuzzLoad(f *testing.F) {
	f.Add(make([]byte, countSize))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, counts []byte) {
		d, m := counting(t)
		if err := d.limits.load(counts); err == nil && (len(counts)%countSize != 0 || m.Len() > len(counts)/countSize) {
			t.Errorf("%d records of %d bytes", m.Len(), len(counts))
		}
	})
}
