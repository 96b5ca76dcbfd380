package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/practice"
)

// practicePages are docs/practices: one page a practice and their list, by file name.
// They come from the same tables as explain; a test writes them, and fails when they
// are out of date.
func practicePages() map[string]string {
	pages := make(map[string]string)
	var index strings.Builder
	index.WriteString("# The practices\n\nIn the order of the Express page. These pages are generated: `go test ./internal/cli -run TestPracticePages -update`.\n\n| practice | at the door | the page says |\n|---|---|---|\n")
	for _, p := range practice.All() {
		fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s |\n", p.ID, p.ID, p.Door, cell(p.Title))
		pages[p.ID+".md"] = practicePage(p)
	}
	index.WriteString("\n[About exceptions](audit.md): the findings of the audit about its own ignore entries.\n")
	pages["README.md"] = index.String()
	audit, _ := checkByID("audit")
	pages["audit.md"] = "# audit: " + audit.Title + "\n\n" + audit.Why + "\n\n" + checkSection(audit)
	return pages
}

func practicePage(p practice.Practice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n%s\n\nThe page: *%s*. Severity when broken: %s.\n\n", p.ID, p.Title, p.Why, p.Section, p.Severity)
	if p.Pending != "" {
		fmt.Fprintf(&b, "**Pending:** %s. An audit reports the practice as broken where it sees so, and as not proven otherwise.\n\n", p.Pending)
	}
	b.WriteString("| | |\n|---|---|\n")
	door := string(p.Door)
	if p.DoorNote != "" {
		door += ": " + p.DoorNote
	}
	for _, row := range [][2]string{
		{"enforced by", code(p.Enforcers)}, {"checked by", code(p.Checks)}, {"at the door", cell(door)},
		{"fix in Express", code([]string{p.FixExpress})}, {"fix in Go", code([]string{p.FixGo})}, {"fix at the door", code([]string{p.FixDoor})},
	} {
		if row[1] != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
		}
	}
	for _, c := range allChecks() {
		if c.Practice == p.ID {
			fmt.Fprintf(&b, "\n## %s: %s\n\n%s It needs %s.\n\n", c.ID, c.Title, c.Why, c.Needs)
			b.WriteString(checkSection(c))
		}
	}
	return b.String()
}

func checkSection(c check.Check) string {
	var b strings.Builder
	if c.Probes != "" {
		fmt.Fprintf(&b, "When active it sends: %s.\n\n", c.Probes)
	}
	b.WriteString("| finding | severity | what it says | weakness | ASVS 5.0 |\n|---|---|---|---|---|\n")
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Severity, cell(r.Title), cwe(r), strings.Join(r.ASVS, ", "))
	}
	fence(&b, "Bad", c.Bad)
	fence(&b, "Good", c.Good)
	for _, r := range c.Rules {
		if cmp.Or(r.Why, r.Bad, r.Good) != "" {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", r.ID, cmp.Or(r.Why, r.Title))
			fence(&b, "Bad", r.Bad)
			fence(&b, "Good", r.Good)
		}
	}
	return b.String()
}

func fence(b *strings.Builder, name, text string) {
	if text != "" {
		fmt.Fprintf(b, "\n%s:\n\n```\n%s\n```\n", name, text)
	}
}

func code(words []string) string {
	var all []string
	for _, w := range words {
		if w != "" {
			all = append(all, "`"+cell(w)+"`")
		}
	}
	return strings.Join(all, ", ")
}

// cell keeps a text inside its cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
