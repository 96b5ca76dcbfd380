package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/guard"
)

var (
	// ErrHeaderSent is returned by what would need a Set-Cookie after the answer's header
	// has left: a first change, Regenerate, Authenticate. Nothing is changed then.
	ErrHeaderSent = errors.New("session: the answer's header has left, so its cookie cannot be set")
	// ErrTooLarge is returned for data over Options.MaxBytes. Nothing is changed then.
	ErrTooLarge = errors.New("session: too large")
)

// A Session is the session of one request. Like the request's ResponseWriter it belongs
// to one goroutine at a time, and it is not to be kept after the handler has returned.
//
// A method that returns an error of the store need not be followed by more: the answer
// will be 503.
type Session[T any] struct {
	request
	value   T
	decoded bool
	// edits are run again on what another request has saved meanwhile. A nil stands for
	// Set, which is merged instead.
	edits []func(*T) error
	first [1]func(*T) error
}

// Get returns the data; the zero T while there is none. What maps and slices within point
// to must not be changed: use Update. Data that does not decode into a T, as after a
// change of the type, is told and taken for none.
func (s *Session[T]) Get() (T, error) {
	if err := s.load(); err != nil {
		var none T
		return none, err
	}
	s.decode()
	return s.value, nil
}

func (s *Session[T]) decode() {
	if s.decoded {
		return
	}
	s.decoded = true
	var none T
	s.value = none
	if len(s.now.data) == 0 {
		return
	}
	if err := json.Unmarshal(s.now.data, &s.value); err != nil {
		s.value = none
		s.tell("undecodable", guard.Failed, "its data does not fit the type and is taken for none", err)
	}
}

// Update changes the data through f, which may do nothing else than change *T: when
// another request has changed the session meanwhile, f runs again on what that one saved,
// so that neither change is lost. An error of f is returned and leaves the data as it
// was; a later error ends the answer with 503.
func (s *Session[T]) Update(f func(*T) error) error {
	if err := s.writable(); err != nil {
		return err
	}
	s.decode()
	before, err := s.foreign()
	if err != nil {
		return err
	}
	if err := f(&s.value); err != nil {
		s.decoded = false
		return err
	}
	if err := s.encode(before); err != nil {
		return err
	}
	if s.edits == nil {
		s.edits = s.first[:0]
	}
	s.edits = append(s.edits, f)
	return nil
}

// Set replaces the data. When another request has changed the session meanwhile, the
// members that differ between what this request read and v are changed in what that one
// saved.
func (s *Session[T]) Set(v T) error {
	if err := s.writable(); err != nil {
		return err
	}
	s.decode()
	before, err := s.foreign()
	if err != nil {
		return err
	}
	s.value = v
	if err := s.encode(before); err != nil {
		return err
	}
	s.edits = append(s.edits, nil)
	return nil
}

// foreign returns the data as this type writes it, when something else wrote it: members
// that T lacks are not in it, and are kept.
func (s *Session[T]) foreign() ([]byte, error) {
	if len(s.now.data) == 0 || s.now.shape == s.c.shape {
		return nil, nil
	}
	text, err := json.Marshal(&s.value)
	if err != nil {
		s.decoded = false
		return nil, fmt.Errorf("session: encode the data: %w", err)
	}
	return text, nil
}

// encode puts the value into the envelope.
func (s *Session[T]) encode(before []byte) error {
	text, err := json.Marshal(&s.value)
	if err != nil {
		s.decoded = false
		return fmt.Errorf("session: encode the data: %w", err)
	}
	shape := s.c.shape
	if before != nil {
		text, shape = merge(before, text, s.now.data), s.now.shape
	}
	if bytes.Equal(text, s.now.data) {
		return nil
	}
	if err := s.put(text, s.now.flash); err != nil {
		s.decoded = false
		return err
	}
	s.now.shape = shape
	return nil
}

// again makes this request's changes once more, on data that another request has saved.
func (s *Session[T]) again(fresh *envelope) error {
	mine := s.now.data
	base := s.before().data
	merged := len(s.edits) == 0
	for _, f := range s.edits {
		merged = merged || f == nil
	}
	s.decoded = false
	s.now.data, s.now.shape = fresh.data, fresh.shape
	if merged {
		s.now.data = merge(base, mine, fresh.data)
		return nil
	}
	s.decode()
	for _, f := range s.edits {
		before, err := s.foreign()
		if err != nil {
			return err
		}
		if err := f(&s.value); err != nil {
			return err
		}
		if err := s.encode(before); err != nil {
			return err
		}
	}
	return nil
}

// IsNew tells whether the client came without a session that is good.
func (s *Session[T]) IsNew() (bool, error) {
	err := s.load()
	return !s.live && !s.adopted, err
}

