package limit_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/panoplysec/panoply/limit"
)

func FuzzState(f *testing.F) {
	for _, s := range []limit.State{{}, {Level: 2.5, At: 1 << 53, Until: 1 << 53, Prev: 1<<32 - 1, Rule: 7, Strikes: 255, Flags: limit.FlagBlocked | limit.FlagByHand}} {
		b, err := s.AppendBinary(nil)
		if err != nil || len(b) != limit.StateSize {
			f.Fatalf("AppendBinary() = %d bytes, %v, want %d", len(b), err, limit.StateSize)
		}
		var back limit.State
		if err := back.UnmarshalBinary(b); err != nil || back != s {
			f.Fatalf("UnmarshalBinary(AppendBinary(%+v)) = %+v, %v", s, back, err)
		}
		f.Add(b)
	}
	f.Add(bytes.Repeat([]byte{0xff}, limit.StateSize))
	r, err := limit.Compile(limit.Policy{Name: "api", Algorithm: limit.GCRA, Points: 5, Duration: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s limit.State
		if s.UnmarshalBinary(b) != nil {
			return
		}
		if again, err := s.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written again as %x, %v", b, again, err)
		}
		op := limit.Op{Rule: r, Points: 1}
		for _, allowed := range []bool{true, false} {
			res := limit.Result{Allowed: allowed}
			if r.Report(&s, 1, &op, &res); res.Remaining < 0 || res.Reset < 0 || res.Wait < 0 || allowed && res.Wait != 0 {
				t.Errorf("Report(%+v) = %+v", s, res)
			}
		}
	})
}

// TestPacked holds the lengths that redisstore's script counts on.
func TestPacked(t *testing.T) {
	r, err := limit.Compile(limit.Policy{Name: "api", Points: 5, Duration: time.Hour, Blocks: []time.Duration{time.Hour, limit.Forever}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Packed()); n != 44+2*8 {
		t.Errorf("a rule with two blocks has %d bytes, want 60", n)
	}
	frequent := limit.Op{Points: 3}
	if n := testing.AllocsPerRun(100, func() { _ = frequent.Packed() }); n != 0 {
		t.Errorf("Packed() of a frequent op allocates %v times", n)
	}
	seen := map[string]bool{}
	for _, op := range []limit.Op{{Points: 1}, {Points: 100}, {Points: 1, TTL: time.Second}, {Verb: limit.Add, Points: 1}, {Verb: limit.Add, Points: -1}} {
		p := op.Packed()
		if len(p) != 17 || seen[p] {
			t.Errorf("Packed(%+v) = %x, want 17 bytes of its own", op, p)
		}
		seen[p] = true
	}
}
