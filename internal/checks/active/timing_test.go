package active_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/checks/active"
)

// times are n durations around a mean, with a pause of 300 ms at every pause-th.
func times(r *rand.Rand, n int, mean, noise time.Duration, pause int) []time.Duration {
	var all []time.Duration
	for i := range n {
		d := mean + time.Duration(r.NormFloat64()*float64(noise))
		if pause > 0 && i%pause == 0 {
			d += 300 * time.Millisecond
		}
		all = append(all, max(d, 0))
	}
	return all
}

func TestCompare(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name           string
		known, unknown time.Duration
		noise          time.Duration
		pause          int
		differs, tells bool
	}{
		{"the same", 3 * ms, 3 * ms, ms / 2, 0, false, true},
		{"a hash", 60 * ms, 3 * ms, 2 * ms, 0, true, false},
		{"a hash, and pauses", 60 * ms, 3 * ms, 2 * ms, 7, true, false},
		{"the same, and pauses", 60 * ms, 60 * ms, ms, 7, false, true},
		{"too small to count", 3 * ms, 5 * ms, ms / 10, 0, false, true},
		{"hidden by noise", 60 * ms, 50 * ms, 80 * ms, 0, false, false},
		{"no spread at all", 50 * ms, 50 * ms, 0, 0, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			differs, tells := active.Compare(times(r, 12, tt.known, tt.noise, tt.pause), times(r, 12, tt.unknown, tt.noise, tt.pause))
			if differs != tt.differs || tells != tt.tells {
				t.Errorf("Compare = differs %v, tells %v; want %v, %v", differs, tells, tt.differs, tt.tells)
			}
		})
	}
}

// TestCompareIsNotFooled holds how often equal names are told apart by chance: next to
// never, for a run that cries wolf is run once.
func TestCompareIsNotFooled(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	wrong := 0
	for range 5000 {
		if differs, _ := active.Compare(times(r, 12, 40*time.Millisecond, 15*time.Millisecond, 0), times(r, 12, 40*time.Millisecond, 15*time.Millisecond, 0)); differs {
			wrong++
		}
	}
	if wrong > 10 {
		t.Errorf("%d of 5000 equal pairs differ, want 10 at most", wrong)
	}
}

func TestClaimsDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for i := range 60 {
		line := active.Claim(i)
		block := line[:strings.LastIndex(line, ".")]
		if seen[block] || !strings.Contains(line, "X-Forwarded-For: 198.18.") || !strings.Contains(line, "Forwarded: for=198.18.") {
			t.Errorf("Claim(%d) = %q, want an address of a /24 of its own", i, line)
		}
		seen[block] = true
	}
}
