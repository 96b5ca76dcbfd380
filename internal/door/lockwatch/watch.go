package lockwatch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
)

// The defaults of Options.
const (
	DefaultEvery = 24 * time.Hour
	DefaultPoll  = time.Minute
)

// Options say what is watched. The zero value watches nothing. They are comparable.
type Options struct {
	// Lockfile is the path of one that package lockfile reads.
	Lockfile string
	// Advisories are what package osv opens: a folder, a file, an index.
	Advisories string
	// Every is how often it is looked even where no file has changed. Zero means
	// DefaultEvery.
	Every time.Duration
	// Poll is how often it is looked whether a file has changed. Zero means DefaultPoll.
	Poll time.Duration
	// Webhook is told of changes, at an address of https or on loopback; empty is nobody.
	Webhook string
}

// Hooks are the watch's ways to others. Nil ones are left out. They are called on the
// watch's goroutine, one at a time.
type Hooks struct {
	// Tell hears of each look whose result is another than that of the look before: what
	// is new, and what is gone.
	Tell func(now *Status, fresh, gone []Finding)
	// Failed hears that the webhook did not take something.
	Failed func(error)
	// Keep stores what the webhook knows, and Kept is what was stored last: so that a
	// restart is no news.
	Keep func(known []string) error
	Kept []string
	// Cache is a folder for indexes of advisories; empty keeps none.
	Cache string
}

// A Status is the result of a look. It does not change.
type Status struct {
	Lockfile string
	At       time.Time
	// Err says why nothing is known; the rest is then empty.
	Err error
	// Packages are how many were looked up, by name and version. Unknown are those of which
	// the answer is not known, and Doubt says why of the first.
	Packages, Unknown int
	Doubt             string
	// Vulnerable are how many of them have a hole, by the severity of the worst.
	Vulnerable map[osv.Level]int
	Findings   []Finding
	// Advisories says what they are.
	Advisories osv.Meta
}

// A Finding is a package of a version under an advisory.
type Finding struct {
	Package, Version, Advisory string
	Aliases                    []string
	Level                      osv.Level
	Fixed                      []string
	Dev                        bool
}

// ID is the same for the same finding.
func (f Finding) ID() string { return f.Package + "@" + f.Version + " " + f.Advisory }

// A Watch is made by New and run once. Set and Status may be called at any time.
type Watch struct {
	hooks  Hooks
	client *http.Client
	pauses []time.Duration

	mu      sync.Mutex
	o       Options
	changed chan struct{}
	status  atomic.Pointer[Status]
}

// New makes a watch that watches nothing yet.
func New(h Hooks) *Watch {
	w := &Watch{hooks: h, client: newClient(), changed: make(chan struct{}, 1)}
	for p := time.Minute; p < time.Hour; p *= 2 {
		w.pauses = append(w.pauses, p)
	}
	w.pauses = append(w.pauses, time.Hour, time.Hour)
	return w
}

// Set replaces what is watched. It does not wait for a look that is under way.
func (w *Watch) Set(o Options) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.o == o {
		return
	}
	w.o = o
	w.status.Store(nil)
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Status is the result of the last look; nil where there was none yet.
func (w *Watch) Status() *Status { return w.status.Load() }

func (w *Watch) options() Options {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.o
	if o.Every <= 0 {
		o.Every = DefaultEvery
	}
	if o.Poll <= 0 {
		o.Poll = DefaultPoll
	}
	return o
}

// Run looks until ctx is done.
func (w *Watch) Run(ctx context.Context) {
	defer w.client.CloseIdleConnections()
	known := w.hooks.Kept
	var of Options
	var last *Status
	var stamp string
	var untold *message
	for {
		o := w.options()
		if o != of {
			of, last, stamp, untold = o, nil, "", nil
		}
		wait := o.Every // with nothing to watch Set wakes
		if o.Lockfile != "" {
			if now := stampOf(o); last == nil || now != stamp || time.Since(last.At) >= o.Every {
				stamp = now
				next := w.look(o)
				if w.options() != o {
					continue // it is no longer asked for
				}
				w.status.Store(next)
				w.tell(last, next)
				last = next
				if o.Webhook != "" {
					untold = newMessage(next, known)
				}
			}
			wait = min(o.Poll, o.Every-min(time.Since(last.At), o.Every))
		}
		if untold != nil && !time.Now().Before(untold.next) {
			known, untold = w.send(ctx, o.Webhook, known, untold)
		}
		if untold != nil {
			wait = min(wait, time.Until(untold.next))
		}
		pause := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-w.changed:
		case <-pause.C:
		}
		pause.Stop()
	}
}

// stampOf changes with the files that a look reads.
func stampOf(o Options) string {
	var all []string
	for _, name := range append(read(o.Lockfile), o.Advisories) {
		stamp, err := osv.Stamp(name)
		if err != nil {
			stamp = err.Error()
		}
		all = append(all, stamp)
	}
	return strings.Join(all, "\n")
}

// read are the files that say what is locked.
func read(lockfile string) []string {
	dir := filepath.Dir(lockfile)
	return []string{lockfile, filepath.Join(dir, "package.json"), filepath.Join(dir, "go.sum")}
}

// tell tells what differs from the look before.
func (w *Watch) tell(before, now *Status) {
	if w.hooks.Tell == nil {
		return
	}
	var old []Finding
	if before != nil {
		old = before.Findings
		if fmt.Sprint(before.Err) == fmt.Sprint(now.Err) && slices.EqualFunc(old, now.Findings, func(a, b Finding) bool { return a.ID() == b.ID() }) {
			return
		}
	}
	w.hooks.Tell(now, without(now.Findings, old), without(old, now.Findings))
}

// without are those of a that are not in b.
func without(a, b []Finding) (rest []Finding) {
	there := map[string]bool{}
	for _, f := range b {
		there[f.ID()] = true
	}
	for _, f := range a {
		if !there[f.ID()] {
			rest = append(rest, f)
		}
	}
	return rest
}

var errNoAdvisories = errors.New("no advisories are named, and panoply db update has fetched none for this user")
