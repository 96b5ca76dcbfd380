package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/refusals"
	"github.com/panoplysec/panoply/internal/practice"
)

func newWhy(s Streams) *cobra.Command {
	var where stateFlag
	var format string
	cmd := &cobra.Command{
		Use:   "why [ID]",
		Short: "Say why the running door refused a request, by the id on its page",
		Long: `Every page with which the door refuses has an id. Why tells what stands behind it: the
practice and the rule, what of the request decided, and what to do. The first six digits
are enough. Without an id it lists the last refusals.

The last ` + fmt.Sprint(refusals.Max) + ` refusals are remembered, until the door stops.`,
		Example: "  panoply why 7eebff\n  panoply why",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				if len(args) == 0 {
					all, err := door.Client(socket).Refused(ctx)
					if err != nil {
						return err
					}
					return shown(s.Out, format, all, func() error { return printRefused(s, all) })
				}
				one, err := door.Client(socket).Why(ctx, args[0])
				if err != nil {
					return err
				}
				return shown(s.Out, format, one, func() error { return printWhy(s.Out, one) })
			})
		},
	}
	where.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func printRefused(s Streams, all []refusals.Refusal) error {
	if len(all) == 0 {
		fmt.Fprintln(s.Err, "panoply: nothing was refused yet")
		return nil
	}
	tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tTIME\tSTATUS\tGUARD\tRULE\tREQUEST\tCLIENT")
	for _, r := range all {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\t%s %s\t%s\n", r.ID, when(r.Time, "-"), r.Status, cmp.Or(r.Guard, "-"), r.Rule, r.Method, r.Path, cmp.Or(r.Client, "-"))
	}
	return tw.Flush()
}

func printWhy(w io.Writer, r refusals.Refusal) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(tw, "%s\t%s\n", name, text)
		}
	}
	line("id", r.ID)
	line("when", when(r.Time, "-"))
	line("request", fmt.Sprintf("%s %s of %s", r.Method, r.Path, r.Host))
	line("client", r.Client)
	line("from", r.From)
	line("status", fmt.Sprint(r.Status))
	if p, ok := practice.ByID(r.Practice); ok {
		line("practice", fmt.Sprintf("%s: %s (panoply explain %s)", p.ID, p.Title, p.ID))
	}
	line("rule", r.Rule)
	line("field", r.Field)
	line("seen", r.Shape)
	line("cause", r.Cause)
	line("to do", toDo(r))
	return tw.Flush()
}

// toDo says what lets such a request pass, as narrowly as can be.
func toDo(r refusals.Refusal) string {
	switch r.Guard {
	case "csrf":
		return fmt.Sprintf("if it is expected: panoply allow %.12s --until 7d --i-know, or for good the line that panoply csrf shows", r.ID)
	case "login":
		return fmt.Sprintf("panoply limits unblock lets a user or an address try again; panoply allow %.12s lets this client past the limit of this login", r.ID)
	case "sanity":
		if r.Rule == "unknown-host" {
			return "name the host in sites, if it is yours"
		}
		return "nothing: no correct client sends this"
	case "bounds":
		if r.Rule == "route-ambiguous" {
			return "nothing, if no client of yours sends this; else write the path as one that servers read in one way"
		}
		return "the bounds section of panoply.yaml has the limit"
	case "":
		return "look at the application: it, or the way to it, failed"
	}
	return fmt.Sprintf("panoply off %s takes the guard out of the way at once", r.Guard)
}
