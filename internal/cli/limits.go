package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
)

func newLimits(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "Show and change what the running door counts of logins: list, show, unblock, block",
		Long: `The door counts failed logins by user and address, by address, and by user. It keeps
hashes, not names: list shows ids, and show finds the ids of a user or an address
that you name.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLimitsList(s), newLimitsShow(s), newLimitsUnblock(s), newLimitsBlock(s))
	return cmd
}

// subjectFlags name a user, an address, or both.
type subjectFlags struct{ admin.Subject }

func (f *subjectFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.User, "user", "", "name of the user, as it is typed at the login")
	cmd.Flags().StringVar(&f.Realm, "realm", "", "realm of the user, where the login's route has one")
	cmd.Flags().StringVar(&f.Addr, "addr", "", "IP address of the client")
}

func when(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.Format(time.RFC3339)
}

func newLimitsList(s Streams) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List what is blocked, why, and until when", Args: cobra.NoArgs}
	v := view[[]admin.Block]{
		ask: func(ctx context.Context, socket string) ([]admin.Block, error) {
			return door.Client(socket).Blocks(ctx)
		},
		text: func(blocks []admin.Block) error {
			if len(blocks) == 0 {
				fmt.Fprintln(s.Err, "panoply: nothing is blocked")
				return nil
			}
			tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "ID\tPOLICY\tUNTIL\tREASON")
			for _, b := range blocks {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", b.ID, b.Policy, when(b.Until, "for ever"), b.Reason)
			}
			return tw.Flush()
		},
	}
	v.on(cmd, s)
	return cmd
}

func newLimitsShow(s Streams) *cobra.Command {
	var who subjectFlags
	cmd := &cobra.Command{
		Use: "show", Short: "Show what is counted of a user or an address", Args: cobra.NoArgs,
		Example: "  panoply limits show --user alice\n  panoply limits show --user alice --addr 203.0.113.7",
	}
	v := view[[]admin.Standing]{
		ask: func(ctx context.Context, socket string) ([]admin.Standing, error) {
			return door.Client(socket).Standings(ctx, who.Subject)
		},
		text: func(standings []admin.Standing) error {
			tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "POLICY\tCOUNTED\tLEFT\tBLOCKED\tUNTIL\tID")
			for _, one := range standings {
				never := "-"
				if one.Blocked {
					never = "for ever"
				}
				fmt.Fprintf(tw, "%s\t%d\t%d\t%t\t%s\t%s\n", one.Policy, one.Consumed, one.Remaining, one.Blocked, when(one.Until, never), one.ID)
			}
			return tw.Flush()
		},
	}
	v.on(cmd, s)
	who.add(cmd)
	cmd.MarkFlagsOneRequired("user", "addr")
	return cmd
}

func newLimitsUnblock(s Streams) *cobra.Command {
	var where stateFlag
	var who subjectFlags
	cmd := &cobra.Command{
		Use: "unblock [ID]", Short: "Forget what is counted of a user or an address, or under an id of list", Args: cobra.MaximumNArgs(1),
		Example: "  panoply limits unblock --user alice\n  panoply limits unblock 5f1c0a9be2",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				who.ID = args[0]
			}
			if who.Subject == (admin.Subject{}) {
				return usageError("panoply limits list shows the ids", "name an ID, --user or --addr")
			}
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				policies, err := door.Client(socket).Unblock(ctx, who.Subject)
				if err != nil {
					return err
				}
				fmt.Fprintf(s.Err, "panoply: forgotten under %d policies\n", len(policies))
				return nil
			})
		},
	}
	where.add(cmd)
	who.add(cmd)
	return cmd
}

func newLimitsBlock(s Streams) *cobra.Command {
	var where stateFlag
	var who subjectFlags
	var lasts string
	cmd := &cobra.Command{
		Use: "block", Short: "Refuse the logins of an address, of a user, or of a user from an address", Args: cobra.NoArgs,
		Long: `A user who is blocked can still log in on a device that is known; an address that is
blocked is refused at logins, not on the rest of the site.`,
		Example: "  panoply limits block --addr 203.0.113.7 --for 24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			seconds := int64(0)
			if lasts != "ever" {
				var d config.Duration
				if err := d.UnmarshalText([]byte(lasts)); err != nil || time.Duration(d) < time.Second {
					return usageError("", "--for %s: want a duration of 1s or more, such as 24h or 7d, or ever", lasts)
				}
				seconds = int64(time.Duration(d) / time.Second)
			}
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				err := door.Client(socket).Block(ctx, who.Subject, seconds)
				if err == nil {
					fmt.Fprintf(s.Err, "panoply: blocked (undo: panoply limits unblock)\n")
				}
				return err
			})
		},
	}
	where.add(cmd)
	who.add(cmd)
	cmd.MarkFlagsOneRequired("user", "addr")
	cmd.Flags().StringVar(&lasts, "for", "24h", "how long, such as 30m, 24h or 7d; ever for no end")
	return cmd
}
