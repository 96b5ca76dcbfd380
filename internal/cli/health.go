package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

// healthTime is how long the door may take to answer: less than any probe waits.
const healthTime = 4 * time.Second

func newHealth(s Streams) *cobra.Command {
	var where stateFlag
	var address string
	var live bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Tell whether the running door is ready, for the probes of containers",
		Long: `Health asks the door of this machine, on its admin address, or on its socket where that
address is off or --state names the folder. The door is not ready while it stops, while
the app behind does not answer, and while it knows of a way around itself.

A probe names --admin. Then no file is read, and one that turned bad does not make a door
look ill that goes on with the configuration of before.

Exit codes: 0 ready, 1 not ready, 2 wrong usage or configuration, 3 no door answers.`,
		Example: "  panoply health\n  panoply health --live --admin " + config.Default().Admin.Listen,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, err := where.health(cmd.Context(), address, live)
			switch {
			case err != nil:
				return err
			case len(problems) > 0:
				return &exitError{code: exitFindings, err: errors.New("not ready: " + strings.Join(problems, "\nnot ready: "))}
			case live:
				fmt.Fprintln(s.Out, "the door runs")
			default:
				fmt.Fprintln(s.Out, "the door is ready")
			}
			return nil
		},
	}
	where.add(cmd)
	cmd.Flags().StringVar(&address, "admin", "", "loopback address of health and metrics (default: that of panoply.yaml, or "+config.Default().Admin.Listen+")")
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether the door runs, not whether it is ready")
	cmd.MarkFlagsMutuallyExclusive("admin", "state", "config")
	return cmd
}

// health returns what keeps the door from being ready. A program that only pretends to be
// a door may answer on loopback, so its words are cleaned for the terminal.
func (v *stateFlag) health(ctx context.Context, address string, live bool) ([]string, error) {
	asked := address != ""
	if address == "" && v.state == "" {
		path, err := configFile(v.file)
		if err != nil {
			return nil, err
		}
		cfg, err := loadConfig(path)
		if err != nil {
			return nil, err
		}
		address, v.state = onLoopback(cfg.Admin.Listen), cfg.State
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	if address == "" || address == "off" {
		var problems []string
		err := v.ask(ctx, func(ctx context.Context, socket string) error {
			status, err := door.Status(ctx, socket)
			if !live {
				problems = status.Problems
			}
			return err
		})
		return problems, err
	}
	if _, _, err := net.SplitHostPort(address); err != nil || asked && !admin.Loopback(address) {
		return nil, usageError("", "--admin %s is no loopback address with a port, such as %s", ledger.Clean(address, 100), config.Default().Admin.Listen)
	}
	problems, err := admin.Health(ctx, address, live)
	if err != nil {
		return nil, &exitError{code: exitIncomplete, err: err, hint: "panoply serve starts one; another address is named with --admin"}
	}
	for i, p := range problems {
		problems[i] = ledger.Clean(p, 400)
	}
	return problems, nil
}

// onLoopback is where this machine finds a listener: on loopback, where it is on every
// address.
func onLoopback(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return address
}
