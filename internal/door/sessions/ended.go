package sessions

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"maps"
	"sync"
	"time"
)

// MaxEnded is how many sessions an Ended remembers at most.
const MaxEnded = 1 << 17

// A Keeper keeps what has ended over restarts. diskstore's KV is one.
type Keeper interface {
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Each(ctx context.Context, f func(key string, value []byte, expires time.Time) bool) error
}

// Ended remembers which sessions were ended, and from when on a session's older cookies are
// refused. It knows their identities as keyed hashes only. It is safe for concurrent use.
type Ended struct {
	key    []byte
	hashes sync.Pool

	mu     sync.RWMutex
	by     map[digest]mark
	keeper Keeper // nil: in memory only
	failed func(error)
}

type digest [16]byte

// A mark is what is known of one session.
type mark struct {
	killed    int64 // from when on the value is refused; 0: it is not
	notBefore int64 // cookies that were handed out earlier are refused
	forgotten int64 // when all this may be forgotten
}

// NewEnded makes an empty memory.
func NewEnded(key []byte) *Ended {
	e := &Ended{key: key, by: map[digest]mark{}}
	e.hashes.New = func() any { return hmac.New(sha256.New, key) }
	return e
}

// Keep has what is remembered kept, beginning with what is in the keeper already. Failed is
// told what could not be kept later on. It is called before the first request, or with
// none to be kept under way.
func (e *Ended) Keep(ctx context.Context, keeper Keeper, failed func(error)) error {
	now := time.Now().UnixMilli()
	e.mu.Lock()
	before := maps.Clone(e.by)
	err := keeper.Each(ctx, func(key string, value []byte, _ time.Time) bool {
		raw, err := base64.RawURLEncoding.DecodeString(key)
		if err != nil || len(raw) != len(digest{}) || len(value) != 24 {
			return true // of another version
		}
		m := mark{
			killed:    int64(binary.BigEndian.Uint64(value)),
			notBefore: int64(binary.BigEndian.Uint64(value[8:])),
			forgotten: int64(binary.BigEndian.Uint64(value[16:])),
		}
		if _, newer := before[digest(raw)]; m.forgotten > now && !newer {
			e.by[digest(raw)] = m
		}
		return len(e.by) < MaxEnded
	})
	if err == nil {
		e.keeper, e.failed = keeper, failed
	}
	e.mu.Unlock()
	if err != nil {
		return err
	}
	for d, m := range before {
		e.keep(d, m)
	}
	return nil
}

func (e *Ended) digest(value string) (d digest) {
	h := e.hashes.Get().(hash.Hash)
	h.Reset()
	h.Write([]byte(value))
	var sum [sha256.Size]byte
	copy(d[:], h.Sum(sum[:0]))
	e.hashes.Put(h)
	return d
}

// look returns what is known of a value.
func (e *Ended) look(value string) (mark, bool) {
	e.mu.RLock()
	none := len(e.by) == 0
	e.mu.RUnlock()
	if none {
		return mark{}, false
	}
	d := e.digest(value)
	e.mu.RLock()
	defer e.mu.RUnlock()
	m, ok := e.by[d]
	return m, ok
}

// killed tells whether a value has ended.
func (e *Ended) killed(value string, now time.Time) bool {
	m, _ := e.look(value)
	return m.killed != 0 && now.UnixMilli() >= m.killed
}

// kill ends a value from a time on, and is true when nobody had before. It returns when
// that is kept.
func (e *Ended) kill(value string, from time.Time, life time.Duration) bool {
	d := e.digest(value)
	e.mu.Lock()
	m := e.by[d]
	first := m.killed == 0
	if first || from.UnixMilli() < m.killed {
		m.killed = from.UnixMilli()
	}
	m.forgotten = max(m.forgotten, from.Add(life).UnixMilli())
	e.put(d, m)
	e.mu.Unlock()
	e.keep(d, m)
	return first
}

// supersede refuses cookies of a value that were handed out before now, and returns that
// time. Where another request has done so since the cookie at hand, it is that one's: both
// clients' answers then hold cookies that are good.
func (e *Ended) supersede(value string, renewed int64, now time.Time, life time.Duration) int64 {
	d := e.digest(value)
	e.mu.Lock()
	m := e.by[d]
	if m.notBefore > renewed {
		e.mu.Unlock()
		return m.notBefore
	}
	m.notBefore = max(now.UnixMilli(), renewed+1)
	m.forgotten = max(m.forgotten, now.Add(life).UnixMilli())
	e.put(d, m)
	e.mu.Unlock()
	e.keep(d, m)
	return m.notBefore
}

// put stores a mark, over one of a few that is forgotten first when there is no room. It
// is called with mu held.
func (e *Ended) put(d digest, m mark) {
	if _, ok := e.by[d]; !ok && len(e.by) >= MaxEnded {
		some, oldest, at := 16, digest{}, int64(0)
		for other, o := range e.by { // in random order
			if at == 0 || o.forgotten < at {
				oldest, at = other, o.forgotten
			}
			if some--; some == 0 {
				break
			}
		}
		delete(e.by, oldest)
	}
	e.by[d] = m
}

// keepTime bounds how long an answer waits for the disk.
const keepTime = 5 * time.Second

func (e *Ended) keep(d digest, m mark) {
	e.mu.RLock()
	keeper, failed := e.keeper, e.failed
	e.mu.RUnlock()
	if keeper == nil {
		return
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(m.killed))
	b = binary.BigEndian.AppendUint64(b, uint64(m.notBefore))
	b = binary.BigEndian.AppendUint64(b, uint64(m.forgotten))
	// The request may be over; what it ended stays ended.
	ctx, cancel := context.WithTimeout(context.Background(), keepTime)
	defer cancel()
	ttl := max(time.Until(time.UnixMilli(m.forgotten)), time.Second)
	if err := keeper.Set(ctx, base64.RawURLEncoding.EncodeToString(d[:]), b, ttl); err != nil && failed != nil {
		failed(err)
	}
}

// Len returns how many sessions are remembered.
func (e *Ended) Len() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.by)
}
