package hardcheck

import (
	"net/http"
	"strings"
	"sync/atomic"
)

// loginsWithoutCookie is how many login posts without any cookie make the heuristic
// speak.
const loginsWithoutCookie = 3

// A Watch judges the application by the answers it gives. Each finding is told once.
// It is safe for concurrent use.
type Watch struct {
	tell      func(Finding)
	looped    atomic.Bool
	nodeEnv   atomic.Bool
	cookies   atomic.Bool // the application has set one, or a client sent one
	logins    atomic.Int32
	cookieHit atomic.Bool
}

// NewWatch returns a Watch that tells its findings to tell.
func NewWatch(tell func(Finding)) *Watch { return &Watch{tell: tell} }

// Answer looks at an answer of the application to a https client. It must be given the
// answer as the application sent it.
func (w *Watch) Answer(r *http.Request, status int, h http.Header) {
	if status >= 300 && status < 400 && !w.looped.Load() {
		if f, ok := redirect(status, h.Get("Location"), r.Host, r.URL.RequestURI()); ok && w.looped.CompareAndSwap(false, true) {
			w.tell(f)
		}
	}
	if w.cookies.Load() {
		return
	}
	if len(h["Set-Cookie"]) > 0 || len(r.Header["Cookie"]) > 0 {
		w.cookies.Store(true)
		return
	}
	if r.Method == http.MethodPost && status < 400 && loginPath(r.URL.Path) && w.logins.Add(1) >= loginsWithoutCookie &&
		w.cookieHit.CompareAndSwap(false, true) {
		w.tell(noCookie)
	}
}

// Stack is called when a guard has seen a stack trace on the wire.
func (w *Watch) Stack() {
	if w.nodeEnv.CompareAndSwap(false, true) {
		w.tell(NodeEnv)
	}
}

func loginPath(path string) bool {
	path = strings.ToLower(path)
	for _, word := range [...]string{"login", "signin", "sign-in", "sign_in", "session"} {
		if strings.Contains(path, word) {
			return true
		}
	}
	return false
}
