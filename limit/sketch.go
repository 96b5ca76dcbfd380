package limit

import (
	"math"
	"sync"
	"time"
)

const (
	// sketchRows is how many cells count each key.
	sketchRows = 4
	// sketchShare is the cells of a row for each key of a memory's cap, as 1/sketchShare.
	sketchShare = 64
)

// A sketch counts the keys of one policy for which there is no record: a count-min sketch
// of two epochs, each at least as long as the policy looks back. A key's estimate is the
// least of its cells, both epochs in full, so it is never below what the key took.
//
// Of n points that were counted within two epochs, in rows of w cells, a key that took
// nothing is refused with a probability of at most (n / (w × Points))^4: all four of its
// cells would have to hold Points of others (Markov's inequality, for each row). From
// w × Points upwards there is no bound: then new keys are refused.
type sketch struct {
	mu    sync.Mutex
	rows  [sketchRows][]cell
	epoch int64 // microseconds
}

type cell struct{ epoch, now, before uint32 }

func newSketch(r *Rule, keys int) *sketch {
	k := &sketch{epoch: r.Span}
	if r.Policy.Algorithm == GCRA {
		k.epoch = max(k.epoch, r.drain(r.Capacity))
	}
	for i := range k.rows {
		k.rows[i] = make([]cell, max(keys/sketchShare, 256))
	}
	return k
}

// cells returns the cells of a key, brought to the epoch.
func (k *sketch) cells(id uint64, epoch uint32) (cells [sketchRows]*cell) {
	a, b := uint32(id), uint32(id>>32)|1
	for i := range cells {
		row := k.rows[i]
		c := &row[int(uint64(mix32(a+uint32(i)*b))*uint64(len(row))>>32)]
		switch epoch - c.epoch {
		case 0:
		case 1:
			*c = cell{epoch, 0, c.now}
		default:
			*c = cell{epoch, 0, 0}
		}
		cells[i] = c
	}
	return cells
}

// mix32 spreads a key's bits over all of the result (the finalizer of MurmurHash3).
func mix32(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}

// look answers op from the estimate, and counts nothing.
func (k *sketch) look(r *Rule, id uint64, now int64, op *Op) Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	least, current := uint64(math.MaxUint64), uint64(0)
	for _, c := range k.cells(id, k.at(now)) {
		if sum := uint64(c.now) + uint64(c.before); sum < least {
			least, current = sum, uint64(c.now)
		}
	}
	n := float64(max(op.Points, 0))
	res := Result{Estimated: true, Allowed: true, Found: least > 0, Consumed: int64(least)}
	left := max(0, r.Capacity-float64(least))
	if op.Verb == Consume || op.Verb == Peek {
		res.Allowed = float64(least)+n <= r.Capacity
	}
	if op.Verb == Consume && res.Allowed {
		left -= n
		res.Consumed += op.Points
	}
	res.Remaining = int64(left)
	next := Forever
	if k.epoch < never {
		next = span((now/k.epoch+1)*k.epoch, now)
		res.Reset = next + time.Duration(k.epoch)*time.Microsecond
	}
	switch {
	case res.Allowed:
	case n > r.Capacity || k.epoch >= never:
		res.Wait = Forever
	case float64(current)+n > r.Capacity:
		res.Wait = res.Reset
	default:
		res.Wait = next
	}
	return res
}

// count adds n to what a key took. It raises each cell only as far as that key needs, within
// the epoch: what is before it is dropped by itself.
func (k *sketch) count(id uint64, now, n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	cells := k.cells(id, k.at(now))
	least := uint32(math.MaxUint32)
	for _, c := range cells {
		least = min(least, c.now)
	}
	for _, c := range cells {
		c.now = max(c.now, uint32(min(int64(least)+n, math.MaxUint32)))
	}
}

// at is the epoch of now. What never ends has one.
func (k *sketch) at(now int64) uint32 {
	if k.epoch >= never {
		return 0
	}
	return uint32(now / k.epoch)
}
