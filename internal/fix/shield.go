package fix

import (
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/internal/shield"
	"github.com/panoplysec/panoply/internal/shield/known"
)

// A Shielding is what the door can do about a finding until it is mended.
type Shielding struct {
	// Effect is "closes", "narrows", "closed" (the door does it without a shield) or
	// "cannot"; Why is half a sentence.
	Effect string `json:"effect"`
	Why    string `json:"why"`

	row known.Row
}

// Offered says whether there is a shield to write.
func (s *Shielding) Offered() bool { return len(s.row.Refuse) > 0 }

// ShieldFor is what is known of a finding; nil for nothing.
func ShieldFor(f *Finding) *Shielding {
	row, ok := known.For(f.Package, append([]string{f.Advisory}, f.Aliases...), f.Weaknesses)
	if !ok {
		return nil
	}
	return &Shielding{Effect: row.Effect.String(), Why: row.Why, row: row}
}

// A Shield is one of panoply.yaml, for a finding.
type Shield struct {
	ID, Reason, Until string
	*Shielding
}

// lines are the item of shields.
func (s Shield) lines() []string {
	lines := []string{
		"# " + s.Effect + ": " + s.Why,
		"- id: " + quoteJSON(s.ID), "  reason: " + quoteJSON(escapeVariables(s.Reason)), "  until: " + quoteJSON(s.Until),
	}
	for _, list := range []struct {
		key string
		is  []shield.Condition
	}{{"only", s.row.Only}, {"refuse", s.row.Refuse}} {
		if len(list.is) > 0 {
			lines = append(lines, "  "+list.key+":")
		}
		for i := range list.is {
			lines = append(lines, "    - "+condition(&list.is[i]))
		}
	}
	return lines
}

// condition writes one condition on one line.
func condition(c *shield.Condition) string {
	parts := []string{"in: " + c.In}
	for _, t := range []struct{ key, text string }{{"name", c.Name}, {"matches", c.Matches}, {"unlike", c.Unlike}} {
		if t.text != "" {
			parts = append(parts, t.key+": "+quoteJSON(escapeVariables(t.text)))
		}
	}
	for _, n := range []struct {
		key string
		is  int64
	}{{"longer", c.Longer}, {"more", c.More}, {"deeper", c.Deeper}} {
		if n.is > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", n.key, n.is))
		}
	}
	if c.Malformed {
		parts = append(parts, "malformed: true")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// escapeVariables keeps the door from looking for variables in a text.
func escapeVariables(text string) string { return strings.ReplaceAll(text, "$", "$$") }
