package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/door"
)

func newCookies(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cookies",
		Short: "Give session cookies their own names back, or rename them again",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		cookieNames(s, "restore", "Undo the renaming: each visitor's session cookie gets the app's own name back at the next request", `Restore is for the time before the door is taken away: a session under the door's name
is not known to the app alone. It holds over restarts until panoply cookies rename.
Leave it running for as long as your visitors' sessions live.`, true),
		cookieNames(s, "rename", "Rename session cookies again after a restore", "", false),
	)
	return cmd
}

func cookieNames(s Streams, name, short, long string, restore bool) *cobra.Command {
	var where stateFlag
	cmd := &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				return door.RestoreCookies(ctx, socket, restore)
			})
			if err == nil {
				fmt.Fprintf(s.Err, "panoply: cookies: %s\n", name)
			}
			return err
		},
	}
	where.add(cmd)
	return cmd
}
