package cookiesession

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/jsobject"
)

// A Session is req.session of the peer: members by name, in the order in which they were
// set. It belongs to one request and is used by one goroutine at a time.
type Session struct {
	m       *Manager
	r       *http.Request
	outer   *Session // of another Manager further out
	options Cookie

	state   state
	members jsobject.Object
	value   string // as it came; empty for a new one
	came    []byte // in Strict: the JSON as it came
	resign  bool   // an old key signed it
	forged  bool   // a wrong signature came
	had     bool   // in Strict: Replace took the place of a loaded session
	left    bool
}

type state uint8

const (
	untouched state = iota // not asked for
	fresh                  // new
	loaded
	unset
)

// read returns the value of a request's session cookie, when its signature is good, and
// the number of the key.
func (m *Manager) read(r *http.Request) (value string, key int, ok bool) {
	lines := r.Header["Cookie"]
	value, ok = find(lines, m.o.Name)
	if !ok || value == "" {
		return "", 0, false
	}
	value = fromLatin1(value)
	if m.keys == nil {
		return value, 0, true
	}
	sig, ok := find(lines, m.o.Name+".sig")
	if !ok || sig == "" {
		return value, none, false
	}
	if key = m.keys.Index(m.o.Name+"="+value, sig); key < 0 {
		return value, forged, false
	}
	return value, key, true
}

// What read says in the place of a key's number.
const (
	none   = -1 // there is no signature
	forged = -2
)

func (s *Session) load() {
	if s.state != untouched {
		return
	}
	s.state = fresh
	value, key, ok := s.m.read(s.r)
	switch {
	case !ok && key == none:
		s.tell("unsigned", guard.Noted, "a cookie without a signature")
		return
	case !ok && key == forged:
		s.tell("forged", guard.Noted, "a cookie that none of the keys has signed")
		s.forged = true
		return
	case !ok:
		return
	}
	if s.resign = key > 0; s.resign {
		s.value = value
		s.tell("rotated", guard.Noted, "signed by an old key; signed anew")
	}
	o, ok := decode(value, s.m.o.Mode)
	if !ok {
		s.tell("malformed", guard.Noted, "a signed cookie that holds no session")
		return
	}
	s.state, s.members, s.value = loaded, o, value
	if s.m.o.Mode == Strict {
		s.came = o.AppendTo(nil, nil)
	}
}

// byConnection is the peer's default for Secure.
func (s *Session) byConnection() Flag {
	if secure(s.r) {
		return True
	}
	return False
}

// IsNew tells whether the client came without a session that is good.
func (s *Session) IsNew() bool { return s.state != loaded }

// IsPopulated tells whether the session has members.
func (s *Session) IsPopulated() bool { return len(s.members) > 0 }

// IsChanged tells whether the session differs from what the client has.
func (s *Session) IsChanged() bool {
	switch {
	case s.state != loaded:
		return true
	case s.m.o.Mode == Strict:
		return string(s.came) != string(s.JSON())
	}
	return s.value != s.encoded()
}

// JSON returns the session as it would be sent.
func (s *Session) JSON() []byte { return s.members.AppendTo(make([]byte, 0, 128), nil) }

func (s *Session) encoded() string { return base64.StdEncoding.EncodeToString(s.JSON()) }

// Get returns a member as JSON; false when there is none.
func (s *Session) Get(name string) (json.RawMessage, bool) {
	v, ok := s.members.Get(name)
	return slices.Clone(v), ok
}

// Keys returns the names of the members, in order.
func (s *Session) Keys() []string {
	var names []string
	for _, m := range s.members {
		names = append(names, m.Name)
	}
	return names
}

// Decode reads the members into v, as json.Unmarshal does.
func (s *Session) Decode(v any) error {
	if err := json.Unmarshal(s.JSON(), v); err != nil {
		return fmt.Errorf("cookiesession: Decode: %w", err)
	}
	return nil
}

// Set gives a member a value, which is encoded as encoding/json does; a json.RawMessage is
// taken as it is. In Strict it is ErrTooLarge when the session would not fit its cookies,
// and the session stays as it was. Names that the peer's session has itself cannot be set.
func (s *Session) Set(name string, v any) error {
	if shadowed[name] {
		return fmt.Errorf("cookiesession: Set: %q is not a member that cookie-session can have", name)
	}
	text, err := jsobject.Stringify(v)
	if err != nil {
		return fmt.Errorf("cookiesession: Set %q: %w", name, err)
	}
	// Put changes in place.
	return s.change(append(jsobject.Object(nil), s.members...).Put(name, text))
}

// Delete removes a member.
func (s *Session) Delete(name string) error {
	if _, ok := s.members.Get(name); !ok {
		return nil
	}
	return s.change(s.members.Remove(name))
}

