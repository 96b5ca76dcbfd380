package session

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// maxTries bounds how often a change is made again because others were faster. Requests
// of one process take turns after the first time, so this is for many processes.
const maxTries = 64

// save writes the changes to the store. The error is told, and kept so that the answer
// cannot be a success.
func (q *request) save() error {
	if q.err != nil || !q.loaded {
		return q.err
	}
	err := q.saveAll()
	if errors.Is(err, ErrGone) {
		// Ended meanwhile by a logout or a timeout, which is final. The handler has done
		// its work for a session that was good when it came.
		q.tell("gone", guard.Noted, "it ended while a request was under way; the change is dropped", nil)
		q.forget()
		return nil
	}
	if err != nil {
		q.err = fmt.Errorf("session: save: %w", err)
		rule := "store"
		if errors.Is(err, ErrFull) {
			rule = "full"
		} else if errors.Is(err, errTooBusy) {
			rule = "conflict"
		}
		q.tell(rule, guard.Failed, "not saved", err)
	}
	return q.err
}

func (q *request) saveAll() error {
	switch {
	case q.c.sealed != nil:
		return q.reseal()
	case q.begins():
		return q.create()
	case q.dirty:
		return q.replace()
	case q.live:
		return q.touched()
	}
	return nil
}

// create stores the session under a new id, and leaves the old one to its grace.
func (q *request) create() error {
	q.bond()
	before := *q
	split := q.live
	now := q.at
	if q.now.created == 0 || !split {
		q.now.created = now
	}
	q.now.renewed = now
	q.id = newID()
	q.key = keyOf(&q.id)
	q.rec = Record{Owner: q.c.owner(0, q.now.user), Label: q.c.sealLabel(q)}
	if err := q.put1(0); err != nil {
		*q = before
		return err
	}
	q.cookie, q.live = true, true
	rule, what := "created", "begun"
	if split {
		if err := q.c.leaveBehind(q, &before); err != nil {
			_ = q.c.store.Delete(q.r.Context(), q.key, q.rec.Owner)
			*q = before
			return err
		}
		rule, what = "regenerated", "was "+q.c.ring[0].hashed(&before.key)
	}
	if q.now.authenticated == now {
		rule = "authenticated"
	}
	q.tell(rule, guard.Passed, what, nil)
	q.saved()
	if q.c.maxPerUser > 0 && len(q.now.user) > 0 {
		return q.c.trim(q)
	}
	return nil
}

// put1 writes the record as it stands over the version given.
func (q *request) put1(version uint64) error {
	q.rec.Data = q.c.sealRecord(&q.id, &q.key, q.now.append(make([]byte, 0, q.now.size())))
	q.rec.Version = version
	if !q.rec.Moved {
		q.rec.Expires = q.now.end(q.clock(), &q.c.timeouts)
	}
	version, err := q.c.save(q)
	q.rec.Data = nil
	if err == nil {
		q.rec.Version = version
	}
	return err
}

func (q *request) saved() {
	q.was, q.wrote = nil, true
	q.dirty, q.touch, q.bonded, q.move, q.label = false, false, false, stay, ""
}

// leaveBehind lets the old id see the old data for the grace, and no longer.
func (c *core) leaveBehind(q, before *request) error {
	ctx := q.r.Context()
	if c.timeouts.Grace < 0 {
		return c.store.Delete(ctx, before.key, before.rec.Owner)
	}
	old := *before
	for range maxTries {
		old.now, old.was = *old.before(), nil
		old.now.ends = q.clock().Add(c.timeouts.Grace).UnixMilli()
		old.rec.Moved, old.rec.Expires = true, old.now.last(&c.timeouts)
		err := old.put1(old.rec.Version)
		if !errors.Is(err, ErrConflict) {
			return err // ErrGone: a logout came first, and is final
		}
		if ok, err := old.fetch(0); err != nil {
			return err
		} else if !ok {
			return ErrGone
		}
	}
	return errTooBusy
}

