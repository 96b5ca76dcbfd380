package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

func newValidate(s Streams) *cobra.Command {
	var file string
	var schema bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration without opening a port",
		Long: `Validate reads the configuration that serve would, its file and its environment, and
reports every problem with its line or its variable. With --schema it prints the JSON Schema of the file instead.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if schema {
				_, err := fmt.Fprintf(s.Out, "%s\n", config.Schema())
				return err
			}
			path, err := configFile(file)
			if err != nil {
				return err
			}
			if path == "" {
				return usageError("panoply validate --config FILE", "%s", searched())
			}
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			// Compiling the guards opens nothing, and finds what only they can judge.
			if _, err := door.New(door.Options{Config: cfg}); err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			url, _ := cfg.Address()
			fmt.Fprintf(s.Out, "%s: valid; serves %s from %s\n", path, cfg.Upstream, url)
			for _, line := range cfg.Described() {
				fmt.Fprintf(s.Out, "  %s\n", line)
			}
			for _, line := range cfg.OverdueShields(time.Now()) {
				fmt.Fprintf(s.Err, "panoply: warning: %s\n", line)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", configUsage)
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the configuration file")
	return cmd
}
