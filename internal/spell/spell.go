// Package spell finds the name that was probably meant, for the hint in an error.
//
//	spell.Nearest("heders", slices.Values(names)) // "headers"
package spell

import "iter"

// longest is the length beyond which a name is not compared: nothing that we suggest is
// as long, and what was typed may be foreign.
const longest = 64

// Nearest returns the one of known that fewest edits make from name, or "" when that
// takes more than two or, for names under six letters, more than one. Of equals it is
// the one that sorts first, whatever the order of known.
func Nearest(name string, known iter.Seq[string]) string {
	best, limit := "", 2
	if len(name) < 6 {
		limit = 1
	}
	for candidate := range known {
		if d := Distance(name, candidate); d < limit || d == limit && (best == "" || candidate < best) {
			best, limit = candidate, d
		}
	}
	return best
}

// Distance counts the bytes to insert, delete, change, or swap with their neighbour that
// make b from a. Names longer than any we know differ by their length.
func Distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	var rows [3][longest + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
