package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/spell"
)

func newExplain(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [ID]",
		Short: "Say what a practice is, who enforces it, what proves it, and how to mend it",
		Long:  "Without an id, explain lists the practices in the order of the page.",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return practice.IDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listPractices(s.Out)
			}
			p, ok := practice.ByID(args[0])
			if !ok {
				return usageError("panoply explain lists all ids", "%q is no practice%s", args[0], didYouMean(args[0]))
			}
			return explainPractice(s.Out, p)
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
