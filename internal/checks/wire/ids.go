package wire

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"net/url"
	"slices"
	"strings"
)

const (
	// visitors is how many ids are asked for.
	visitors = 24
	// enough is how many bits an id must have at least.
	//
	// Source: NIST SP 800-63B section 7.1.
	enough = 64
	// good is what ASVS 5.0 asks for.
	good = 128
)

// idOf is the id in a cookie's value: of Express's signed form the part that is signed.
func idOf(value string) string {
	if plain, err := url.QueryUnescape(strings.ReplaceAll(value, "+", "%2B")); err == nil {
		value = plain
	}
	if signed, ok := strings.CutPrefix(value, "s:"); ok {
		id, _, _ := strings.Cut(signed, ".")
		return id
	}
	return value
}

// judgeIDs says what can be told of ids that were given to different visitors, and
// whether one can be guessed from the others. It sees an upper bound: ids that look
// random can come from a generator that is none.
func judgeIDs(ids []string) (verdict string, weak bool) {
	if len(ids) < visitors/2 {
		return "too few to judge", false
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(ids)))
	switch {
	case len(distinct) == 1:
		return "all the same, so it tells no visitors apart", false
	case len(distinct) <= len(ids)/3:
		// Such as the name of the server that a balancer has chosen.
		return fmt.Sprintf("%d different ones, so it tells no visitors apart", len(distinct)), false
	case len(distinct) < len(ids):
		return fmt.Sprintf("%d of them were given twice", len(ids)-len(distinct)), true
	case counted(ids):
		return "each follows from the one before", true
	}
	bits := variety(ids)
	switch {
	case bits < enough:
		return fmt.Sprintf("at most %d bits differ, fewer than %d", int(bits), enough), true
	case bits < good:
		return fmt.Sprintf("at most %d bits differ", int(bits)), false
	}
	// The exact number would differ from run to run.
	return fmt.Sprintf("%d bits or more can differ", good), false
}

// counted says whether the ids are numbers close to each other, as counters and clocks
// make them.
func counted(ids []string) bool {
	for _, base := range []int{10, 16, 36} {
		var all []*big.Int
		for _, id := range ids {
			n, ok := new(big.Int).SetString(id, base)
			if !ok || len(id) > 24 {
				break
			}
			all = append(all, n)
		}
		if len(all) < len(ids) {
			continue
		}
		slices.SortFunc(all, func(a, b *big.Int) int { return a.Cmp(b) })
		span := new(big.Int).Sub(all[len(all)-1], all[0])
		if span.BitLen() < 32 && all[0].BitLen() > span.BitLen()+4 || span.BitLen() <= 10 {
			return true
		}
	}
	return false
}

// variety is an upper bound on the bits by which ids differ: those of the alphabet that
// they are written in, for each place that is not the same in all of them.
func variety(ids []string) float64 {
	longest := 0
	for _, id := range ids {
		longest = max(longest, len(id))
	}
	seen := make(map[byte]bool)
	places := 0
	for i := range min(longest, 512) {
		here := make(map[byte]bool)
		for _, id := range ids {
			if i < len(id) {
				here[id[i]] = true
			}
		}
		if len(here) > 1 {
			places++
			maps.Copy(seen, here)
		}
	}
	return float64(places) * math.Log2(alphabet(seen))
}

// alphabet is the size of the smallest usual alphabet that holds the characters.
func alphabet(seen map[byte]bool) float64 {
	digits, hex, lower, letters := true, true, true, true
	for c := range seen {
		digit := c >= '0' && c <= '9'
		small, capital := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z'
		digits = digits && digit
		hex = hex && (digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F')
		lower = lower && (digit || small)
		letters = letters && (digit || small || capital)
	}
	switch {
	case digits:
		return 10
	case hex:
		return 16
	case lower:
		return 36
	case letters:
		return 62
	}
	return 64
}
