package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(s Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages of all commands into a folder",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err != nil || !info.IsDir() {
				return usageError("mkdir -p "+args[0], "%s is not a folder", args[0])
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, &doc.GenManHeader{Title: "PANOPLY", Section: "1", Source: "Panoply"}, args[0]); err != nil {
				return &exitError{code: exitIncomplete, err: fmt.Errorf("writing the man pages: %w", err)}
			}
			return nil
		},
	}
}
