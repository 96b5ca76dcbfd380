package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

// stateFlag finds the door to talk to: by --state, else by the configuration file, else
// this user's state folder.
type stateFlag struct{ state, file string }

func (v *stateFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&v.state, "state", "", "state folder of the door (default: that of the configuration, or this user's)")
	cmd.Flags().StringVarP(&v.file, "config", "c", "", configUsage)
}

func (v *stateFlag) folder() (string, error) {
	if v.state != "" {
		return v.state, nil
	}
	path, err := configFile(v.file)
	if err != nil {
		return "", err
	}
	cfg, err := loadConfig(path)
	if err != nil {
		return "", err
	}
	return cfg.State, nil
}

// ask runs one order on the door's socket.
func (v *stateFlag) ask(ctx context.Context, order func(ctx context.Context, socket string) error) error {
	state, err := v.folder()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := order(ctx, door.Socket(state)); err != nil {
		if exit, ok := errors.AsType[*exitError](err); ok {
			return exit // the order was done, and this is its outcome
		}
		exit := &exitError{code: exitIncomplete, err: err}
		if errors.Is(err, admin.ErrNoDoor) {
			exit.hint = "looked in " + state + "; another folder is named with --state"
		}
		return exit
	}
	return nil
}

func newStatus(s Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the running door saw, mended, and would have refused",
		Args:  cobra.NoArgs,
	}
	v := view[admin.Status]{ask: door.Status, text: func(status admin.Status) error { return printStatus(s, status) }}
	v.on(cmd, s)
	return cmd
}

func printStatus(s Streams, status admin.Status) error {
	fmt.Fprintf(s.Out, "serving %s from %s since %s: %d requests, %d open streams\n", status.Upstream,
		strings.Join(status.Listen, ", "), status.Since.Format(time.RFC3339), status.Requests, status.Streams)
	if k := status.Kind; k.Why != "" {
		fmt.Fprintf(s.Out, "kind: %s (%s: %s)\n", k.Kind, k.By, k.Why)
	} else {
		fmt.Fprintf(s.Out, "kind: %s (%s)\n", k.Kind, k.By)
	}
	for _, p := range status.Problems {
		fmt.Fprintf(s.Out, "! %s\n", p)
	}
	for _, h := range status.Hints {
		fmt.Fprintf(s.Out, "  %s\n", h)
	}
	fmt.Fprintln(s.Out)
	if err := printUpstreams(s, status.Upstreams); err != nil {
		return err
	}
	tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "GUARD\tMODE\tRULE\tACTION\tCOUNT\tEXAMPLE")
	for _, g := range status.Guards {
		mode := g.Mode
		if g.Mode != g.Configured {
			mode += " (configured: " + g.Configured + ")"
		}
		if len(g.Rules) == 0 {
			fmt.Fprintf(tw, "%s\t%s\t-\t\t\t\n", g.Name, mode)
		}
		for i, r := range g.Rules {
			name := g.Name
			if i > 0 {
				name, mode = "", ""
			}
			example := ""
			if len(r.Examples) > 0 {
				example = r.Examples[len(r.Examples)-1]
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\n", name, mode, r.Rule, r.Action, r.Count, example)
		}
		if g.Why != "" {
			fmt.Fprintf(tw, "\t\t%s\t\t\t\n", g.Why)
		}
	}
	return tw.Flush()
}

// printUpstreams shows the addresses of the applications.
func printUpstreams(s Streams, all []admin.UpstreamStatus) error {
	tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "UPSTREAM\tADDRESS\tSTATE\tUNDER WAY\tREQUESTS\tFAILED")
	for _, u := range all {
		name := u.Name
		for _, m := range u.Members {
			state := "up"
			if !m.Up {
				state = m.Why
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%d\n", name, ledger.Clean(m.Address, 200), state, m.InFlight, m.Requests, m.Failures)
			name = ""
		}
	}
	fmt.Fprintln(tw)
	return tw.Flush()
}

func newOff(s Streams) *cobra.Command {
	var where stateFlag
	var mode string
	cmd := &cobra.Command{
		Use:   "off GUARD",
		Short: "Switch a guard of the running door off at once, without a restart",
		Long: `Off takes a guard out of the way until the door stops, or until
panoply off GUARD --mode on puts back what the configuration says. Guards: ` + strings.Join(door.Switchable(), ", ") + `.`,
		Example:   "  panoply off cookies\n  panoply off cookies --mode on",
		Args:      cobra.ExactArgs(1),
		ValidArgs: door.Switchable(),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := where.ask(cmd.Context(), func(ctx context.Context, socket string) error { return door.Switch(ctx, socket, args[0], mode) })
			if err == nil {
				fmt.Fprintf(s.Err, "panoply: %s: %s\n", args[0], mode)
			}
			return err
		},
	}
	where.add(cmd)
	cmd.Flags().StringVar(&mode, "mode", "off", "off, observe, enforce, or on for what the configuration says")
	return cmd
}

func newUpgrade(s Streams) *cobra.Command {
	var where stateFlag
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Have the program of now take over from the running door, without a lost request",
		Long: `Upgrade makes the running door start its program again, which by now may be a newer
one, with the same arguments and environment. The new one proves its configuration,
takes the sockets and all that is remembered, and serves; the old one ends what it has
begun, for bounds.drain_timeout at most. Where the new one does not come up, the old
one goes on, and the reason is printed. SIGUSR2 does the same. Not where the door is
process 1 of a container: start one of the new image.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return where.ask(cmd.Context(), func(ctx context.Context, socket string) error {
				done, err := door.Client(socket).Upgrade(ctx)
				if err == nil {
					fmt.Fprintf(s.Err, "panoply: upgraded; process %d is the door now\n", done.Process)
				}
				return err
			})
		},
	}
	where.add(cmd)
	return cmd
}

func newReload(s Streams) *cobra.Command {
	var where stateFlag
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running door read its configuration again",
		Long:  "Reload waits for the outcome. When the file is bad the door goes on as before, and the problems are printed.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := where.ask(cmd.Context(), door.Reload)
			if err == nil {
				fmt.Fprintln(s.Err, "panoply: reloaded")
			}
			return err
		},
	}
	where.add(cmd)
	return cmd
}
