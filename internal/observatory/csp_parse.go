package observatory

import (
	"errors"
	"fmt"
	"strings"
)

// repeatedDirective is the name under which the original keeps the directives that a
// policy repeats, among the directives.
const repeatedDirective = "_observatory_duplicate_key_warnings"

// shortestPolicy is the length below which a policy is taken for broken.
const shortestPolicy = len("img-src") - 1

// A broken list of policies is invalid as a whole. What is wrong with it only matters to
// who reads a failed test.
var (
	errShortPolicy   = errors.New("policy too short")
	errRepeated      = errors.New("directive repeated")
	errBrokenPercent = errors.New("broken percent escape")
)

var mayRepeat = map[string]bool{"report-uri": true, "report-to": true}

var dropLineBreaks = strings.NewReplacer("\r", "", "\n", "")

// sourceSet is the sources of a directive.
type sourceSet map[string]bool

// policies are the directives that a list of policies amounts to.
type policies map[string]sourceSet

// parsePolicies reads policies that hold together: a source has to be in all of them.
func parsePolicies(list []string) (policies, error) {
	merges := map[string]*merge{}
	repeated := sourceSet{}
	for number, text := range list {
		text = trimBlank(dropLineBreaks.Replace(text))
		if shorter(text, shortestPolicy) {
			return nil, fmt.Errorf("%w: %q", errShortPolicy, text)
		}
		seen := map[string]bool{}
		for entry := range strings.SplitSeq(text, ";") {
			words := strings.FieldsFunc(entry, isBlank)
			if len(words) == 0 {
				continue
			}
			name := lower(words[0])
			if seen[name] {
				if !mayRepeat[name] {
					return nil, fmt.Errorf("%w: %.100q", errRepeated, name)
				}
				repeated[name] = true
			}
			seen[name] = true
			m := merges[name]
			if m == nil {
				m = &merge{many: len(list) > 1}
				merges[name] = m
			}
			m.add(number, sourcesOf(name, words[1:]))
		}
	}
	merged := make(policies, len(merges))
	for name, m := range merges {
		sources, err := m.result()
		if err != nil {
			return nil, err
		}
		merged[name] = sources
	}
	if len(repeated) > 0 {
		merged[repeatedDirective] = repeated
	}
	return merged, nil
}

// sourcesOf returns the sources in lower case; a list of sources without any is 'none'.
func sourcesOf(directive string, words []string) []string {
	if len(words) == 0 && strings.HasSuffix(directive, "-src") {
		return []string{"'none'"}
	}
	sources := make([]string, len(words))
	for i, word := range words {
		sources[i] = lower(word)
	}
	return sources
}

// parseMetaPolicies reads policies of meta elements, without what only a header may say.
func parseMetaPolicies(list []string) (policies, error) {
	p, err := parsePolicies(list)
	for _, name := range [...]string{"frame-ancestors", "report-uri", "sandbox"} {
		delete(p, name)
	}
	return p, err
}
