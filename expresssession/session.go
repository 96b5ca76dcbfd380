package expresssession

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/panoplysec/panoply/guard"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// A Session is req.session of the peer: members by name, in the order in which they were
// set. It belongs to one request and is used by one goroutine at a time.
type Session struct {
	q       *request
	id      string
	members jsobject.Object // with an entry for the cookie, which stands in cookie
	cookie  cookieData
	isNew   bool
	wrapped bool // the middleware saw it made: save is remembered
}

// ID returns the session's id, which is a secret: whoever has it and the cookie's secret is
// the user.
func (s *Session) ID() string { return s.id }

// IsNew tells whether the client came without a session that is good.
func (s *Session) IsNew() bool { return s.isNew }

// Get returns a member as JSON, with the bytes that it was written with; false when there
// is none.
func (s *Session) Get(name string) (json.RawMessage, bool) {
	if isCookie(name) {
		return s.cookie.appendTo(nil), true
	}
	v, ok := s.members.Get(name)
	return slices.Clone(v), ok
}

// Set gives a member a value, which is encoded as encoding/json does; a json.RawMessage is
// taken as it is. The members "cookie" and those that hide a method of the peer's session
// cannot be set: the peer would lose them or the request.
func (s *Session) Set(name string, v any) error {
	if isCookie(name) || shadowed[name] {
		return fmt.Errorf("expresssession: Set: %q is not a member that express-session can have", name)
	}
	text, err := jsobject.Stringify(v)
	if err != nil {
		return fmt.Errorf("expresssession: Set %q: %w", name, err)
	}
	if err := s.writable(); err != nil {
		return err
	}
	s.members = s.members.Put(name, text)
	return nil
}

// Delete removes a member.
func (s *Session) Delete(name string) error {
	if isCookie(name) {
		return errors.New("expresssession: Delete: the cookie is part of every session; Unset ends it")
	}
	if err := s.writable(); err != nil {
		return err
	}
	s.members = s.members.Remove(name)
	return nil
}

// writable refuses, in Strict, changes that need a cookie that cannot be sent any more.
func (s *Session) writable() error {
	if q := s.q; q.m.o.Mode == Strict && q.left && !q.isClients() && !q.saved {
		return ErrHeaderSent
	}
	return nil
}

// Keys returns the names of the members without the cookie, in order.
func (s *Session) Keys() []string {
	var names []string
	for _, m := range s.members {
		if !isCookie(m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

// JSON returns the session as it would be stored.
func (s *Session) JSON() []byte { return s.json(s.cookie.appendTo(nil)) }

// Decode reads the members into v, as json.Unmarshal does.
func (s *Session) Decode(v any) error {
	if err := json.Unmarshal(s.data(), v); err != nil {
		return fmt.Errorf("expresssession: Decode: %w", err)
	}
	return nil
}

func (s *Session) json(cookie []byte) []byte {
	if i := s.members.Find(cookieMember); i >= 0 {
		s.members[i].Value = cookie
	}
	return s.members.AppendTo(make([]byte, 0, 256), nil)
}

// data is what changes are told by.
func (s *Session) data() []byte { return s.members.AppendTo(make([]byte, 0, 128), isCookie) }

// Save stores the session now.
func (s *Session) Save() error {
	if s.q.m.o.Mode == Strict {
		if s.q.left && !s.q.isClients() && !s.q.saved {
			return ErrHeaderSent
		}
		return s.q.saveStrict()
	}
	return s.save()
}

// save is the peer's.
func (s *Session) save() error {
	if s.wrapped {
		s.q.savedData = s.data()
	}
	return s.q.m.o.Store.Set(s.q.r.Context(), s.id, s.toStore())
}

// Reload takes the session as it is stored now, without this request's changes. The
// Session at hand is not good any more: ask From again. The error is ErrReload when it is
// not there.
func (s *Session) Reload() error {
	text, ok, err := s.q.m.o.Store.Get(s.q.r.Context(), s.id)
	if err != nil {
		return err
	}
	if !ok {
		return ErrReload
	}
	fresh, _, err := s.q.read(text)
	if err != nil {
		return err
	}
	fresh.wrapped = s.wrapped
	s.q.session = fresh
	return nil
}

// Regenerate ends the session and begins an empty one with a new id: call it at each
// login. Ask From for it. When the old one could not be removed from the store the error
// says so, and there is a new one all the same.
func (s *Session) Regenerate() error {
	q := s.q
	if q.m.o.Mode == Strict && q.left {
		return ErrHeaderSent
	}
	err := q.m.o.Store.Destroy(q.r.Context(), q.sid)
	options := q.m.o.Cookie
	if q.m.o.CookieFunc != nil {
		options = q.m.cookieFor(q.r)
	}
	if freshErr := q.fresh(options); freshErr != nil {
		return errors.Join(err, freshErr)
	}
	q.tell("regenerated", guard.Passed, "was "+q.m.hashed(s.id), err)
	return err
}

// Destroy removes the session from the store. From returns nil afterwards.
func (s *Session) Destroy() error {
	q := s.q
	q.session = nil
	q.gone = q.m.o.Mode == Strict && q.signed
	err := q.m.o.Store.Destroy(q.r.Context(), s.id)
	q.tell("destroyed", guard.Passed, "ended by the application", err)
	return err
}

// Unset is the peer's req.session = null: this request's changes are dropped, and with
// Options.Unset "destroy" the session is removed when the request ends.
func (s *Session) Unset() { s.q.session = nil }

// Touch moves the expiry to a full Cookie.MaxAge from now, which also happens by itself at
// the end of each request.
func (s *Session) Touch() error { return s.cookie.touch(now()) }

// MaxAge returns how long the session and its cookie have left; false when they last as
// long as the browser.
func (s *Session) MaxAge() (time.Duration, bool) {
	n, ok := s.cookie.maxAge(now()).isNumber()
	return time.Duration(n * float64(time.Millisecond)), ok
}

// SetMaxAge gives this session and its cookie a life of its own, as cookie.maxAge of the
// peer: d from now, and from each use on.
func (s *Session) SetMaxAge(d time.Duration) error {
	return s.cookie.setMaxAge(number(float64(d)/float64(time.Millisecond)), now())
}

// SetExpires sets the peer's cookie.expires. The zero time makes the cookie last as long
// as the browser.
func (s *Session) SetExpires(t time.Time) {
	if t.IsZero() {
		s.cookie.setExpires(null, now())
		return
	}
	s.cookie.setExpires(date(float64(t.UnixMilli())), now())
}

// SetCookie gives the cookie of this session other attributes, which are stored with it
// and count over Options from then on. MaxAge and Expires stay when o has neither.
func (s *Session) SetCookie(o Cookie) error {
	if s.q.m.o.Mode == Strict {
		o = o.strict()
	}
	p := guard.Problems{Package: "expresssession"}
	o.problems(&p, s.q.m.o.Mode, s.q.m.o.Name)
	if err := p.Err(); err != nil {
		return err
	}
	c := cookieOf(o, now())
	if o.MaxAge == nil && o.Expires.IsZero() {
		c.originalMaxAge, c.expires = s.cookie.originalMaxAge, s.cookie.expires
	}
	s.cookie = c
	return nil
}
