package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/learn"
)

func newInit(s Streams) *cobra.Command {
	var file string
	var stdout bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Look at an app's folder and write the panoply.yaml that fits it",
		Long: `Init looks at the folder of an app (this one, or DIR) and writes a panoply.yaml with what
it learnt: where the app listens, its session cookies, its logins and logouts, what it has
of its own. Each value has the file and line it came from; every other key is there too,
commented out, with its default and what it is for.

The folder is data: nothing of it is run, no address is contacted, and of .env only the
names are read. A file that is there is never overwritten.`,
		Example: "  panoply init\n  panoply init ../shop --stdout\n  panoply init -o panoply.new.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			if !stdout && file == "" {
				// Also one that is only misspelt.
				have, err := config.Find(dir)
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return &exitError{code: exitUsage, err: err}
				}
				if have != "" {
					return there(have)
				}
				file = filepath.Join(dir, config.FileName)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			defer root.Close()
			text := learn.Folder(root.FS()).Full()
			if stdout {
				_, err := s.Out.Write(text)
				return err
			}
			if err := create(file, text); errors.Is(err, fs.ErrExist) {
				return there(file)
			} else if err != nil {
				code := exitUsage
				if unwritten(err) {
					code = exitIncomplete
				}
				return &exitError{code: code, err: err}
			}
			fmt.Fprintf(s.Err, "panoply: wrote %s: read it, then panoply validate and panoply serve\n", file)
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write (default: panoply.yaml in the folder)")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print it instead of writing a file")
	cmd.MarkFlagsMutuallyExclusive("output", "stdout")
	return cmd
}

func there(file string) error {
	return usageError("--stdout prints it, -o FILE writes another file", "%s is there already, and stays as it is", file)
}

// create writes a file that was not there, whole or not at all.
func create(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
	}
	return err
}
