package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/panoplysec/panoply/session"
)

// cacheFor is how long a record may be kept in the process with Options.Cache; the server
// says before when it has changed.
const cacheFor = 10 * time.Minute

// A Store is a session.Index in Redis. It is safe for concurrent use, and many processes
// may use the same server with the same prefix.
type Store struct {
	conn    *connection
	records string // prefix of records
	owners  string // prefix of users' sets
	cache   bool
}

// New makes a store. It does not connect yet: see Ping. The error joins one
// [guard.OptionError] for each wrong option.
func New(o Options) (*Store, error) {
	if err := o.problems(); err != nil {
		return nil, err
	}
	o = o.Effective()
	return &Store{
		conn: newConnection(o), cache: o.Cache,
		records: o.Prefix + "session:", owners: o.Prefix + "owner:",
	}, nil
}

// Ping tells whether the server answers, and takes the user and the password.
func (s *Store) Ping(ctx context.Context) error { return s.conn.ping(ctx) }

// Close ends the connections. Calls under way fail.
func (s *Store) Close() error {
	s.conn.close()
	return nil
}

func (s *Store) key(k *session.Key) string { return s.records + k.String() }

func (s *Store) owner(o *session.Owner) string { return s.owners + session.Key(*o).String() }

// toLive is the time to live of a record, by this clock: servers' clocks may differ.
func toLive(expires time.Time) int64 {
	// Up, so that the key is there as long as the record says.
	return int64((time.Until(expires) + time.Millisecond - 1) / time.Millisecond)
}

// noted are the arguments of ownScript.
func noted(key *session.Key, ttl int64) []string {
	return []string{string(key[:]), decimal(ttl), decimal(time.Now().UnixMilli())}
}

