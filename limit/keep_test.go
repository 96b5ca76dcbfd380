package limit_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/limit"
)

// TestKeep restarts with blocks on the disk.
func TestKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits.db")
	secret := []byte("0123456789abcdef")
	policies := []limit.Policy{
		{Name: "day", Points: 2, Duration: time.Hour, Blocks: []time.Duration{time.Hour, limit.Forever}},
		{Name: "hour", Algorithm: limit.FixedWindow, Points: 50, Duration: time.Hour},
	}
	start := func(t *testing.T) (*limit.Limiter, func()) {
		t.Helper()
		store, err := diskstore.Open(diskstore.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		m := memory(t, 0)
		keeping, err := m.Keep(t.Context(), store.Bucket("blocks"), func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		l, err := limit.New(limit.Options{Policies: policies, Store: m, Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		return l, func() {
			_ = keeping.Close()
			_ = keeping.Close() // twice is once
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	get := func(l *limit.Limiter, key string) limit.Decision {
		t.Helper()
		d, err := l.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}

	l, stop := start(t)
	for range 3 {
		_, _ = l.Consume(t.Context(), "203.0.113.7", 1)
		_, _ = l.Consume(t.Context(), "203.0.113.8", 1)
	}
	if _, err := l.Block(t.Context(), "203.0.113.9", limit.Forever); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Delete(t.Context(), "203.0.113.8"); err != nil {
		t.Fatal(err)
	}
	_, _ = l.Consume(t.Context(), "203.0.113.10", 1)
	stop()

	l, stop = start(t)
	defer stop()
	if d := get(l, "203.0.113.7"); !d.Blocked || d.Wait > time.Hour || d.Wait < 59*time.Minute {
		t.Errorf("after a restart = %+v, want a block of an hour", d)
	}
	if d := get(l, "203.0.113.9"); !d.Blocked || d.Wait != limit.Forever {
		t.Errorf("after a restart = %+v, want a block for ever", d)
	}
	for _, key := range []string{"203.0.113.8", "203.0.113.10"} {
		if d := get(l, key); d.Blocked {
			t.Errorf("%s after a restart = %+v, want no block", key, d)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("203.0.113")) {
		t.Error("the file names an address")
	}
}

// TestKeepBroken goes on where nothing can be kept, and says so.
func TestKeepBroken(t *testing.T) {
	m := memory(t, 0)
	failed := make(chan error, 8)
	keeping, err := m.Keep(t.Context(), broken{}, func(err error) { failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	r := rule(t, limit.Policy{Name: "p", Points: 0, Duration: time.Hour, Blocks: []time.Duration{time.Hour}})
	if res := decide(t, m, time.Now(), limit.Op{Rule: r, Key: limit.Key{ID: 1}, Points: 1}); !res.Started {
		t.Errorf("a decision with a broken keeper = %+v", res)
	}
	if err := <-failed; err != errDown {
		t.Errorf("failed with %v, want %v", err, errDown)
	}
	_ = keeping.Close()
	if res := decide(t, m, time.Now(), limit.Op{Rule: r, Key: limit.Key{ID: 2}, Points: 1}); !res.Started {
		t.Errorf("a decision after Close = %+v", res)
	}
}

type broken struct{}

func (broken) Set(context.Context, string, []byte, time.Duration) error { return errDown }
func (broken) Each(context.Context, func(string, []byte, time.Time) bool) error {
	return nil
}

// TestKeepBehind reports from where nothing is locked: whoever is told may ask the Memory.
func TestKeepBehind(t *testing.T) {
	m := memory(t, 0)
	free := make(chan struct{})
	var once sync.Once
	behind := make(chan int, 1)
	keeping, err := m.Keep(t.Context(), stuckKeeper{free: free}, func(err error) {
		if err == limit.ErrBehind {
			once.Do(func() { behind <- m.Len() })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rule(t, limit.Policy{Name: "p", Points: 0, Duration: time.Hour, Blocks: []time.Duration{time.Hour}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for id := range uint64(20_000) {
			decide(t, m, time.Now(), limit.Op{Rule: r, Key: limit.Key{ID: (id + 1) * 0x9e3779b97f4a7c15}, Points: 1})
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("decisions wait for the keeper")
	}
	close(free)
	if n := <-behind; n != 20_000 {
		t.Errorf("Len() = %d where it is told, want 20000", n)
	}
	_ = keeping.Close()
}

type stuckKeeper struct {
	broken
	free chan struct{}
}

func (s stuckKeeper) Set(context.Context, string, []byte, time.Duration) error {
	<-s.free
	return nil
}

// TestKeepNothing holds that counts are no affair of the keeper.
func TestKeepNothing(t *testing.T) {
	local := memory(t, 0)
	var k countingKeeper
	keeping, err := local.Keep(t.Context(), &k, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := limit.NewShared(limit.SharedOptions{Store: memory(t, 0), Local: local, Instances: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := rule(t, limit.Policy{Name: "p", Points: 50, Duration: time.Hour})
	for range 50 {
		consume(t, s, r, 1)
	}
	op := limit.Op{Rule: r, Key: limit.Key{Tag: 1, ID: 1}, Verb: limit.Assign, Points: 3}
	decide(t, local, time.Now(), op)
	op.Verb, op.TTL = limit.Block, time.Hour
	decide(t, local, time.Now(), op)
	op.Verb, op.TTL = limit.Assign, 0
	decide(t, local, time.Now(), op)
	_ = keeping.Close()
	if n := k.writes.Load(); n != 2 {
		t.Errorf("%d writes, want a block and its end", n)
	}
}

type countingKeeper struct {
	broken
	writes atomic.Int64
}

func (c *countingKeeper) Set(context.Context, string, []byte, time.Duration) error {
	c.writes.Add(1)
	return nil
}

// TestLoad goes on counting in another process's place.
func TestLoad(t *testing.T) {
	old, next := memory(t, 0), memory(t, 0)
	policies := []limit.Policy{{Name: "day", Points: 3, Duration: time.Hour, Blocks: []time.Duration{time.Hour}}}
	on := func(m *limit.Memory) *limit.Limiter {
		l, err := limit.New(limit.Options{Policies: policies, Store: m, Secret: []byte("0123456789abcdef")})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	before, after := on(old), on(next)
	_, _ = before.Consume(t.Context(), "a", 2)
	for range 4 {
		_, _ = before.Consume(t.Context(), "b", 1)
	}
	_, _ = after.Consume(t.Context(), "c", 3)
	_, _ = before.Consume(t.Context(), "c", 1)
	if err := old.Scan(t.Context(), func(k limit.Key, s limit.State) bool { next.Load(k, s); return true }); err != nil {
		t.Fatal(err)
	}
	next.Load(limit.Key{ID: 7}, limit.State{Level: 1, Until: 1})
	for key, want := range map[string]int64{"a": 2, "b": 3, "c": 3} {
		d, err := after.Get(t.Context(), key)
		if err != nil || d.Consumed != want || d.Blocked != (key == "b") {
			t.Errorf("%s = %+v, %v, want %d points consumed", key, d, err, want)
		}
	}
	if n := next.Len(); n != 3 {
		t.Errorf("%d records, want 3: what has run out is none", n)
	}
}
