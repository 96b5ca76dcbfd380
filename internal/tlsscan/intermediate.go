package tlsscan

import (
	"slices"
	"strings"
)

// Hybrid says that the server agrees to a group with ML-KEM.
func (r *Report) Hybrid() bool {
	return slices.ContainsFunc(r.Groups["TLSv1.3"], func(g string) bool { return strings.Contains(g, "MLKEM") })
}

// Guideline returns what Mozilla's intermediate level 6.0 allows: the suites of TLS 1.2,
// those of TLS 1.3, and the groups, in the guideline's order. The caller may change them.
func Guideline() (older, tls13, groups []string) {
	return slices.Clone(suitesIntermediate), slices.Clone(suites13), slices.Clone(levelGroups)
}
