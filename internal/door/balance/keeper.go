package balance

import (
	"context"
	"sync"
	"time"
)

// A Keeper owns members by group and address, and looks after those in use. Its methods are
// safe for concurrent use.
type Keeper struct {
	changed func(*Member)

	mu      sync.Mutex
	members map[key]*Member
	kept    map[*Member]*care
	closed  bool
	wg      sync.WaitGroup
}

type key struct{ group, address string }

// A care is one goroutine that looks after a member.
type care struct {
	stop context.CancelFunc
	done chan struct{}
}

// A Use is a member in use, and how it is looked after.
type Use struct {
	Member *Member
	// Connect connects to it and lets go.
	Connect func(context.Context) error
	// Check asks it; nil for none.
	Check *Check
}

// A Check is how a member is asked whether it is well.
type Check struct {
	// Ask returns nil when it is.
	Ask func(context.Context) error
	// Interval is from one question to the next, Timeout the time for an answer. A member
	// that is not well is asked at least each 400 ms: one that is back has to be seen.
	Interval, Timeout time.Duration
	// Fall is how many failures in a row take it down, Rise how many answers bring it up.
	Fall, Rise int
}

// againMost is the longest time between two questions to a member that is not well.
const againMost = 400 * time.Millisecond

// NewKeeper returns an empty Keeper. Changed is told when a member has become reachable or
// stopped being so; it may be nil, and must not block.
func NewKeeper(changed func(*Member)) *Keeper {
	return &Keeper{changed: changed, members: map[key]*Member{}, kept: map[*Member]*care{}}
}

// Member returns the member of that group and address, the one of before if there was one.
func (k *Keeper) Member(group, address string) *Member {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := key{group, address}
	m := k.members[id]
	if m == nil {
		m = newMember(group, address, k.changed)
		k.members[id] = m
	}
	return m
}

// Settle looks after the members named from now on, in the way named, and forgets all
// others. What is known of a member stays, but for what only a Check of before had found.
func (k *Keeper) Settle(uses []Use) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopAll()
	if k.closed {
		return
	}
	clear(k.members)
	for _, u := range uses {
		k.members[key{u.Member.group, u.Member.address}] = u.Member
		if u.Check == nil {
			u.Member.clear(down)
		}
		ctx, stop := context.WithCancel(context.Background())
		c := &care{stop: stop, done: make(chan struct{})}
		k.kept[u.Member] = c
		k.wg.Go(func() {
			defer close(c.done)
			u.run(ctx)
		})
	}
}

// stopAll ends all cares and waits for them. It is called with mu held; a care never takes it.
func (k *Keeper) stopAll() {
	for _, c := range k.kept {
		c.stop()
	}
	for m, c := range k.kept {
		<-c.done
		delete(k.kept, m)
	}
}

// Close ends all that the Keeper has begun.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.stopAll()
	k.mu.Unlock()
	k.wg.Wait()
}

// run looks after a member until ctx is done.
func (u Use) run(ctx context.Context) {
	if u.Member.state.Load()&lost != 0 {
		select {
		case u.Member.missing <- struct{}{}: // who looked after it before was in the middle
		default:
		}
	}
	timer := time.NewTimer(u.first())
	defer timer.Stop()
	var row row
	wait := asideFirst
	for {
		if u.Member.state.Load()&lost == 0 {
			wait = asideFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-u.Member.missing:
			if !sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, asideMost)
			switch {
			case u.Member.state.Load()&lost == 0: // a request was answered in between
			case u.connects(ctx):
				u.Member.clear(lost)
			case ctx.Err() == nil:
				u.Member.Lost() // again
			}
		case <-timer.C:
			u.ask(ctx, &row)
			timer.Reset(u.next())
		}
	}
}

// connects does not wait as long as a request would: what is back has to be seen.
func (u Use) connects(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, asideMost)
	defer cancel()
	return u.Connect(ctx) == nil
}

// never is a time that does not come.
const never = 1 << 62 * time.Nanosecond

func (u Use) first() time.Duration {
	if u.Check == nil {
		return never
	}
	return 0
}

func (u Use) next() time.Duration {
	if !u.Member.well() {
		return min(u.Check.Interval, againMost)
	}
	return u.Check.Interval
}

// A row counts answers of one kind in a row.
type row struct{ good, bad int }

func (u Use) ask(ctx context.Context, r *row) {
	asking, cancel := context.WithTimeout(ctx, u.Check.Timeout)
	err := u.Check.Ask(asking)
	cancel()
	if ctx.Err() != nil {
		return // stopped, which says nothing
	}
	if err != nil {
		if r.good, r.bad = 0, r.bad+1; r.bad >= u.Check.Fall {
			u.Member.set(down)
		}
		return
	}
	if r.bad, r.good = 0, r.good+1; r.good >= u.Check.Rise {
		u.Member.strikes.Store(0)
		u.Member.clear(down | lost | slow)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
