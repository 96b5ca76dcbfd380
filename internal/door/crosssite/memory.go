package crosssite

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/hook"
)

const (
	// maxOrigins bounds the origins that are known; the one that was seen longest ago makes
	// room, and is refused until it asks again.
	maxOrigins = 256
	// maxCookies bounds the names of cookies that keep the state of sign-ons; further ones
	// count as ambient.
	maxCookies = 64
	maxName    = 128
	maxOrigin  = 256
	// approvalLasts is for how long an origin stays approved: the longest for which a
	// browser keeps what a preflight said.
	approvalLasts = 24 * time.Hour
	// refreshAfter is when seeing it again is worth writing down.
	refreshAfter = time.Hour
	// keepEvery is how often Keep is called at most.
	keepEvery = 10 * time.Second
)

// Learnt is what is worth keeping over a restart.
type Learnt struct {
	// Approvals are what the application said to other origins.
	Approvals []Approval `json:"approvals,omitempty"`
	// Cookies are names of cookies that keep the state of sign-ons, without what differs
	// from one to the next.
	Cookies []string `json:"cookies,omitempty"`
}

// An Approval is what the application said to one origin on one host.
type Approval struct {
	Host   string    `json:"host"`
	Origin string    `json:"origin"`
	Grant  Grant     `json:"grant"`
	Seen   time.Time `json:"seen"`
}

// A Grant is how much the application lets an origin do. Only Sends approves anything; of the
// others no more is known than the header that a refusal has to carry.
type Grant uint8

const (
	// Any: every origin may read, without credentials.
	Any Grant = iota
	// Reads: this one may read an answer with credentials. A page for widgets may say so to
	// whoever asks.
	Reads
	// Sends: this one may send with credentials what a form cannot, as a preflight was told.
	Sends
)

type place struct{ host, origin string }

// MemoryOptions configure a Memory.
type MemoryOptions struct {
	// Learnt is what was kept.
	Learnt Learnt
	// Keep is called with everything, now and then, when it has changed.
	Keep func(Learnt)
	// Say tells a person.
	Say func(format string, args ...any)
}

// A Memory outlives reloads. It is safe for concurrent use.
type Memory struct {
	o MemoryOptions

	mu      sync.RWMutex
	origins map[place]Approval
	cookies map[string]struct{}
	dirty   bool
	eager   bool // every change is kept at once
	kept    time.Time

	report report
}

// NewMemory makes a Memory of what was kept.
func NewMemory(o MemoryOptions) *Memory {
	m := &Memory{o: o, origins: map[place]Approval{}, cookies: map[string]struct{}{}}
	for _, a := range o.Learnt.Approvals {
		if len(m.origins) < maxOrigins && time.Since(a.Seen) < approvalLasts && !a.Seen.After(time.Now().Add(time.Minute)) {
			m.origins[place{a.Host, a.Origin}] = a
		}
	}
	for _, name := range o.Learnt.Cookies {
		if len(m.cookies) < maxCookies {
			m.cookies[name] = struct{}{}
		}
	}
	m.report.since = time.Now()
	return m
}

// approves tells whether the application lets origin send with credentials to host.
func (m *Memory) approves(host, origin string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	a, ok := m.origins[place{host, origin}]
	return ok && a.Grant == Sends && time.Since(a.Seen) < approvalLasts
}

// meant tells whether a cookie of this name keeps the state of a sign-on; see stateOf.
func (m *Memory) meant(name string) bool { return m.knows(stemOf(name)) }

func (m *Memory) knows(stem string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, ok := m.cookies[stem]
	return ok
}

// grant puts onto a refusal what the application answered this origin before, so that its
// script can read why.
func (m *Memory) grant(h http.Header, r *http.Request) {
	origin := r.Header["Origin"]
	if len(origin) != 1 {
		return
	}
	m.mu.RLock()
	a, ok := m.origins[place{hostOf(r), origin[0]}]
	m.mu.RUnlock()
	if !ok || time.Since(a.Seen) >= approvalLasts {
		return
	}
	h.Add("Vary", "Origin")
	if a.Grant == Any {
		h.Set("Access-Control-Allow-Origin", "*")
		return
	}
	h.Set("Access-Control-Allow-Origin", origin[0])
	h.Set("Access-Control-Allow-Credentials", "true")
}

// answered is the Judge phase: it sees the answer as the application gave it.
func (m *Memory) answered(a *hook.Answer) {
	if a.Kind != hook.Final || a.Status >= 500 {
		return
	}
	if lines := a.Header["Set-Cookie"]; len(lines) > 0 {
		m.learnCookies(lines)
	}
	allowed := a.Header["Access-Control-Allow-Origin"]
	origin := a.Request.Header["Origin"]
	if len(allowed) != 1 || len(origin) != 1 {
		return
	}
	switch credentials := a.Header["Access-Control-Allow-Credentials"]; {
	case allowed[0] == "*":
		m.learn(place{hostOf(a.Request), origin[0]}, Any)
	case allowed[0] != origin[0] || len(credentials) != 1 || credentials[0] != "true":
	case a.Request.Method == http.MethodOptions && len(a.Request.Header["Access-Control-Request-Method"]) > 0:
		m.learn(place{hostOf(a.Request), origin[0]}, Sends)
	default:
		m.learn(place{hostOf(a.Request), origin[0]}, Reads)
	}
}

