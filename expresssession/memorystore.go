package expresssession

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// MaxMemorySessions is how many sessions a MemoryStore holds at most. Beyond it a new one
// takes the place of one that has expired, or of any.
const MaxMemorySessions = 100_000

// A MemoryStore is the peer's default store, with a bound: for tests, and for programs of
// one process whose users may be logged out by a restart. The peer's never forgets what
// nobody asks for. The zero value is not usable: see NewMemoryStore.
type MemoryStore struct {
	mu   sync.Mutex
	by   map[string]kept
	now  func() time.Time
	most int
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{by: map[string]kept{}, now: func() time.Time { return clock() }, most: MaxMemorySessions}
}

// kept is one session. Its JSON is never changed in place.
type kept struct {
	json    []byte
	expires time.Time // zero: never
}

func (k *kept) over(now time.Time) bool { return !k.expires.IsZero() && !now.Before(k.expires) }

// live returns what has not expired. The store is locked.
func (m *MemoryStore) live(sid string) ([]byte, bool) {
	k, ok := m.by[sid]
	if ok && k.over(m.now()) {
		delete(m.by, sid)
		return nil, false
	}
	return k.json, ok
}

func (m *MemoryStore) set(sid string, s Stored) {
	m.by[sid] = kept{bytes.Clone(s.JSON), s.Expires}
}

// Get implements Store.
func (m *MemoryStore) Get(_ context.Context, sid string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	json, ok := m.live(sid)
	return json, ok, nil
}

// Set implements Store.
func (m *MemoryStore) Set(_ context.Context, sid string, s Stored) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.by[sid]; !ok && len(m.by) >= m.most {
		m.makeRoom()
	}
	m.set(sid, s)
	return nil
}

// makeRoom removes what has expired among a few, or one of those.
func (m *MemoryStore) makeRoom() {
	some, now := 16, m.now()
	last := ""
	for sid, k := range m.by { // in random order
		last = sid
		if some--; k.over(now) || some == 0 {
			break
		}
	}
	delete(m.by, last)
}

// Destroy implements Store.
func (m *MemoryStore) Destroy(_ context.Context, sid string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.by, sid)
	return nil
}

// Touch implements Toucher: the stored session gets the cookie.
func (m *MemoryStore) Touch(_ context.Context, sid string, s Stored) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	json, ok := m.live(sid)
	if !ok {
		return nil
	}
	if o, ok := jsobject.Parse(json); ok {
		m.by[sid] = kept{o.Put(cookieMember, s.Cookie).AppendTo(nil, nil), s.Expires}
	}
	return nil
}

// SetIfPresent implements Conditional.
func (m *MemoryStore) SetIfPresent(_ context.Context, sid string, s Stored) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.live(sid)
	if ok {
		m.set(sid, s)
	}
	return ok, nil
}

// Replace implements Conditional.
func (m *MemoryStore) Replace(_ context.Context, sid string, old []byte, s Stored) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	json, ok := m.live(sid)
	if !ok || !bytes.Equal(json, old) {
		return false, nil
	}
	m.set(sid, s)
	return true, nil
}
