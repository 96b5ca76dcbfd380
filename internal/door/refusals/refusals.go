// Package refusals remembers why requests were refused, by the id that stands on their page,
// so that panoply why can tell.
//
//	all := refusals.New()
//	all.Note(refusals.Refusal{ID: id, …})
//	one, ok := all.Find(id)
//
// It holds the last [Max] in memory. Under a flood of refusals the older ones are lost here;
// the access log has them all.
package refusals

import (
	"strings"
	"sync"
	"time"
)

// Max is how many refusals are remembered: about 2 MB.
const Max = 4096

// A Refusal is one request that was not let through, or could not be answered. Its texts are
// bounded and fit for a terminal: whoever makes one sees to that.
type Refusal struct {
	ID   string    `json:"id"`
	Time time.Time `json:"time"`
	// Guard is the name under which it is switched off; empty for an exchange with the
	// application that failed.
	Guard    string `json:"guard,omitempty"`
	Practice string `json:"practice,omitempty"`
	Rule     string `json:"rule"`
	Status   int    `json:"status"`
	// Field is what of the request decided; empty for all of it.
	Field string `json:"field,omitempty"`
	// Shape is what was seen, without values that may be secret.
	Shape string `json:"shape,omitempty"`
	// Cause is for the operator only.
	Cause  string `json:"cause,omitempty"`
	Method string `json:"method"`
	Host   string `json:"host"`
	// Path is the target, with the names of its query and not their values.
	Path   string `json:"path"`
	Client string `json:"client,omitempty"`
	// From is the origin that made the browser send it, as far as it says.
	From string `json:"from,omitempty"`
}

// A Log is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	ring [Max]Refusal
	next int
	at   map[string]int
}

// New returns an empty Log.
func New() *Log { return &Log{at: map[string]int{}} }

// Note remembers r; of two with one id the later counts.
func (l *Log) Note(r Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.at[r.ID]; ok {
		l.ring[i] = r
		return
	}
	if old := l.ring[l.next].ID; old != "" {
		delete(l.at, old)
	}
	l.ring[l.next] = r
	l.at[r.ID] = l.next
	l.next = (l.next + 1) % Max
}

// Find returns the refusal with an id, or with the only id that begins so in six digits or
// more: people read ids out on the telephone.
func (l *Log) Find(id string) (Refusal, bool) {
	id = strings.ToLower(strings.TrimSpace(id))
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.at[id]; ok {
		return l.ring[i], true
	}
	if len(id) < 6 {
		return Refusal{}, false
	}
	found, n := Refusal{}, 0
	for i := range l.ring {
		if strings.HasPrefix(l.ring[i].ID, id) {
			found, n = l.ring[i], n+1
		}
	}
	return found, n == 1
}

// Recent returns up to n of the last, the latest first.
func (l *Log) Recent(n int) []Refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Refusal{}
	for i := range min(n, Max) {
		r := l.ring[(l.next-1-i+2*Max)%Max]
		if r.ID == "" {
			break
		}
		out = append(out, r)
	}
	return out
}
