package limit

import (
	"math"
	"time"
)

// A State is all that is kept of a key: 32 bytes without a pointer. Times are in
// microseconds since 1970. What its fields mean is the policy's algorithm's affair; the
// zero State is a key of which nothing is known.
type State struct {
	// Level is the points counted: of the window, or in the bucket.
	Level float64
	// At is the end of a block; else with FixedWindow the window's end, with
	// SlidingWindow its start, with GCRA the time at which Level was true.
	At int64
	// Until is when the state means nothing any more.
	Until int64
	// Prev is the points of the window before; SlidingWindow only.
	Prev uint32
	// Rule is the Rule.Number of the policy.
	Rule uint16
	// Strikes is how many blocks there were, this one included.
	Strikes uint8
	// Flags tell the rest.
	Flags Flags
}

// Flags of a State.
type Flags uint8

const (
	// FlagBlocked: the key is blocked until At.
	FlagBlocked Flags = 1 << iota
	// FlagByHand: a person, or the program, asked for the block.
	FlagByHand
)

// BlockedFor is how long the state's block lasts from now, in microseconds since 1970:
// Forever, or zero where there is none.
func (s *State) BlockedFor(now int64) time.Duration {
	if s.Flags&FlagBlocked == 0 {
		return 0
	}
	return span(s.At, now)
}

// A Verb is what an Op asks for.
type Verb uint8

const (
	// Consume takes points if they are there.
	Consume Verb = iota
	// Add counts points, or with a negative number takes them back, whatever the limit. It
	// starts no block, and no count falls below zero.
	Add
	// Peek changes nothing, and tells whether Consume would be allowed.
	Peek
	// Assign sets the count.
	Assign
	// Block refuses everything for Op.TTL.
	Block
)

// A Result is what became of an Op.
type Result struct {
	// Allowed tells whether the points were there. Where another Op of the same decision
	// was refused, they were not taken.
	Allowed bool
	// Found tells whether anything was known of the key.
	Found bool
	// First tells that the op opened the key's window; FixedWindow only.
	First bool
	// Blocked tells that a block refuses, and Started that this decision began it.
	Blocked, Started bool
	// Estimated tells that the key shares its count with others, for want of room. It is
	// never less than the key's own.
	Estimated bool
	// Local tells that the shared store was not asked.
	Local bool
	// Consumed is the points counted, rounded up.
	Consumed int64
	// Remaining is how many points could be taken now.
	Remaining int64
	// Reset is how long it takes until nothing is counted any more, or Forever.
	Reset time.Duration
	// Wait is how long it takes until what was refused could be allowed, or Forever. Zero
	// where it was allowed.
	Wait time.Duration
	// Delay is how long to wait before going on, with Policy.Even.
	Delay time.Duration
}

// slack forgives what doubles lose, in points.
const slack = 1e-6

// end is the time d after now.
func end(now, d int64) int64 {
	if d >= never {
		return never
	}
	return now + d
}

// span is the time from now to at as a duration.
func span(at, now int64) time.Duration {
	if at >= never {
		return Forever
	}
	return time.Duration(max(at-now, 0)) * time.Microsecond
}

// advance brings a state to now. Redisstore's script does the same, step by step; a test
// plays both.
func (r *Rule) advance(s *State, now int64) {
	if s.Until <= now {
		*s = State{}
		return
	}
	if s.Flags&FlagBlocked != 0 {
		if s.At <= now { // over, but it counts towards the next
			*s = State{Until: s.Until, Strikes: s.Strikes, Rule: s.Rule}
		}
		return
	}
	switch r.Policy.Algorithm {
	case FixedWindow:
		if s.At <= now {
			s.Level, s.At = 0, 0
		}
	case SlidingWindow:
		switch elapsed := now - s.At; {
		case s.At == 0 || elapsed >= 2*r.Span:
			s.Level, s.Prev, s.At = 0, 0, 0
		case elapsed >= r.Span:
			s.Prev = uint32(min(s.Level, math.MaxUint32))
			s.Level = 0
			if s.At += r.Span; s.Prev == 0 {
				s.At = 0 // as if it had not been looked at in between
			}
		}
	case GCRA:
		if elapsed := now - s.At; elapsed > 0 {
			leaked := float64(float64(elapsed) * r.Rate) // no fused multiply-add: as in Lua
			s.Level = max(0, s.Level-leaked)
			s.At = now
		}
	}
}

