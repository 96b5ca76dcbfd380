package expresssession

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"

	"github.com/panoplysec/panoply/internal/caching"
	"github.com/panoplysec/panoply/internal/jsobject"
)

func requestOf(a *hook.Answer) *request {
	q, _ := a.Value(requestKey{}).(*request)
	return q
}

// answered does what is due when the header leaves.
func (m *Manager) answered(a *hook.Answer) {
	if a.Kind == hook.Trailer || a.Kind == hook.Informational && a.Status != http.StatusSwitchingProtocols {
		return
	}
	q := requestOf(a)
	if q == nil || q.m != m || q.left {
		return
	}
	if m.o.Mode == Strict {
		q.leaveStrict(a)
	} else if q.session != nil {
		q.setCookie(a.Header)
	}
	q.left = true
}

// setCookie is the peer's onHeaders.
func (q *request) setCookie(h http.Header) {
	if !q.shouldSetCookie() {
		return
	}
	s := q.session
	if s.cookie.secure.truthy() && !q.m.secure(q.r) {
		q.tell("insecure", guard.Failed, "a Secure cookie is not sent to a client that came by http: set Proxy or clientip's Proxies when there is TLS in front", nil)
		return
	}
	err := q.touchOnce()
	if err == nil {
		var line string
		if line, err = q.line(); err == nil {
			h["Set-Cookie"] = append(h["Set-Cookie"], line)
			return
		}
	}
	q.tell("cookie", guard.Failed, "the cookie cannot be written, so the client does not get its session", err)
}

// line is the Set-Cookie of the session.
func (q *request) line() (string, error) {
	b := append([]byte(q.m.o.Name), '=')
	b = append(b, cookie.EncodeSigned(q.sid, q.m.o.Secret[0])...)
	b, err := q.session.cookie.attributes(b)
	return string(b), err
}

// recorded does what the peer does in res.end.
func (m *Manager) recorded(a *hook.Answer) {
	q := requestOf(a)
	if q == nil || q.m != m {
		return
	}
	if m.o.Mode == Strict {
		q.endStrict()
		return
	}
	ctx := q.r.Context()
	if q.session == nil {
		if q.m.o.Unset == "destroy" && !q.bogus {
			if err := m.o.Store.Destroy(ctx, q.sid); err != nil {
				q.tell("store", guard.Failed, "the session could not be removed", err)
			}
		}
		return
	}
	if err := q.touchOnce(); err != nil {
		q.tell("cookie", guard.Failed, "the stored cookie cannot be used", err)
		return
	}
	switch {
	case q.shouldSave():
		if err := q.session.save(); err != nil {
			q.tell("store", guard.Failed, "not saved, after the answer", err)
		}
	case m.toucher != nil && q.shouldTouch():
		if err := m.toucher.Touch(ctx, q.sid, q.session.toStore()); err != nil {
			q.tell("store", guard.Failed, "not touched, after the answer", err)
		}
	}
}

// leaveStrict stores first, and sends a cookie for what is stored only.
func (q *request) leaveStrict(a *hook.Answer) {
	if q.session == nil {
		if q.gone {
			a.Header["Set-Cookie"] = append(a.Header["Set-Cookie"], q.removal())
		}
		caching.Forbid(a.Header)
		return
	}
	if q.isClients() || q.isModified() {
		caching.Forbid(a.Header)
	}
	if q.shouldSave() {
		if err := q.saveStrict(); err != nil {
			if a.Kind == hook.Final {
				delete(a.Header, "Location")
				a.Header.Set("Content-Type", "text/plain; charset=utf-8")
				a.Header.Set("Retry-After", "5")
				a.Replace(http.StatusServiceUnavailable, []byte("Service Unavailable\n"))
			}
			return
		}
	}
	if q.session != nil {
		q.setCookie(a.Header)
	}
}

// endStrict saves what was changed after the header, and moves the expiry.
func (q *request) endStrict() {
	ctx := q.r.Context()
	if q.session == nil {
		if q.m.o.Unset == "destroy" && !q.gone && q.sid != "" {
			if err := q.m.o.Store.Destroy(ctx, q.sid); err != nil {
				q.tell("store", guard.Failed, "the session could not be removed", err)
			}
		}
		return
	}
	switch {
	case q.shouldSave():
		if !q.isClients() && !q.saved {
			q.tell("lost", guard.Failed, "changed without a header to send its cookie with; not saved", nil)
			return
		}
		_ = q.saveStrict() // the client has its answer; saveStrict has told
	case q.m.toucher != nil && q.shouldTouch() && !q.saved:
		if err := q.touchOnce(); err != nil {
			q.tell("cookie", guard.Failed, "the stored cookie cannot be used", err)
			return
		}
		if err := q.m.toucher.Touch(ctx, q.sid, q.session.toStore()); err != nil {
			q.tell("store", guard.Failed, "not touched, after the answer", err)
		}
	}
}

