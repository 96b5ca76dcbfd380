package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// A KV is the key-value face of a store. Set and its kin with a ttl of zero keep a value
// for good, and a negative one removes it; Expire with zero removes it, too. Replace compares whole values; a nil old asks for
// there being none.
type KV interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	SetIfPresent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	Replace(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error)
	Expire(ctx context.Context, key string, ttl time.Duration) error
	Del(ctx context.Context, key string) error
}

// RunKV tests the key-value face of a store.
func RunKV(t *testing.T, newKV func(t *testing.T) KV) {
	for _, tt := range []struct {
		name string
		f    func(t *testing.T, kv KV)
	}{
		{"life of a value", kvLife},
		{"only if present", kvPresent},
		{"compare and set", kvReplace},
		{"expiry", kvExpiry},
		{"counter", kvCounter},
		{"context", kvContext},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.f(t, newKV(t)) })
	}
}

func newName() string {
	var b [16]byte
	rand.Read(b[:])
	return "test:" + hex.EncodeToString(b[:])
}

// holds checks what stands under a key; want "-" is nothing.
func holds(t *testing.T, kv KV, key, want string) {
	t.Helper()
	v, ok, err := kv.Get(t.Context(), key)
	got := string(v)
	if !ok {
		got = "-"
	}
	if err != nil || got != want {
		t.Errorf("Get() = %q, %v, want %q", got, err, want)
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s = %v, want nil", what, err)
	}
}

func kvLife(t *testing.T, kv KV) {
	k := newName()
	holds(t, kv, k, "-")
	must(t, "Del(missing)", kv.Del(t.Context(), k))
	must(t, "Expire(missing)", kv.Expire(t.Context(), k, time.Hour))
	holds(t, kv, k, "-")
	value := []byte("one")
	must(t, "Set", kv.Set(t.Context(), k, value, 0))
	value[0] = 'X'
	holds(t, kv, k, "one")
	must(t, "Set", kv.Set(t.Context(), k, []byte("\x00\xff\r\n"), time.Hour))
	holds(t, kv, k, "\x00\xff\r\n")
	must(t, "Set", kv.Set(t.Context(), k, nil, time.Hour))
	holds(t, kv, k, "")
	must(t, "Del", kv.Del(t.Context(), k))
	holds(t, kv, k, "-")
	large := make([]byte, 1<<20)
	rand.Read(large)
	must(t, "Set(1 MiB)", kv.Set(t.Context(), k, large, time.Hour))
	if v, ok, err := kv.Get(t.Context(), k); !ok || err != nil || !bytes.Equal(v, large) {
		t.Errorf("Get(1 MiB) = %d bytes, %v, %v", len(v), ok, err)
	}
}

func kvPresent(t *testing.T, kv KV) {
	k := newName()
	set := func(v string, want bool) {
		t.Helper()
		if got, err := kv.SetIfPresent(t.Context(), k, []byte(v), time.Hour); err != nil || got != want {
			t.Errorf("SetIfPresent() = %v, %v, want %v", got, err, want)
		}
	}
	set("one", false)
	holds(t, kv, k, "-")
	must(t, "Set", kv.Set(t.Context(), k, []byte("two"), time.Hour))
	set("three", true)
	holds(t, kv, k, "three")
	must(t, "Del", kv.Del(t.Context(), k))
	set("four", false)
	holds(t, kv, k, "-")
}

func kvReplace(t *testing.T, kv KV) {
	k := newName()
	replace := func(old, v []byte, want bool) {
		t.Helper()
		if got, err := kv.Replace(t.Context(), k, old, v, time.Hour); err != nil || got != want {
			t.Errorf("Replace(%q, %q) = %v, %v, want %v", old, v, got, err, want)
		}
	}
	replace([]byte("one"), []byte("two"), false)
	holds(t, kv, k, "-")
	replace(nil, []byte("one"), true)
	replace(nil, []byte("two"), false)
	holds(t, kv, k, "one")
	replace([]byte("on"), []byte("two"), false)
	replace([]byte("one "), []byte("two"), false)
	replace([]byte("one"), []byte("two"), true)
	holds(t, kv, k, "two")
}

func kvExpiry(t *testing.T, kv KV) {
	const short = 250 * time.Millisecond
	set, moved, kept, replaced := newName(), newName(), newName(), newName()
	must(t, "Set", kv.Set(t.Context(), set, []byte("x"), short))
	must(t, "Set", kv.Set(t.Context(), moved, []byte("x"), time.Hour))
	must(t, "Expire", kv.Expire(t.Context(), moved, short))
	must(t, "Set", kv.Set(t.Context(), kept, []byte("x"), short))
	must(t, "Expire", kv.Expire(t.Context(), kept, time.Hour))
	must(t, "Set", kv.Set(t.Context(), replaced, []byte("x"), short))
	must(t, "Set", kv.Set(t.Context(), replaced, []byte("y"), 0))
	gone := newName()
	must(t, "Set", kv.Set(t.Context(), gone, []byte("x"), time.Hour))
	must(t, "Set(negative ttl)", kv.Set(t.Context(), gone, []byte("x"), -time.Second))
	holds(t, kv, gone, "-")
	for _, ttl := range []time.Duration{0, -time.Second} {
		must(t, "Set", kv.Set(t.Context(), gone, []byte("x"), time.Hour))
		must(t, "Expire(no ttl)", kv.Expire(t.Context(), gone, ttl))
		holds(t, kv, gone, "-")
	}
	time.Sleep(short + near)
	holds(t, kv, set, "-")
	holds(t, kv, moved, "-")
	holds(t, kv, kept, "x")
	holds(t, kv, replaced, "y")
	if ok, err := kv.SetIfPresent(t.Context(), set, []byte("x"), time.Hour); ok || err != nil {
		t.Errorf("SetIfPresent(expired) = %v, %v, want false", ok, err)
	}
}

func kvCounter(t *testing.T, kv KV) {
	k := newName()
	must(t, "Set", kv.Set(t.Context(), k, []byte("0"), time.Hour))
	each(counters, func(int) {
		for done := 0; done < counts; {
			old, ok, err := kv.Get(t.Context(), k)
			n, numErr := strconv.Atoi(string(old))
			if !ok || err != nil || numErr != nil {
				t.Errorf("Get() = %q, %v, %v", old, ok, err)
				return
			}
			won, err := kv.Replace(t.Context(), k, old, []byte(strconv.Itoa(n+1)), time.Hour)
			if err != nil {
				t.Errorf("Replace() = %v", err)
				return
			}
			if won {
				done++
			}
		}
	})
	holds(t, kv, k, strconv.Itoa(counters*counts))

	k = newName()
	var won atomic.Int32
	each(counters, func(i int) {
		if ok, err := kv.Replace(t.Context(), k, nil, []byte{byte(i)}, time.Hour); err != nil {
			t.Errorf("Replace(nil) = %v", err)
		} else if ok {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d set a missing key, want 1", won.Load())
	}
}

func kvContext(t *testing.T, kv KV) {
	k := newName()
	must(t, "Set", kv.Set(t.Context(), k, []byte("x"), time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := kv.Get(ctx, k); err == nil {
		t.Error("Get(ended context) = nil, want an error")
	}
	if err := kv.Set(ctx, k, []byte("y"), time.Hour); err == nil {
		t.Error("Set(ended context) = nil, want an error")
	}
	holds(t, kv, k, "x")
}
