package sessions

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// practice is the id under which the lift tells.
const practice = "sessions"

// A Lift opens session cookies on their way in and seals them on their way out. It is safe
// for concurrent use.
type Lift struct {
	o      Options
	sealer *cookie.Sealer
	seals  bool   // values leave sealed
	prefix string // of what this door has sealed, good or changed

	mu    sync.RWMutex
	pairs map[string]bool // own names of Keygrip pairs that were seen

	onAnswer hook.Func
}

const (
	// prefixLen is how many characters of a sealed value name the key.
	prefixLen = 5
	// maxHeld bounds how many session cookies of one request are looked at. The others are
	// not let in by a guard that enforces.
	maxHeld = 16
)

// maxPairs bounds what an application can make the lift remember.
const maxPairs = 64

// New makes a lift. The error joins one [guard.OptionError] for each wrong option.
func New(o Options) (*Lift, error) {
	p := guard.Problems{Package: "sessions"}
	if o.Cookies == nil {
		p.Add("Cookies", "", "a cookie guard", "")
	}
	if o.Ended == nil {
		p.Add("Ended", "", "what NewEnded returns", "")
	}
	for field, d := range map[string]time.Duration{"Idle": o.Idle, "Absolute": o.Absolute, "Renewal": o.Renewal, "Grace": o.Grace, "Migrate": o.Migrate} {
		if d < 0 {
			p.Add(field, d.String(), "zero or more", "")
		}
	}
	sealer, err := cookie.NewSealer(cookie.SealerOptions{Keys: [][]byte{o.Key}, Use: "door session/1"})
	p.Note(err)
	if err := p.Err(); err != nil {
		return nil, err
	}
	l := &Lift{o: o, sealer: sealer, pairs: map[string]bool{}}
	l.prefix = string(sealer.Seal(nil, "", nil))[:prefixLen]
	l.seals = o.Mode == guard.Enforce && !o.Unsealed && !o.Restore
	l.onAnswer = l.answered
	return l, nil
}

// visitKey finds what a request brought.
type visitKey struct{ l *Lift }

// A visit is one request with session cookies.
type visit struct {
	r    *http.Request // as the client sent it
	held []held
	more bool // than are looked at, which are not let in
}

// held is one session cookie that a client brought.
type held struct {
	name    string // as the client knows it
	raw     string // as it came
	token          // of a sealed one; of another only value is set
	sealed  bool
	dropped string // the rule for which the application does not see it
}

// Handler lets next see the application's own values and seals what it sets, in
// hook.Conceal, which is after the cookie guard's renaming.
func (l *Lift) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.On(hook.Conceal, l.onAnswer)
		if v := l.visit(r); v != nil {
			x.Set(visitKey{l}, v)
			r = l.inward(v)
		}
		next.ServeHTTP(w, r)
	})
}

// visit finds the session cookies of a request; nil when there is none.
func (l *Lift) visit(r *http.Request) *visit {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return nil
	}
	var v *visit
	var names []string
	now := time.Now()
	for name, value := range cookie.Pairs(lines) {
		h := held{name: name, raw: value}
		if plain, _, ok := l.sealer.Open(nil, l.o.Cookies.Own(name), value); ok && h.parse(plain) {
			h.sealed = true
		} else if l.isSession(name, value) {
			h.value = value
		} else {
			continue
		}
		if v == nil {
			v = &visit{r: r}
		}
		if len(v.held) == maxHeld {
			v.more = l.o.Mode == guard.Enforce
			break
		}
		v.held = append(v.held, h)
		names = append(names, l.o.Cookies.Own(name))
	}
	if v == nil {
		return nil
	}
	for i := range v.held {
		v.held[i].dropped = l.judge(&v.held[i], now)
	}
	for i := range v.held {
		h := &v.held[i]
		// A value that a sibling host planted beside a sealed one is not asked for, and
		// does not stand in for one that is over.
		if !h.sealed && h.dropped == "" && slices.ContainsFunc(v.held, func(o held) bool {
			return o.sealed && (l.seals || o.dropped == "") && l.o.Cookies.Own(o.name) == names[i]
		}) {
			h.dropped = "unsealed"
		}
	}
	return v
}

// changed tells whether a value was sealed here, and is not as it was.
func (l *Lift) changed(value string) bool {
	return strings.HasPrefix(value, l.prefix) && len(value) >= cookie.SealedLen(0)
}

