package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// MaxParallel is how many jobs may run at a time.
const MaxParallel = 256

// maxHeld is how many bytes of results may wait for one before them in the list.
const maxHeld = 32 << 20

// Options say how to run. R is the result of a job.
type Options[R any] struct {
	// Parallel is how many jobs run at a time, from 1 to MaxParallel.
	Parallel int
	// Do does one job. It must end soon after its context. What it returns after the
	// context ended is thrown away. It is called from several goroutines.
	Do func(context.Context, Target) R
	// Known says that a job asks no host, for its answer is there already. It may be nil.
	Known func(Target) bool
	// Size is about how many bytes a result holds while it waits.
	Size func(R) int
	// Emit is given the results in the order of the list, one at a time. An error ends
	// the run.
	Emit func(Target, R) error
	// Progress is told how many jobs are done, one call at a time. It may be nil.
	Progress func(done, all int, last Target)

	// held replaces maxHeld in tests.
	held int
}

// ErrStopped says that the context ended before the last job.
var ErrStopped = errors.New("fleet: stopped before the last target")

// Run does all jobs. When the context ends it stops those that run, gives back what was
// done, in the order of the list and with gaps, and returns ErrStopped. An error of Emit
// is returned as it is.
func Run[R any](ctx context.Context, targets []Target, o Options[R]) error {
	if o.Parallel < 1 || o.Parallel > MaxParallel {
		return fmt.Errorf("fleet: Parallel is %d, want 1 to %d", o.Parallel, MaxParallel)
	}
	if o.held == 0 {
		o.held = maxHeld
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &sorter[R]{targets: targets, o: &o, waiting: make(map[int]R)}
	q := newQueue(targets, o.Known, s.full)
	defer context.AfterFunc(ctx, q.wake)()
	var wg sync.WaitGroup
	for range min(o.Parallel, len(targets)) {
		wg.Go(func() {
			for {
				i, ok := q.next(ctx)
				if !ok {
					return
				}
				r := o.Do(ctx, targets[i])
				if ctx.Err() == nil {
					if err := s.add(i, r); err != nil {
						cancel(err)
					}
				}
				q.done(i)
			}
		})
	}
	wg.Wait()
	if err := s.failed; err != nil {
		return err
	}
	if s.next == len(targets) {
		return nil
	}
	if err := s.rest(); err != nil {
		return err
	}
	return ErrStopped
}

// A sorter holds results until those before them are there.
type sorter[R any] struct {
	o       *Options[R]
	targets []Target

	mu      sync.Mutex
	waiting map[int]R
	held    int
	next    int
	done    int
	failed  error
}

// full says whether too much waits, and for whom.
func (s *sorter[R]) full() (bool, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held > s.o.held, s.next
}

func (s *sorter[R]) add(i int, r R) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if s.o.Progress != nil {
		s.o.Progress(s.done, len(s.targets), s.targets[i])
	}
	s.waiting[i] = r
	s.held += s.o.Size(r)
	for s.failed == nil {
		r, ok := s.waiting[s.next]
		if !ok {
			break
		}
		s.emit(r)
	}
	return s.failed
}

func (s *sorter[R]) emit(r R) {
	s.failed = s.o.Emit(s.targets[s.next], r)
	delete(s.waiting, s.next)
	s.held -= s.o.Size(r)
	s.next++
}

// rest gives back what is left when there will be no more.
func (s *sorter[R]) rest() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.next < len(s.targets) && s.failed == nil {
		if r, ok := s.waiting[s.next]; ok {
			s.emit(r)
		} else {
			s.next++
		}
	}
	return s.failed
}
