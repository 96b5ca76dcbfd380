package active

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// distinct is the t from which two kinds of answers are told apart by their time,
	// as in tests for leaks through side channels.
	//
	// Source: Goodwill et al., "A testing methodology for side-channel resistance
	// validation", NIST 2011.
	distinct = 4.5
	// noticeable is the smallest difference that is reported: a smaller one is real as
	// well, but needs more guesses than a login that limits them answers.
	noticeable = 5 * time.Millisecond
	// fewest is how many times of each kind are needed at least.
	fewest = 6
)

// A timing compares the times of two kinds of answers.
type timing struct {
	n int
	// a and b are the trimmed means.
	a, b time.Duration
	t    float64
	// hidden is the largest difference that the noise may hide.
	hidden time.Duration
}

// compare is Yuen's test: Welch's t of means without the fifth at either end, so that a
// pause of a collector or of the network, which is no property of a name, weighs little.
//
// Source: K. K. Yuen, "The two-sample trimmed t for unequal population variances",
// Biometrika 61, 1974.
func compare(a, b []time.Duration) timing {
	meanA, varA := trimmed(a)
	meanB, varB := trimmed(b)
	// A clock that shows no spread at all still has its own grain.
	spread := math.Sqrt(max(varA+varB, float64(time.Microsecond*time.Microsecond)))
	return timing{
		n: min(len(a), len(b)), a: time.Duration(meanA), b: time.Duration(meanB),
		t:      (meanA - meanB) / spread,
		hidden: time.Duration(math.Abs(meanA-meanB) + distinct*spread),
	}
}

// trimmed returns the trimmed mean, and the square of its standard error by the
// winsorised variance.
func trimmed(all []time.Duration) (mean, square float64) {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	cut := n / 5
	kept := sorted[cut : n-cut]
	h := float64(len(kept))
	for _, d := range kept {
		mean += float64(d) / h
	}
	var sum, wins float64
	at := func(i int) float64 { return float64(sorted[min(max(i, cut), n-cut-1)]) }
	for i := range n {
		sum += at(i) / float64(n)
	}
	for i := range n {
		wins += (at(i) - sum) * (at(i) - sum)
	}
	return mean, wins / (h * (h - 1))
}

// differs says that the two kinds can be told apart.
func (t timing) differs() bool {
	return math.Abs(t.t) >= distinct && (t.a-t.b).Abs() >= noticeable
}

// tells says that no difference was seen, and that the noise would not have hidden one
// that counts: a hash that is left out saves nearly all of the time.
func (t timing) tells() bool {
	return !t.differs() && t.hidden <= max(4*noticeable, min(t.a, t.b)/2)
}

func (t timing) String() string {
	return fmt.Sprintf("%v for the known name and %v for one that is not, each the trimmed mean of %d answers; t = %.1f",
		t.a.Round(100*time.Microsecond), t.b.Round(100*time.Microsecond), t.n, t.t)
}
