package crawl

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"

	"github.com/panoplysec/panoply/audit/check"
)

// maxCompared is how much of two bodies is compared.
const maxCompared = 256 << 10

// Alike says whether two answers say the same, but for what differs from answer to
// answer anyway: numbers and dates, tokens and ids, nonces and hidden fields.
func Alike(a, b *check.Exchange) bool {
	return bytes.Equal(a.Body, b.Body) || essence(content(a)) == essence(content(b))
}

// content is the body; of a page, without the tags of hidden fields.
func content(x *check.Exchange) string {
	body := x.Body[:min(len(x.Body), maxCompared)]
	if Classify(x) != check.Document {
		return string(body)
	}
	var b strings.Builder
	z := html.NewTokenizer(bytes.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			raw := z.Raw()
			name, more := z.TagName()
			if string(name) == "input" && strings.EqualFold(Attributes(z, more)["type"], "hidden") {
				continue
			}
			b.Write(raw)
		default:
			b.Write(z.Raw())
		}
	}
}

// essence is a text without its spaces, its numbers and the words that look random.
func essence(text string) string {
	b := make([]byte, 0, len(text))
	start := 0 // of the word that is being read, in b
	var seen letters
	end := func() {
		if seen.random() {
			b = b[:start]
		}
		seen = letters{}
	}
	for i := range len(text) {
		c := text[i]
		if !seen.take(c) {
			end()
		} else if seen.n == 1 {
			start = len(b)
		}
		if c > ' ' && (c < '0' || c > '9') {
			b = append(b, c)
		}
	}
	end()
	return string(b)
}

// letters counts what a word is made of.
type letters struct {
	n, digits, hex, upper, lower int
	slash, joint                 bool
}

// take counts a letter, and says false when it ends the word.
func (l *letters) take(c byte) bool {
	switch {
	case '0' <= c && c <= '9':
		l.digits++
	case 'A' <= c && c <= 'Z':
		l.upper++
	case 'a' <= c && c <= 'z':
		l.lower++
	case c == '/':
		l.slash = true
	case c == '-' || c == '_':
		l.joint = true
	case c != '+' && c != '=':
		return false
	}
	if isHex(c) || c == '-' {
		l.hex++
	}
	l.n++
	return true
}

// random says whether the word looks like base64, base32, hex or an id. A slash may stand in
// base64 as well as in a path; paths rarely have capitals and small letters. One in 200
// tokens of 128 bits in base32 has no digit, and no word is as long.
func (l *letters) random() bool {
	switch {
	case l.n < 8:
		return false
	case l.hex == l.n, l.digits > 0 && l.upper+l.lower > 0 && !l.slash, l.n >= 24 && !l.slash && !l.joint:
		return true
	}
	return l.upper > 0 && l.lower > 0 && (l.digits > 0 || l.n >= 16)
}
