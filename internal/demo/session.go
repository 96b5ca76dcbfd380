package demo

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// secret signs the session cookie. It is not broken: a secret that everybody knows is
// nothing that a door could mend.
var secret = sync.OnceValue(rand.Text)

// cookieName is express-session's default. BROKEN ON PURPOSE (fingerprint, cookies).
const cookieName = "connect.sid"

// maxSessions and maxCart bound what visitors can fill. At the bound an arbitrary
// session is forgotten, and a cart takes no more.
const (
	maxSessions = 10_000
	maxCart     = 100
)

// memoryStore keeps sessions in a map. BROKEN ON PURPOSE (sessions): a restart forgets
// every login, nothing expires, and a second process knows nothing of it.
type memoryStore struct {
	mu   sync.Mutex
	byID map[string]*session
}

type session struct {
	mu    sync.Mutex
	user  string
	items []string
}

func newMemoryStore() *memoryStore { return &memoryStore{byID: map[string]*session{}} }

func (m *memoryStore) find(id string) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byID[id]
}

func (m *memoryStore) create() (string, *session) {
	raw := make([]byte, 24)
	rand.Read(raw) // never fails (crypto/rand)
	id, s := base64.RawURLEncoding.EncodeToString(raw), &session{}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.byID) >= maxSessions {
		for old := range m.byID {
			delete(m.byID, old)
			break
		}
	}
	m.byID[id] = s
	return id, s
}

// session finds the visitor's session or makes one, as saveUninitialized does: every
// visitor gets a cookie. BROKEN ON PURPOSE (cookies): no Secure, HttpOnly or SameSite,
// and a login keeps the id that was there before.
func (s *shop) session(w http.ResponseWriter, r *http.Request) *session {
	if c, err := r.Cookie(cookieName); err == nil {
		if id, ok := unsign(c.Value); ok {
			if found := s.sessions.find(id); found != nil {
				return found
			}
		}
	}
	id, made := s.sessions.create()
	w.Header().Add("Set-Cookie", cookieName+"="+url.QueryEscape("s:"+id+"."+signature(id))+"; Path=/")
	return made
}

// signature is the MAC of the cookie-signature package: base64 without padding.
func signature(id string) string {
	mac := hmac.New(sha256.New, []byte(secret()))
	mac.Write([]byte(id))
	return base64.RawStdEncoding.EncodeToString(mac.Sum(nil))
}

func unsign(value string) (id string, ok bool) {
	value, err := url.PathUnescape(value)
	if err != nil {
		return "", false
	}
	value, ok = strings.CutPrefix(value, "s:")
	dot := strings.LastIndexByte(value, '.')
	if !ok || dot < 0 {
		return "", false
	}
	return value[:dot], hmac.Equal([]byte(value[dot+1:]), []byte(signature(value[:dot])))
}

func (s *session) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user
}

func (s *session) login(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = user
}

func (s *session) cart() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.items...)
}

func (s *session) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) < maxCart {
		s.items = append(s.items, id)
	}
}

// buy empties the cart of a visitor who is logged in.
func (s *session) buy() (user string, items int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.user != "" {
		items, s.items = len(s.items), nil
	}
	return s.user, items
}