// maxTries bounds how often a change is made again because others were faster.
const maxTries = 64

var errTooBusy = errors.New("other requests keep changing this session")

// saveStrict stores the session so that no other request's change is lost, and nothing
// that was destroyed comes back.
func (q *request) saveStrict() error {
	err := q.touchOnce()
	if err == nil {
		err = q.store()
	}
	if err != nil {
		q.tell("store", guard.Failed, "not saved", err)
		return fmt.Errorf("expresssession: save: %w", err)
	}
	return nil
}

func (q *request) store() error {
	ctx, s := q.r.Context(), q.session
	if q.stored == nil || q.m.conditional == nil {
		out := s.toStore()
		if err := q.m.o.Store.Set(ctx, s.id, out); err != nil {
			return err
		}
		q.keep(out.JSON)
		return nil
	}
	// Of requests in this process one tries at a time, once others have been faster.
	turn := &q.m.turns[crc32.ChecksumIEEE([]byte(s.id))%uint32(len(q.m.turns))]
	if turn.waiting.Load() == 0 {
		if done, err := q.try(); done || err != nil {
			return err
		}
	}
	turn.waiting.Add(1)
	defer turn.waiting.Add(-1)
	turn.mu.Lock()
	defer turn.mu.Unlock()
	for try := range maxTries {
		if done, err := q.catchUp(); done || err != nil {
			return err
		}
		if done, err := q.try(); done || err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * time.Millisecond / 4):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errTooBusy
}

// try stores the session over the one that it was made from.
func (q *request) try() (done bool, err error) {
	out := q.session.toStore()
	done, err = q.m.conditional.Replace(q.r.Context(), q.session.id, q.stored, out)
	if done && err == nil {
		q.keep(out.JSON)
	}
	return done, err
}

// catchUp makes this request's changes on what another has stored. It is done when the
// session has ended.
func (q *request) catchUp() (done bool, err error) {
	s := q.session
	text, ok, err := q.m.o.Store.Get(q.r.Context(), s.id)
	if err != nil {
		return false, err
	}
	if !ok {
		q.tell("gone", guard.Noted, "it ended while a request was under way; the change is dropped", nil)
		q.session, q.gone = nil, true
		return true, nil
	}
	theirs, isObject := jsobject.Parse(text)
	if !isObject {
		return false, errStoredCookie
	}
	s.members = mergeMembers(q.base, s.members, theirs)
	q.base, q.stored = append(jsobject.Object(nil), theirs...), bytes.Clone(text)
	return false, nil
}

// A turn is taken by who found that another request had changed the session.
type turn struct {
	mu      sync.Mutex
	waiting atomic.Int32
}

// keep notes what the store has now.
func (q *request) keep(json []byte) {
	q.savedData, q.originalID = q.session.data(), q.session.id
	q.stored, q.base, q.saved = json, append(jsobject.Object(nil), q.session.members...), true
}

// mergeMembers makes the changes from base to mine on theirs, member by member. The
// cookie is mine: its expiry is the later one.
func mergeMembers(base, mine, theirs jsobject.Object) jsobject.Object {
	was, have, fresh := base.ByName(), mine.ByName(), theirs.ByName()
	out := make(jsobject.Object, 0, len(theirs)+len(mine))
	for _, m := range theirs {
		value, ok := have[m.Name]
		old, had := was[m.Name]
		switch {
		case !ok && had: // removed here
			continue
		case ok && (isCookie(m.Name) || !had || !bytes.Equal(old, value)):
			m.Value = value
		}
		out = append(out, m)
	}
	for _, m := range mine {
		old, had := was[m.Name]
		if _, there := fresh[m.Name]; !there && (!had || !bytes.Equal(old, m.Value)) {
			out = out.Put(m.Name, m.Value)
		}
	}
	return out
}

// removal is the Set-Cookie that removes the client's cookie.
func (q *request) removal() string {
	c := cookieOf(q.m.o.Cookie, now())
	if q.m.o.CookieFunc != nil {
		c = cookieOf(q.m.cookieFor(q.r), now())
	}
	c.expires = date(0)
	b, err := c.attributes(append([]byte(q.m.o.Name), '='))
	if err != nil {
		return q.m.o.Name + "=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
	}
	return string(b)
}

// hijacking refuses to hand the connection over while a cookie is due that would be lost.
func (m *Manager) hijacking(x *hook.Exchange) error {
	q, _ := x.Value(requestKey{}).(*request)
	if q == nil || q.m != m || q.left {
		return nil
	}
	if q.gone || q.session != nil && q.shouldSetCookie() {
		return errors.New("expresssession: Hijack would lose Set-Cookie: answer the login before the upgrade")
	}
	q.left = true
	if q.session != nil && q.shouldSave() {
		return q.saveStrict()
	}
	return nil
}
