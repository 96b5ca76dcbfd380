package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	// maxSubjects bounds the findings of one rule: a page can name any number of hosts.
	maxSubjects = 16
	// furtherSubjects is the subject of those beyond.
	furtherSubjects = "further ones"
)

// A tally collects what a check sees over the pages of a site: one finding for a rule
// and a subject, with three answers as evidence at most and a count by class.
type tally struct {
	rules check.Rules
	// judged is how many answers were looked at.
	judged int
	kept   []*tallied
}

type tallied struct {
	rule    int
	subject string
	said    string
	classes map[check.Class]int
	pages   map[*check.Exchange]bool
	seen    seen
}

// see notes that an answer breaks a rule. The words are those of the first answer;
// without any the rule's title stands. An answer counts once for a rule and a subject.
func (t *tally) see(id, subject string, p check.Page, e check.Evidence, said string) {
	rule := slices.IndexFunc(t.rules, func(r check.Rule) bool { return r.ID == id })
	k := t.find(rule, subject)
	if k == nil {
		k = t.keep(rule, subject, said)
	}
	if !k.pages[p.Exchange] {
		k.pages[p.Exchange] = true
		k.classes[p.Class]++
		k.seen.add(e)
	}
}

func (t *tally) find(rule int, subject string) *tallied {
	subjects := 0
	for _, k := range t.kept {
		if k.rule != rule {
			continue
		}
		if k.subject == subject {
			return k
		}
		subjects++
	}
	if subjects >= maxSubjects && subject != furtherSubjects {
		if k := t.find(rule, furtherSubjects); k != nil {
			return k
		}
		return t.keep(rule, furtherSubjects, "")
	}
	return nil
}

func (t *tally) keep(rule int, subject, said string) *tallied {
	k := &tallied{rule: rule, subject: subject, said: said, classes: make(map[check.Class]int), pages: make(map[*check.Exchange]bool)}
	t.kept = append(t.kept, k)
	return k
}

// saw says whether a rule was broken.
func (t *tally) saw(id string) bool {
	return slices.ContainsFunc(t.kept, func(k *tallied) bool { return t.rules[k.rule].ID == id })
}

// findings returns one finding for a rule and a subject, in the order of the rules.
func (t *tally) findings() []check.Finding {
	slices.SortStableFunc(t.kept, func(a, b *tallied) int { return cmp.Compare(a.rule, b.rule) })
	var found []check.Finding
	for _, k := range t.kept {
		r := t.rules[k.rule]
		said := cmp.Or(k.said, r.Title)
		if k.subject == furtherSubjects {
			said = r.Title + ": further ones"
		}
		f := t.rules.Find(r.ID, k.subject, k.seen.evidence...)
		found = append(found, f.Saying("%s (%d of %s: %s)", said, k.seen.count, answers(max(t.judged, k.seen.count)), byClass(k.classes)))
	}
	return found
}

// byClass says a count by class: "9 documents, 3 assets".
func byClass(classes map[check.Class]int) string {
	names := map[check.Class][2]string{
		check.Document: {"document", "documents"}, check.API: {"API answer", "API answers"},
		check.Asset: {"asset", "assets"}, check.Redirect: {"redirect", "redirects"},
		check.Error: {"error", "errors"}, check.Other: {"other", "others"},
	}
	var parts []string
	for _, c := range check.Classes() {
		switch n := classes[c]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+names[c][0])
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, names[c][1]))
		}
	}
	return strings.Join(parts, ", ")
}
