package lookalike

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

var major = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(/v\d+|\.v\d+)$`) })

var modules = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	lines(goModules, func(path string, _ int) { all[path] = true })
	return all
})

// Go says what a module of Go's looks like.
func Go(path string) (Match, bool) {
	path = major().ReplaceAllString(path, "")
	if m, ok := attack(path); ok {
		return m, true
	}
	if modules()[path] || modules()[strings.ToLower(path)] {
		return Match{}, false
	}
	parts := strings.Split(path, "/")
	if len(parts) < 2 {
		return Match{}, false
	}
	for _, known := range slices.Sorted(maps.Keys(modules())) {
		k := strings.Split(known, "/")
		if strings.HasPrefix(path, known+"/") {
			return Match{}, false
		}
		if len(k) > len(parts) {
			continue
		}
		at := -1
		for i := range k {
			if k[i] == parts[i] {
				continue
			}
			if at >= 0 {
				at = len(k) // a second part differs
				break
			}
			at = i
		}
		if at < 0 || at >= len(k) {
			continue
		}
		a, b := strings.ToLower(parts[at]), k[at]
		lower := strings.ToLower(b)
		// Hosts and owners are what is imitated; a repository of another name is another.
		least := leastBare
		if at == len(k)-1 {
			least = leastSlip + 2
		}
		if len(lower) < least {
			continue
		}
		if how, ok := slip(a, lower); ok {
			return Match{Of: known, How: how + known}, true
		}
		if at == 1 && (a == lower+"-go" || a == "go-"+lower || bare(a) == bare(lower)) {
			return Match{Of: known, How: "is of an owner that is named like that of " + known}, true
		}
	}
	return Match{}, false
}
