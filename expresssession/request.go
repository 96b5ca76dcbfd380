package expresssession

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// A request is what the peer's middleware keeps for one request.
type request struct {
	m *Manager
	x *hook.Exchange
	r *http.Request

	session  *Session // req.session; nil after Unset and Destroy
	sid      string   // req.sessionID
	bogus    bool     // GenID failed: there is no id to store under
	cookieID string   // that of the client's cookie
	signed   bool     // the client's cookie has one

	originalID   string
	originalData []byte          // the session as it came, without its cookie
	savedData    []byte          // as last saved; nil: not saved
	stored       []byte          // the JSON that the store has, as far as known; nil: none
	base         jsobject.Object // what stored was when it was read, for merging

	touched bool // the expiry was moved, once a request
	left    bool // the header has left
	saved   bool // in Strict: it was saved, so what it was at first tells nothing
	resign  bool // in Strict: an old secret signed the cookie
	gone    bool // in Strict: the cookie is to be removed
}

// load finds the session, or makes one.
func (q *request) load(options Cookie) error {
	sid, secret, found, ok := q.m.idOf(q.r)
	if !ok {
		if found {
			q.tell("forged", guard.Noted, "a cookie that none of the secrets has signed", nil)
		}
		return q.generate(options)
	}
	q.sid, q.cookieID, q.signed = sid, sid, true
	q.resign = secret > 0 && q.m.o.Mode == Strict
	text, ok, err := q.m.o.Store.Get(q.r.Context(), sid)
	if err != nil {
		return err
	}
	if !ok || falsy(text) {
		q.tell("unknown", guard.Noted, "an id that was signed and is not, or no longer, there", nil)
		return q.generate(options)
	}
	switch err := q.inflate(text); {
	case err == nil:
		return nil
	case q.m.o.Mode == Compat:
		return err
	default:
		q.tell("unreadable", guard.Failed, "what is stored is no session", err)
		return q.generate(options)
	}
}

// generate makes a new session, as the peer's store.generate does within the middleware.
func (q *request) generate(options Cookie) error {
	if err := q.fresh(options); err != nil {
		return err
	}
	q.originalID, q.session.wrapped = q.sid, true
	q.originalData = q.session.data()
	return nil
}

// fresh is store.generate.
func (q *request) fresh(options Cookie) error {
	sid, err := q.m.o.GenID(q.r)
	if err == nil && q.m.o.Mode == Strict && len(sid) < 16 {
		err = fmt.Errorf("an id of %d characters, want 16 or more", len(sid))
	}
	if q.bogus = err != nil; q.bogus {
		q.tell("id", guard.Failed, "GenID made no id, so nothing is stored", err)
		if q.m.o.Mode == Strict {
			return err
		}
		sid = ""
	}
	if q.m.o.CookieFunc != nil && q.m.o.Mode == Strict {
		p := guard.Problems{Package: "expresssession"}
		options.problems(&p, Strict, q.m.o.Name)
		if err := p.Err(); err != nil {
			return fmt.Errorf("CookieFunc: %w", err)
		}
	}
	q.sid = sid
	s := &Session{q: q, id: sid, isNew: true, cookie: cookieOf(options, now())}
	// The function form does not resolve "auto": the peer looks at the function.
	if q.m.o.CookieFunc == nil || q.m.o.Mode == Strict {
		secure := q.m.secure(q.r)
		if options.Secure == Auto {
			s.cookie.secure = no
			if secure {
				s.cookie.secure = yes
			}
		}
		if options.SameSite == string(Auto) {
			s.cookie.samesite = text("lax")
			if secure {
				s.cookie.samesite = text("none")
			}
		}
	}
	s.members = jsobject.Object{{Name: cookieMember, Key: []byte(`"cookie"`)}}
	q.session, q.stored, q.base = s, nil, nil
	if q.m.o.Mode == Strict {
		q.saved, q.savedData = false, nil
	}
	return nil
}