// Regenerate gives the session a new id, with its data or without: call it whenever what
// the session may do grows or shrinks. The id of before sees the data of before for
// Timeouts.Grace, for requests under way, and then nothing.
//
// Source: OWASP Session Management Cheat Sheet, "Renew the Session ID After Any Privilege
// Level Change".
func (s *Session[T]) Regenerate(data Data) error {
	if err := s.movable(); err != nil {
		return err
	}
	if data == Drop {
		s.drop()
		s.decoded, s.edits = false, nil
	}
	s.move = moveSplit
	return nil
}

// Data says what becomes of a session's data when its id changes.
type Data bool

const (
	// Keep lets the data go along.
	Keep Data = false
	// Drop begins with none, and no user.
	Drop Data = true
)

// Authenticate notes that the visitor has proved to be user, and gives the session a new
// id, as Regenerate with Keep does. Timeouts.Absolute begins anew. Label is what a list
// of the user's sessions shows of this one, such as the browser's name; at most 256
// bytes are kept. User is your own name for the user, not empty.
func (s *Session[T]) Authenticate(user, label string) error {
	if user == "" || len(user) > maxUser {
		return fmt.Errorf("session: Authenticate: the user's name has %d bytes, want 1 to %d", len(user), maxUser)
	}
	if err := s.movable(); err != nil {
		return err
	}
	return s.authenticate(user, label)
}

// User returns the user that Authenticate was last given; empty for a visitor.
func (s *Session[T]) User() (string, error) {
	err := s.load()
	return string(s.now.user), err
}

// AuthenticatedAt returns when Authenticate was last called; zero for a visitor.
func (s *Session[T]) AuthenticatedAt() (time.Time, error) {
	if err := s.load(); err != nil || s.now.authenticated == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(s.now.authenticated), nil
}

// Key returns the name under which the session stands in the store and in Manager.List.
// It is zero while there is no session.
func (s *Session[T]) Key() (Key, error) {
	err := s.load()
	return s.key, err
}

// Expires returns when the session ends if it is not used again.
func (s *Session[T]) Expires() (time.Time, error) {
	if err := s.load(); err != nil || !s.live {
		return time.Time{}, err
	}
	return s.now.end(s.clock(), &s.c.timeouts), nil
}

// SetTimeouts gives this session ends of its own, as for "keep me logged in": whole
// seconds, zero for those of the options.
func (s *Session[T]) SetTimeouts(idle, absolute time.Duration) error {
	if idle < 0 || absolute < 0 || idle > maxTimeout || absolute > maxTimeout {
		return fmt.Errorf("session: SetTimeouts: %v and %v, want zero to ten years", idle, absolute)
	}
	if err := s.writable(); err != nil {
		return err
	}
	s.edit()
	s.now.idle, s.now.absolute = uint32(idle/time.Second), uint32(absolute/time.Second)
	s.dirty, s.cookie = true, true
	return nil
}

// Touch counts as a use of the session, as any other method does, and moves the expiry
// at once however recently it was moved.
func (s *Session[T]) Touch() error {
	err := s.load()
	s.touch = true
	return err
}

// Destroy ends the session: nothing brings it back, whatever other requests are under
// way. The client's cookie is removed with the answer. A change after it begins a new
// session.
func (s *Session[T]) Destroy() error {
	err := s.destroy()
	s.decoded, s.edits = false, nil
	return err
}

// Save saves now what has been changed, for a handler that goes on for long. It returns
// ErrHeaderSent when that needs a cookie and the header has left.
func (s *Session[T]) Save() error {
	if err := s.load(); err != nil {
		return err
	}
	if s.left && s.cookieDue() {
		return ErrHeaderSent
	}
	return s.save()
}

// Commit saves the session and puts its cookie into h. It is for code that writes its own
// header after Hijack, as some WebSocket packages do; everybody else need not call it.
func (s *Session[T]) Commit(h http.Header) error {
	if s.left {
		return ErrHeaderSent
	}
	s.left = true
	if err := s.save(); err != nil {
		return err
	}
	s.write(h)
	return nil
}

// AddFlash keeps a text for the next request that asks for its kind.
func (s *Session[T]) AddFlash(kind, text string) error {
	if err := s.writable(); err != nil {
		return err
	}
	all := s.flashes()
	all[kind] = append(all[kind], text)
	return s.putFlash(all)
}

// Flashes returns the texts of a kind and forgets them.
func (s *Session[T]) Flashes(kind string) ([]string, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	all := s.flashes()
	texts := all[kind]
	if len(texts) == 0 {
		return nil, nil
	}
	delete(all, kind)
	return texts, s.putFlash(all)
}
