package cli

// nearest returns "; did you mean X?" for the name closest to what was typed, or "" when
// none is within a third of its length.
func nearest(typed string, names []string) string {
	best, bestCost := "", len(typed)/3+1
	for _, name := range names {
		if cost := editDistance(typed, name); cost <= bestCost {
			best, bestCost = name, cost-1
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance counts the insertions, deletions and substitutions between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