// inflate takes the session that is stored.
func (q *request) inflate(text []byte) error {
	s, original, err := q.read(text)
	if err != nil {
		return err
	}
	q.session = s
	q.originalID, q.originalData = q.sid, original
	if !q.m.o.Resave {
		q.savedData = original
	}
	s.wrapped = true
	return nil
}

// read makes a session of what is stored. Original is its data, with the members that
// the peer drops.
func (q *request) read(text []byte) (s *Session, original []byte, err error) {
	o, ok := jsobject.Parse(text)
	if !ok {
		return nil, nil, fmt.Errorf("%w: the text of %d bytes is no JSON object", errStoredCookie, len(text))
	}
	raw, ok := o.Get(cookieMember)
	c, err := cookieFrom(raw, ok, now())
	if err != nil {
		return nil, nil, err
	}
	if q.m.o.Mode == Compat {
		o.Canonical(isCookie) // the cookie is written anew in any case
	}
	original = o.AppendTo(make([]byte, 0, len(text)), isCookie)
	members := slices.DeleteFunc(o, func(m jsobject.Member) bool { return shadowed[m.Name] })
	q.stored = text
	q.base = append(jsobject.Object(nil), members...)
	return &Session{q: q, id: q.sid, members: members, cookie: c}, original, nil
}

// falsy tells whether what is stored is one of JavaScript's ways to say nothing.
func falsy(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] == '{' {
		return len(text) == 0
	}
	return json.Valid(text) && !value{raw: text}.truthy()
}

const cookieMember = "cookie"

func isCookie(name string) bool { return name == cookieMember }

// shadowed are names that the peer's Session has itself: it does not load such members.
var shadowed = map[string]bool{
	"id": true, "req": true, "touch": true, "resetMaxAge": true, "save": true, "reload": true, "destroy": true, "regenerate": true,
	"constructor": true, "hasOwnProperty": true, "isPrototypeOf": true, "propertyIsEnumerable": true, "toLocaleString": true,
	"toString": true, "valueOf": true, "__proto__": true, "__defineGetter__": true, "__defineSetter__": true,
	"__lookupGetter__": true, "__lookupSetter__": true,
}

// isClients tells whether the session is the one that the client's cookie names.
func (q *request) isClients() bool { return q.signed && q.cookieID == q.sid }

func (q *request) isModified() bool {
	return q.originalID != q.session.id || !bytes.Equal(q.originalData, q.session.data())
}

func (q *request) isSaved() bool {
	return q.originalID == q.session.id && q.savedData != nil && bytes.Equal(q.savedData, q.session.data())
}

func (q *request) shouldSave() bool {
	if q.bogus {
		return false
	}
	if !q.m.o.SaveUninitialized && q.savedData == nil && !q.isClients() {
		return q.isModified()
	}
	return !q.isSaved()
}

func (q *request) shouldTouch() bool {
	return !q.bogus && q.isClients() && !q.shouldSave()
}

func (q *request) shouldSetCookie() bool {
	if q.bogus {
		return false
	}
	if !q.isClients() {
		return q.m.o.SaveUninitialized || q.saved || q.isModified()
	}
	return q.resign || q.m.o.Rolling || !q.session.cookie.expires.nullish() && (q.saved || q.isModified())
}

// touchOnce moves the expiry, once a request.
func (q *request) touchOnce() error {
	if q.touched {
		return nil
	}
	q.touched = true
	return q.session.cookie.touch(now())
}

// stored is the session as it goes to the store.
func (s *Session) toStore() Stored {
	c := s.cookie.appendTo(nil)
	out := Stored{JSON: s.json(c), Cookie: c}
	switch e := s.cookie.expires; {
	case e.date && !math.IsNaN(e.ms):
		out.Expires = time.UnixMilli(int64(e.ms))
	case e.truthy():
		// The peer's TTL takes a number for a date; its cookie does not.
		if n, ok := e.isNumber(); ok && math.Abs(n) < 8.64e15 {
			out.Expires = time.UnixMilli(int64(n))
		} else {
			out.NoDate = true
		}
	}
	return out
}
