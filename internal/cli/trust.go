package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/certs"
)

func newTrust(s Streams) *cobra.Command {
	return trustCommand(s, "trust", "Let this system's browsers and tools know the door's local CA", certs.Trust)
}

func newUntrust(s Streams) *cobra.Command {
	return trustCommand(s, "untrust", "Take the door's local CA out of this system's stores", certs.Untrust)
}

func trustCommand(s Streams, name, short string, plan func(*certs.LocalCA) (*certs.Plan, error)) *cobra.Command {
	var where stateFlag
	var dryRun bool
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long: short + `. The CA can sign localhost, *.localhost, 127.0.0.1 and ::1 only; its key
stays in the state folder. Each command is printed before it runs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := where.folder()
			if err != nil {
				return err
			}
			ca, err := certs.OpenLocalCA(state)
			if err != nil {
				return &exitError{code: exitIncomplete, err: err}
			}
			p, err := plan(ca)
			if err != nil {
				return &exitError{code: exitIncomplete, err: err}
			}
			for _, note := range p.Notes {
				fmt.Fprintf(s.Err, "panoply: hint: %s\n", note)
			}
			if len(p.Steps) == 0 {
				fmt.Fprintln(s.Err, "panoply: nothing to do")
				return nil
			}
			if dryRun {
				for _, step := range p.Steps {
					fmt.Fprintf(s.Out, "# %s\n%s\n", step.Text, step)
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			if err := p.Run(ctx, func(step certs.Step) { fmt.Fprintf(s.Err, "panoply: %s: %s\n", step.Text, step) }); err != nil {
				return &exitError{code: exitIncomplete, err: err, hint: "panoply " + name + " --dry-run prints the commands to run by hand"}
			}
			return nil
		},
	}
	where.add(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the commands and run none")
	return cmd
}
