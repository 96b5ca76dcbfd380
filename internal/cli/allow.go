package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/exceptions"
)

func newAllow(s Streams) *cobra.Command {
	var where stateFlag
	var until, end, format string
	var yes, know bool
	cmd := &cobra.Command{
		Use:   "allow [ID]",
		Short: "Let requests like one that was refused pass, for a time",
		Long: `Allow takes the id of a page with which the door refused, and makes the narrowest
exception: for one route and one origin (csrf), or for one route and one client (login).
It shows what that is and asks. The exception ends by itself, after 30 days at most; what
is meant to stay belongs into panoply.yaml. Without an id it lists the exceptions.`,
		Example: "  panoply allow 7eebff --until 7d --i-know\n  panoply allow\n  panoply allow --end 7eebff",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			if end != "" && len(args) > 0 {
				return usageError("", "--end takes the id; name no other")
			}
			var lasts config.Duration
			if err := lasts.UnmarshalText([]byte(until)); err != nil || time.Duration(lasts) < time.Minute || time.Duration(lasts) > exceptions.Longest {
				return usageError("", "--until %s: want a time of 1m to 30d, such as 24h or 7d", until)
			}
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				client := door.Client(socket)
				switch {
				case end != "":
					if err := client.EndException(ctx, end); err != nil {
						return err
					}
					fmt.Fprintf(s.Err, "panoply: exception %s ended\n", end)
					return nil
				case len(args) == 0:
					return listExceptions(ctx, s, client, format)
				}
				return makeException(ctx, s, client, admin.AllowOrder{ID: args[0], Until: time.Now().Add(time.Duration(lasts)), Know: know}, yes)
			})
		},
	}
	where.add(cmd)
	f := cmd.Flags()
	f.StringVar(&until, "until", "24h", "how long it holds, such as 24h or 7d; at most 30d")
	f.BoolVar(&yes, "yes", false, "do not ask")
	f.BoolVar(&know, "i-know", false, "for csrf: that origin may then do what the visitor's cookies can, on this route")
	f.StringVar(&end, "end", "", "end the exception with this id")
	f.StringVar(&format, "format", "text", "of the list: text or json")
	return cmd
}

func listExceptions(ctx context.Context, s Streams, client *admin.Client, format string) error {
	all, err := client.Exceptions(ctx)
	if err != nil {
		return err
	}
	return shown(s.Out, format, all, func() error {
		if len(all) == 0 {
			fmt.Fprintln(s.Err, "panoply: there are no exceptions")
			return nil
		}
		tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "ID\tGUARD\tRULE\tLET PASS\tUNTIL")
		for _, e := range all {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", e.ID, e.Guard, e.Rule, e.String(), when(e.Until, "-"))
		}
		return tw.Flush()
	})
}

// makeException shows what would be let pass, asks, and lets it pass.
func makeException(ctx context.Context, s Streams, client *admin.Client, o admin.AllowOrder, yes bool) error {
	o.Dry = true
	e, err := client.Allow(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "panoply: let pass  %s\npanoply: guard     %s, rule %s\npanoply: until     %s\n", e.String(), e.Guard, e.Rule, when(e.Until, "-"))
	if !yes {
		fmt.Fprint(s.Err, "panoply: type yes to let it pass: ")
		answer, err := bufio.NewReader(s.In).ReadString('\n')
		if strings.TrimSpace(answer) != "yes" {
			if err != nil {
				return &exitError{code: exitUsage, err: errors.New("nobody answered; nothing was changed"), hint: "--yes asks nobody"}
			}
			return &exitError{code: exitFindings, err: errors.New("nothing was changed")}
		}
	}
	o.Dry = false
	if e, err = client.Allow(ctx, o); err == nil {
		fmt.Fprintf(s.Err, "panoply: allowed (undo: panoply allow --end %s)\n", e.ID)
	}
	return err
}
