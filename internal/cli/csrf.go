package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/crosssite"
)

func newCSRF(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "csrf",
		Short: "Show which requests of other sites the running door refused, or would refuse",
		Long: `On the first day the door refuses forms that another site makes a visitor's browser
post with a cookie, and observes the rest: other origins of the same site, browsers that
say less, WebSockets, scripts. What it would have refused is shown here, each with the
line of panoply.yaml that lets it pass if you expect it. When nothing is left that you
expect, panoply csrf enforce refuses the rest too.`,
		Args: cobra.NoArgs,
	}
	v := view[crosssite.Report]{
		ask: func(ctx context.Context, socket string) (crosssite.Report, error) {
			return door.Client(socket).CSRF(ctx)
		},
		text: func(r crosssite.Report) error { return printCSRF(s.Out, r) },
	}
	v.on(cmd, s)
	cmd.AddCommand(enforceCSRF(s), relaxCSRF(s))
	return cmd
}

func printCSRF(w io.Writer, r crosssite.Report) error {
	what := "forms of other sites with a cookie are refused, the rest is observed"
	if r.All {
		what = "everything that another site forged is refused"
	}
	if r.Mode != guard.Enforce.String() {
		what = "mode " + r.Mode + ": nothing is refused"
	}
	n := r.Sources
	fmt.Fprintf(w, "%s; since %s\n", what, when(r.Since, "-"))
	fmt.Fprintf(w, "%d requests that are not safe: %d with Sec-Fetch-Site, %d without (%d with Origin, %d with Referer, %d with neither)\n\n",
		n.FetchMetadata+n.Without(), n.FetchMetadata, n.Without(), n.Origin, n.Referer, n.None)
	if len(r.Entries) == 0 {
		_, err := fmt.Fprintln(w, "nothing was refused, and nothing would have been")
		return err
	}
	return printForged(w, r.Entries, r.Dropped)
}

func printForged(w io.Writer, entries []crosssite.Entry, dropped uint64) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ROUTE\tFROM\tRULE\tREFUSED\tWOULD BE\tLAST")
	for _, e := range entries {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%s\n", e.Route, cmp.Or(e.From, "-"), e.Rule, e.Refused, e.Observed, e.Last.Local().Format(time.DateTime))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if dropped > 0 {
		fmt.Fprintf(w, "and %d more that found no room in the list\n", dropped)
	}
	fmt.Fprintln(w, "\nIf one of them is expected, add to panoply.yaml:")
	for _, e := range entries {
		if e.Line == "" {
			continue
		}
		shape := ""
		if e.Shape != "" {
			shape = "  # " + e.Shape
		}
		fmt.Fprintf(w, "  %s%s\n", e.Line, shape)
	}
	return nil
}

func enforceCSRF(s Streams) *cobra.Command {
	var where stateFlag
	var yes bool
	cmd := &cobra.Command{
		Use:   "enforce",
		Short: "Refuse everything that another site forged, after a look at what that would have been",
		Long: `Enforce prints what would have been refused until now. Where there is nothing, or with
--yes, everything that is forged is refused from now on, at once and after restarts, as
with csrf.enforce: all in panoply.yaml. Else the exit code is 1 and nothing changes. The
list begins anew when the csrf section of panoply.yaml has changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				r, err := door.Client(socket).CSRF(ctx)
				if err != nil {
					return err
				}
				would, sure := r.Would()
				if len(would) > 0 {
					if err := printForged(s.Out, would, r.Dropped); err != nil {
						return err
					}
				}
				if (len(would) > 0 || !sure) && !yes {
					fmt.Fprintf(s.Err, "panoply: %d kinds of requests would have been refused since %s; nothing was changed\n", len(would), when(r.Since, "-"))
					if !sure {
						fmt.Fprintf(s.Err, "panoply: warning: %d requests found no room in the list; some of them may be expected\n", r.Dropped)
					}
					fmt.Fprintln(s.Err, "panoply: hint: let pass what you expect with the lines above and panoply reload; then panoply csrf enforce --yes")
					return &exitError{code: exitFindings}
				}
				if err := door.Client(socket).EnforceCSRF(ctx, true); err != nil {
					return err
				}
				fmt.Fprintf(s.Err, "panoply: csrf: everything that another site forged is refused from now on (undo: panoply csrf relax)\n")
				if seen := r.Sources.FetchMetadata + r.Sources.Without(); seen == 0 {
					fmt.Fprintln(s.Err, "panoply: warning: no request was seen yet that this is about; look at panoply csrf again when there was some traffic")
				}
				if r.Mode != guard.Enforce.String() {
					fmt.Fprintf(s.Err, "panoply: warning: the guard is in mode %s: nothing is refused (change it: csrf.mode, or at once: panoply off csrf --mode enforce)\n", r.Mode)
				}
				return nil
			})
		},
	}
	where.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "enforce although some requests would have been refused")
	return cmd
}

func relaxCSRF(s Streams) *cobra.Command {
	var where stateFlag
	cmd := &cobra.Command{
		Use: "relax", Short: "Undo enforce: refuse what the configuration says", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := where.ask(cmd.Context(), func(ctx context.Context, socket string) error { return door.Client(socket).EnforceCSRF(ctx, false) })
			if err == nil {
				fmt.Fprintln(s.Err, "panoply: csrf: relax")
			}
			return err
		},
	}
	where.add(cmd)
	return cmd
}
