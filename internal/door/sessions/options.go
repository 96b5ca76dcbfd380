package sessions

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

// Options configure a Lift.
type Options struct {
	// Mode: Enforce does what the package says. Observe tells which logouts it would have
	// made final, and changes nothing. Off does nothing. In each of these, cookies that
	// were sealed before are opened, so that switching does not log anybody out.
	Mode guard.Mode
	// Cookies is the guard that knows which cookies hold sessions. Required.
	Cookies *cookie.Guard
	// Key seals and hashes; 32 bytes. Required.
	Key []byte
	// Ended is the memory of what has ended. It outlives the Lift. Required.
	Ended *Ended
	// Sink receives what is done. Values are never in it.
	Sink guard.Sink

	// Unsealed leaves values as the application sets them, which also means no timeouts
	// and no new cookies: those need the seal.
	Unsealed bool
	// Restore hands the application's own values back.
	Restore bool
	// Since is when values were first sealed, and Migrate how long from then on those that
	// are not are let in.
	Since   time.Time
	Migrate time.Duration
	// Idle and Absolute end a session that is not used, or at all. Zero: never.
	Idle, Absolute time.Duration
	// Renewal is how often a client gets a new cookie. Zero: at a login only.
	Renewal time.Duration
	// Grace is how long an older cookie is still taken, for requests under way.
	Grace time.Duration
	// Login and Logout are paths, in place of those that are known by their last segment.
	Login, Logout []string
}

// forever is how long a session is remembered as ended that has no end of its own.
const forever = 30 * 24 * time.Hour

// life is how long what has ended must be remembered.
func (o *Options) life() time.Duration {
	if o.Absolute > 0 {
		return o.Absolute
	}
	return forever
}

var (
	loginNames  = []string{"login", "log-in", "log_in", "signin", "sign-in", "sign_in", "authenticate", "session", "sessions"}
	logoutNames = []string{"logout", "log-out", "log_out", "signout", "sign-out", "sign_out", "logoff", "log-off", "signoff", "sign-off"}
)

// route tells whether a request is to one of the paths, or to one whose last segment is
// one of the names where no path is given.
func route(r *http.Request, paths, names []string) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if len(paths) > 0 {
		return slices.ContainsFunc(paths, func(p string) bool { return strings.TrimSuffix(p, "/") == path })
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, last) })
}

// logsIn tells whether an answer is that of a login. One that has failed counts as well:
// the client gets a new cookie for nothing.
func (o *Options) logsIn(r *http.Request, status int) bool {
	return r.Method == http.MethodPost && status < 400 && route(r, o.Login, loginNames)
}

// logsOut tells whether an answer is that of a logout. A page that only asks whether to log
// out is answered 200 to GET.
func (o *Options) logsOut(r *http.Request, status int) bool {
	switch r.Method {
	case http.MethodPost, http.MethodDelete:
		return status < 400 && route(r, o.Logout, logoutNames)
	case http.MethodGet:
		return status >= 300 && status < 400 && status != http.StatusNotModified && route(r, o.Logout, logoutNames)
	}
	return false
}