// replace stores the changed session in its place.
func (q *request) replace() error {
	turn := &q.c.turns[q.key[0]%byte(len(q.c.turns))]
	if turn.waiting.Load() == 0 {
		err := q.put1(q.rec.Version)
		if !errors.Is(err, ErrConflict) {
			if err == nil {
				q.saved()
			}
			return err
		}
	}
	// Of requests in this process one tries at a time, and while one does the others
	// wait: a large session takes longer to merge than to change.
	turn.waiting.Add(1)
	defer turn.waiting.Add(-1)
	turn.mu.Lock()
	defer turn.mu.Unlock()
	for try := range maxTries {
		if err := q.catchUp(); err != nil {
			return err
		}
		err := q.put1(q.rec.Version)
		if !errors.Is(err, ErrConflict) {
			if err == nil {
				q.saved()
			}
			return err
		}
		select {
		case <-time.After(time.Duration(try) * time.Millisecond / 4):
		case <-q.r.Context().Done():
			return q.r.Context().Err()
		}
	}
	return errTooBusy
}

// catchUp loads the session again and makes this request's changes on top.
func (q *request) catchUp() error {
	was, mine := *q.before(), q.now
	ok, err := q.fetch(2)
	if err != nil {
		return err
	}
	if !ok {
		return ErrGone
	}
	fresh := q.now
	q.was, q.now = &was, fresh
	q.now.data = mine.data
	if mine.idle != was.idle || mine.absolute != was.absolute {
		q.now.idle, q.now.absolute = mine.idle, mine.absolute
	}
	q.now.flash = merge(was.flash, mine.flash, fresh.flash)
	if err := q.typed.again(&fresh); err != nil {
		return err
	}
	q.was, q.dirty = &fresh, true
	return nil
}

// touched moves the expiry when a tenth of the idle time has gone.
func (q *request) touched() error {
	if q.rec.Moved {
		return nil
	}
	idle, _ := q.before().timeouts(&q.c.timeouts)
	end := q.before().end(q.clock(), &q.c.timeouts)
	if end.Sub(q.rec.Expires) < idle/10 && !(q.touch && end.After(q.rec.Expires)) {
		return nil
	}
	if err := q.c.store.Touch(q.r.Context(), q.key, end); err != nil {
		return err
	}
	q.rec.Expires, q.touch = end, false
	q.cookie = q.cookie || q.c.persistent
	return nil
}

// renew gives a session in use a new id when its time has come. What fails here is tried
// again by the next request.
func (q *request) renew() {
	t := &q.c.timeouts
	if !q.live || q.c.sealed != nil || t.Renewal < 0 || q.rec.Moved || q.move != stay ||
		q.clock().Sub(time.UnixMilli(q.before().renewed)) < t.Renewal {
		return
	}
	q.cookie = true
	if err := q.relocate(); err != nil {
		q.tell("store", guard.Failed, "its id could not be renewed", err)
	}
}

// relocate moves the session to a new id, and leaves the way to it under the old one for
// the grace. Of two requests that do so at once, one finds the other's.
func (q *request) relocate() error {
	ctx := q.r.Context()
	before := *q
	was := *q.before()
	was.renewed, q.now.renewed = q.at, q.at
	if q.was != nil {
		q.was = &was
	}
	q.id = newID()
	q.key = keyOf(&q.id)
	mine := q.now
	q.now = was // this request's changes are saved afterwards, as always
	err := q.put1(0)
	q.now = mine
	if err != nil {
		*q = before
		return err
	}
	if q.c.timeouts.Grace < 0 {
		err = q.c.store.Delete(ctx, before.key, before.rec.Owner)
	} else {
		old := before.rec
		old.Moved, old.Label = true, nil
		old.Expires = q.clock().Add(q.c.timeouts.Grace)
		old.Data = q.c.sealRecord(&before.id, &before.key, appendLink(nil, &q.id, old.Expires))
		_, err = q.c.store.Save(ctx, before.key, old)
	}
	if err == nil {
		q.tell("renewed", guard.Passed, "was "+q.c.ring[0].hashed(&before.key), nil)
		return nil
	}
	_ = q.c.store.Delete(ctx, q.key, q.rec.Owner)
	*q = before
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrGone) {
		// Another request was faster: this one goes on where that one went.
		if q.dirty {
			return nil // saving will find it
		}
		ok, err := q.fetch(2)
		if err == nil && !ok {
			q.forget()
		}
		return err
	}
	return err
}

// appendAge adds Max-Age to a cookie that outlives the browser's session.
func (q *request) appendAge(b []byte) []byte {
	if !q.c.persistent {
		return b
	}
	b = append(b, "; Max-Age="...)
	return strconv.AppendInt(b, int64(q.now.end(q.clock(), &q.c.timeouts).Sub(q.clock())/time.Second), 10)
}
