package sessions

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// answer is one answer on its way out.
type answer struct {
	l      *Lift
	r      *http.Request
	v      *visit // nil: no session came in
	h      http.Header
	status int
	now    time.Time
	set    []setting
	added  []string
	killed []*held // whose sessions this answer has ended
}

// setting is one Set-Cookie line of the application's that is about a session.
type setting struct {
	at          int // in the header
	name, value string
	tail        string
	expires     int64
	deletes     bool
}

func (l *Lift) answered(a *hook.Answer) {
	if a.Kind == hook.Trailer {
		return
	}
	if a.Kind == hook.Informational && a.Status != http.StatusSwitchingProtocols {
		l.early(a.Header)
		return
	}
	v, _ := a.Value(visitKey{l}).(*visit)
	if v == nil && len(a.Header["Set-Cookie"]) == 0 {
		return
	}
	out := &answer{l: l, r: a.Request, v: v, h: a.Header, status: a.Status, now: time.Now()}
	if v != nil {
		out.r = v.r
	}
	out.read()
	out.end()
	if l.o.Mode == guard.Enforce {
		out.strip()
	}
	if l.seals {
		out.seal()
	}
	out.reissue()
	out.remove()
	if len(out.added) > 0 {
		a.Header["Set-Cookie"] = append(slices.Clone(a.Header["Set-Cookie"]), out.added...)
	}
}

// early keeps values that leave sealed from a 1xx. Browsers take no cookie from one.
func (l *Lift) early(h http.Header) {
	if !l.seals || len(h["Set-Cookie"]) == 0 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(h["Set-Cookie"]), func(text string) bool {
		name, value, _, _, _, ok := split(text, time.Now())
		return !ok || l.isSession(name, value)
	})
	h["Set-Cookie"] = kept
}

// read finds the lines that are about sessions.
func (a *answer) read() {
	lines := a.h["Set-Cookie"]
	var names []string
	all := make([]setting, 0, len(lines))
	for i, text := range lines {
		s := setting{at: i}
		var ok bool
		if s.name, s.value, s.tail, s.expires, s.deletes, ok = split(text, a.now); ok {
			all = append(all, s)
			names = append(names, a.l.o.Cookies.Own(s.name))
		}
	}
	a.l.learn(cookie.KeygripPairs(names))
	for _, s := range all {
		if a.l.isSession(s.name, s.value) && !strings.Contains(strings.ToLower(s.tail), "; domain=") {
			a.set = append(a.set, s)
		}
	}
}

// learn remembers the names of Keygrip pairs.
func (l *Lift) learn(names []string) {
	for _, name := range names {
		l.mu.RLock()
		known := l.pairs[name]
		l.mu.RUnlock()
		if known {
			continue
		}
		l.mu.Lock()
		if len(l.pairs) < maxPairs {
			l.pairs[name] = true
		}
		l.mu.Unlock()
	}
}

// sets returns what the application says about a cookie in this answer: the value that it
// gives, or that it deletes it; nil when it says nothing.
func (a *answer) sets(name string) *setting {
	own := a.l.o.Cookies.Own
	var said *setting
	for i := range a.set {
		if s := &a.set[i]; own(s.name) == own(name) && (said == nil || said.deletes) {
			said = s
		}
	}
	return said
}

// deleted tells whether the application deletes a session. The cookie guard, too, deletes
// the one of two names that a client should no longer have.
func (a *answer) deleted(h *held) bool {
	if s := a.sets(h.name); s == nil || !s.deletes {
		return false
	}
	own := a.l.o.Cookies.Own
	for i := range a.v.held {
		o := &a.v.held[i]
		if own(o.name) == own(h.name) && !slices.ContainsFunc(a.set, func(s setting) bool { return s.name == o.name && s.deletes }) {
			return false
		}
	}
	return true
}

// end notes which sessions this answer ends.
func (a *answer) end() {
	if a.v == nil || a.l.o.Mode == guard.Off {
		return
	}
	o := &a.l.o
	out := o.logsOut(a.r, a.status)
	for i := range a.v.held {
		h := &a.v.held[i]
		s := a.sets(h.name)
		switch {
		case h.dropped != "":
			continue
		case out, a.deleted(h):
			a.kill(h, a.now)
		case s != nil && !s.deletes && a.another(h, s):
			// The application has given the session another id; what it has under the
			// old one may come back with a request that was under way.
			a.kill(h, a.now.Add(o.Grace))
		}
	}
}

