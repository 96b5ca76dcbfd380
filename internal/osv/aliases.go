package osv

import (
	"slices"
	"strings"
)

// distinct joins records of the same hole: databases take over each other's, and OSV
// publishes both.
func distinct(hits []Hit) []Hit {
	var all []Hit
	for _, h := range hits {
		i := slices.IndexFunc(all, func(o Hit) bool { return same(o.Record, h.Record) })
		if i < 0 {
			all = append(all, h)
			continue
		}
		all[i] = joined(all[i], h)
	}
	return all
}

func same(a, b *Record) bool {
	return a.ID == b.ID || slices.Contains(a.Aliases, b.ID) || slices.Contains(b.Aliases, a.ID)
}

// joined is the one of two hits that says more, with what only the other knows. The Go
// project's own records name symbols, and no severity.
func joined(a, b Hit) Hit {
	if strings.HasPrefix(b.ID, "GO-") && !strings.HasPrefix(a.ID, "GO-") {
		a, b = b, a
	}
	for _, id := range append([]string{b.ID}, b.Aliases...) {
		if id != a.ID && !slices.Contains(a.Aliases, id) {
			a.Aliases = append(a.Aliases, id)
		}
	}
	if a.Level == Unknown {
		a.Level, a.Score = b.Level, b.Score
	}
	if a.Summary == "" {
		a.Summary = b.Summary
	}
	if len(a.Fixed) == 0 {
		a.Fixed = b.Fixed
	}
	return a
}
