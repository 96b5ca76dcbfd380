package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/caching"
	"github.com/panoplysec/panoply/internal/hook"
)

// A request is the session of one request without its type. It is kept small: with the
// data of most, it is within the 512 bytes up to which the allocator is faster.
type request struct {
	c     *core
	r     *http.Request
	typed interface{ again(fresh *envelope) error }
	at    int64 // milliseconds since 1970, read once, when the session is first asked for
	err   error // of loading: of a store that is out

	id    [idLen]byte
	key   Key
	rec   Record    // as the store has it, without Data
	now   envelope  // with this request's changes
	was   *envelope // as loaded, or as last saved; nil: as now
	label string

	loaded  bool
	live    bool // there is a session: found, or made by save
	dirty   bool // now differs from was
	touch   bool // move the expiry whatever was done lately
	cookie  bool // the client's cookie is to be set
	gone    bool // the client's cookie is to be removed
	move    move
	left    bool  // the header has left
	bonded  bool  // the bond is that of the session which the next save makes
	adopted bool  // of Options.Former, and to become ours
	ended   bool  // Destroy was called: Former's session is to end as well
	wrote   bool  // there is something for FormerToo
	chunks  uint8 // how many cookies a sealed session came in
}

// move says how the id changes with the next save.
type move bool

const (
	stay      move = false
	moveSplit move = true // the old id keeps the old data for the grace
)

func (q *request) start(c *core, r *http.Request) { q.c, q.r = c, r }

// clock is the time of the request, to the millisecond.
func (q *request) clock() time.Time { return time.UnixMilli(q.at) }

// before is the session as it was loaded, or last saved.
func (q *request) before() *envelope {
	if q.was == nil {
		return &q.now
	}
	return q.was
}

// edit is called before now is changed. Most requests change nothing, and are spared the
// copy.
func (q *request) edit() {
	if q.was == nil {
		was := q.now
		q.was = &was
	}
}

// load finds the session. The error is that of a store that is out, each time.
func (q *request) load() error {
	if q.loaded {
		return q.err
	}
	q.loaded = true
	q.at = time.Now().UnixMilli()
	err := q.find()
	if err != nil {
		q.err = fmt.Errorf("session: load: %w", err)
		q.tell("store", guard.Failed, "the store does not answer", err)
		if q.c.outage {
			q.err = nil
			q.forget()
		}
	}
	return q.err
}

func (q *request) find() error {
	lines := q.r.Header["Cookie"]
	if len(lines) == 0 {
		return nil
	}
	if q.c.former != nil {
		// A session of ours that has ended must not come back as the former one.
		if _, ours := cookie.Lookup(lines, q.c.name); !ours {
			return q.adopt()
		}
	}
	if q.c.sealed != nil {
		return q.unseal(lines)
	}
	var index int
	found, signed := false, false
	for name, value := range cookie.Pairs(lines) {
		if name != q.c.name {
			continue
		}
		found = true
		// A sibling host may have planted another of the name in front of ours.
		if index, signed = openToken(q.c.ring, value, &q.id, (*[macLen]byte)(q.key[:])); signed {
			break
		}
	}
	if !signed {
		if found {
			q.id = [idLen]byte{}
			q.tell("forged", guard.Noted, "a cookie that none of the keys has signed", nil)
		}
		return nil
	}
	q.key = keyOf(&q.id)
	q.cookie = index > 0
	ok, err := q.fetch(2)
	if err != nil {
		return err
	}
	if !ok {
		q.forget()
	}
	return nil
}

// fetch reads the record of q.id. A record that says where the session went on is
// followed.
func (q *request) fetch(hops int) (bool, error) {
	rec, ok, err := q.c.load(q)
	if err != nil {
		return false, err
	}
	if !ok {
		q.tell("unknown", guard.Noted, "an id that was signed and is not, or no longer, there", nil)
		return false, nil
	}
	plain, ok := q.c.unsealRecord(&q.id, &q.key, rec.Data)
	if !ok {
		q.tell("unreadable", guard.Failed, "the stored session cannot be opened by any of the keys", nil)
		return false, nil
	}
	if next, until, ok := parseLink(plain); ok {
		if hops == 0 || !q.clock().Before(until) {
			return false, nil
		}
		q.id, q.cookie = next, true
		q.key = keyOf(&q.id)
		return q.fetch(hops - 1)
	}
	if err := q.now.parse(plain); err != nil {
		q.now = envelope{}
		q.tell("unreadable", guard.Failed, "the stored session is in no form of ours", err)
		return false, nil
	}
	if !q.clock().Before(q.now.last(&q.c.timeouts)) {
		q.tell("expired", guard.Noted, "over its absolute timeout", nil)
		return false, q.c.store.Delete(q.r.Context(), q.key, rec.Owner)
	}
	rec.Data = nil
	q.rec, q.was, q.live = rec, nil, true
	return true, nil
}

func (c *core) load(q *request) (Record, bool, error) {
	if c.memory != nil {
		rec, ok := c.memory.load(&q.key, q.clock())
		return rec, ok, nil
	}
	return c.store.Load(q.r.Context(), q.key)
}

func (c *core) save(q *request) (version uint64, err error) {
	if c.memory != nil {
		return c.memory.save(&q.key, q.rec, time.Now()) // the request may have taken its time
	}
	return c.store.Save(q.r.Context(), q.key, q.rec)
}

// unsealRecord opens a stored session.
func (c *core) unsealRecord(id *[idLen]byte, key *Key, sealed []byte) ([]byte, bool) {
	if c.memory != nil {
		return sealed, true
	}
	number, ok := numberOf(sealed)
	if !ok {
		return nil, false
	}
	for _, k := range c.ring {
		if k.number != number {
			continue
		}
		if plain, ok := open(aead(k.data, id[:]), sealed, key[:]); ok {
			return plain, true
		}
	}
	return nil, false
}