// count is what a state that was brought to now counts.
func (r *Rule) count(s *State, now int64) float64 {
	if r.Policy.Algorithm == SlidingWindow && s.Prev > 0 {
		weight := 1 - float64(max(now-s.At, 0))/float64(r.Span)
		return float64(float64(s.Prev)*weight) + s.Level
	}
	return s.Level
}

// changes tells an op that opens a window.
func (op *Op) changes() bool { return op.Verb == Consume || op.Verb == Add && op.Points > 0 }

// open opens a window of FixedWindow that lasts ttl, where none is open.
func (r *Rule) open(s *State, now int64, ttl time.Duration) {
	if ttl != 0 && s.At == 0 && r.Policy.Algorithm == FixedWindow {
		s.At = end(now, micros(ttl))
	}
}

// add counts n more, which may be negative.
func (r *Rule) add(s *State, now int64, n float64) {
	s.Rule = r.Number
	blocked := s.Flags&FlagBlocked != 0
	s.Level += n
	if s.Level < 0 {
		s.Prev -= uint32(min(-s.Level, float64(s.Prev)))
		s.Level = 0
	}
	if blocked {
		return
	}
	until := int64(0)
	switch r.Policy.Algorithm {
	case FixedWindow:
		if s.At == 0 {
			s.At = end(now, r.Span)
		}
		until = s.At
	case SlidingWindow:
		if s.At == 0 {
			s.At = now
		}
		until = end(s.At, 2*r.Span)
	case GCRA:
		s.At = now
		until = end(now, r.drain(s.Level))
	}
	if s.Strikes == 0 || until > s.Until {
		s.Until = until
	}
}

// drain is how long points take to leak.
func (r *Rule) drain(points float64) int64 {
	if r.Rate == 0 {
		return never
	}
	return int64(min(math.Ceil(points/r.Rate), float64(never/2)))
}

// blockFor starts a block, which counts as a strike unless it was asked for.
func (r *Rule) blockFor(s *State, now, d int64) {
	s.Rule, s.At, s.Prev = r.Number, end(now, d), 0
	s.Flags |= FlagBlocked
	s.Until = s.At
	if s.Strikes > 0 && r.Remember > 0 {
		s.Until = min(end(s.At, r.Remember), never)
	}
}

// strike starts the block that is due.
func (r *Rule) strike(s *State, now int64) {
	d := r.Blocks[min(int(s.Strikes), len(r.Blocks)-1)]
	if s.Strikes < math.MaxUint8 {
		s.Strikes++
	}
	s.Flags &^= FlagByHand
	r.blockFor(s, now, d)
}

// step does one op on a state. With alone, what FixedWindow refuses is counted; else a
// refusal counts nothing.
func (r *Rule) step(s *State, now int64, op *Op, alone bool, res *Result) {
	r.advance(s, now)
	*res = Result{Found: s.Until != 0, Allowed: true}
	n := float64(op.Points)
	res.First = s.At == 0 && r.Policy.Algorithm == FixedWindow && op.changes()
	switch op.Verb {
	case Consume:
		r.open(s, now, op.TTL)
		r.consume(s, now, n, alone, res)
	case Peek:
		res.Allowed = s.Flags&FlagBlocked == 0 && r.count(s, now)+n <= r.Capacity+slack
	case Add:
		if op.Points > 0 || res.Found {
			r.add(s, now, n)
		}
	case Assign:
		*s = State{Strikes: s.Strikes}
		r.open(s, now, op.TTL)
		r.add(s, now, n)
	case Block:
		if r.Policy.Algorithm == FixedWindow {
			s.Level = r.Capacity + 1
		}
		s.Flags |= FlagByHand
		r.blockFor(s, now, micros(op.TTL))
	}
	r.Report(s, now, op, res)
}