func (m *Memory) learn(p place, grant Grant) {
	// "null" is nobody's, and the site's own origin needs no approval.
	if len(p.origin) > maxOrigin || !strings.Contains(p.origin, "://") || strings.HasSuffix(p.origin, "://"+p.host) {
		return
	}
	if clean, _ := csrf.CleanOrigin(p.origin); clean != p.origin {
		return // no browser's
	}
	now := time.Now()
	m.mu.RLock()
	have, ok := m.origins[p]
	m.mu.RUnlock()
	if ok && have.Grant == grant && now.Sub(have.Seen) < refreshAfter {
		return
	}
	m.mu.Lock()
	if have, ok := m.origins[p]; ok && grant < have.Grant && now.Sub(have.Seen) < approvalLasts {
		m.mu.Unlock()
		return // another address of the application said more
	}
	if !ok && len(m.origins) >= maxOrigins {
		m.forgetOldest(grant)
	}
	if len(m.origins) < maxOrigins || ok {
		m.origins[p] = Approval{Host: p.host, Origin: p.origin, Grant: grant, Seen: now.UTC().Truncate(time.Second)}
	}
	m.changed(now)
}

// forgetOldest makes room for a grant, first among lesser ones, and never among greater:
// anybody can make an application say the least of them.
func (m *Memory) forgetOldest(grant Grant) {
	var oldest place
	var found *Approval
	for p, a := range m.origins {
		if a.Grant > grant {
			continue
		}
		if found == nil || a.Grant < found.Grant || a.Grant == found.Grant && a.Seen.Before(found.Seen) {
			oldest, found = p, &a
		}
	}
	if found != nil {
		delete(m.origins, oldest)
	}
}

// learnCookies believes the last that the application said of a name.
func (m *Memory) learnCookies(lines []string) {
	now := time.Now()
	for _, line := range lines {
		stem, state := stateOf(line, now)
		if stem == "" || len(stem) > maxName || m.knows(stem) == state {
			continue
		}
		m.mu.Lock()
		switch {
		case !state:
			delete(m.cookies, stem)
		case len(m.cookies) >= maxCookies:
			m.mu.Unlock()
			continue
		default:
			m.cookies[stem] = struct{}{}
		}
		m.changed(now)
	}
}

// saysNone tells SameSite=None among a cookie's attributes; the last one counts.
func saysNone(attributes string) bool {
	none := false
	for one := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(one, "=")
		if strings.EqualFold(strings.Trim(name, " \t"), "SameSite") {
			none = strings.EqualFold(strings.Trim(value, " \t"), "None")
		}
	}
	return none
}

// changed keeps what is known, unless that was just done. It is called with m.mu held, and
// gives it back.
func (m *Memory) changed(now time.Time) {
	m.dirty = true
	if !m.eager && now.Sub(m.kept) < keepEvery {
		m.mu.Unlock()
		return
	}
	m.kept = now
	m.keep()
}

// Eager has each change kept at once, or now and then as before: a door that hands over
// tells the next one in place of a file.
func (m *Memory) Eager(eager bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.eager = eager
}

// Add takes what another Memory has learnt, where it says more.
func (m *Memory) Add(learnt Learnt) {
	m.mu.Lock()
	for _, a := range learnt.Approvals {
		p := place{a.Host, a.Origin}
		have, ok := m.origins[p]
		if a.Grant <= Sends && (!ok && len(m.origins) < maxOrigins || ok && (a.Grant > have.Grant || a.Grant == have.Grant && a.Seen.After(have.Seen))) {
			m.origins[p] = a
		}
	}
	for _, name := range learnt.Cookies {
		if len(m.cookies) < maxCookies {
			m.cookies[name] = struct{}{}
		}
	}
	m.changed(time.Now())
}

// Close keeps what has not been kept yet.
func (m *Memory) Close() {
	m.mu.Lock()
	if !m.dirty {
		m.mu.Unlock()
		return
	}
	m.keep()
}

// keep is called with m.mu held, and gives it back.
func (m *Memory) keep() {
	m.dirty = false
	var all Learnt
	for _, a := range m.origins {
		all.Approvals = append(all.Approvals, a)
	}
	for name := range m.cookies {
		all.Cookies = append(all.Cookies, name)
	}
	m.mu.Unlock()
	slices.SortFunc(all.Approvals, func(a, b Approval) int {
		return strings.Compare(a.Host+" "+a.Origin, b.Host+" "+b.Origin)
	})
	slices.Sort(all.Cookies)
	if m.o.Keep != nil {
		m.o.Keep(all)
	}
}
