package cookie

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// namePrefix makes browsers refuse the cookie from a sibling host, from plain http and
// from any other path.
const namePrefix = "__Host-"

// nameDigits are the characters of the random-looking rest of a name: 32 of them, so
// five bits each.
const nameDigits = "abcdefghijklmnopqrstuvwxyz234567"

// names knows which session cookies the upstream was seen setting, and what they are
// called outside. Readers take one atomic load; a new name copies the table.
type names struct {
	key, site []byte
	// restoring: the names inside win, nothing is renamed.
	restoring bool
	onSeen    func([]Seen)
	// shared are the names of candidates; nil for a key that no other guard has.
	shared map[string]string

	mu    sync.Mutex
	table atomic.Pointer[nameTable]
}

// nameTable is never changed once published.
type nameTable struct {
	all  []*entry // entry i has bit 1<<i
	by   map[string]*entry
	kept uint64 // bits of the entries that are Kept
}

// entry is one name. It is never changed once published.
type entry struct {
	Seen
	// outside is the name that clients see.
	outside string
	bit     uint64
}

func newNames(o Options) *names {
	n := &names{key: o.Rename.Key, site: []byte(o.Rename.Site), restoring: o.Rename.Restore, onSeen: o.OnSeen}
	if o.Rename.Shared {
		n.shared = n.candidates(o)
	}
	n.table.Store(n.admit(&nameTable{by: map[string]*entry{}}, o.Seen, time.Now()))
	return n
}

// admit returns a table with those of seen that t does not have.
func (n *names) admit(t *nameTable, seen []Seen, now time.Time) *nameTable {
	for _, s := range seen {
		if t.inside(s.Name) != nil {
			continue
		}
		switch {
		case n.restoring:
			s.Since = time.Time{}
		case s.Since.IsZero() || s.Since.After(now):
			// A clock that was wrong must not stretch the window.
			s.Since = now
		}
		t = t.with(s, n.outside(s.Name))
	}
	return t
}

// adopt takes what another guard has found meanwhile.
func (n *names) adopt(seen []Seen) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.table.Store(n.admit(n.table.Load(), seen, time.Now()))
}

// outside returns the name that clients see for an application's name.
func (n *names) outside(name string) string {
	mac := hmac.New(sha256.New, n.key)
	mac.Write([]byte("panoply cookie name 1\x00"))
	mac.Write(n.site)
	mac.Write([]byte{0})
	mac.Write([]byte(name))
	var digits [6]byte
	for i, b := range mac.Sum(nil)[:len(digits)] {
		digits[i] = nameDigits[b&31]
	}
	return namePrefix + string(digits[:])
}

// with returns a table in which s stands, in its old place or in a new one, or t itself
// when there is no room or the name outside is taken.
func (t *nameTable) with(s Seen, outside string) *nameTable {
	e := &entry{Seen: s, outside: outside}
	old := t.inside(s.Name)
	switch {
	case old != nil:
		e.bit = old.bit
	case len(t.all) == MaxNames || t.by[outside] != nil || t.by[s.Name] != nil:
		return t
	default:
		e.bit = 1 << len(t.all)
	}
	next := &nameTable{all: slices.Clone(t.all), by: make(map[string]*entry, 2*len(t.all)+2)}
	if old != nil {
		next.all[slices.Index(t.all, old)] = e
	} else {
		next.all = append(next.all, e)
	}
	for _, e := range next.all {
		next.by[e.Name], next.by[e.outside] = e, e
		if e.Kept {
			next.kept |= e.bit
		}
	}
	return next
}

// inside finds an entry by the application's name for it.
func (t *nameTable) inside(name string) *entry {
	if e := t.by[name]; e != nil && e.Name == name {
		return e
	}
	return nil
}

// held tells which entries a client brought under the name outside and which under the
// application's own. It allocates nothing.
func (t *nameTable) held(lines []string) (outside, inside uint64) {
	for name := range Pairs(lines) {
		if e := t.by[name]; e == nil {
			continue
		} else if e.outside == name {
			outside |= e.bit
		} else {
			inside |= e.bit
		}
	}
	return outside, inside
}

// crossing returns the entries whose cookies this client holds under the name that is
// on its way out. It allocates nothing.
func (n *names) crossing(t *nameTable, lines []string) (cross, outside, inside uint64) {
	outside, inside = t.held(lines)
	if n.restoring {
		return outside, outside, inside
	}
	return inside&^outside&^t.kept | outside&t.kept, outside, inside
}

// learn notes that the upstream set a session cookie that may be renamed. It returns
// nil when the name cannot be taken: the table is full, or its name outside is taken.
func (n *names) learn(name string, c *SetCookie, now time.Time) *entry {
	sameSite, _ := c.Attribute("SameSite")
	lifetime, _ := c.Expiry(now)
	fresh := Seen{Name: name, SameSite: canonicalSameSite(sameSite), Lifetime: lifetime.Round(time.Second), Partitioned: c.Has("Partitioned")}
	if !n.restoring {
		fresh.Since = now
	}
	return n.update(name, func(old *entry) Seen {
		if old == nil {
			return fresh
		}
		s := old.Seen
		s.SameSite, s.Partitioned = fresh.SameSite, fresh.Partitioned
		if s.Guessed {
			s.Guessed, s.Lifetime = false, fresh.Lifetime
			return s
		}
		// A cookie that died with the browser once must not outlive it now. Expires
		// counts down in whole seconds, so small differences are none.
		if difference := (fresh.Lifetime - s.Lifetime).Abs(); s.Lifetime != 0 &&
			(fresh.Lifetime == 0 || difference > s.Lifetime/10+time.Minute) {
			s.Lifetime = fresh.Lifetime
		}
		return s
	})
}

// keep notes that the upstream also sets a known name with a Domain or another Path.
func (n *names) keep(name string) {
	n.update(name, func(old *entry) Seen {
		s := old.Seen
		s.Kept = true
		return s
	})
}

func (n *names) update(name string, change func(old *entry) Seen) *entry {
	old := n.table.Load().inside(name)
	if old != nil && change(old) == old.Seen {
		return old
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.table.Load()
	old = t.inside(name)
	s := change(old)
	if old != nil && s == old.Seen {
		return old
	}
	next := t.with(s, n.outside(name))
	if next == t {
		return nil
	}
	n.table.Store(next)
	if n.onSeen != nil {
		n.onSeen(next.seen())
	}
	return next.inside(name)
}

// seen returns the entries, by name.
func (t *nameTable) seen() []Seen {
	all := make([]Seen, 0, len(t.all))
	for _, e := range t.all {
		all = append(all, e.Seen)
	}
	slices.SortFunc(all, func(a, b Seen) int { return strings.Compare(a.Name, b.Name) })
	return all
}
