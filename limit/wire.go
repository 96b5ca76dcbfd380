package limit

import (
	"encoding/binary"
	"errors"
	"math"
)

// What stores in other processes exchange is little-endian and of fixed size. Times and
// spans are doubles, in microseconds: Lua has no other numbers, and each of them holds
// every integer up to never.

// StateSize is the length of a State in bytes, as AppendBinary writes it.
const StateSize = 32

var errState = errors.New("limit: not a state")

// AppendBinary appends the state: Level, At and Until as doubles, Prev, Rule, Strikes and
// Flags. It never fails.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	b = double(double(double(b, s.Level), float64(s.At)), float64(s.Until))
	b = binary.LittleEndian.AppendUint32(b, s.Prev)
	b = binary.LittleEndian.AppendUint16(b, s.Rule)
	return append(b, s.Strikes, byte(s.Flags)), nil
}

// UnmarshalBinary reads what AppendBinary wrote, and fails for anything that no policy
// leaves. What it takes, AppendBinary writes again byte by byte.
func (s *State) UnmarshalBinary(b []byte) error {
	if len(b) != StateSize {
		return errState
	}
	level := math.Float64frombits(binary.LittleEndian.Uint64(b))
	at, ok := instant(b[8:])
	until, ok2 := instant(b[16:])
	flags := Flags(b[31])
	if !(level >= 0 && level <= math.MaxFloat64) || math.Signbit(level) || !ok || !ok2 || flags&^(FlagBlocked|FlagByHand) != 0 {
		return errState
	}
	*s = State{
		Level: level, At: at, Until: until, Prev: binary.LittleEndian.Uint32(b[24:]),
		Rule: binary.LittleEndian.Uint16(b[28:]), Strikes: b[30], Flags: flags,
	}
	return nil
}

func double(b []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}

// instant reads a time that is written as a double.
func instant(b []byte) (int64, bool) {
	f := math.Float64frombits(binary.LittleEndian.Uint64(b))
	if !(f >= 0 && f <= float64(never)) || math.Signbit(f) || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

// Packed is the rule in 44 bytes and 8 for each of its Blocks: the Algorithm and the
// number of Blocks in a byte each, Number in two; Capacity, Span, Rate, Remember, BlockAt
// and the Blocks as doubles. It is made once.
func (r *Rule) Packed() string { return r.packed }

func (r *Rule) pack() string {
	b := []byte{byte(r.Policy.Algorithm), byte(len(r.Blocks))}
	b = binary.LittleEndian.AppendUint16(b, r.Number)
	b = double(double(double(b, r.Capacity), float64(r.Span)), r.Rate)
	b = double(double(b, float64(r.Remember)), float64(r.Policy.BlockAt))
	for _, d := range r.Blocks {
		b = double(b, float64(d))
	}
	return string(b)
}

// Packed is what the op asks for in 17 bytes: the Verb; Points and TTL as doubles, zero for
// a TTL that was not given.
func (op *Op) Packed() string {
	if op.Verb == Consume && op.TTL == 0 && op.Points >= 0 && op.Points < int64(len(consumes)) {
		return consumes[op.Points]
	}
	return op.pack()
}

// consumes are the most frequent ops.
var consumes = func() (all [17]string) {
	for n := range all {
		op := Op{Points: int64(n)}
		all[n] = op.pack()
	}
	return all
}()

func (op *Op) pack() string {
	ttl := 0.0
	if op.TTL != 0 {
		ttl = float64(micros(op.TTL))
	}
	return string(double(double([]byte{byte(op.Verb)}, float64(op.Points)), ttl))
}