// one is step for a decision of one op. What changes nothing leaves no trace, so that a
// store elsewhere has nothing to write: a bucket that leaks twice differs in the last bit
// from one that leaks once.
func (r *Rule) one(s *State, now int64, op *Op, res *Result) {
	before := *s
	r.step(s, now, op, true, res)
	if r.Policy.Algorithm == GCRA && (op.Verb == Peek || op.Verb == Consume && !res.Allowed && !res.Started) {
		*s = before
	}
}

func (r *Rule) consume(s *State, now int64, n float64, alone bool, res *Result) {
	fixed := r.Policy.Algorithm == FixedWindow
	if s.Flags&FlagBlocked != 0 {
		res.Allowed = false
		if fixed && alone {
			s.Level += n
		}
		return
	}
	after := r.count(s, now) + n
	res.Allowed = after <= r.Capacity+slack
	if res.Allowed || fixed && alone {
		r.add(s, now, n)
	}
	switch {
	case res.Allowed, len(r.Blocks) == 0:
	case fixed && (after < float64(r.Policy.BlockAt) || after >= float64(r.Policy.BlockAt)+n):
	default:
		r.strike(s, now)
		res.Started = true
	}
}

// Report fills in what s comes to, the state that op left at now, in microseconds since
// 1970: Consumed, Remaining, Blocked, Reset, Wait and Delay. Allowed and First have to be
// there. It is for stores that count elsewhere; those in this process do the same.
func (r *Rule) Report(s *State, now int64, op *Op, res *Result) {
	n, count := float64(op.Points), r.count(s, now)
	res.Consumed = int64(math.Ceil(count - slack))
	res.Remaining = int64(max(0, math.Floor(r.Capacity-count+slack)))
	res.Blocked = s.Flags&FlagBlocked != 0
	if res.Blocked {
		res.Remaining = 0
		res.Reset = span(s.At, now)
		switch {
		case res.Allowed:
		case n > r.Capacity:
			res.Wait = Forever
		default:
			res.Wait = res.Reset
		}
		return
	}
	switch r.Policy.Algorithm {
	case FixedWindow:
		res.Reset = span(s.At, now)
	case SlidingWindow:
		res.Reset = r.resetSliding(s, now)
	case GCRA:
		res.Reset = span(now+r.drain(s.Level), now)
	}
	if !res.Allowed {
		res.Wait = r.wait(s, now, n, count)
	} else if r.Policy.Even && op.Verb == Consume {
		res.Delay = r.delay(s, now, n, res.First)
	}
}

func (r *Rule) resetSliding(s *State, now int64) time.Duration {
	switch {
	case s.Level > 0:
		return span(end(s.At, 2*r.Span), now)
	case s.Prev > 0:
		return span(end(s.At, r.Span), now)
	}
	return 0
}

// wait is the true time until n could pass.
func (r *Rule) wait(s *State, now int64, n, count float64) time.Duration {
	if n > r.Capacity {
		return Forever
	}
	switch r.Policy.Algorithm {
	case GCRA:
		return span(now+max(r.drain(count+n-r.Capacity-slack), 1), now)
	case SlidingWindow:
		if r.Span >= never {
			return Forever
		}
		room, from, points := r.Capacity-n-s.Level, s.At, float64(s.Prev)
		if room < 0 { // the window that is open now has to become the older one
			room, from, points = r.Capacity-n, s.At+r.Span, s.Level
		}
		share := 1 - (room+slack)/points
		return span(max(from+int64(math.Ceil(share*float64(r.Span))), now+1), now)
	}
	return span(s.At, now)
}

// delay spreads what is allowed.
func (r *Rule) delay(s *State, now int64, n float64, first bool) time.Duration {
	switch {
	case r.Policy.Algorithm == GCRA:
		return time.Duration(r.drain(max(0, s.Level-n-slack))) * time.Microsecond
	case first || s.At >= never:
		return 0
	}
	// As rate-limiter-flexible has it, in milliseconds.
	left := float64(s.At-now) / 1000
	ms := math.Ceil(left / (max(0, r.Capacity-s.Level) + 2))
	if least := float64(r.Policy.MinDelay.Milliseconds()); ms < least {
		ms = s.Level * least
	}
	return time.Duration(ms) * time.Millisecond
}
