package sanity

import (
	"iter"
	"net/url"
	"path"
	"strings"
)

// maxReadings bounds the length of a path that is read in every way: there may be a hundred,
// and the oddest of this length cost a third of a millisecond.
const maxReadings = 1024

// Readings yields what servers may take the path of u for, decoded: once for a path that is
// not [Ambiguous], for another in every way that [Route.MayReach] knows. The same reading may
// come more than once. Complete is false for a path too long to be worth the work, which
// yields nothing.
func Readings(u *url.URL) (all iter.Seq[string], complete bool) {
	if clear, ok := CleanPath(u); ok {
		return func(yield func(string) bool) { yield(clear) }, true
	}
	raw := u.RawPath
	if raw == "" {
		raw = u.EscapedPath()
	}
	if len(raw) > maxReadings {
		return func(func(string) bool) {}, false
	}
	return func(yield func(string) bool) {
		// To who looks for slashes and dots before decoding, an encoded slash is a letter.
		if !readOddly(raw, func(p string) bool { return yield(decodeLetters(p)) }) || !yield(u.Path) {
			return
		}
		for range 3 {
			next := decodeOnce(raw)
			if next == raw || !readOddly(next, yield) {
				return
			}
			raw = next
		}
	}, true
}

// readOddly yields the readings of a text that are not decoding.
func readOddly(p string, yield func(string) bool) bool {
	for way := range 16 {
		q := p
		for i, change := range [...]func(string) string{overlong, slashes, withoutParams, trimmed} {
			if way&(1<<i) == 0 {
				continue
			}
			next := change(q)
			if next == q {
				q = "" // the way without this change has been yielded
				break
			}
			q = next
		}
		if q == "" {
			continue
		}
		merged := mergeSlashes(q)
		if !yield(q) || merged != q && !yield(merged) {
			return false
		}
		clean := path.Clean("/" + q)
		if len(clean) > 1 && strings.HasSuffix(q, "/") {
			clean += "/" // path.Clean takes it, servers keep it
		}
		if !yield(clean) {
			return false
		}
	}
	return true
}

// decodeLetters is decodeOnce but for what would become a separator or an encoding.
func decodeLetters(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
			if c := unHex(p[i+1])<<4 | unHex(p[i+2]); c != '/' && c != '\\' && c != '%' {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

func slashes(p string) string { return strings.ReplaceAll(p, `\`, "/") }

// overlong decodes the separators and dots that are written in more bytes of UTF-8 than they
// need, which old decoders take.
func overlong(p string) string { return overlongForms.Replace(p) }

var overlongForms = strings.NewReplacer(
	"\xc0\xae", ".", "\xc0\xaf", "/", "\xc1\x9c", `\`, "\xe0\x80\xae", ".", "\xe0\x80\xaf", "/", "\xe0\x81\x9c", `\`)

// trimmed takes the blanks and the dots too many from segments of nothing else, as some file
// systems do.
func trimmed(p string) string {
	if !strings.Contains(p, " ") && !strings.Contains(p, "...") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if s == "" || strings.Trim(s, ". ") != "" {
			continue
		}
		switch dots := strings.Count(s, "."); {
		case dots > 1:
			segments[i] = ".."
		case dots == 1:
			segments[i] = "."
		default:
			segments[i] = ""
		}
	}
	return strings.Join(segments, "/")
}
