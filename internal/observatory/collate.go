package observatory

import "strings"

// The original sorts the sources of a directive by Intl.Collator("en") before it drops
// those that start with the one before. Header values are Latin-1 to Node, so this much
// of the collation is kept: lower-cased Latin-1. Other characters sort behind, by code
// point.

// primaries are the characters that differ at the first level, in order.
const primaries = "\t\n\v\f\r\u0085 _-,;:!¡?¿.·'\"«»()[]{}§¶@*/\\&#%`´^¯¨¸°©®+±÷×<=>¬|¦~\u2044¤¢$£¥" +
	"0123456789abcdefghijklmnopqrstuvwxyzþμ"

// composed are the characters that sort as others: base characters; an accent after the
// first of them, by its rank at the second level, from acute, grave, circumflex, ring,
// diaeresis, tilde, stroke and cedilla to all others; and a rank at the third level.
var composed = map[rune]struct {
	base   string
	accent byte
	rank   byte
}{
	'\u00a0': {" ", 0, 1}, 'ª': {"a", 0, 1}, 'º': {"o", 0, 1}, 'µ': {"μ", 0, 1},
	'¹': {"1", 0, 1}, '²': {"2", 0, 1}, '³': {"3", 0, 1},
	'¼': {"1\u20444", 0, 1}, '½': {"1\u20442", 0, 1}, '¾': {"3\u20444", 0, 1},
	'á': {"a", 1, 0}, 'à': {"a", 2, 0}, 'â': {"a", 3, 0}, 'å': {"a", 4, 0}, 'ä': {"a", 5, 0}, 'ã': {"a", 6, 0},
	'é': {"e", 1, 0}, 'è': {"e", 2, 0}, 'ê': {"e", 3, 0}, 'ë': {"e", 5, 0},
	'í': {"i", 1, 0}, 'ì': {"i", 2, 0}, 'î': {"i", 3, 0}, 'ï': {"i", 5, 0},
	'ó': {"o", 1, 0}, 'ò': {"o", 2, 0}, 'ô': {"o", 3, 0}, 'ö': {"o", 5, 0}, 'õ': {"o", 6, 0}, 'ø': {"o", 7, 0},
	'ú': {"u", 1, 0}, 'ù': {"u", 2, 0}, 'û': {"u", 3, 0}, 'ü': {"u", 5, 0},
	'ý': {"y", 1, 0}, 'ÿ': {"y", 5, 0}, 'ñ': {"n", 6, 0}, 'ç': {"c", 8, 0}, 'ð': {"d", 9, 0},
	'æ': {"ae", 9, 1}, 'ß': {"ss", 9, 1},
}

// collationKey returns a string that sorts by bytes as the lower-cased text does by the
// collation. Texts with equal keys are equal to it.
func collationKey(text string) string {
	first := make([]byte, 0, 2*len(text)+8)
	var second, third []byte
	add := func(r rune, rank byte) {
		if i := strings.IndexRune(primaries, r); i >= 0 {
			// Offsets in a constant below 256 bytes; 0 and 1 are kept free.
			first = append(first, byte(i)+2)
		} else {
			first = append(first, 0xff, byte(r>>16), byte(r>>8), byte(r))
		}
		second, third = append(second, 1), append(third, rank+1)
	}
	for _, r := range text {
		c, ok := composed[r]
		switch {
		case !ok && ignored(r):
		case !ok:
			add(r, 0)
		default:
			for i, base := range c.base {
				add(base, c.rank)
				if i == 0 && c.accent > 0 {
					second, third = append(second, 1+c.accent), append(third, 1)
				}
			}
		}
	}
	key := append(first, 0)
	key = append(key, second...)
	key = append(key, 0)
	return string(append(key, third...))
}

// ignored reports whether the collation does not see a character at all.
func ignored(r rune) bool {
	return r < ' ' && (r < '\t' || r > '\r') || 0x7f <= r && r <= 0x9f && r != 0x85 || r == 0xad
}