// another tells whether the application gives a session another id.
func (a *answer) another(h *held, s *setting) bool {
	own := a.l.o.Cookies.Own(h.name)
	return cookie.HoldsID(own, h.value) && cookie.HoldsID(own, s.value) && identity(h.value) != identity(s.value)
}

func (a *answer) kill(h *held, from time.Time) {
	name := a.l.session(h)
	if name == "" {
		return
	}
	if a.l.o.Ended.kill(name, from, a.l.o.life()) {
		a.l.tell(a.r.Context(), "logout", guard.Noted, h.name, "the session was ended; what comes with it from now on is refused")
	}
	if !from.After(a.now) {
		a.killed = append(a.killed, h)
	}
}

// strip takes out lines that would bring an ended session back.
func (a *answer) strip() {
	var gone []int
	for i := range a.set {
		if s := &a.set[i]; !s.deletes && a.stale(s) {
			gone = append(gone, i)
		}
	}
	if len(gone) == 0 {
		return
	}
	kept := make([]string, 0, len(a.h["Set-Cookie"]))
	for at, text := range a.h["Set-Cookie"] {
		if !slices.ContainsFunc(gone, func(i int) bool { return a.set[i].at == at }) {
			kept = append(kept, text)
		}
	}
	a.h["Set-Cookie"] = kept
	a.set = nil // their places have changed
	a.read()
}

// stale tells whether a line of the application's would bring back what has ended, or what
// was before a login: it belongs to a request that was under way.
func (a *answer) stale(s *setting) bool {
	fresh := held{name: s.name}
	fresh.value = s.value
	if m, ok := a.l.mark(&fresh); ok && m.killed != 0 && a.now.UnixMilli() >= m.killed {
		a.l.tell(a.r.Context(), "resurrected", guard.Mended, s.name, "an answer would have brought an ended session back")
		return true
	}
	h := a.brought(s.name)
	if h == nil || slices.Contains(a.killed, h) {
		return false
	}
	m, _ := a.l.mark(h)
	switch {
	case m.killed != 0 && a.now.UnixMilli() >= m.killed && !a.another(h, s) && !a.l.o.logsIn(a.r, a.status):
		a.l.tell(a.r.Context(), "resurrected", guard.Mended, s.name, "an answer would have brought an ended session back")
		return true
	case a.l.seals && m.login > h.renewed && !a.another(h, s): // a login sent twice, too
		a.l.tell(a.r.Context(), "overtaken", guard.Mended, s.name, "an answer to a request from before a login would have taken the place of what came after")
		return true
	}
	return false
}

// seal puts sealed values into the application's lines.
func (a *answer) seal() {
	lines := slices.Clone(a.h["Set-Cookie"])
	for i := range a.set {
		s := &a.set[i]
		if s.deletes {
			continue
		}
		t := token{created: a.now.UnixMilli(), renewed: a.now.UnixMilli(), seen: a.now.UnixMilli(), expires: s.expires, tail: s.tail, value: s.value}
		if h := a.brought(s.name); h == nil || slices.Contains(a.killed, h) || a.another(h, s) && a.r.Method == http.MethodPost {
			rand.Read(t.id[:]) // a session of its own; never fails (crypto/rand)
		} else {
			t.id, t.created, t.renewed = h.id, h.created, h.renewed
			a.renew(h, &t)
		}
		text := a.sealed(s.name, &t)
		if len(text) > cookie.MaxLine {
			a.l.tell(a.r.Context(), "too-large", guard.Noted, s.name, "sealed it would be more than browsers keep; left as it is")
			continue
		}
		lines[s.at] = text
		a.l.tell(a.r.Context(), "sealed", guard.Mended, s.name, "left sealed")
	}
	a.h["Set-Cookie"] = lines
}

func (a *answer) sealed(name string, t *token) string {
	plain := t.append(make([]byte, 0, tokenHead+2+len(t.tail)+len(t.value)))
	return line(name, string(a.l.sealer.Seal(nil, a.l.o.Cookies.Own(name), plain)), t.tail, t.expires)
}

