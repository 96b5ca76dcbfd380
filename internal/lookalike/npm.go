package lookalike

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// What is shorter is like too much.
const (
	leastBare  = 5
	leastSlip  = 6
	leastScope = 6
	leastOf    = 3 // packages of a scope among the known ones
)

// names are those of npm's list.
type names struct {
	// known are all, and bare the imitated ones without marks between their words.
	known map[string]bool
	bare  map[string]string
	// near are the bare ones by their length and their first or last letter, of which one
	// slip leaves one as it was, and scopes those of known packages.
	near   map[corner][]string
	scopes map[string]int
}

type corner struct {
	length int
	last   bool
	letter byte
}

// corners are where words of a length are found that may be one slip away.
func corners(word string, length int) [2]corner {
	return [2]corner{{length, false, word[0]}, {length, true, word[len(word)-1]}}
}

var npm = sync.OnceValue(func() *names {
	n := &names{known: map[string]bool{}, bare: map[string]string{}, near: map[corner][]string{}, scopes: map[string]int{}}
	lines(npmNames, func(name string, part int) {
		n.known[name] = true
		if scope, _, ok := strings.Cut(name, "/"); ok {
			n.scopes[scope]++
		}
		if part > 0 {
			return
		}
		if b := bare(name); len(b) >= leastBare && n.bare[b] == "" {
			n.bare[b] = name
			for _, c := range corners(b, len(b)) {
				n.near[c] = append(n.near[c], b)
			}
		}
	})
	lines(npmScopes, func(scope string, _ int) { n.scopes[scope] += 0 })
	return n
})

// alike are letters that are taken for others.
var alike = strings.NewReplacer("0", "o", "1", "l", "vv", "w", "а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "х", "x", "у", "y", "і", "i", "ѕ", "s", "ј", "j", "ԁ", "d", "ο", "o", "ν", "v", "ı", "i")

// bare is a name as it is read at a glance.
func bare(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_./@", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// NPM says what a package of npm's looks like.
func NPM(name string) (Match, bool) {
	if m, ok := attack(name); ok {
		return m, true
	}
	n := npm()
	if n.known[name] {
		return Match{}, false
	}
	if scope, rest, ok := strings.Cut(name, "/"); ok && strings.HasPrefix(scope, "@") {
		return n.scoped(scope, rest)
	}
	b := bare(name)
	if of := n.bare[b]; of != "" {
		if scope, _, ok := strings.Cut(of, "/"); ok {
			// Before there were scopes, whole families were named so: babel-core.
			if scope != "@types" && scope != "@angular" {
				return Match{}, false
			}
			return Match{Of: of, How: "writes the scope of " + of + " into its name"}, true
		}
		return Match{Of: of, How: "is written like " + of + " but for the marks between its words, or capitals"}, true
	}
	if seen := alike.Replace(b); seen != b && n.bare[seen] != "" {
		return Match{Of: n.bare[seen], How: "has letters that look like those of " + n.bare[seen]}, true
	}
	if len(b) < leastBare {
		return Match{}, false
	}
	for _, length := range []int{len(b), len(b) - 1, len(b) + 1} {
		for _, c := range corners(b, length) {
			for _, other := range n.near[c] {
				how, ok := slip(b, other)
				// Of five letters, two that are swapped are a slip; others are other words.
				short := min(len(b), len(other)) < leastSlip && how != swapped
				if ok && !short && !strings.HasPrefix(n.bare[other], "@") {
					return Match{Of: n.bare[other], How: how + n.bare[other]}, true
				}
			}
		}
	}
	for _, part := range []string{"js", "node", "npm"} {
		for _, rest := range []string{strings.TrimPrefix(b, part), strings.TrimSuffix(b, part)} {
			of := n.bare[rest]
			if rest == b || len(rest) < leastSlip || of == "" || strings.HasPrefix(of, "@") || strings.Contains(of, "js") {
				continue
			}
			return Match{Of: of, How: "is " + of + " with " + part + " added"}, true
		}
	}
	return Match{}, false
}

// scoped compares the scope, and leaves the names of unknown scopes alone: everybody has
// an own fork of something.
func (n *names) scoped(scope, rest string) (Match, bool) {
	if _, known := n.scopes[scope]; known {
		return Match{}, false
	}
	b := bare(scope)
	for _, known := range slices.Sorted(maps.Keys(n.scopes)) {
		count := n.scopes[known]
		k := bare(known)
		if count < leastOf || len(k) < leastScope {
			continue
		}
		how, ok := slip(b, k)
		if !ok && b == k {
			how, ok = "is written like ", true
		}
		if ok {
			return Match{Of: known + "/" + rest, How: "is of a scope that " + how + known}, true
		}
	}
	return Match{}, false
}
