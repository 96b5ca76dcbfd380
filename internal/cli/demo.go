package cli

import (
	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/demo"
)

func newDemo(s Streams) *cobra.Command {
	var once, asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Audit a shop that breaks every practice, then the same shop behind the door",
		Long: `Demo runs a small sample shop that breaks every practice on purpose, on loopback
only, audits it, puts the door in front, audits it again, prints both side by side, and
stays up to be tried in a browser until Ctrl-C.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON && !once {
				return usageError("panoply demo --once --json", "--json needs --once: a demo that stays up has no end of output")
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			err := demo.Run(ctx, demo.Options{Once: once, JSON: asJSON, Stdout: s.Out, Stderr: s.Err})
			if err != nil {
				return &exitError{code: exitIncomplete, err: err}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "print the table and exit")
	cmd.Flags().BoolVar(&asJSON, "json", false, "with --once: print practice → {naked, door} as JSON")
	return cmd
}