func (c *core) sealRecord(id *[idLen]byte, key *Key, plain []byte) []byte {
	if c.memory != nil {
		return plain
	}
	return seal(c.ring[0].number, aead(c.ring[0].data, id[:]), plain, key[:])
}

// forget makes the request one without session.
func (q *request) forget() {
	q.live, q.id, q.key, q.rec = false, [idLen]byte{}, Key{}, Record{}
	q.was, q.now = nil, envelope{}
	q.dirty, q.touch, q.cookie, q.move, q.label = false, false, false, stay, ""
	q.adopted, q.bonded = false, false
}

// writable readies the session for a change.
func (q *request) writable() error {
	if err := q.load(); err != nil {
		return err
	}
	if q.left && (!q.live || q.c.sealed != nil) {
		return ErrHeaderSent
	}
	return nil
}

// movable readies it for a new id.
func (q *request) movable() error {
	if err := q.load(); err != nil {
		return err
	}
	if q.left {
		return ErrHeaderSent
	}
	return nil
}

// put takes new data and flash texts when they are not too large.
func (q *request) put(data, flash []byte) error {
	if q.c.sealed != nil {
		next := q.now
		next.data, next.flash = data, flash
		if err := q.c.fitsCookie(&next); err != nil {
			return err
		}
	} else if n := len(data) + len(flash); n > q.c.maxBytes {
		return fmt.Errorf("%w: %d bytes of JSON, at most %d", ErrTooLarge, n, q.c.maxBytes)
	}
	q.edit()
	q.now.data, q.now.flash, q.dirty = data, flash, true
	return nil
}

func (q *request) flashes() map[string][]string {
	all := map[string][]string{}
	if len(q.now.flash) > 0 && json.Unmarshal(q.now.flash, &all) != nil {
		return map[string][]string{}
	}
	return all
}

func (q *request) putFlash(all map[string][]string) error {
	var text []byte
	if len(all) > 0 {
		var err error
		if text, err = json.Marshal(all); err != nil {
			return err // cannot be: the type is strings
		}
	}
	return q.put(q.now.data, text)
}

// drop empties the session.
func (q *request) drop() {
	q.edit()
	q.now = envelope{}
	q.dirty, q.bonded = true, false
}

func (q *request) destroy() error {
	if err := q.load(); err != nil {
		return err
	}
	key, owner, live := q.key, q.rec.Owner, q.live
	had := q.live || len(q.r.Header["Cookie"]) > 0
	if live {
		if err := q.end(key, owner); err != nil {
			q.err = fmt.Errorf("session: destroy: %w", err)
			q.tell("store", guard.Failed, "the session could not be ended", err)
			return q.err
		}
		q.tell("destroyed", guard.Passed, "ended by the application", nil)
	}
	q.forget()
	q.gone, q.ended = had, true
	return nil
}

// end ends a session where it lives.
func (q *request) end(key Key, owner Owner) error {
	if q.c.sealed != nil {
		return q.endSealed(key, q.before())
	}
	return q.c.store.Delete(q.r.Context(), key, owner)
}

// cookieDue tells whether saving will set a cookie.
func (q *request) cookieDue() bool {
	if q.c.sealed != nil {
		return q.dirty || q.touch || q.cookie || q.gone || q.move != stay
	}
	return q.cookie || q.gone || q.begins()
}

// leave saves as the header leaves, and writes the cookie into it.
func (q *request) leave(a *hook.Answer) {
	if !q.loaded || q.left {
		q.left = true
		return
	}
	q.left = true
	if q.err == nil && (q.live || q.dirty) && !q.gone {
		q.renew()
	}
	if err := q.save(); err != nil {
		unavailable(a)
		return
	}
	q.write(a.Header)
}

// unavailable answers 503 in place of what would be a false success.
func unavailable(a *hook.Answer) {
	if a.Kind != hook.Final {
		return
	}
	delete(a.Header, "Location")
	a.Header["Content-Type"] = []string{"text/plain; charset=utf-8"}
	a.Header["Cache-Control"] = []string{"no-store"}
	a.Header["Retry-After"] = []string{"5"}
	a.Replace(http.StatusServiceUnavailable, []byte("Service Unavailable\n"))
}

// write puts the cookie into an answer's header and keeps caches away.
func (q *request) write(h http.Header) {
	set := false
	switch {
	case q.c.sealed != nil:
		set = q.writeSealed(h)
	case q.cookie && q.live:
		h["Set-Cookie"] = append(h["Set-Cookie"], q.line())
		set = true
	case q.gone:
		h["Set-Cookie"] = append(h["Set-Cookie"], q.c.deletion)
		set = true
	}
	q.cookie, q.gone = false, false
	q.settle(h)
	if set || q.live {
		caching.Forbid(h)
	}
}

// line is the Set-Cookie of the session.
func (q *request) line() string {
	b := make([]byte, 0, len(q.c.name)+1+tokenLen+len(q.c.attributes)+24)
	b = append(b, q.c.name...)
	b = append(b, '=')
	b = q.c.ring[0].appendToken(b, &q.id, new([macLen]byte))
	b = append(b, q.c.attributes...)
	return string(q.appendAge(b))
}

func (q *request) afterwards() {
	if !q.loaded || !q.dirty || q.err != nil {
		return
	}
	if !q.live || q.move != stay || q.c.sealed != nil {
		q.tell("lost", guard.Failed, "changed after Hijack without Commit; not saved, for its cookie was never sent", nil)
		return
	}
	_ = q.save() // the client has its answer; save has told
}

var errTooBusy = errors.New("session: other requests keep changing this session")
