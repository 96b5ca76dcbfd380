package redisstore

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// KV is plain keys and values of the server, without a prefix, by the commands that
// connect-redis and others use: GET, SET, EXPIRE, DEL. It is safe for concurrent use.
type KV struct{ conn *connection }

// KV returns the server's keys and values, over the store's connections.
func (s *Store) KV() *KV { return &KV{s.conn} }

// millis is a ttl for scripts and PX: rounded up, so that none becomes 0, which is for
// good.
func millis(ttl time.Duration) int64 {
	if ttl > 0 {
		return int64((ttl + time.Millisecond - 1) / time.Millisecond)
	}
	return int64(ttl)
}

// Get returns the value of a key; false when there is none.
func (kv *KV) Get(ctx context.Context, key string) (value []byte, ok bool, err error) {
	err = kv.conn.use(ctx, "get", func(ctx context.Context, c rueidis.Client) error {
		var err error
		value, err = c.Do(ctx, c.B().Get().Key(key).Build()).AsBytes()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		ok = err == nil
		return err
	})
	return value, ok, err
}

// Set keeps a value for ttl: zero is for good, and a negative one removes it. Whole
// seconds are sent as EX, others as PX.
func (kv *KV) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if ttl < 0 {
		return kv.Del(ctx, key)
	}
	return kv.conn.use(ctx, "set", func(ctx context.Context, c rueidis.Client) error {
		set := c.B().Set().Key(key).Value(rueidis.BinaryString(value))
		switch {
		case ttl == 0:
			return c.Do(ctx, set.Build()).Error()
		case ttl%time.Second == 0:
			return c.Do(ctx, set.Ex(ttl).Build()).Error()
		}
		return c.Do(ctx, set.PxMilliseconds(millis(ttl)).Build()).Error()
	})
}

// SetIfPresent is Set for a key that has a value (SET XX), and false for one that has none.
func (kv *KV) SetIfPresent(ctx context.Context, key string, value []byte, ttl time.Duration) (done bool, err error) {
	err = kv.conn.use(ctx, "set", func(ctx context.Context, c rueidis.Client) error {
		set := c.B().Set().Key(key).Value(rueidis.BinaryString(value)).Xx()
		var command rueidis.Completed
		switch {
		case ttl < 0:
			n, err := c.Do(ctx, c.B().Del().Key(key).Build()).AsInt64()
			done = n > 0
			return err
		case ttl == 0:
			command = set.Build()
		case ttl%time.Second == 0:
			command = set.Ex(ttl).Build()
		default:
			command = set.PxMilliseconds(millis(ttl)).Build()
		}
		err := c.Do(ctx, command).Error()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		done = err == nil
		return err
	})
	return done, err
}

// Replace is Set for a key whose value is old, and false for any other. A nil old asks for
// there being none (SET NX).
func (kv *KV) Replace(ctx context.Context, key string, old, value []byte, ttl time.Duration) (done bool, err error) {
	err = kv.conn.use(ctx, "set", func(ctx context.Context, c rueidis.Client) error {
		if old != nil {
			n, err := replaceScript.run(ctx, c, key, rueidis.BinaryString(old), rueidis.BinaryString(value), decimal(millis(ttl))).AsInt64()
			done = n == 1
			return err
		}
		if ttl < 0 {
			n, err := c.Do(ctx, c.B().Exists().Key(key).Build()).AsInt64()
			done = n == 0
			return err
		}
		set := c.B().Set().Key(key).Value(rueidis.BinaryString(value)).Nx()
		var command rueidis.Completed
		if ttl > 0 {
			command = set.PxMilliseconds(millis(ttl)).Build()
		} else {
			command = set.Build()
		}
		err := c.Do(ctx, command).Error()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		done = err == nil
		return err
	})
	return done, err
}

// Expire gives the value of a key a new ttl (EXPIRE, PEXPIRE); zero and less remove it. It
// makes none.
func (kv *KV) Expire(ctx context.Context, key string, ttl time.Duration) error {
	return kv.conn.use(ctx, "expire", func(ctx context.Context, c rueidis.Client) error {
		if ttl%time.Second == 0 {
			return c.Do(ctx, c.B().Expire().Key(key).Seconds(int64(ttl/time.Second)).Build()).Error()
		}
		return c.Do(ctx, c.B().Pexpire().Key(key).Milliseconds(millis(ttl)).Build()).Error()
	})
}

// Del removes a key; a missing one is no error.
func (kv *KV) Del(ctx context.Context, key string) error {
	return kv.conn.use(ctx, "del", func(ctx context.Context, c rueidis.Client) error {
		return c.Do(ctx, c.B().Del().Key(key).Build()).Error()
	})
}