// Load implements session.Store, in one round trip.
func (s *Store) Load(ctx context.Context, key session.Key) (r session.Record, ok bool, err error) {
	err = s.conn.use(ctx, "load", func(ctx context.Context, c rueidis.Client) error {
		var result rueidis.RedisResult
		if s.cache {
			result = c.DoCache(ctx, c.B().Get().Key(s.key(&key)).Cache(), cacheFor)
		} else {
			result = c.Do(ctx, c.B().Get().Key(s.key(&key)).Build())
		}
		value, err := result.AsBytes()
		if rueidis.IsRedisNil(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.UnmarshalBinary(value); err != nil {
			return err
		}
		ok = time.Now().Before(r.Expires)
		return nil
	})
	if !ok || err != nil {
		return session.Record{}, false, err
	}
	return r, true, nil
}

// Save implements session.Store, in one round trip.
func (s *Store) Save(ctx context.Context, key session.Key, r session.Record) (version uint64, err error) {
	err = s.conn.use(ctx, "save", func(ctx context.Context, c rueidis.Client) error {
		from := ""
		if r.Version > 0 {
			from = string(binary.BigEndian.AppendUint64(nil, r.Version))
		}
		r.Version++
		value, err := r.AppendBinary(make([]byte, 0, session.RecordOverhead+len(r.Label)+len(r.Data)))
		if err != nil {
			return err
		}
		ttl := toLive(r.Expires)
		name, args := s.key(&key), []string{from, rueidis.BinaryString(value), decimal(ttl)}
		commands := []rueidis.Completed{saveScript.call(c, name, args...)}
		if r.Owner != (session.Owner{}) && ttl > 0 {
			// Beside it and not before it, for one round trip: a set may name sessions that
			// are not there, which Owned drops in time.
			commands = append(commands, ownScript.call(c, s.owner(&r.Owner), noted(&key, ttl)...))
		}
		results := c.DoMulti(ctx, commands...)
		outcome, err := saveScript.result(ctx, c, results[0], name, args...).AsInt64()
		if err != nil {
			return err
		}
		switch outcome {
		case conflict:
			return session.ErrConflict
		case gone:
			return session.ErrGone
		}
		if len(results) > 1 {
			return ownScript.result(ctx, c, results[1], s.owner(&r.Owner), noted(&key, ttl)...).Error()
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return r.Version, nil
}

// Touch implements session.Store: one round trip, two for a session with a user.
func (s *Store) Touch(ctx context.Context, key session.Key, expires time.Time) error {
	return s.conn.use(ctx, "touch", func(ctx context.Context, c rueidis.Client) error {
		ttl := toLive(expires)
		at := binary.BigEndian.AppendUint64(nil, uint64(expires.UnixMilli()))
		text, err := touchScript.run(ctx, c, s.key(&key), rueidis.BinaryString(at), decimal(ttl)).ToString()
		if err != nil {
			return err
		}
		var owner session.Owner
		if copy(owner[:], text); owner == (session.Owner{}) || ttl <= 0 {
			return nil
		}
		return ownScript.run(ctx, c, s.owner(&owner), noted(&key, ttl)...).Error()
	})
}

// Delete implements session.Store, in one round trip.
func (s *Store) Delete(ctx context.Context, key session.Key, owner session.Owner) error {
	return s.conn.use(ctx, "delete", func(ctx context.Context, c rueidis.Client) error {
		commands := []rueidis.Completed{c.B().Del().Key(s.key(&key)).Build()}
		if owner != (session.Owner{}) {
			commands = append(commands, c.B().Zrem().Key(s.owner(&owner)).Member(string(key[:])).Build())
		}
		for _, r := range c.DoMulti(ctx, commands...) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	ownedBatch = 256  // records asked for in one round trip
	headBytes  = 1024 // of a record, enough for the labels that package session makes
)

// Owned implements session.Index: one round trip for the set, one for each 256 sessions,
// and one more when some of those are no longer there and are dropped from the set.
func (s *Store) Owned(ctx context.Context, owner session.Owner) (all []session.Owned, err error) {
	err = s.conn.use(ctx, "list", func(ctx context.Context, c rueidis.Client) error {
		members, err := c.Do(ctx, c.B().Zrange().Key(s.owner(&owner)).Min("0").Max("-1").Withscores().Build()).AsZScores()
		if err != nil {
			return err
		}
		var stale []string
		for len(members) > 0 {
			batch := members[:min(len(members), ownedBatch)]
			members = members[len(batch):]
			live, over, err := s.heads(ctx, c, owner, batch)
			if err != nil {
				return err
			}
			all, stale = append(all, live...), append(stale, over...)
		}
		if len(stale) == 0 {
			return nil
		}
		return c.Do(ctx, c.B().Zrem().Key(s.owner(&owner)).Member(stale...).Build()).Error()
	})
	return all, err
}

// heads reads the heads of an owner's records, and returns which are no longer there. One
// that was noted just now may be on its way to another node of a Cluster.
func (s *Store) heads(ctx context.Context, c rueidis.Client, owner session.Owner, members []rueidis.ZScore) (all []session.Owned, stale []string, err error) {
	var commands []rueidis.Completed
	var keys []session.Key
	for _, m := range members {
		if len(m.Member) != len(session.Key{}) {
			return nil, nil, fmt.Errorf("%s holds what is no session's key", s.owner(&owner))
		}
		k := session.Key([]byte(m.Member))
		keys = append(keys, k)
		commands = append(commands, c.B().Getrange().Key(s.key(&k)).Start(0).End(headBytes-1).Build())
	}
	now := time.Now()
	for i, result := range c.DoMulti(ctx, commands...) {
		head, err := result.AsBytes()
		if err != nil {
			return nil, nil, err
		}
		o := session.Owned{Key: keys[i]}
		if len(head) == headBytes && o.UnmarshalBinary(head) != nil { // a longer label
			head, err = c.Do(ctx, c.B().Get().Key(s.key(&keys[i])).Build()).AsBytes()
			if err != nil && !rueidis.IsRedisNil(err) {
				return nil, nil, err
			}
		}
		if len(head) == 0 {
			if now.Sub(time.UnixMilli(int64(members[i].Score))) > 2*maxTimeout {
				stale = append(stale, members[i].Member)
			}
			continue
		}
		if err := o.UnmarshalBinary(head); err != nil {
			return nil, nil, fmt.Errorf("session %v: %w", keys[i], err)
		}
		if o.Data = nil; o.Owner == owner && now.Before(o.Expires) {
			all = append(all, o)
		}
	}
	return all, stale, nil
}