// isSession tells whether a cookie holds a session of the application's.
func (l *Lift) isSession(name, value string) bool {
	if l.o.Cookies.IsSession(name, value) || l.changed(value) {
		return true
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.pairs[l.o.Cookies.Own(name)]
}

// identity is what names a session in a value, however that is written: express-session's
// id without the signature, which changes with the secret; else the value, decoded as
// frameworks do.
func identity(value string) string {
	decoded := cookie.Decode(value)
	if cookie.LooksSigned(value) {
		return decoded[:strings.LastIndexByte(decoded, '.')+1]
	}
	return decoded
}

// session names the session of a cookie for Ended: by its id where the application's value
// is one; else by what the door has sealed with it, since two sessions of one user may have
// the same value. It is empty for a value that is neither.
func (l *Lift) session(h *held) string {
	switch {
	case cookie.HoldsID(l.o.Cookies.Own(h.name), h.value):
		return "id " + identity(h.value)
	case h.sealed:
		return "sealed " + string(h.id[:])
	}
	return ""
}

// mark returns what is known of a cookie's session.
func (l *Lift) mark(h *held) (mark, bool) {
	name := l.session(h)
	if name == "" {
		return mark{}, false
	}
	return l.o.Ended.look(name)
}

// judge returns the rule for which a cookie is not let in; empty when it is.
func (l *Lift) judge(h *held, now time.Time) string {
	ms := now.UnixMilli()
	m, known := l.mark(h)
	if known && m.killed != 0 && ms >= m.killed {
		return "ended"
	}
	if !h.sealed {
		if l.changed(h.value) || l.seals && now.Sub(l.o.Since) >= l.o.Migrate {
			return "forged"
		}
		return ""
	}
	switch o := &l.o; {
	case h.expires != 0 && ms >= h.expires:
		return "expired"
	case !l.seals: // what was sealed is handed back as it is
		return ""
	case known && h.renewed < m.notBefore && ms >= m.notBefore+o.Grace.Milliseconds():
		return "superseded"
	case o.Absolute > 0 && ms >= h.created+o.Absolute.Milliseconds():
		return "expired-absolute"
	case o.Idle > 0 && ms >= h.seen+o.Idle.Milliseconds():
		return "expired-idle"
	}
	return ""
}

// what is told of each rule.
var what = map[string]string{
	"ended":            "a session that was ended came back",
	"forged":           "a value that the door has not sealed",
	"unsealed":         "a value that is not sealed came beside one that is",
	"expired":          "over the expiry that the application gave it",
	"superseded":       "an older cookie of a session came after a newer one was handed out",
	"expired-absolute": "over its absolute timeout",
	"expired-idle":     "not used for too long",
}

// inward returns the request that the application is to see.
func (l *Lift) inward(v *visit) *http.Request {
	change := v.more
	told := map[string]bool{}
	for i := range v.held {
		h := &v.held[i]
		if h.dropped != "" {
			action := guard.Denied
			if l.o.Mode != guard.Enforce && h.dropped == "ended" {
				action = guard.WouldDeny
			}
			if !told[h.dropped+h.name] {
				told[h.dropped+h.name] = true
				l.tell(v.r.Context(), h.dropped, action, h.name, what[h.dropped])
			}
			if action == guard.WouldDeny {
				h.dropped = ""
			}
		}
		change = change || h.sealed || h.dropped != ""
	}
	if !change {
		return v.r
	}
	at := 0
	header, changed := cookie.Rewrite(v.r.Header["Cookie"], func(name, value string) (string, string, bool) {
		// In the order in which visit found them.
		if at >= len(v.held) {
			return name, value, !v.more || !l.isSession(name, value)
		}
		if v.held[at].name != name || v.held[at].raw != value {
			return name, value, true
		}
		h := &v.held[at]
		at++
		if h.dropped != "" {
			return name, value, false
		}
		return name, h.value, true
	})
	if !changed {
		return v.r
	}
	r := new(http.Request)
	*r = *v.r
	r.Header = maps.Clone(v.r.Header)
	if header == "" {
		delete(r.Header, "Cookie")
	} else {
		r.Header["Cookie"] = []string{header}
	}
	return r
}

// tell sends one event about the cookie called name.
func (l *Lift) tell(ctx context.Context, rule string, action guard.Action, name, text string) {
	if l.o.Sink == nil && !slog.Default().Enabled(ctx, action.Level()) {
		return
	}
	l.o.Sink.Tell(ctx, guard.Event{Practice: practice, Rule: rule, Action: action, Request: hook.RequestID(ctx), Detail: name + ": " + text})
}
