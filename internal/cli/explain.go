package cli

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/spell"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

func newExplain(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [ID]",
		Short: "Say what a practice or a finding is, what is bad and good, and how to mend it",
		Long: `Explain takes the id of a practice, of a check, or of a finding as a report shows it,
also of one of the scan of a TLS server.
Without an id it lists the practices in the order of the page.`,
		Example: `  panoply explain
  panoply explain cookies
  panoply explain headers/csp-absent
  panoply explain suite.rc4`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return slices.Collect(explainable()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listPractices(s.Out)
			}
			if p, ok := practice.ByID(args[0]); ok {
				return explainPractice(s.Out, p)
			}
			if c, r, ok := ruleByID(args[0]); ok {
				return explainRule(s.Out, c, r)
			}
			if c, ok := checkByID(args[0]); ok {
				return explainCheck(s.Out, c)
			}
			if f, ok := mend.For(args[0]); ok {
				return explainFault(s.Out, f)
			}
			hint := ""
			if best := spell.Nearest(args[0], explainable()); best != "" {
				hint = "; did you mean " + best + "?"
			}
			return usageError("panoply explain lists the practices", "%q is no practice, check or finding%s", args[0], hint)
		},
	}
}

func listPractices(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "PRACTICE\tAT THE DOOR\tBUILT\tTHE PAGE SAYS")
	for _, p := range practice.All() {
		built := "yes"
		if p.Pending != "" {
			built = "pending"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", p.ID, p.Door, built, p.Title)
	}
	return tw.Flush()
}

func explainPractice(w io.Writer, p practice.Practice) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\nThe page: %s. Severity when broken: %s.\n", p.ID, p.Title, p.Why, p.Section, p.Severity)
	if p.Pending != "" {
		fmt.Fprintf(&b, "\nPending: %s. An audit reports it as not proven.\n", p.Pending)
	}
	b.WriteString("\n")
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(tw, "%s\t%s\n", name, text)
		}
	}
	row("enforced by", strings.Join(p.Enforcers, ", "))
	row("checked by", strings.Join(p.Checks, ", "))
	door := string(p.Door)
	if p.DoorNote != "" {
		door += ": " + p.DoorNote
	}
	row("at the door", door)
	row("fix in Express", p.FixExpress)
	row("fix in Go", p.FixGo)
	row("fix at the door", p.FixDoor)
	tw.Flush()
	for _, c := range standard.Checks() {
		if c.Practice != p.ID {
			continue
		}
		fmt.Fprintf(&b, "\nFindings of %s: %s\n", c.ID, c.Title)
		for _, r := range c.Rules {
			fmt.Fprintf(tw, "  %s\t%s\t%s\n", r.ID, r.Severity, r.Title)
		}
		tw.Flush()
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// didYouMean ends the sentence about an id that is none.
func didYouMean(id string) string {
	if best := spell.Nearest(id, slices.Values(practice.IDs())); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}

// explainable are all ids that explain knows.
func explainable() iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := make(map[string]bool)
		tell := func(id string) bool {
			if seen[id] {
				return true
			}
			seen[id] = true
			return yield(id)
		}
		for _, id := range practice.IDs() {
			if !tell(id) {
				return
			}
		}
		for _, c := range allChecks() {
			if !tell(c.ID) {
				return
			}
			for _, r := range c.Rules {
				if !tell(r.ID) {
					return
				}
			}
		}
		for _, f := range mend.Faults() {
			if !tell(f.Name) {
				return
			}
		}
	}
}

// allChecks are those that run, and the engine's own findings about ignores.
func allChecks() []check.Check {
	return append(standard.Checks(), check.Check{
		ID: "audit", Title: "Exceptions have a reason, and an end",
		Why:   "An exception that nobody remembers hides the next problem of its kind.",
		Rules: audit.Rules(),
		Bad:   "// panoply-ignore: cookies/secure",
		Good:  "// panoply-ignore: cookies/secure the old kiosk speaks plain HTTP until=2026-12-31",
	})
}

func ruleByID(id string) (check.Check, check.Rule, bool) {
	for _, c := range allChecks() {
		for _, r := range c.Rules {
			if r.ID == id {
				return c, r, true
			}
		}
	}
	return check.Check{}, check.Rule{}, false
}

func checkByID(id string) (check.Check, bool) {
	for _, c := range allChecks() {
		if c.ID == id {
			return c, true
		}
	}
	return check.Check{}, false
}

func explainRule(w io.Writer, c check.Check, r check.Rule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\nSeverity: %s.", r.ID, r.Title, cmp.Or(r.Why, c.Why), r.Severity)
	if r.Severity == check.Info {
		b.WriteString(" It is a note: the practice holds all the same.")
	}
	b.WriteString("\n\n")
	p, _ := practice.ByID(c.Practice)
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range []struct{ name, text string }{
		{"practice", p.ID}, {"found by", c.ID}, {"weakness", cwe(r)}, {"standard", asvs(r)},
		{"fix in Express", cmp.Or(r.Fix.Express, p.FixExpress)}, {"fix in Go", cmp.Or(r.Fix.Go, p.FixGo)}, {"fix at the door", cmp.Or(r.Fix.Door, p.FixDoor)},
	} {
		if row.text != "" {
			fmt.Fprintf(tw, "%s\t%s\n", row.name, row.text)
		}
	}
	tw.Flush()
	examples(&b, cmp.Or(r.Bad, c.Bad), cmp.Or(r.Good, c.Good))
	_, err := io.WriteString(w, b.String())
	return err
}

func explainCheck(w io.Writer, c check.Check) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n%s\n", c.ID, c.Title, c.Why)
	if c.Practice != "" {
		fmt.Fprintf(&b, "Practice: %s. Needs %s.\n", c.Practice, c.Needs)
	}
	if c.Probes != "" {
		fmt.Fprintf(&b, "When active it sends: %s.\n", c.Probes)
	}
	b.WriteString("\n")
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range c.Rules {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", r.ID, r.Severity, r.Title)
	}
	tw.Flush()
	examples(&b, c.Bad, c.Good)
	_, err := io.WriteString(w, b.String())
	return err
}

func cwe(r check.Rule) string {
	if r.CWE == 0 {
		return ""
	}
	return fmt.Sprintf("CWE-%d", r.CWE)
}

func asvs(r check.Rule) string {
	if len(r.ASVS) == 0 {
		return ""
	}
	return "OWASP ASVS 5.0: " + strings.Join(r.ASVS, ", ")
}

func examples(b *strings.Builder, bad, good string) {
	for _, e := range []struct{ name, text string }{{"Bad", bad}, {"Good", good}} {
		if e.text != "" {
			fmt.Fprintf(b, "\n%s:\n\n    %s\n", e.name, strings.ReplaceAll(e.text, "\n", "\n    "))
		}
	}
}
