package diskstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	maxBatch   = 512 // operations that share a commit
	sweepStep  = 4   // entries looked at for each operation
	sweepIdle  = 1024
	idleBeatIn = time.Minute
)

// An op is one change. What it returns as result is the caller's; an error of f breaks the
// whole batch.
type op struct {
	f      func(tx *bolt.Tx) (result, err error)
	result error
	done   chan error // of the batch; has room for one
}

// do has the writer make a change and waits until it is on the disk. When ctx ends first
// the change may still be made.
func (s *Store) do(ctx context.Context, f func(tx *bolt.Tx) (result, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{f: f, done: make(chan error, 1)}
	select {
	case s.ops <- o: // the writer has it, and finishes it whatever comes
	case <-s.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		if err != nil {
			return err
		}
		return o.result
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the one writer: it commits what has gathered while it committed before.
func (s *Store) write() {
	defer close(s.stopped)
	beat := time.NewTicker(idleBeatIn)
	defer beat.Stop()
	for {
		select {
		case o := <-s.ops:
			s.commit(s.gather(o))
		case <-beat.C:
			s.idle()
		case <-s.closing:
			return
		}
	}
}

// gather takes along whoever is waiting.
func (s *Store) gather(first *op) []*op {
	batch := []*op{first}
	for len(batch) < maxBatch {
		select {
		case o := <-s.ops:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

func (s *Store) commit(batch []*op) {
	err := s.update(func(tx *bolt.Tx) error {
		for _, o := range batch {
			var err error
			if o.result, err = o.f(tx); err != nil {
				return err
			}
		}
		return s.sweep(tx, sweepStep*len(batch))
	})
	for _, o := range batch {
		o.done <- err
	}
}

func (s *Store) update(f func(tx *bolt.Tx) error) error {
	s.commits.Add(1)
	err := guarded(s.path, func() error { return s.db.Update(f) })
	if err != nil {
		return fmt.Errorf("diskstore: write: %w", err)
	}
	return nil
}

func (s *Store) view(f func(tx *bolt.Tx) error) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
	}
	err := guarded(s.path, func() error { return s.db.View(f) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed // meanwhile
	}
	if err != nil {
		return fmt.Errorf("diskstore: read: %w", err)
	}
	return nil
}

// idle sweeps where nobody writes. What it cannot do now it does the next time.
func (s *Store) idle() {
	found := false
	var next map[string][]byte
	err := s.view(func(tx *bolt.Tx) (err error) {
		next, err = s.overdue(tx, sweepIdle, func(*bolt.Bucket, string, []byte) error {
			found = true
			return nil
		})
		return err
	})
	switch {
	case found:
		_ = s.update(func(tx *bolt.Tx) error { return s.sweep(tx, sweepIdle) })
	case err == nil:
		s.sweeps = next // past those that live, or it would look at the same ones for ever
	}
}
