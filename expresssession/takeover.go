package expresssession

import (
	"errors"
	"net/http"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// Adopt returns the members of the session that a request's cookie names, as one JSON
// object without the cookie: for a package that takes over the sessions of an Express app.
// It is false for a request without a session that is good. The error is the store's.
func (m *Manager) Adopt(r *http.Request) (data []byte, ok bool, err error) {
	sid, _, _, ok := m.idOf(r)
	if !ok {
		return nil, false, nil
	}
	text, ok, err := m.o.Store.Get(r.Context(), sid)
	if err != nil || !ok {
		return nil, false, err
	}
	o, ok := jsobject.Parse(text)
	if !ok {
		return nil, false, nil
	}
	if raw, has := o.Get(cookieMember); !has || raw[0] != '{' {
		return nil, false, nil
	}
	return o.AppendTo(nil, func(name string) bool { return isCookie(name) || shadowed[name] }), true, nil
}

// errNoSession is returned by Mirror for a request whose old session is gone.
var errNoSession = errors.New("expresssession: Mirror: there is no session to write to")

// Mirror writes members into the session that a request's cookie names, in place of those
// that it has; its cookie stays. It makes no session that is not there.
func (m *Manager) Mirror(r *http.Request, data []byte) error {
	members, ok := jsobject.Parse(data)
	if !ok {
		return errors.New("expresssession: Mirror: the data is no JSON object")
	}
	sid, _, _, ok := m.idOf(r)
	if !ok {
		return errNoSession
	}
	q := &request{m: m, r: r, sid: sid, cookieID: sid, signed: true}
	text, ok, err := m.o.Store.Get(r.Context(), sid)
	if err != nil {
		return err
	}
	if !ok {
		return errNoSession
	}
	if err := q.inflate(text); err != nil {
		return err
	}
	s := q.session
	if err := s.cookie.touch(now()); err != nil {
		return err
	}
	own := s.members[s.members.Find(cookieMember)]
	s.members = jsobject.Object{own}
	for _, member := range members {
		if !isCookie(member.Name) && !shadowed[member.Name] {
			s.members = s.members.Put(member.Name, member.Value)
		}
	}
	if m.conditional == nil {
		return m.o.Store.Set(r.Context(), sid, s.toStore())
	}
	ok, err = m.conditional.SetIfPresent(r.Context(), sid, s.toStore())
	if err == nil && !ok {
		err = errNoSession
	}
	return err
}

// Retire removes the session that a request's cookie names, and its cookie with the header
// h.
func (m *Manager) Retire(h http.Header, r *http.Request) error {
	sid, _, found, ok := m.idOf(r)
	if !found {
		return nil
	}
	q := &request{m: m, r: r, sid: sid}
	if ok {
		if err := m.o.Store.Destroy(r.Context(), sid); err != nil {
			return err
		}
	}
	h["Set-Cookie"] = append(h["Set-Cookie"], q.removal())
	return nil
}
