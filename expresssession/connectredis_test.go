package expresssession_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	es "github.com/panoplysec/panoply/expresssession"
	"github.com/panoplysec/panoply/guard"
)

// A redis notes the commands that a client of Redis would send.
type redis struct {
	by       map[string]string
	commands [][]string
}

func seconds(d time.Duration) string { return fmt.Sprint(int64(d / time.Second)) }

func (r *redis) Get(_ context.Context, key string) ([]byte, bool, error) {
	r.commands = append(r.commands, []string{"GET", key})
	v, ok := r.by[key]
	return []byte(v), ok, nil
}

func (r *redis) Set(_ context.Context, key string, v []byte, ttl time.Duration) error {
	c := []string{"SET", key, string(v)}
	if ttl%time.Second != 0 {
		return errors.New("not whole seconds")
	}
	if ttl > 0 {
		c = append(c, "EX", seconds(ttl))
	}
	r.commands = append(r.commands, c)
	r.by[key] = string(v)
	return nil
}

func (r *redis) Expire(_ context.Context, key string, ttl time.Duration) error {
	r.commands = append(r.commands, []string{"EXPIRE", key, seconds(ttl)})
	return nil
}

func (r *redis) Del(_ context.Context, key string) error {
	r.commands = append(r.commands, []string{"DEL", key})
	delete(r.by, key)
	return nil
}

// connectRedis translates the peer's options. The functions of the recording are given by
// what they return.
func connectRedis(t testing.TB, options map[string]json.RawMessage, ttl any) es.ConnectRedis {
	c := es.ConnectRedis{}
	for name, raw := range options {
		switch name {
		case "prefix":
			if err := json.Unmarshal(raw, &c.Prefix); err != nil {
				t.Fatal(err)
			}
			c.NoPrefix = c.Prefix == ""
		case "ttl":
			var n float64
			if json.Unmarshal(raw, &n) == nil {
				c.TTL = time.Duration(n * 1e9)
				continue
			}
			n, ok := ttl.(float64)
			if !ok {
				t.Fatalf("ttl %s", raw)
			}
			c.TTLFunc = func(es.Stored) time.Duration { return time.Duration(n * 1e9) }
		case "disableTouch":
			c.DisableTouch = string(raw) == "true"
		case "disableTTL":
			c.DisableTTL = string(raw) == "true"
		default:
			t.Fatalf("option %q of the store", name)
		}
	}
	return c
}

func TestConnectRedisTTL(t *testing.T) {
	var v struct {
		TTL []struct {
			Store                      map[string]json.RawMessage
			Now                        int64
			Session                    json.RawMessage
			GetTTL                     any
			SetCommands, TouchCommands [][]string
		}
	}
	read(t, "connect_redis.json", &v)
	const sid = "Nhmga2-5XHxNXSOBPfCRp4mTNYBEErZe"
	for i, tt := range v.TTL {
		t.Run(fmt.Sprint(i, " ", string(tt.Session)), func(t *testing.T) {
			defer es.SetClock(func() time.Time { return time.UnixMilli(tt.Now) })()
			c := connectRedis(t, tt.Store, tt.GetTTL)
			r := &redis{by: map[string]string{}}
			c.Client = r
			if c.TTL < 0 || c.TTL%time.Second != 0 {
				// Sessions that are gone at once, and a number that Redis refuses.
				if _, err := es.New(es.Options{Secret: [][]byte{[]byte("x")}, Store: c}); err == nil {
					t.Errorf("New(TTL %v) = nil, want an error", c.TTL)
				}
				return
			}
			s := es.StoredOf(tt.Session)
			if err := c.Set(t.Context(), sid, s); err != nil {
				t.Fatal(err)
			}
			if !equal(r.commands, tt.SetCommands) {
				t.Errorf("Set sends %q, want %q", r.commands, tt.SetCommands)
			}
			r.commands = nil
			if err := c.Touch(t.Context(), sid, s); err != nil && tt.GetTTL != "NaN" {
				t.Fatal(err)
			}
			if !equal(r.commands, tt.TouchCommands) && !nan(tt.TouchCommands) {
				t.Errorf("Touch sends %q, want %q", r.commands, tt.TouchCommands)
			}
		})
	}
}

// nan tells whether the peer sent EXPIRE with what is no number, which Redis refuses.
func nan(commands [][]string) bool {
	return len(commands) == 1 && commands[0][len(commands[0])-1] == "NaN"
}

func equal(a, b [][]string) bool { return slices.EqualFunc(a, b, slices.Equal[[]string]) }

func TestConnectRedisTraces(t *testing.T) {
	var v struct{ Traces []trace }
	read(t, "connect_redis.json", &v)
	for _, tt := range v.Traces {
		t.Run(tt.ID, func(t *testing.T) {
			now := tt.Clock
			t.Cleanup(es.SetClock(func() time.Time { return time.UnixMilli(now) }))
			o, err := tt.options(t)
			if err != nil {
				t.Fatal(err)
			}
			r := &redis{by: map[string]string{}}
			for k, text := range tt.SeedRedis {
				r.by[k] = text
			}
			c := connectRedis(t, tt.RedisStore, nil)
			c.Client = r
			o.Store = c
			var late []string
			o.Sink = func(_ context.Context, e guard.Event) {
				if e.Err != nil {
					late = append(late, e.Err.Error())
				}
			}
			m, err := es.New(o)
			if err != nil {
				t.Fatal(err)
			}
			x := &player{t: t, m: m, now: &now}
			for i, s := range tt.Steps {
				now = s.Now
				r.commands, late, x.errs = nil, nil, nil
				got := x.play(s.Request, s.Actions)
				got.Errors = append(x.errs, late...)
				what := fmt.Sprintf("request %d", i)
				compare(t, what, got, &s.Response)
				if !equal(r.commands, s.Redis) {
					t.Errorf("%s: sent\n  %q, want\n  %q", what, r.commands, s.Redis)
				}
			}
		})
	}
}

func TestConnectRedisOptions(t *testing.T) {
	for name, c := range map[string]es.ConnectRedis{
		"Store.Client": {},
		"Store.TTL":    {Client: &redis{}, TTL: time.Millisecond},
		"Store.Prefix": {Client: &redis{}, NoPrefix: true, Prefix: "a"},
	} {
		_, err := es.New(es.Options{Secret: [][]byte{[]byte("x")}, Store: c})
		if errs := guard.OptionErrors(err); len(errs) != 1 || errs[0].Field != name {
			t.Errorf("New() = %v, want one error, of %s", err, name)
		}
	}
}
