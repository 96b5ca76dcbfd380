package login

import (
	"strings"
	"sync"
	"unicode"
)

// Fold makes one of the names that an app or its database may take for the same: it trims
// white space, folds case in every script, drops what is not seen (control and format
// characters, accents) and turns compatibility forms, such as full-width or ligatured
// letters, into plain ones. MySQL's usual collations compare so, and Unicode's NFKC comes
// close; without it one account would have as many counters as its name has spellings.
//
// It errs towards the same: two users whose names differ by an accent share a counter. It
// does not know that a mail host ignores dots or what follows a plus sign, and outside
// ASCII it folds case but no compatibility forms.
func Fold(name string) string {
	ascii := true
	for i := range len(name) {
		if name[i] >= 0x80 || name[i] < 0x20 || name[i] == 0x7f {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(strings.TrimSpace(name))
	}
	var b strings.Builder
	for _, r := range name {
		switch {
		case r < 0x80 && r >= 0x20 && r != 0x7f:
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unseen(r):
		default:
			if to, ok := plainForms()[r]; ok {
				b.WriteString(to)
				continue
			}
			b.WriteRune(least(r))
		}
	}
	return strings.TrimSpace(b.String())
}

// least is the first letter of those that differ in case only.
func least(r rune) rune {
	first := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		first = min(first, other)
	}
	return unicode.ToLower(first)
}

// unseen tells of characters that leave no trace of their own: those of categories Cc, Cf,
// Mn and Me, and the fillers that count as letters.
func unseen(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Mn, unicode.Me)
}

var plainForms = sync.OnceValue(func() map[rune]string {
	m := make(map[rune]string, 2048)
	for _, run := range folded {
		for i, to := range strings.Fields(run.to) {
			m[run.first+rune(i)] = to
		}
	}
	return m
})
