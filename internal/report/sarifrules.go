package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
	"github.com/panoplysec/panoply/internal/practice"
)

// semantic is a version in the form of semver.org.
var semantic = pattern.New(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// A rulebook holds the rules in the order of the checks, then those that only findings
// name.
type rulebook struct {
	rules []sarifRule
	// index is the place of a rule by its id.
	index map[string]int
	cwes  []int
}

func newRulebook(r *audit.Report, checks []check.Check) *rulebook {
	b := &rulebook{index: make(map[string]int)}
	all := slices.Clone(r.Findings)
	for _, i := range r.Ignored {
		all = append(all, i.Finding)
	}
	for _, c := range checks {
		for _, rule := range c.Rules {
			b.add(rule, c, all)
		}
	}
	for _, rule := range audit.Rules() {
		if slices.ContainsFunc(all, func(f check.Finding) bool { return f.ID == rule.ID }) {
			b.add(rule, check.Check{Why: "An exception that outlives its reason hides what it was never meant to."}, all)
		}
	}
	for _, f := range all {
		b.add(check.Rule{ID: f.ID, Title: f.Title, Severity: f.Severity, CWE: f.CWE, ASVS: f.ASVS, Fix: f.Fix}, check.Check{Practice: f.Practice}, all)
	}
	slices.Sort(b.cwes)
	for i := range b.rules {
		for j := range b.rules[i].Relationships {
			target := &b.rules[i].Relationships[j].Target
			n, _ := strconv.Atoi(target.ID)
			target.Index = slices.Index(b.cwes, n)
		}
	}
	return b
}

// add adds a rule unless it is there.
func (b *rulebook) add(rule check.Rule, c check.Check, all []check.Finding) {
	if _, ok := b.index[rule.ID]; ok {
		return
	}
	b.index[rule.ID] = len(b.rules)
	row, _ := practice.ByID(c.Practice)
	why := cmp.Or(rule.Why, c.Why, row.Why, rule.Title)
	x := sarifRule{
		ID: line(rule.ID), Name: pascal(rule.ID), Short: sarifText{Text: line(rule.Title)}, Full: sarifText{Text: line(why)},
		Help: help(rule, c, row), Configuration: sarifLevel{level(rule.Severity)},
		Properties: sarifRuleBag{
			Tags: []string{"security"}, SecuritySeverity: securitySeverity[min(rule.Severity, check.Critical)],
			Precision: precision(rule.ID, all), ASVS: rule.ASVS,
		},
	}
	if c.Practice != "" {
		x.Properties.Tags = append(x.Properties.Tags, line(c.Practice))
	}
	if rule.CWE > 0 {
		x.Properties.Tags = append(x.Properties.Tags, fmt.Sprintf("external/cwe/cwe-%d", rule.CWE))
		x.Relationships = []sarifRelation{{sarifTaxonReference{ID: strconv.Itoa(rule.CWE), Component: sarifReference{Name: "CWE"}}, []string{"superset"}}}
		if !slices.Contains(b.cwes, rule.CWE) {
			b.cwes = append(b.cwes, rule.CWE)
		}
	}
	b.rules = append(b.rules, x)
}

// securitySeverity is what GitHub reads: above 9.0 is critical, from 7.0 high, from 4.0
// medium, below that low.
var securitySeverity = [...]string{check.Info: "0.0", check.Low: "3.0", check.Medium: "5.5", check.High: "8.0", check.Critical: "9.5"}

// precision is that of the least sure finding of the rule.
func precision(id string, all []check.Finding) string {
	steps := []string{"very-high", "high", "medium"}
	least := 0
	for _, f := range all {
		if f.ID == id {
			least = max(least, slices.Index([]check.Confidence{check.Certain, check.Firm, check.Tentative}, f.Confidence))
		}
	}
	return steps[least]
}

// pascal makes the rule's readable name of its id: "headers/csp-absent" is
// "HeadersCspAbsent".
func pascal(id string) string {
	name := ""
	for word := range strings.FieldsFuncSeq(line(id), func(r rune) bool { return r == '/' || r == '-' || r == ' ' }) {
		first, size := utf8.DecodeRuneInString(word)
		name += string(unicode.ToUpper(first)) + word[size:]
	}
	return name
}

// help says what to do, as text and as Markdown.
func help(rule check.Rule, c check.Check, row practice.Practice) sarifText {
	var text, markdown strings.Builder
	why := line(cmp.Or(rule.Why, c.Why, row.Why, rule.Title))
	text.WriteString(why + "\n")
	markdown.WriteString(why + "\n")
	for _, part := range []struct{ title, code string }{
		{"Fix in Express", cmp.Or(rule.Fix.Express, row.FixExpress)}, {"Fix in Go", cmp.Or(rule.Fix.Go, row.FixGo)}, {"Fix at the door", cmp.Or(rule.Fix.Door, row.FixDoor)},
		{"Breaks the practice", cmp.Or(rule.Bad, c.Bad)}, {"Holds it", cmp.Or(rule.Good, c.Good)},
	} {
		if part.code = strings.TrimSpace(part.code); part.code == "" {
			continue
		}
		fmt.Fprintf(&text, "\n%s:\n%s\n", part.title, part.code)
		fence := "```"
		for strings.Contains(part.code, fence) {
			fence += "`"
		}
		fmt.Fprintf(&markdown, "\n**%s**\n\n%s\n%s\n%s\n", part.title, fence, part.code, fence)
	}
	if len(rule.ASVS) > 0 {
		said := "OWASP ASVS 5.0: " + strings.Join(rule.ASVS, ", ")
		text.WriteString("\n" + said + "\n")
		markdown.WriteString("\n" + said + "\n")
	}
	return sarifText{Text: text.String(), Markdown: markdown.String()}
}

func (b *rulebook) driver(version string) sarifComponent {
	d := sarifComponent{Name: "Panoply", Version: line(version), Rules: b.rules}
	if v := strings.TrimPrefix(version, "v"); semantic.Get().MatchString(v) {
		d.SemanticVersion = v
	}
	if len(b.cwes) > 0 {
		d.Supported = []sarifReference{{Name: "CWE"}}
	}
	return d
}

// taxonomies holds the weaknesses that the rules name, and no others.
func (b *rulebook) taxonomies() []sarifComponent {
	if len(b.cwes) == 0 {
		return nil
	}
	cwe := sarifComponent{
		Name: "CWE", Organization: "MITRE", InformationURI: "https://cwe.mitre.org/",
		Short: &sarifText{Text: "Common Weakness Enumeration"},
	}
	for _, n := range b.cwes {
		cwe.Taxa = append(cwe.Taxa, sarifTaxon{strconv.Itoa(n), fmt.Sprintf("https://cwe.mitre.org/data/definitions/%d.html", n)})
	}
	return []sarifComponent{cwe}
}
