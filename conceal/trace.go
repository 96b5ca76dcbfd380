package conceal

import (
	"bytes"
	"regexp"
	"slices"
)

// tracer finds stack traces. It is immutable.
type tracer struct{ rules []traceRule }

// newTracer compiles the patterns, so that a program that only imports this package
// does not pay for them at start.
func newTracer() *tracer {
	t := &tracer{rules: slices.Clone(traceRules)}
	for i := range t.rules {
		t.rules[i].compiled = regexp.MustCompile(t.rules[i].pattern)
	}
	return t
}

// maxTraceLine is how much of a line is matched; a frame is shorter.
const maxTraceLine = 1 << 10

// count is what lines of one language have been seen.
type count struct {
	language string
	parts    [telltale + 1]int
}

// trace returns the language of a stack trace in text, or "". Strict asks for two
// frames, a frame and a head, or a telltale; otherwise one frame is enough, as in a
// JSON member that calls itself a stack.
func (t *tracer) trace(text []byte, strict bool) string {
	rules := t.possible(text)
	if len(rules) == 0 {
		return ""
	}
	var seen [24]count // more than there are languages
	n := 0
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) < 6 || len(line) > maxTraceLine {
			continue
		}
		rule := match(rules, line)
		if rule == nil {
			continue
		}
		i := slices.IndexFunc(seen[:n], func(c count) bool { return c.language == rule.language })
		if i < 0 {
			if n == len(seen) {
				continue
			}
			seen[n].language = rule.language
			i, n = n, n+1
		}
		parts := &seen[i].parts
		parts[rule.part]++
		if parts[telltale] > 0 || parts[frame] > 1 || parts[frame] > 0 && (parts[head] > 0 || !strict) {
			return rule.language
		}
	}
	return ""
}

// possible leaves the rules whose needed text occurs at all.
func (t *tracer) possible(text []byte) []*traceRule {
	rules := make([]*traceRule, 0, len(t.rules))
	for i := range t.rules {
		if bytes.Contains(text, []byte(t.rules[i].need)) {
			rules = append(rules, &t.rules[i])
		}
	}
	return rules
}

func match(rules []*traceRule, line []byte) *traceRule {
	for _, rule := range rules {
		if bytes.Contains(line, []byte(rule.need)) && rule.compiled.Match(line) {
			return rule
		}
	}
	return nil
}

// inBody looks for a trace in an error page. Markup is flattened first, since pages
// break lines by <br> and wrap names in <span>; and a page's script may hold the
// trace as a JSON string, its line ends written as \n.
func (t *tracer) inBody(text []byte, markup bool) string {
	if markup {
		text = flatten(text)
	}
	if language := t.trace(text, true); language != "" {
		return language
	}
	if bytes.Contains(text, []byte(`\n`)) {
		return t.trace(breakLines(text), true)
	}
	return ""
}
