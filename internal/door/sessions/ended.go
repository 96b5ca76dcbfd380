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
	"sync/atomic"
	"time"
)

// MaxEnded is how many sessions an Ended remembers at most.
const MaxEnded = 1 << 17

// A Keeper keeps what has ended over restarts. diskstore's KV is one.
type Keeper interface {
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Each(ctx context.Context, f func(key string, value []byte, expires time.Time) bool) error
}

// Ended remembers which values were ended, and from when on a session's older cookies are
// refused. It knows values as keyed hashes only. It is safe for concurrent use.
type Ended struct {
	key    []byte
	hashes sync.Pool

	writing [16]sync.Mutex // the keeper gets the marks of one session in order
	change  sync.RWMutex   // held by who ends or supersedes, and alone by who hands over
	away    atomic.Pointer[Away]

	mu     sync.RWMutex
	by     map[digest]mark
	keeper Keeper // nil: in memory only
	failed func(error)
	tell   func(note []byte) // nil: there is no other door
}

type digest [16]byte

// A mark is what is known of one session.
type mark struct {
	killed    int64 // from when on the value is refused; 0: it is not
	notBefore int64 // cookies that were handed out earlier are refused after the grace
	login     int64 // cookies that were handed out earlier are from before a login
	forgotten int64 // when all this may be forgotten
}

// markSize is the length of a mark as append writes it.
const markSize = 32

func (m mark) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.killed))
	b = binary.BigEndian.AppendUint64(b, uint64(m.notBefore))
	b = binary.BigEndian.AppendUint64(b, uint64(m.login))
	return binary.BigEndian.AppendUint64(b, uint64(m.forgotten))
}

// markOf reads what append wrote; b has markSize bytes.
func markOf(b []byte) mark {
	return mark{
		killed:    int64(binary.BigEndian.Uint64(b)),
		notBefore: int64(binary.BigEndian.Uint64(b[8:])),
		login:     int64(binary.BigEndian.Uint64(b[16:])),
		forgotten: int64(binary.BigEndian.Uint64(b[24:])),
	}
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
		if err != nil || len(raw) != len(digest{}) || len(value) != markSize {
			return true // of another version
		}
		m := markOf(value)
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
	for d := range before {
		e.keep(d)
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
	if none && e.away.Load() == nil {
		return mark{}, false
	}
	d := e.digest(value)
	if a, ok := e.ask(Question{Verb: looks, Session: d[:]}); ok {
		return a.mark(), a.OK
	}
	return e.known(d)
}

func (e *Ended) known(d digest) (mark, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	m, ok := e.by[d]
	return m, ok
}

// kill ends a value from a time on, and is true when nobody had before. It returns when
// that is kept.
func (e *Ended) kill(value string, from time.Time, life time.Duration) bool {
	d := e.digest(value)
	e.change.RLock()
	defer e.change.RUnlock()
	if a, ok := e.ask(Question{Verb: kills, Session: d[:], Time: from, Life: life}); ok {
		return a.OK
	}
	return e.killed(d, from, life)
}

func (e *Ended) killed(d digest, from time.Time, life time.Duration) bool {
	e.mu.Lock()
	m := e.by[d]
	first := m.killed == 0
	if first || from.UnixMilli() < m.killed {
		m.killed = from.UnixMilli()
	}
	m.forgotten = max(m.forgotten, from.Add(life).UnixMilli())
	e.put(d, m)
	e.mu.Unlock()
	e.keep(d)
	e.told(d)
	return first
}

// supersede refuses cookies of a session that were handed out before now, and returns that
// time. Where another request has done so since the cookie at hand, it is that one's: both
// clients' answers then hold cookies that are good. It is false for a cookie from before a
// login: whoever holds one need not be who logged in, and gets no newer one for it.
func (e *Ended) supersede(session string, renewed int64, now time.Time, login bool, life time.Duration) (int64, bool) {
	d := e.digest(session)
	e.change.RLock()
	defer e.change.RUnlock()
	if a, ok := e.ask(Question{Verb: supersedes, Session: d[:], Time: now, Life: life, Renewed: renewed, Login: login}); ok {
		return a.NotBefore, a.OK
	}
	return e.superseded(d, renewed, now, login, life)
}

func (e *Ended) superseded(d digest, renewed int64, now time.Time, login bool, life time.Duration) (int64, bool) {
	e.mu.Lock()
	m := e.by[d]
	if m.login > renewed {
		e.mu.Unlock()
		return 0, false
	}
	if m.notBefore > renewed && !login {
		e.mu.Unlock()
		return m.notBefore, true
	}
	m.notBefore = max(now.UnixMilli(), renewed+1, m.notBefore+1)
	if login {
		m.login = m.notBefore
	}
	m.forgotten = max(m.forgotten, now.Add(life).UnixMilli())
	e.put(d, m)
	e.mu.Unlock()
	e.keep(d)
	if login {
		e.told(d)
	}
	return m.notBefore, true
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

// keep writes what is known of a session now: of two requests that change it, the later one
// writes both changes.
func (e *Ended) keep(d digest) {
	turn := &e.writing[int(d[0])%len(e.writing)]
	turn.Lock()
	defer turn.Unlock()
	e.mu.RLock()
	keeper, failed, m := e.keeper, e.failed, e.by[d]
	e.mu.RUnlock()
	if keeper == nil || m.forgotten == 0 {
		return
	}
	b := m.append(nil)
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
