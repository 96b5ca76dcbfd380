package csp

import (
	"fmt"
	"strings"
)

// A Problem is one thing wrong with a policy.
type Problem struct {
	// Rule names the kind of problem from a fixed set, such as "unquoted-keyword".
	Rule string
	// Directive and Source are where it is, as written; Source may be empty.
	Directive string
	Source    string
	// Text says what is wrong, Fix what to write instead.
	Text string
	Fix  string
	// Never says that no browser reads this as it was meant.
	Never bool
}

// String is the problem in one line.
func (p Problem) String() string {
	where := p.Directive
	if p.Source != "" {
		where += " " + p.Source
	}
	if p.Fix == "" {
		return fmt.Sprintf("%s: %s", where, p.Text)
	}
	return fmt.Sprintf("%s: %s; %s", where, p.Text, p.Fix)
}

// Parse reads one policy as a browser does and never fails: what a browser ignores is
// left out and told as a Problem, and so is what [Policy.Lint] finds in the rest. Names
// come out in lower case, sources as written. A nonce in the text is a plain source.
//
// A header field can hold several policies; for one, use [ParseFields].
//
// Source: CSP Level 3 section 2.2.1.
func Parse(text string) (Policy, []Problem) {
	var p Policy
	var problems []Problem
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		fields := strings.FieldsFunc(part, asciiSpace)
		if len(fields) == 0 {
			continue
		}
		name := asciiLower(fields[0])
		if !asciiName(name) {
			problems = append(problems, Problem{Rule: "bad-name", Directive: fields[0], Never: true,
				Text: "is no directive name; browsers ignore the directive"})
			continue
		}
		if seen[name] {
			problems = append(problems, Problem{Rule: "duplicate-directive", Directive: name, Never: true,
				Text: "is given twice; browsers ignore all but the first", Fix: "write it once"})
			continue
		}
		seen[name] = true
		d := Directive{Name: name}
		for _, source := range fields[1:] {
			if bad := unsendable(source, false); bad != "" {
				problems = append(problems, Problem{Rule: "bad-character", Directive: name, Source: source, Never: true,
					Text: bad, Fix: "percent-encode paths and write host names in Punycode"})
			}
			d.Sources = append(d.Sources, source)
		}
		p = append(p, d)
	}
	return p, append(problems, p.Lint()...)
}

// ParseFields reads all the policies of a message: fields are the values of every
// Content-Security-Policy field (or of every Report-Only one), each of which may hold
// several policies apart by commas. A browser enforces all of them.
func ParseFields(fields []string) ([]Policy, []Problem) {
	var all []Policy
	var problems []Problem
	for _, field := range fields {
		for text := range strings.SplitSeq(field, ",") {
			p, found := Parse(text)
			problems = append(problems, found...)
			if len(p) > 0 {
				all = append(all, p)
			}
		}
	}
	return all, problems
}

// asciiSpace is Infra's ASCII whitespace. Unicode's blanks are part of a source.
func asciiSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\f' || r == '\r'
}

// asciiName reports whether a browser takes name for a directive's, by the grammar.
func asciiName(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != ""
}
