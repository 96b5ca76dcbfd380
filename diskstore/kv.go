package diskstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// valuesPrefix keeps the buckets of a KV apart from the store's own.
var valuesPrefix = []byte("values ")

// valueHead is the expiry in milliseconds since 1970 in front of a value; 0 is never.
const valueHead = 8

// maxKey is the longest key of a KV, in bytes.
const maxKey = bolt.MaxKeySize

// A KV is a bucket of named values in the file, for what guards want to keep over a
// restart. It is safe for concurrent use, and survives what the store survives.
type KV struct {
	s      *Store
	bucket []byte
}

// Bucket returns the values under a name. It is made with the first value.
func (s *Store) Bucket(name string) *KV {
	return &KV{s: s, bucket: append(bytes.Clone(valuesPrefix), name...)}
}

func valueExpires(v []byte) time.Time {
	if len(v) < valueHead {
		return time.UnixMilli(0)
	}
	ms := int64(binary.BigEndian.Uint64(v))
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// live returns a value that has not expired, good within its transaction.
func live(b *bolt.Bucket, key string) (value []byte, ok bool) {
	if b == nil || key == "" {
		return nil, false
	}
	v := b.Get([]byte(key))
	if v == nil {
		return nil, false
	}
	if end := valueExpires(v); !end.IsZero() && !time.Now().Before(end) {
		return nil, false
	}
	return v[valueHead:], true
}

func until(ttl time.Duration) uint64 {
	if ttl == 0 {
		return 0
	}
	return uint64(time.Now().Add(ttl).UnixMilli())
}

// Get returns a copy of the value of a key; false when there is none.
func (kv *KV) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	err = kv.s.view(func(tx *bolt.Tx) error {
		var v []byte
		if v, ok = live(tx.Bucket(kv.bucket), key); ok {
			value = bytes.Clone(v)
		}
		return nil
	})
	return value, ok && err == nil, err
}

// change calls f with the value of key. What f returns takes its place for ttl, unless
// it says not to.
func (kv *KV) change(ctx context.Context, key string, ttl time.Duration, f func(old []byte, ok bool) (value []byte, put bool)) (done bool, err error) {
	if key == "" || len(key) > maxKey {
		return false, fmt.Errorf("diskstore: a key of %d bytes, want 1 to %d", len(key), maxKey)
	}
	err = kv.s.do(ctx, func(tx *bolt.Tx) (result, err error) {
		b, err := tx.CreateBucketIfNotExists(kv.bucket)
		if err != nil {
			return nil, err
		}
		value, put := f(live(b, key))
		switch {
		case !put:
			return errNotDone, nil
		case ttl < 0:
			return nil, b.Delete([]byte(key))
		}
		v := binary.BigEndian.AppendUint64(make([]byte, 0, valueHead+len(value)), until(ttl))
		return nil, b.Put([]byte(key), append(v, value...))
	})
	if errors.Is(err, errNotDone) {
		return false, nil
	}
	return err == nil, err
}

var errNotDone = errors.New("diskstore: the condition does not hold")

// Set keeps a value for ttl: zero is for good, and a negative one removes it.
func (kv *KV) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	value = bytes.Clone(value) // the writer may come to it after the caller has gone
	_, err := kv.change(ctx, key, ttl, func([]byte, bool) ([]byte, bool) { return value, true })
	return err
}

// SetIfPresent is Set for a key that has a value, and false for one that has none.
func (kv *KV) SetIfPresent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	value = bytes.Clone(value)
	return kv.change(ctx, key, ttl, func(_ []byte, ok bool) ([]byte, bool) { return value, ok })
}

// Replace is Set for a key whose value is old, and false for any other. A nil old asks
// for there being none.
func (kv *KV) Replace(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error) {
	old, value = bytes.Clone(old), bytes.Clone(value)
	return kv.change(ctx, key, ttl, func(is []byte, ok bool) ([]byte, bool) {
		return value, ok == (old != nil) && bytes.Equal(is, old)
	})
}

// Expire gives the value of a key a new ttl; zero and less remove it. It makes none.
func (kv *KV) Expire(ctx context.Context, key string, ttl time.Duration) error {
	if ttl == 0 {
		ttl = -1
	}
	_, err := kv.change(ctx, key, ttl, func(old []byte, ok bool) ([]byte, bool) { return old, ok })
	return err
}

// Del removes a key; a missing one is no error.
func (kv *KV) Del(ctx context.Context, key string) error {
	return kv.Set(ctx, key, nil, -1)
}

// eachStep is how many values are read in one transaction, which keeps pages from reuse.
const eachStep = 256

// Each calls f for every value until f returns false, in the order of the keys. Expires
// is zero for a value that is kept for good. What is changed meanwhile may be seen or not.
func (kv *KV) Each(ctx context.Context, f func(key string, value []byte, expires time.Time) bool) error {
	type entry struct {
		key     string
		value   []byte
		expires time.Time
	}
	var from []byte
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var some []entry
		err := kv.s.view(func(tx *bolt.Tx) error {
			more = false
			b := tx.Bucket(kv.bucket)
			if b == nil {
				return nil
			}
			cursor := b.Cursor()
			for k, _ := cursor.Seek(from); k != nil; k, _ = cursor.Next() {
				if len(some) == eachStep {
					from, more = bytes.Clone(k), true
					return nil
				}
				if value, ok := live(b, string(k)); ok {
					some = append(some, entry{string(k), bytes.Clone(value), valueExpires(b.Get(k))})
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, e := range some {
			if !f(e.key, e.value, e.expires) {
				return nil
			}
		}
	}
	return nil
}
