package csp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// Rules says how strictly a policy is judged.
type Rules uint8

const (
	// Strict refuses all that Helmet refuses and all that no browser reads as meant.
	Strict Rules = iota
	// Helmet refuses what Helmet 8.3 refuses, at start or at a request, and nothing
	// more.
	Helmet
)

// Validate returns every reason why p cannot be sent, joined, or nil: each is a
// [guard.OptionError] with the directive and the index of the source as its field. A
// policy without default-src is not refused here; who sends it decides.
func (p Policy) Validate(rules Rules) error {
	problems := guard.Problems{Package: "csp"}
	if len(p) == 0 {
		problems.Add("Policy", "", "at least one directive", "")
	}
	seen := map[string]bool{}
	for _, d := range p {
		if name, ok := Normalize(d.Name); !ok || name != d.Name {
			hint := ""
			if ok {
				hint = fmt.Sprintf("write %q", name)
			}
			problems.Add("Name", d.Name, "small letters, digits and dashes, beginning with a letter", hint)
		}
		if seen[d.Name] {
			problems.Add(d.Name, "", "given once", "browsers ignore the second")
		}
		seen[d.Name] = true
		for i, source := range d.Sources {
			if err := CheckSource(source); err != nil {
				problems.Add(fmt.Sprintf("%s[%d]", d.Name, i), source, err.Error(), "")
			}
		}
	}
	if rules == Strict {
		p.strict(&problems)
	}
	return problems.Err()
}

// strict adds what Lint knows to be never right.
func (p Policy) strict(problems *guard.Problems) {
	for _, found := range p.Lint() {
		if !found.Never || CheckSource(found.Source) != nil {
			continue // told already
		}
		problems.Note(&guard.OptionError{Package: "csp", Field: found.Directive, Value: found.Source,
			Err: errors.New(found.Text), Hint: found.Fix})
	}
}

// CheckSource returns why Helmet refuses source as a value of any directive, or nil. The
// text says what it must be and completes "must be …".
func CheckSource(source string) error {
	if strings.ContainsAny(source, ";,") {
		return fmt.Errorf("without %q and %q, which end a directive and a policy; percent-encode them", ";", ",")
	}
	if needsQuotes(source) {
		return fmt.Errorf("written in single quotes: %q", "'"+source+"'")
	}
	if bad := unsendable(source, true); bad != "" {
		return fmt.Errorf("fit for a header field: it %s", bad)
	}
	return nil
}

// needsQuotes reports whether source is a keyword, a nonce or a hash without its quotes.
func needsQuotes(source string) bool {
	if keywords[source] {
		return true
	}
	for _, prefix := range quotedPrefixes {
		if strings.HasPrefix(source, prefix) {
			return true
		}
	}
	return false
}

// unsendable says which character of s a header field cannot carry, or "". Node allows
// the whole of Latin-1; a browser reads no source outside ASCII.
func unsendable(s string, latin1 bool) string {
	for _, r := range s {
		switch {
		case r == '\t', r >= 0x20 && r < 0x7f:
		case r < 0x20, r == 0x7f:
			return fmt.Sprintf("holds the control character %U", r)
		case r >= 0x80 && r <= 0xff && latin1:
		default:
			return fmt.Sprintf("holds the character %U", r)
		}
	}
	return ""
}
