package npmsemver

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxLength is how many characters a version has at most.
	maxLength = 256
	// maxNumber is the largest integer that JavaScript keeps exactly.
	maxNumber = 1<<53 - 1
)

// Options say how strictly texts are read. The zero value is npm's strict form.
type Options struct {
	// Loose lets "=v 01.2.3beta" pass as 1.2.3-beta, and drops what is no comparator from
	// a range. npm reads versions and ranges of advisories so.
	Loose bool
	// IncludePrerelease makes ranges hold prereleases like any version. Without it, a
	// range holds a prerelease only where one of its own bounds is a prerelease of the
	// same major, minor and patch number.
	IncludePrerelease bool
}

// A Version is a version as npm sees it. The zero value is 0.0.0.
type Version struct {
	Major, Minor, Patch uint64
	// Prerelease is what follows the hyphen, "beta.1", with numbers in their shortest
	// form; empty for a release.
	Prerelease string
	// Build is what follows the plus sign. It decides nothing.
	Build string
}

// Parse reads a whole version, with white space around it let pass. The error says what
// is wrong with the text, which it quotes.
func Parse(text string, o Options) (Version, error) {
	if len(text) > maxLength && tooLong(text) {
		return Version{}, fmt.Errorf("npmsemver: version of %d bytes: longer than %d characters", len(text), maxLength)
	}
	v, ok := parseVersion(trimSpace(text), o.Loose)
	if !ok {
		return Version{}, fmt.Errorf("npmsemver: %q is no version: want MAJOR.MINOR.PATCH with an optional -PRERELEASE and +BUILD", text)
	}
	return v, nil
}

// tooLong counts as JavaScript does, in units of UTF-16.
func tooLong(text string) bool {
	n := 0
	for _, r := range text {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n > maxLength
}

func parseVersion(s string, loose bool) (v Version, ok bool) {
	if loose {
		s = strings.TrimLeftFunc(s, isPrefix)
	} else {
		s = strings.TrimPrefix(s, "v")
	}
	for i, to := range []*uint64{&v.Major, &v.Minor, &v.Patch} {
		n := digits(s)
		if i == 2 && loose {
			n = patchDigits(s)
		}
		if n == 0 || n > 1 && s[0] == '0' && !loose {
			return v, false
		}
		number, err := strconv.ParseUint(strings.TrimLeft(s[:n-1], "0")+s[n-1:n], 10, 64)
		if err != nil || number > maxNumber {
			return v, false
		}
		*to, s = number, s[n:]
		if i < 2 {
			if !strings.HasPrefix(s, ".") {
				return v, false
			}
			s = s[1:]
		}
	}
	s, v.Build, ok = strings.Cut(s, "+")
	if ok && !identifiers(v.Build, true) {
		return v, false
	}
	if s == "" {
		return v, true
	}
	pre, hyphen := strings.CutPrefix(s, "-")
	if !identifiers(pre, loose) && loose {
		pre = s // of "1.2.3-" the hyphen itself is the prerelease
	}
	if !hyphen && !loose || !identifiers(pre, loose) {
		return v, false
	}
	v.Prerelease = shortest(pre)
	return v, true
}

// patchDigits is how many digits of s are the patch number where junk is let pass: in
// "1.2.31.4" semver finds the prerelease "1.4".
func patchDigits(s string) int {
	n := digits(s)
	if n > 1 && n < len(s) && s[n] == '.' {
		return n - 1
	}
	return n
}

// identifiers says whether s is a list of identifiers with dots between them. Numbers
// with leading zeros are none, unless zeros is set.
func identifiers(s string, zeros bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		n := 0
		for n < len(id) && isIdentifier(id[n]) {
			n++
		}
		if n == 0 || n < len(id) || !zeros && n > 1 && id[0] == '0' && digits(id) == n {
			return false
		}
	}
	return true
}

// shortest takes leading zeros from the numbers that JavaScript can hold.
func shortest(pre string) string {
	if !strings.HasPrefix(pre, "0") && !strings.Contains(pre, ".0") {
		return pre
	}
	ids := strings.Split(pre, ".")
	for i, id := range ids {
		if digits(id) != len(id) {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimLeft(id, "0"), 10, 64); err == nil && n < maxNumber {
			ids[i] = strconv.FormatUint(n, 10)
		} else if strings.Trim(id, "0") == "" {
			ids[i] = "0"
		}
	}
	return strings.Join(ids, ".")
}

// String returns the canonical form, without build metadata.
func (v Version) String() string {
	s := strconv.FormatUint(v.Major, 10) + "." + strconv.FormatUint(v.Minor, 10) + "." + strconv.FormatUint(v.Patch, 10)
	if v.Prerelease != "" {
		s += "-" + v.Prerelease
	}
	return s
}

// Compare returns -1, 0 or 1 as v is before, beside or after w. A prerelease is before
// its release; build metadata does not count.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch),
		comparePrerelease(v.Prerelease, w.Prerelease))
}

func comparePrerelease(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		if c := compareIdentifier(x, y); c != 0 {
			return c
		}
		if !moreA || !moreB {
			return cmp.Compare(len(restA), len(restB)) // the longer list is after
		}
		a, b = restA, restB
	}
}

func compareIdentifier(a, b string) int {
	numberA, numberB := digits(a) == len(a), digits(b) == len(b)
	switch {
	case numberA && numberB:
		// As JavaScript does: above 2^53 some numbers are equal.
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	case numberA:
		return -1
	case numberB:
		return 1
	}
	return strings.Compare(a, b)
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

func isIdentifier(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-'
}