// change takes members, when the cookies can hold them and can still be sent.
func (s *Session) change(to jsobject.Object) error {
	if s.m.o.Mode == Strict {
		if s.left {
			return ErrHeaderSent
		}
		// What an app made too large can become smaller step by step.
		if n := s.bytes(to); n > s.m.o.MaxBytes && n >= s.bytes(s.members) {
			return s.tooLarge(n)
		}
	}
	if s.state == unset {
		s.state = fresh
	}
	s.members = to
	return nil
}

func (s *Session) tooLarge(n int) error {
	s.tell("too-large", guard.Failed, fmt.Sprintf("a change to %d bytes was refused", n))
	return fmt.Errorf("%w: %d bytes with names and attributes, at most %d", ErrTooLarge, n, s.m.o.MaxBytes)
}

// bytes is what both Set-Cookie lines take.
func (s *Session) bytes(o jsobject.Object) int {
	text := base64.StdEncoding.EncodedLen(len(o.AppendTo(nil, nil)))
	line := len(s.options.line(s.m.o.Name, "x", true, clock())) - 1
	n := line + text
	if s.m.keys != nil {
		n += line + len(".sig") + len(s.m.keys.Sign(""))
	}
	return n
}

// Replace makes the session one of v's members, as the peer's req.session = v. V is encoded
// to a JSON object.
func (s *Session) Replace(v any) error {
	text, err := jsobject.Stringify(v)
	if err != nil {
		return fmt.Errorf("cookiesession: Replace: %w", err)
	}
	o, ok := jsobject.Parse(text)
	if !ok {
		return fmt.Errorf("cookiesession: Replace: %T is no object", v)
	}
	o = slices.DeleteFunc(o, func(m jsobject.Member) bool { return shadowed[m.Name] })
	had := s.had || s.state == loaded
	if err := s.change(o); err != nil {
		return err
	}
	s.state = fresh
	s.had = had && s.m.o.Mode == Strict
	return nil
}

// Unset is the peer's req.session = null: both cookies are removed. It is ErrHeaderSent in
// Strict when the header has left.
func (s *Session) Unset() error {
	if s.left && s.m.o.Mode == Strict {
		return ErrHeaderSent
	}
	s.state, s.members = unset, nil
	return nil
}

// SetOptions gives this answer's cookies other attributes, as the peer's
// req.sessionOptions. In Strict it is ErrHeaderSent or ErrTooLarge where a change is.
func (s *Session) SetOptions(o Cookie) error {
	if s.left && s.m.o.Mode == Strict {
		return ErrHeaderSent
	}
	if s.m.o.Mode == Strict {
		o = o.strict()
	}
	p := guard.Problems{Package: "cookiesession"}
	o.problems(&p, s.m.o.Mode, s.m.o.Name)
	if err := p.Err(); err != nil {
		return err
	}
	before := s.options
	s.options = o
	if s.m.o.Mode == Strict && s.due() {
		if n := s.bytes(s.members); n > s.m.o.MaxBytes {
			s.options = before
			return s.tooLarge(n)
		}
	}
	return nil
}

// due tells whether the answer will set a cookie.
func (s *Session) due() bool {
	switch s.state {
	case untouched:
		return false
	case unset:
		return true
	case loaded:
		return s.resign && s.m.o.Mode == Strict || s.IsChanged()
	}
	return s.IsPopulated() || s.had || s.forged && s.m.o.Mode == Strict
}

// commit writes the cookies into the header of the answer.
func (s *Session) commit(h http.Header) {
	if s.m.o.Mode == Compat {
		// The peer does so at the first use of the session, at "/" and without the options.
		sig, bare := s.m.o.Name+".sig", Cookie{Secure: s.byConnection()}
		if s.forged {
			push(h, sig, bare.line(sig, "", false, clock()), false)
		} else if s.resign {
			push(h, sig, bare.line(sig, s.m.keys.Sign(s.m.o.Name+"="+s.value), false, clock()), false)
		}
	}
	switch {
	case !s.due():
	case s.state == unset, s.forged && !s.IsPopulated():
		s.set(h, "")
	default:
		s.set(h, s.encoded())
	}
}

// set is the peer's cookies.set.
func (s *Session) set(h http.Header, value string) {
	byHTTPS := secure(s.r)
	o := s.options
	if value == "" && s.m.o.Mode == Strict {
		// A client that came by http brought no Secure cookie, and lets none be removed.
		o.Secure = s.byConnection()
	}
	if o.Secure == True && !byHTTPS {
		s.tell("insecure", guard.Failed, "a Secure cookie is not sent to a client that came by http: set clientip's Proxies when there is TLS in front")
		return
	}
	name, overwrite, now := s.m.o.Name, s.m.o.Overwrite != False, clock()
	push(h, name, o.line(name, value, byHTTPS, now), overwrite)
	if s.m.keys == nil {
		return
	}
	sig := s.m.keys.Sign(name + "=" + value)
	if value == "" {
		// The signature of nothing is a value of its own, and goes as well.
		o.MaxAge, o.Expires = nil, epoch
	}
	push(h, name+".sig", o.line(name+".sig", sig, byHTTPS, now), overwrite)
}
