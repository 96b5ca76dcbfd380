package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
)

// A difference is what panoply diff shows; it is empty where the two agree.
type difference struct {
	Version string `json:"version"` // of this structure: "1"
	File    string `json:"file"`
	// Changes are what a reload would change, Stays what the file says in vain, since the
	// door was started with another value.
	Changes []change `json:"changes"`
	Stays   []change `json:"stays"`
	// Refused says that a reload would change nothing, as one of the changes cannot be
	// made while the door runs.
	Refused bool `json:"refused"`
}

// A change is one value in the door and in the file; empty where there is none.
type change struct {
	Path          string `json:"path"`
	Running       string `json:"running"`
	RunningOrigin string `json:"running_origin"`
	File          string `json:"file"`
	FileOrigin    string `json:"file_origin"`
	Refused       bool   `json:"refused,omitempty"`
}

func newDiff(s Streams) *cobra.Command {
	var where stateFlag
	var format string
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what a reload would change in the running door",
		Long: `Diff compares panoply.yaml (or --config FILE) with what is in force in the running door,
and prints each value that differs, and what a reload would refuse. It changes nothing.
It does not see that a file which both name, a certificate or a page, has new content.

Exit codes: 0 no difference, 1 differences, 2 the file is wrong, 3 no door answers.`,
		Example: "  panoply diff\n  panoply diff --config next.yaml --format json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			path, err := configFile(where.file)
			if err != nil {
				return err
			}
			if path == "" {
				return usageError("panoply diff --config FILE", "there is no panoply.yaml here")
			}
			cfg, err := loadConfig(path)
			if err != nil {
				return err
			}
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				running, err := door.Client(socket).Configuration(ctx)
				if err != nil {
					return err
				}
				d := compare(running, cfg.Effective())
				d.File = path
				if err := shown(s.Out, format, d, func() error { return printDifference(s, d) }); err != nil {
					return err
				}
				if len(d.Changes) > 0 {
					return &exitError{code: exitFindings}
				}
				return nil
			})
		},
	}
	where.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// compare lists what differs: in the order of the file's keys, then what only the door has.
func compare(running []admin.Setting, file []config.Setting) difference {
	d := difference{Version: "1", Changes: []change{}, Stays: []change{}}
	in := make(map[string]admin.Setting, len(running))
	for _, r := range running {
		in[r.Path] = r
	}
	note := func(r admin.Setting, c change) {
		if r.Stays {
			if c.FileOrigin != "" && c.FileOrigin != (config.Origin{}).String() {
				d.Stays = append(d.Stays, c)
			}
			return
		}
		c.Refused = door.Fixed(c.Path)
		d.Refused = d.Refused || c.Refused
		d.Changes = append(d.Changes, c)
	}
	for _, f := range file {
		r := in[f.Path]
		delete(in, f.Path)
		if r.Value != f.Value {
			note(r, change{Path: f.Path, Running: r.Value, RunningOrigin: r.Origin, File: f.Value, FileOrigin: f.Origin.String()})
		}
	}
	for _, r := range running {
		if _, left := in[r.Path]; left {
			note(r, change{Path: r.Path, Running: r.Value, RunningOrigin: r.Origin})
		}
	}
	return d
}

func printDifference(s Streams, d difference) error {
	if err := printChanges(s.Out, d.Changes); err != nil {
		return err
	}
	for _, c := range d.Stays {
		fmt.Fprintf(s.Err, "panoply: hint: %s stays %s over a reload: the door was started with %s\n", c.Path, c.Running, c.RunningOrigin)
	}
	switch {
	case d.Refused:
		fmt.Fprintln(s.Err, "panoply: warning: a reload is refused, and changes nothing: what is marked needs a restart")
	case len(d.Changes) == 0:
		fmt.Fprintf(s.Err, "panoply: the door runs on what %s says\n", d.File)
	}
	return nil
}

func printChanges(w io.Writer, changes []change) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		mark := ""
		if c.Refused {
			mark = "\trestart"
		}
		fmt.Fprintf(tw, "%s\t%s (%s)\t->\t%s%s\n", c.Path, orNone(c.Running), orNone(c.RunningOrigin), fileSide(c), mark)
	}
	return tw.Flush()
}

func fileSide(c change) string {
	if c.File == "" {
		return orNone(c.File)
	}
	return fmt.Sprintf("%s (%s)", c.File, c.FileOrigin)
}

// orNone names what is absent.
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
