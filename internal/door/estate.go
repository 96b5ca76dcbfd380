package door

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/handover"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/refusals"
	"github.com/panoplysec/panoply/internal/door/sessions"
	"github.com/panoplysec/panoply/limit"
)

// estate is what a door remembers and no file holds.
type estate struct {
	Overrides map[string]guard.Mode `json:"overrides,omitempty"`
	Guards    []ledger.Guard        `json:"guards,omitempty"`
	Refused   []refusals.Refusal    `json:"refused,omitempty"`
	Requests  uint64                `json:"requests"`
	// Counts are the records of limits: 8 bytes of a key and a limit.State each. They follow as
	// they are: half a million of them would take seconds as JSON.
	Counts []byte `json:"-"`
	// Ended are the sessions that were ended, where the disk does not know them.
	Ended []byte `json:"ended,omitempty"`
	// Untold is what the other doors of the site have not heard yet.
	Untold [][]byte `json:"untold,omitempty"`
}

const countSize = 8 + limit.StateSize

// errMoved is what the old door's state says when another door has it.
var errMoved = errors.New("door: the state belongs to the door that has taken over")

// freeze stops all changes of what is remembered, lets go of the stores, and returns what
// they do not hold. Who wants to change something waits until thaw or yield. It is called with
// d.mu held.
func (d *Door) freeze() *estate {
	d.origins.Eager(true)
	d.origins.Close() // what was learnt goes to its file
	e := &estate{Overrides: d.overrides, Guards: d.ledger.Guards(), Refused: d.reasons.Recent(refusals.Max), Requests: d.metrics.Total()}
	if d.ended != nil {
		e.Ended = d.ended.Freeze()
		d.closeEnded()
		e.Untold = d.doors.rest()
	}
	l := d.limits
	l.gate.freeze()
	_ = l.memory.Scan(context.Background(), func(k limit.Key, s limit.State) bool {
		e.Counts, _ = s.AppendBinary(binary.BigEndian.AppendUint64(e.Counts, k.ID)) // never fails
		return true
	})
	l.closeDisk(d.log)
	d.state.mu.Lock()
	return e
}

// thaw takes back what freeze let go, and goes on. What cannot be opened again is told, and
// lives in memory.
func (d *Door) thaw() {
	d.state.mu.Unlock()
	if err := d.limits.openDisk(d); err != nil {
		d.log.Error("blocks hold only until the door stops", "err", err)
	}
	d.limits.gate.thaw(nil)
	if d.ended != nil {
		var keeper sessions.Keeper
		if d.keepsEnded {
			store, err := diskstore.Open(diskstore.Options{Path: filepath.Join(d.state.dir, endedName)})
			if err != nil {
				d.log.Error("logouts hold only until the door stops", "err", err)
			} else {
				d.store, keeper = store, store.Bucket(endedBucket)
			}
		}
		d.doors = d.doors.again()
		d.ended.Thaw(nil, keeper)
	}
	d.origins.Eager(false)
}

// yield has everything that is remembered asked of the new door, and stops accepting. It is
// called with d.mu held, after freeze.
func (d *Door) yield(to *handover.Channel) {
	d.heir.Store(to)
	d.state.moved = true
	d.state.mu.Unlock()
	d.limits.gate.thaw(&farStore{d.ask, d.limits.memory})
	if d.ended != nil {
		d.ended.Thaw(func(q sessions.Question) (a sessions.Answer, err error) {
			return a, d.ask(askEnded, q, &a)
		}, nil)
	}
	d.stop() // nothing is looked after here any more
	d.control.leave()
	d.servers.finish()
}

// inherit takes what the door before remembered. It is called before the stores are open
// but for the state.
func (d *Door) inherit(e *estate) error {
	if e == nil {
		return nil
	}
	for name, mode := range e.Overrides {
		d.overrides[name] = mode
	}
	d.ledger.Add(e.Guards)
	for i := len(e.Refused) - 1; i >= 0; i-- {
		d.reasons.Note(e.Refused[i])
	}
	d.metrics.CountFrom(e.Requests)
	if len(e.Ended) > 0 {
		d.ended = sessions.NewEnded(d.state.derive("ended-sessions"))
		return d.ended.Load(e.Ended)
	}
	return nil
}

// load takes what the door before has counted.
func (l *limits) load(counts []byte) error {
	if len(counts)%countSize != 0 {
		return errors.New("door: what the door before has counted is cut short")
	}
	for ; len(counts) > 0; counts = counts[countSize:] {
		var s limit.State
		if err := s.UnmarshalBinary(counts[8:countSize]); err != nil {
			return fmt.Errorf("door: what the door before has counted: %w", err)
		}
		l.memory.Load(limit.Key{ID: binary.BigEndian.Uint64(counts)}, s)
	}
	return nil
}

// A gate is the store of limits: this process's memory, or another door's.
type gate struct {
	mu sync.RWMutex
	at limit.Store
}

func (g *gate) freeze() { g.mu.Lock() }

// thaw ends freeze; to is where to ask from now on, nil for where it was.
func (g *gate) thaw(to limit.Store) {
	if to != nil {
		g.at = to
	}
	g.mu.Unlock()
}

func (g *gate) Decide(ctx context.Context, now time.Time, ops []limit.Op, results []limit.Result) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.at.Decide(ctx, now, ops, results)
}

func (g *gate) Delete(ctx context.Context, key limit.Key) (bool, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.at.Delete(ctx, key)
}

func (g *gate) Scan(ctx context.Context, f func(limit.Key, limit.State) bool) error {
	g.mu.RLock()
	at := g.at
	g.mu.RUnlock()
	return at.Scan(ctx, f)
}

// keepOrigins keeps what was learnt, or tells the door that has taken over.
func (d *Door) keepOrigins(all crosssite.Learnt) {
	err := d.writeOrigins(all)
	if errors.Is(err, errMoved) {
		err = d.ask(askOrigins, all, nil)
	}
	if err != nil {
		d.log.Error("what was learnt of other origins could not be kept; after a restart they have to ask again", "err", err)
	}
}

func (d *Door) writeOrigins(all crosssite.Learnt) error {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	return d.state.write(originsName, all)
}

// keepSeen keeps names of session cookies, or tells the door that has taken over: the client
// comes back to that one.
func (d *Door) keepSeen(seen []cookie.Seen) error {
	err := d.state.keepCookies(seen)
	if errors.Is(err, errMoved) {
		return d.ask(askCookies, seen, nil)
	}
	return err
}
