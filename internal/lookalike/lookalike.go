// Package lookalike tells names of packages that imitate those of widely used ones.
//
//	if m, ok := lookalike.NPM("electorn"); ok {
//		fmt.Println(m.Of, m.How) // electron has its letters in another order
//	}
//
// It compares with lists of names (npm.txt, go.txt), and knows names that were used in
// attacks (attacks.txt). A name that is itself on a list is never an imitation. Others are
// when they differ by what a slip of the hand or a glance misses: one letter, two letters
// swapped, another mark between words, a letter that looks like another, a "js" or "node"
// more, a scope written into the name or misspelt.
//
// A likeness proves nothing: a person has to look. It knows no names but those of its
// lists, and says nothing of what a package does.
package lookalike

import (
	_ "embed"
	"strings"
	"sync"
)

// A Match is what a name looks like.
type Match struct {
	// Of is the package that is meant, and How the difference, for a sentence that begins
	// with the name: "has one letter more than electron".
	Of, How string
	// Attack says that the name itself was used in an attack.
	Attack bool
}

//go:embed npm.txt
var npmNames string

//go:embed scopes.txt
var npmScopes string

//go:embed go.txt
var goModules string

//go:embed attacks.txt
var attackNames string

// lines calls f with each line that is no comment, and with the number of its part; empty
// lines divide parts.
func lines(text string, f func(line string, part int)) {
	part := 0
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "":
			part++
		case line[0] != '#':
			f(line, part)
		}
	}
}

var attacks = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	lines(attackNames, func(line string, _ int) {
		name, of, _ := strings.Cut(line, " ")
		all[name] = of
	})
	return all
})

// attack finds a name of an attack.
func attack(name string) (Match, bool) {
	of, ok := attacks()[name]
	return Match{Of: of, How: "was published as malware to be taken for " + of, Attack: true}, ok
}

const swapped = "has its letters in another order than "

// slip says by which one slip two words differ: a letter more, less, another, or two
// swapped. Digits that differ are no slip: they are numbers.
func slip(a, b string) (string, bool) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	x, y := a[i:], b[i:]
	switch {
	case len(x) == len(y)+1 && x[1:] == y && !digit(x[0]):
		return "has one letter more than ", true
	case len(x)+1 == len(y) && x == y[1:] && !digit(y[0]):
		return "has one letter less than ", true
	case len(x) != len(y) || len(x) == 0:
		return "", false
	case x[1:] == y[1:] && !digit(x[0]) && !digit(y[0]):
		return "has another letter than ", true
	case len(x) > 1 && x[0] == y[1] && x[1] == y[0] && x[2:] == y[2:] && !digit(x[0]) && !digit(x[1]):
		return swapped, true
	}
	return "", false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