// brought returns the sealed cookie of a name that came in and was let in.
func (a *answer) brought(name string) *held {
	if a.v == nil {
		return nil
	}
	own := a.l.o.Cookies.Own
	for i := range a.v.held {
		if h := &a.v.held[i]; h.sealed && h.dropped == "" && own(h.name) == own(name) {
			return h
		}
	}
	return nil
}

// renew makes the cookie a new one when it is time, or at a login, and tells whether.
func (a *answer) renew(h *held, t *token) bool {
	o := &a.l.o
	due := o.Renewal > 0 && a.now.UnixMilli() >= h.renewed+o.Renewal.Milliseconds()
	login := o.logsIn(a.r, a.status)
	if !due && !login {
		return false
	}
	renewed, ok := o.Ended.supersede(a.l.session(h), h.renewed, a.now, login, o.life())
	if !ok {
		return false
	}
	t.renewed = renewed
	rule := "renewed"
	if login {
		rule = "login"
		t.created = a.now.UnixMilli()
	}
	a.l.tell(a.r.Context(), rule, guard.Mended, h.name, "the client was handed a new cookie; the one it had is refused after the grace")
	return true
}

// reissue hands cookies out that the application has said nothing about: new ones for
// those that need it, and the application's own where values are no longer sealed.
func (a *answer) reissue() {
	if a.v == nil || a.status >= 400 {
		return // a refusal is no word that the application knew the session
	}
	for i := range a.v.held {
		h := &a.v.held[i]
		if h.dropped != "" || a.sets(h.name) != nil || slices.Contains(a.killed, h) {
			continue
		}
		text := a.fresh(h)
		if text == "" || len(text) > cookie.MaxLine || !cookie.KeepFromSharedCaches(a.h) {
			continue
		}
		a.added = append(a.added, text)
	}
}

// fresh returns the line that a client is to get for what it holds; empty for none.
func (a *answer) fresh(h *held) string {
	switch {
	case !a.l.seals && h.sealed:
		a.l.tell(a.r.Context(), "restored", guard.Mended, h.name, "the client was handed the application's own value")
		return line(h.name, h.value, h.tail, h.expires)
	case !a.l.seals:
		return ""
	case !h.sealed:
		tail, ok := a.l.o.Cookies.Attributes(h.name)
		if !ok {
			return "" // it is sealed when the application sets it
		}
		now := a.now.UnixMilli()
		a.l.tell(a.r.Context(), "sealed", guard.Mended, h.name, "the client's cookie was sealed")
		t := token{created: now, renewed: now, seen: now, tail: tail, value: h.value}
		rand.Read(t.id[:])
		return a.sealed(h.name, &t)
	}
	if m, _ := a.l.mark(h); m.login > h.renewed || m.killed != 0 {
		return "" // it is from before a login, or ends: it lives for the grace and no longer
	}
	t := h.token
	idle := a.l.o.Idle
	used := idle > 0 && a.now.UnixMilli() >= h.seen+(idle/10).Milliseconds()
	if renewed := a.renew(h, &t); !renewed && !used {
		return ""
	}
	t.seen = a.now.UnixMilli()
	return a.sealed(h.name, &t)
}

// remove takes cookies from the client that were not let in, or have just ended.
func (a *answer) remove() {
	if a.v == nil || a.l.o.Mode != guard.Enforce {
		return
	}
	var removed []string
	for i := range a.v.held {
		h := &a.v.held[i]
		if !a.over(h) || h.dropped == "unsealed" || a.sets(h.name) != nil || slices.Contains(removed, h.name) {
			continue
		}
		// One that is good may stand beside it under the same name.
		if slices.ContainsFunc(a.v.held, func(o held) bool { return o.name == h.name && o.raw != h.raw && o.dropped == "" }) {
			continue
		}
		if !cookie.KeepFromSharedCaches(a.h) {
			return
		}
		removed = append(removed, h.name)
		tail := h.tail
		if !h.sealed {
			var ok bool
			if tail, ok = a.l.o.Cookies.Attributes(h.name); !ok {
				tail = "; Path=/"
			}
		}
		a.added = append(a.added, h.name+"="+tail+"; Max-Age=0")
	}
}

// over tells whether a cookie was not let in, or its session has just ended.
func (a *answer) over(h *held) bool { return h.dropped != "" || slices.Contains(a.killed, h) }
