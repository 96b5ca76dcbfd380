package expresssession

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// DefaultTTL is how long a session without an expiry stays in Redis.
const DefaultTTL = 24 * time.Hour

// KV is what ConnectRedis needs of a client of Redis: GET, SET (with EX for whole seconds;
// a ttl of zero is for good), EXPIRE (zero and less remove the key) and DEL. redisstore's
// KV is one.
type KV interface {
	Get(ctx context.Context, key string) (value []byte, ok bool, err error)
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Expire(ctx context.Context, key string, ttl time.Duration) error
	Del(ctx context.Context, key string) error
}

// ConditionalKV is a KV with SET XX and a compare-and-set, which Strict uses.
type ConditionalKV interface {
	KV
	SetIfPresent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	Replace(ctx context.Context, key string, old, value []byte, ttl time.Duration) (bool, error)
}

// ConnectRedis is connect-redis 9: the same keys, the same commands. Its options are the
// peer's. It is a value: share it between as many Managers as you like.
type ConnectRedis struct {
	// Client talks to Redis. Required.
	Client KV
	// Prefix is in front of the session's id. Empty is "sess:"; for the peer's '' set
	// NoPrefix.
	Prefix   string
	NoPrefix bool
	// TTL is how long a session stays whose cookie has no expiry, in whole seconds. Zero
	// is DefaultTTL.
	TTL time.Duration
	// TTLFunc makes the TTL of each session, in place of TTL and of the cookie's expiry:
	// in whole seconds; zero and less remove the session.
	TTLFunc func(s Stored) time.Duration
	// DisableTouch leaves the TTL of unchanged sessions alone.
	DisableTouch bool
	// DisableTTL keeps sessions for good. The TTL of a session that is over removes it
	// still.
	DisableTTL bool
}

func (c ConnectRedis) problems(p *guard.Problems) {
	if c.Client == nil {
		p.Add("Store.Client", "", "a client of Redis", "redisstore's KV")
	}
	if c.NoPrefix && c.Prefix != "" {
		p.Add("Store.Prefix", c.Prefix, "empty with NoPrefix", "")
	}
	if c.TTL < 0 || c.TTL%time.Second != 0 {
		p.Add("Store.TTL", c.TTL.String(), "whole seconds, zero or more", "")
	}
}

func (c ConnectRedis) key(sid string) string {
	if c.Prefix == "" && !c.NoPrefix {
		return "sess:" + sid
	}
	return c.Prefix + sid
}

// ttl is the peer's, in seconds.
func (c ConnectRedis) ttl(s Stored) float64 {
	switch {
	case c.TTLFunc != nil:
		return math.Ceil(c.TTLFunc(s).Seconds())
	case s.NoDate:
		return math.NaN()
	case !s.Expires.IsZero():
		return math.Ceil(float64(s.Expires.UnixMilli()-clock().UnixMilli()) / 1000)
	case c.TTL > 0:
		return c.TTL.Seconds()
	}
	return DefaultTTL.Seconds()
}

// Get implements Store.
func (c ConnectRedis) Get(ctx context.Context, sid string) ([]byte, bool, error) {
	json, ok, err := c.Client.Get(ctx, c.key(sid))
	if len(json) == 0 {
		ok = false
	}
	return json, ok, err
}

// life returns how long to keep a session; false is not at all.
func (c ConnectRedis) life(s Stored) (time.Duration, bool) {
	seconds := c.ttl(s)
	if !(seconds > 0) { // NaN as well
		return 0, false
	}
	if c.DisableTTL {
		return 0, true
	}
	return time.Duration(min(seconds, maxAge.Seconds())) * time.Second, true
}

// Set implements Store.
func (c ConnectRedis) Set(ctx context.Context, sid string, s Stored) error {
	life, ok := c.life(s)
	if !ok {
		return c.Destroy(ctx, sid)
	}
	return c.Client.Set(ctx, c.key(sid), s.JSON, life)
}

// Touch implements Toucher.
func (c ConnectRedis) Touch(ctx context.Context, sid string, s Stored) error {
	if c.DisableTouch || c.DisableTTL {
		return nil
	}
	seconds := c.ttl(s)
	if math.IsNaN(seconds) {
		return errors.New("the session's expiry is no date")
	}
	return c.Client.Expire(ctx, c.key(sid), time.Duration(min(seconds, maxAge.Seconds()))*time.Second)
}

// Destroy implements Store.
func (c ConnectRedis) Destroy(ctx context.Context, sid string) error {
	return c.Client.Del(ctx, c.key(sid))
}

// conditional returns the store as a Conditional, when its client can do that.
func (c ConnectRedis) conditional() Conditional {
	if kv, ok := c.Client.(ConditionalKV); ok {
		return conditionalRedis{c, kv}
	}
	return nil
}

type conditionalRedis struct {
	ConnectRedis
	kv ConditionalKV
}

func (c conditionalRedis) SetIfPresent(ctx context.Context, sid string, s Stored) (bool, error) {
	life, ok := c.life(s)
	if !ok {
		life = -1
	}
	return c.kv.SetIfPresent(ctx, c.key(sid), s.JSON, life)
}

func (c conditionalRedis) Replace(ctx context.Context, sid string, old []byte, s Stored) (bool, error) {
	life, ok := c.life(s)
	if !ok {
		life = -1
	}
	return c.kv.Replace(ctx, c.key(sid), old, s.JSON, life)
}
