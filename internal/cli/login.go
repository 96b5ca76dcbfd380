package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/logins"
)

func newLogin(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Show the logins that the running door found; confirm or forget one",
		Long: `The door finds logins by itself, from requests that post a password, and observes
them. A login is protected from guessing when it is confirmed, when login.routes names
it, or with login.auto: on when its path calls it one and 20 successes and 20 failures
were told apart.

Confirm only what is a login: what succeeds there forgets failures, and makes the
device a known one.`,
		Args: cobra.NoArgs,
	}
	v := view[[]logins.Login]{
		ask: func(ctx context.Context, socket string) ([]logins.Login, error) {
			return door.Client(socket).Logins(ctx)
		},
		text: func(found []logins.Login) error {
			if len(found) == 0 {
				fmt.Fprintln(s.Err, "panoply: no login was found yet")
				return nil
			}
			tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "ROUTE\tSTATE\tSUCCESSES\tFAILURES\tSINCE")
			for _, l := range found {
				fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%s\n", l.Route, l.State, l.Successes, l.Failures, when(l.Since, "-"))
			}
			return tw.Flush()
		},
	}
	v.on(cmd, s)
	cmd.AddCommand(
		changeLogin(s, "confirm", "Protect a login from guessing, from now on", false),
		changeLogin(s, "forget", "Stop protecting a login that was found or confirmed", true),
	)
	return cmd
}

func changeLogin(s Streams, name, short string, forget bool) *cobra.Command {
	var where stateFlag
	cmd := &cobra.Command{
		Use: name + " ROUTE", Short: short, Args: cobra.ExactArgs(1),
		Example: "  panoply login " + name + ` "POST /login"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				if err := door.Client(socket).ChangeLogin(ctx, args[0], forget); err != nil {
					return err
				}
				fmt.Fprintf(s.Err, "panoply: %s: %s\n", name, args[0])
				if !forget {
					warnUnenforced(ctx, s, socket)
				}
				return nil
			})
		},
	}
	where.add(cmd)
	return cmd
}

// warnUnenforced says that a login which was confirmed is not protected, where the guard as
// a whole only observes, or is off.
func warnUnenforced(ctx context.Context, s Streams, socket string) {
	status, err := door.Status(ctx, socket)
	if err != nil {
		return // the order was done, and nothing rests on this
	}
	for _, g := range status.Guards {
		if g.Name == "login" && g.Mode != guard.Enforce.String() {
			fmt.Fprintf(s.Err, "panoply: warning: the guard is in mode %s: nothing is refused (change it: login.mode, or at once: panoply off login --mode enforce)\n", g.Mode)
		}
	}
}
