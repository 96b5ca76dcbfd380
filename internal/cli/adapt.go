package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/adapt"
)

func newAdapt(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "adapt",
		Short: "Make a panoply.yaml from the configuration of nginx, Caddy or Helmet",
		Long: `Adapt reads a peer's configuration and prints the panoply.yaml that does the same, each
value with the line it came from. On stderr it says of every other line what becomes of
it: done by the door, set as something near, or not carried over and what to do instead.
Read both before you serve with it: panoply validate, then panoply serve.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newAdaptFile(s, "nginx", "nginx.conf", "the files that it includes are read too", adapt.Nginx),
		newAdaptFile(s, "caddyfile", "Caddyfile", "the files that it imports are read too", adapt.Caddyfile),
		newAdaptHelmet(s),
	)
	return cmd
}

func newAdaptFile(s Streams, name, file, also string, read func(string) (*adapt.Result, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " FILE",
		Short:   "Make a panoply.yaml from a " + file + "; " + also,
		Example: "  panoply adapt " + name + " " + file + " > panoply.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := read(args[0])
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			return printAdapted(s, r)
		},
	}
}

func newAdaptHelmet(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "helmet FILE",
		Short: "Make headers.helmet from JavaScript or TypeScript that calls helmet, or from its options as JSON",
		Long: `Helmet prints headers.helmet as the configuration takes it, from a source file that calls
helmet({…}) or from its options as JSON ("-" for stdin). Nothing of the file is run. What
Helmet refuses is left out and told, and so is what it accepts by mistake.`,
		Example: "  panoply adapt helmet app.js\n  echo '{\"frameguard\": {\"action\": \"deny\"}}' | panoply adapt helmet -",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name, in := args[0], s.In
			if name == "-" {
				name = "stdin"
			} else {
				f, err := os.Open(args[0])
				if err != nil {
					return &exitError{code: exitUsage, err: err}
				}
				defer f.Close()
				in = f
			}
			text, err := io.ReadAll(io.LimitReader(in, maxHelmet+1))
			if err != nil {
				return &exitError{code: exitUsage, err: fmt.Errorf("reading %s: %w", name, err)}
			}
			if len(text) > maxHelmet {
				return usageError("", "%s holds more than %d bytes", name, maxHelmet)
			}
			r, err := adapt.Helmet(name, text)
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			return printAdapted(s, r)
		},
	}
}

func printAdapted(s Streams, r *adapt.Result) error {
	for _, n := range r.Notes {
		fmt.Fprintf(s.Err, "panoply: %s\n", n)
	}
	if n := r.Count(adapt.NotCarried); n > 0 {
		fmt.Fprintf(s.Err, "panoply: warning: %d not carried over\n", n)
	}
	_, err := s.Out.Write(r.YAML())
	return err
}
