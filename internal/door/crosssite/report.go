package crosssite

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

const (
	maxEntries = 256
	maxPath    = 120
)

// A Report is what was refused, or would be, and by what requests were told apart.
type Report struct {
	// All tells that everything is refused, in place of forms with a credential only.
	All   bool      `json:"all"`
	Mode  string    `json:"mode"`
	Since time.Time `json:"since"`
	// Sources counts the requests that are not safe, by what their clients said.
	Sources csrf.Sources `json:"sources"`
	Entries []Entry      `json:"entries"`
	// Dropped counts refusals that found no room among the entries.
	Dropped uint64 `json:"dropped,omitempty"`
}

// Would returns the entries of which some passed that would be refused. It is not sure where
// others found no room: anybody can fill the list.
func (r *Report) Would() (entries []Entry, sure bool) {
	for _, e := range r.Entries {
		if e.Observed > 0 {
			entries = append(entries, e)
		}
	}
	return entries, r.Dropped == 0
}

// An Entry is one kind of request that was refused, or would be.
type Entry struct {
	Rule string `json:"rule"`
	// Route is the method and the path; what looks like an id in it is "{id}".
	Route string `json:"route"`
	// From is the origin, "null", or empty where nothing was said.
	From string `json:"from,omitempty"`
	// Refused counts those that were refused, Observed those that passed.
	Refused  uint64    `json:"refused"`
	Observed uint64    `json:"observed"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	// Shape is what it looks like, such as "a SAML answer"; empty for nothing special.
	Shape string `json:"shape,omitempty"`
	// Line lets it pass, if it is expected.
	Line string `json:"line,omitempty"`
}

type entryKey struct{ rule, route, from string }

type report struct {
	mu      sync.Mutex
	since   time.Time
	entries map[entryKey]*Entry
	dropped uint64
	before  csrf.Sources // of guards of before
	guard   *csrf.Guard
}

// counts makes g the guard whose counts are shown; those of before are added to them.
func (m *Memory) counts(g *csrf.Guard) {
	m.report.mu.Lock()
	defer m.report.mu.Unlock()
	if m.report.guard == g {
		return
	}
	if m.report.guard != nil {
		m.report.before = add(m.report.before, m.report.guard.Sources())
	}
	m.report.guard = g
}

func add(a, b csrf.Sources) csrf.Sources {
	return csrf.Sources{FetchMetadata: a.FetchMetadata + b.FetchMetadata, Origin: a.Origin + b.Origin, Referer: a.Referer + b.Referer, None: a.None + b.None}
}

// Sources returns the counts since the door began.
func (m *Memory) Sources() csrf.Sources {
	m.report.mu.Lock()
	defer m.report.mu.Unlock()
	if m.report.guard == nil {
		return m.report.before
	}
	return add(m.report.before, m.report.guard.Sources())
}

// note counts a refusal, and announces a shape that it sees for the first time.
func (m *Memory) note(r *http.Request, rule string, refused bool) {
	key := entryKey{rule, route(r), ledger.Clean(csrf.Source(r), maxOrigin)}
	now := time.Now().UTC().Truncate(time.Second)
	m.report.mu.Lock()
	e := m.report.entries[key]
	fresh := e == nil
	if fresh {
		if len(m.report.entries) >= maxEntries {
			m.report.dropped++
			m.report.mu.Unlock()
			return
		}
		if m.report.entries == nil {
			m.report.entries = map[entryKey]*Entry{}
		}
		e = &Entry{Rule: rule, Route: key.route, From: key.from, First: now}
		m.report.entries[key] = e
	}
	e.Last = now
	if refused {
		e.Refused++
	} else {
		e.Observed++
	}
	m.report.mu.Unlock()
	if !fresh {
		return
	}
	shape := shapeOf(r)
	line := mend(rule, key, shape)
	m.report.mu.Lock()
	e.Shape, e.Line = shape, line
	m.report.mu.Unlock()
	if shape != "" && m.o.Say != nil {
		what := "it would be refused (panoply csrf)"
		if refused {
			what = "it was refused"
		}
		m.o.Say("csrf: %s got what looks like %s from %s, and %s; if you expect it: %s", key.route, shape, cmp.Or(key.from, "nowhere"), what, line)
	}
}

// Entries returns what was, or would have been, refused, the most frequent first, and how
// many found no room.
func (m *Memory) Entries() (all []Entry, dropped uint64) {
	m.report.mu.Lock()
	defer m.report.mu.Unlock()
	all = make([]Entry, 0, len(m.report.entries))
	for _, e := range m.report.entries {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Refused+b.Observed, a.Refused+a.Observed), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.From, b.From))
	})
	return all, m.report.dropped
}

// Begin forgets what was, or would have been, refused: by other rules than those of now.
func (m *Memory) Begin() {
	m.report.mu.Lock()
	defer m.report.mu.Unlock()
	m.report.entries, m.report.dropped, m.report.since = nil, 0, time.Now()
}

// Since is when counting began.
func (m *Memory) Since() time.Time {
	m.report.mu.Lock()
	defer m.report.mu.Unlock()
	return m.report.since
}

// route is the method and the path, with "{id}" for what looks like one, so that a list of
// them stays short.
func route(r *http.Request) string {
	path := ""
	if r.URL != nil {
		path = r.URL.EscapedPath()
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if isID(s) {
			segments[i] = "{id}"
		}
	}
	return ledger.Clean(r.Method, 16) + " " + ledger.Clean(strings.Join(segments, "/"), maxPath)
}

// isID tells a number, or what is long and has digits in it.
func isID(s string) bool {
	digits := 0
	for i := 0; i < len(s); i++ {
		if '0' <= s[i] && s[i] <= '9' {
			digits++
		}
	}
	return digits > 0 && digits == len(s) || len(s) >= 16 && digits >= 4
}
