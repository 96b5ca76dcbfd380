// Package ledger counts what the guards tell: by guard, practice, rule and action, with
// a few examples each. The door keeps one for its whole life; a reload does not clear it.
//
//	l := ledger.New()
//	l.Note("cookies", event) // in the guard's Sink
//	rows := l.Guards()
//
// The keys come from the guards' fixed sets, never from a client; should a guard break
// that, entries beyond a bound are counted under the rule "other". Examples hold shapes
// and names as guards write them, cut and stripped of control characters.
package ledger

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/panoplysec/panoply/guard"
)

const (
	maxEntries  = 512
	maxExamples = 3
	maxExample  = 160
)

type key struct {
	guard, practice, rule string
	action                guard.Action
}

type entry struct {
	count    atomic.Uint64
	full     atomic.Bool
	mu       sync.Mutex
	examples []string
}

// A Ledger is safe for concurrent use.
type Ledger struct {
	mu      sync.RWMutex
	entries map[key]*entry
	seen    map[string]*atomic.Uint64
}

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{entries: map[key]*entry{}, seen: map[string]*atomic.Uint64{}}
}

// Note counts one event.
func (l *Ledger) Note(guardName string, e guard.Event) {
	en := l.entry(key{guardName, e.Practice, e.Rule, e.Action})
	en.count.Add(1)
	if e.Detail == "" || en.full.Load() {
		return
	}
	en.mu.Lock()
	defer en.mu.Unlock()
	if text := Clean(e.Detail, maxExample); len(en.examples) < maxExamples && !slices.Contains(en.examples, text) {
		en.examples = append(en.examples, text)
	}
	en.full.Store(len(en.examples) == maxExamples)
}

func (l *Ledger) entry(k key) *entry {
	l.mu.RLock()
	en := l.entries[k]
	full := len(l.entries) >= maxEntries
	l.mu.RUnlock()
	if en != nil {
		return en
	}
	if full {
		k.rule = "other"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if en = l.entries[k]; en == nil {
		en = &entry{}
		l.entries[k] = en
	}
	return en
}

// Seen returns the counter of requests that passed the named guard.
func (l *Ledger) Seen(guardName string) *atomic.Uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.seen[guardName]
	if n == nil {
		n = new(atomic.Uint64)
		l.seen[guardName] = n
	}
	return n
}

// Add adds what another ledger has told by Guards: that of the door before this one. What
// names no action is left out.
func (l *Ledger) Add(all []Guard) {
	for i := range all {
		g := &all[i]
		l.Seen(g.Name).Add(g.Seen)
		for _, r := range g.Rules {
			for a := guard.Noted; a <= guard.Failed; a++ {
				if a.String() == r.Action {
					l.add(key{g.Name, r.Practice, r.Rule, a}, r)
				}
			}
		}
	}
}

func (l *Ledger) add(k key, r Rule) {
	en := l.entry(k)
	en.count.Add(r.Count)
	en.mu.Lock()
	defer en.mu.Unlock()
	for _, text := range r.Examples {
		if text = Clean(text, maxExample); len(en.examples) < maxExamples && !slices.Contains(en.examples, text) {
			en.examples = append(en.examples, text)
		}
	}
	en.full.Store(len(en.examples) == maxExamples)
}

// A Rule is what one rule of a guard has come to.
type Rule struct {
	Practice string   `json:"practice"`
	Rule     string   `json:"rule"`
	Action   string   `json:"action"`
	Count    uint64   `json:"count"`
	Examples []string `json:"examples,omitempty"`
}

// A Guard is what one guard has come to.
type Guard struct {
	Name      string `json:"guard"`
	Seen      uint64 `json:"seen"`
	Noted     uint64 `json:"noted"`
	Mended    uint64 `json:"mended"`
	Denied    uint64 `json:"denied"`
	WouldMend uint64 `json:"would_mend"`
	WouldDeny uint64 `json:"would_deny"`
	Failed    uint64 `json:"failed"`
	Rules     []Rule `json:"rules,omitempty"`
}

// Guards returns all guards that were seen or told something, by name; rules by count.
func (l *Ledger) Guards() []Guard {
	l.mu.RLock()
	defer l.mu.RUnlock()
	all := map[string]*Guard{}
	of := func(name string) *Guard {
		g := all[name]
		if g == nil {
			g = &Guard{Name: name}
			all[name] = g
		}
		return g
	}
	for name, n := range l.seen {
		of(name).Seen = n.Load()
	}
	for k, en := range l.entries {
		g, n := of(k.guard), en.count.Load()
		switch k.action {
		case guard.Noted:
			g.Noted += n
		case guard.Mended:
			g.Mended += n
		case guard.Denied:
			g.Denied += n
		case guard.WouldMend:
			g.WouldMend += n
		case guard.WouldDeny:
			g.WouldDeny += n
		case guard.Failed:
			g.Failed += n
		}
		en.mu.Lock()
		g.Rules = append(g.Rules, Rule{k.practice, k.rule, k.action.String(), n, slices.Clone(en.examples)})
		en.mu.Unlock()
	}
	out := make([]Guard, 0, len(all))
	for _, g := range all {
		slices.SortFunc(g.Rules, func(a, b Rule) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Action, b.Action))
		})
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Guard) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

var eventsDesc = prometheus.NewDesc("panoply_guard_events_total",
	"What the guards told, by guard, practice, rule and action.", []string{"guard", "practice", "rule", "action"}, nil)

// Describe implements prometheus.Collector.
func (l *Ledger) Describe(ch chan<- *prometheus.Desc) { ch <- eventsDesc }

// Collect implements prometheus.Collector.
func (l *Ledger) Collect(ch chan<- prometheus.Metric) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for k, en := range l.entries {
		ch <- prometheus.MustNewConstMetric(eventsDesc, prometheus.CounterValue, float64(en.count.Load()),
			k.guard, k.practice, k.rule, k.action.String())
	}
}

// Clean makes text fit for a terminal or a log field: control characters, invalid UTF-8
// and what changes the direction of writing become "?", and it is cut to limit bytes.
func Clean(text string, limit int) string {
	plain := true
	for i := 0; i < len(text) && plain; i++ {
		plain = text[i] >= 0x20 && text[i] < 0x7f
	}
	if !plain {
		text = strings.Map(func(r rune) rune {
			if r == utf8.RuneError || !unicode.IsPrint(r) {
				return '?'
			}
			return r
		}, text)
	}
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
