package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
	"github.com/panoplysec/panoply/internal/door/doctor"
)

func newDoctor(s Streams) *cobra.Command {
	var file, format, resolver string
	var online bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at what surrounds a door: ports, names, certificates, the store, the app",
		Long: `Doctor reads the configuration that serve would, looks at what it needs, and says what it
found and what to do. It changes nothing, and needs no running door; where one runs it is
asked too. What cannot be looked at from here is "not checked", never "ok".

It speaks to the application, the Redis and the name server, and to nobody else unless
--online is given.

Exit codes: 0 no problem (warnings may be there), 1 problems, 2 wrong usage or
configuration, 3 could not complete.`,
		Example: "  panoply doctor\n  panoply doctor --config /etc/panoply/panoply.yaml --format json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}
			o := doctor.Options{Online: online}
			var err error
			if o.Resolver, err = resolverOf(resolver); err != nil {
				return err
			}
			if o.File, err = configFile(file); err != nil {
				return err
			}
			if o.Config, err = loadConfig(o.File); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			o.Socket = door.Socket(o.Config.State)
			asked, cancel := context.WithTimeout(ctx, healthTime)
			status, err := door.Status(asked, o.Socket)
			cancel()
			switch {
			case err == nil:
				o.Running = &status
			case !errors.Is(err, admin.ErrNoDoor):
				o.Unheard = err
			}
			lines := doctor.Examine(ctx, o)
			if ctx.Err() != nil {
				return &exitError{code: exitIncomplete, err: errors.New("interrupted")}
			}
			if err := shown(s.Out, format, doctorReport{Version: "1", File: o.File, Lines: lines}, func() error { return printDoctor(s.Out, lines) }); err != nil {
				return &exitError{code: exitIncomplete, err: err}
			}
			for _, l := range lines {
				if l.Verdict == doctor.Problem {
					return &exitError{code: exitFindings}
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", "", configUsage)
	f.StringVar(&format, "format", "text", "text or json")
	f.StringVar(&resolver, "resolver", "", "name server to ask, as ADDRESS or ADDRESS:PORT (default: those of this machine)")
	f.BoolVar(&online, "online", false, "also ask "+doctor.DefaultDateURL+" for the time")
	return cmd
}

// doctorReport is what doctor --format json prints.
type doctorReport struct {
	Version string        `json:"version"` // of this structure: "1"
	File    string        `json:"file"`    // "" for none
	Lines   []doctor.Line `json:"lines"`
}

// resolverOf returns the name server that was asked for, or those of this machine, or nil
// where none is known.
func resolverOf(asked string) (*doctor.Resolver, error) {
	if asked == "" {
		r, err := doctor.SystemResolver()
		if err != nil {
			return nil, nil // what needs it then is not checked, and says so
		}
		return r, nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(asked, "[]")); err == nil {
		asked = net.JoinHostPort(ip.String(), "53")
	}
	if _, err := netip.ParseAddrPort(asked); err != nil {
		return nil, usageError("", "--resolver %q is no address of a name server, such as 192.0.2.53", asked)
	}
	return &doctor.Resolver{Servers: []string{asked}}, nil
}

// printDoctor writes a line for each, and what to do below it.
func printDoctor(w io.Writer, lines []doctor.Line) error {
	width := 0
	for _, l := range lines {
		width = max(width, len(l.Check))
	}
	counts := map[doctor.Verdict]int{}
	for _, l := range lines {
		counts[l.Verdict]++
		what := l.Found
		if l.Subject != "" {
			what = l.Subject + ": " + l.Found
		}
		if _, err := fmt.Fprintf(w, "%-11s  %-*s  %s\n", cmp.Or(l.Verdict, doctor.NotChecked), width, l.Check, what); err != nil {
			return err
		}
		if l.Do != "" {
			fmt.Fprintf(w, "%-11s  %-*s  → %s\n", "", width, "", l.Do)
		}
	}
	_, err := fmt.Fprintf(w, "\n%d ok, %d warnings, %d problems, %d not checked\n", counts[doctor.OK], counts[doctor.Warning], counts[doctor.Problem], counts[doctor.NotChecked])
	return err
}
