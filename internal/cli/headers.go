package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/internal/door"
)

// maxHelmet bounds the file of Helmet's options; a real one has a few kilobytes.
const maxHelmet = 1 << 20

func newHeaders(s Streams) *cobra.Command {
	var helmet, file string
	cmd := &cobra.Command{
		Use:   "headers",
		Short: "Print the header lines that a configuration sends",
		Long: `Headers prints, in Helmet's order and spelling, the lines that the current
configuration sends. With --helmet FILE ("-" for stdin) it reads Helmet's own options as
JSON instead, and prints what they send, or every reason why they are refused (exit 2).
What Helmet accepts by mistake is told as a warning with the fix.`,
		Example: `  panoply headers
  echo '{"xFrameOptions": {"action": "deny"}}' | panoply headers --helmet -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var o headers.Options
			var err error
			if cmd.Flags().Changed("helmet") {
				o, err = helmetOptions(s.In, helmet)
			} else {
				o, err = configuredHeaders(file)
			}
			if err != nil {
				return err
			}
			return printHeaders(s, o)
		},
	}
	cmd.Flags().StringVar(&helmet, "helmet", "", `file of Helmet's options as JSON, "-" for stdin`)
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file (default: panoply.yaml here, if there is one)")
	cmd.MarkFlagsMutuallyExclusive("helmet", "config")
	return cmd
}

func helmetOptions(stdin io.Reader, name string) (headers.Options, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return headers.Options{}, &exitError{code: exitUsage, err: err}
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxHelmet+1))
	if err != nil {
		return headers.Options{}, &exitError{code: exitUsage, err: fmt.Errorf("reading Helmet's options: %w", err)}
	}
	if len(text) > maxHelmet {
		return headers.Options{}, usageError("", "%s holds more than %d bytes", name, maxHelmet)
	}
	o, err := headers.FromHelmet(text)
	if err != nil {
		return headers.Options{}, &exitError{code: exitUsage, err: err}
	}
	return o, nil
}

// configuredHeaders returns what the door would send by its configuration.
func configuredHeaders(file string) (headers.Options, error) {
	path, err := configFile(file)
	if err != nil {
		return headers.Options{}, err
	}
	cfg, err := loadConfig(path)
	if err != nil {
		return headers.Options{}, err
	}
	o, err := door.HeaderOptions(cfg)
	if err != nil {
		return headers.Options{}, &exitError{code: exitUsage, err: err}
	}
	// The door gives each page an address of its own; which one does not show here.
	o.ReportURI = func(*http.Request) string { return "" }
	return o, nil
}

func printHeaders(s Streams, o headers.Options) error {
	if o.Mode == guard.Off {
		fmt.Fprintln(s.Err, "panoply: warning: headers.mode is off: nothing is sent")
		return nil
	}
	g, err := headers.New(o)
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	for _, w := range o.Lint() {
		fmt.Fprintf(s.Err, "panoply: warning: %s\n", w)
	}
	if o.Mode == guard.Observe {
		fmt.Fprintln(s.Err, "panoply: warning: headers.mode is observe: these lines are told, not sent")
	}
	for _, line := range g.Lines() {
		if _, err := fmt.Fprintln(s.Out, line); err != nil {
			return err
		}
	}
	return nil
}
