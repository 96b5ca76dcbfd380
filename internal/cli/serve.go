package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/handover"
	"github.com/panoplysec/panoply/internal/door/systemd"
)

func newServe(s Streams, version string) *cobra.Command {
	var file, format string
	var dryRun bool
	flags := serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve [UPSTREAM]",
		Short: "Put the door in front of an app",
		Long: `Serve takes HTTPS, puts the guards around every request and passes it to the app
behind. Without a file it enforces only what cannot break a correct app, and tells the
rest; each thing that it does by itself is printed at start with the line that turns it
off. SIGHUP reads the file again, SIGUSR1 opens the file of the access log anew,
SIGUSR2 has the program of now take over (panoply upgrade), SIGTERM and Ctrl-C drain, a
second one cuts. OTEL_EXPORTER_OTLP_ENDPOINT sends traces.

A flag wins over the environment, where PANOPLY_TLS_POLICY sets tls.policy and
PANOPLY_TLS_POLICY_FILE names a file with the value, and that wins over the file.`,
		Example: `  panoply serve :3000
  panoply serve --config panoply.yaml
  panoply serve :3000 --site shop.example --listen :443 --cert fullchain.pem:privkey.pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			// Before anything else: who hands over waits, and asks why this one does not come.
			before, err := handover.Inherited()
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			if before != nil {
				defer func() {
					if err != nil {
						before.Fail(err)
					}
				}()
			}
			if format != "yaml" {
				if err := textOrJSON(format); err != nil {
					return usageError("", "--format %s is not known: text, yaml or json", format)
				}
			}
			path, err := configFile(file)
			if err != nil {
				return err
			}
			given := flags.given(cmd, args)
			cfg, err := loadConfig(path, given...)
			if err != nil {
				return err
			}
			if !dryRun && cmd.Flags().Changed("format") {
				return usageError("", "--format goes with --dry-run")
			}
			sayFile(s, path)
			if dryRun {
				return printEffective(s, cfg, path, format)
			}
			return serve(cmd.Context(), s, door.Options{
				Config: cfg, Load: func() (*config.Config, error) { return loadConfig(path, given...) },
				Predecessor: before, Stdout: s.Out, Stderr: s.Err, Version: version, LookupEnv: os.LookupEnv,
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", "", configUsage)
	f.BoolVar(&dryRun, "dry-run", false, "print every value with where it came from, and open nothing")
	f.StringVar(&format, "format", "text", "of --dry-run: text, yaml (which is a configuration file) or json")
	flags.add(cmd)
	return cmd
}

// serveFlags are the configuration's keys that serve also takes on the command line.
type serveFlags struct {
	sites, certs, proxies           []string
	listen, redirect, state, admins string
}

// keys names for each flag the key it sets.
var serveKeys = []struct{ flag, path string }{
	{"listen", "listen"}, {"redirect", "redirect"}, {"state", "state"}, {"admin", "admin.listen"},
	{"site", "sites"}, {"cert", "tls.certificates"}, {"trust-proxy", "trust.proxies"},
}

func (v *serveFlags) add(cmd *cobra.Command) {
	def := config.Default()
	f := cmd.Flags()
	f.StringVar(&v.listen, "listen", def.Listen, "HTTPS address")
	f.StringVar(&v.redirect, "redirect", def.Redirect, "plain HTTP address that redirects to HTTPS, or off")
	f.StringVar(&v.state, "state", "", "folder of keys, local CA and admin socket (default: this user's state folder)")
	f.StringVar(&v.admins, "admin", def.Admin.Listen, "loopback address of health and metrics, or off")
	f.StringArrayVar(&v.sites, "site", nil, "host name served (repeat for more)")
	f.StringArrayVar(&v.certs, "cert", nil, "certificate and key as CERT:KEY (repeat for more)")
	f.StringArrayVar(&v.proxies, "trust-proxy", nil, "CIDR of a proxy in front of the door (repeat for more)")
}

// given returns what was said on the command line, and nothing that was not: a default
// of a flag must not win over the file.
func (v *serveFlags) given(cmd *cobra.Command, args []string) []config.Flag {
	var all []config.Flag
	for _, key := range serveKeys {
		flag := cmd.Flags().Lookup(key.flag)
		if !flag.Changed {
			continue
		}
		values := []string{flag.Value.String()}
		if many, ok := flag.Value.(interface{ GetSlice() []string }); ok {
			values = many.GetSlice()
		}
		all = append(all, config.Flag{Path: key.path, Name: "--" + key.flag, Values: values})
	}
	if len(args) > 0 {
		all = append(all, config.Flag{Path: "upstream", Name: "UPSTREAM", Values: args})
	}
	return all
}

func serve(ctx context.Context, s Streams, o door.Options) error {
	var err error
	if o.Sockets, err = systemd.Sockets(); err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	o.Manager = systemd.FromEnv()
	o.Program = handover.Program{Path: program(), Args: os.Args}
	d, err := door.New(o)
	if err != nil {
		hint := ""
		if o.Config.Upstream == "" {
			hint = "panoply serve :3000, or upstream: in panoply.yaml"
		}
		return &exitError{code: exitUsage, err: err, hint: hint}
	}
	if err := d.Run(ctx); err != nil {
		return &exitError{code: exitIncomplete, err: err}
	}
	return nil
}

// program is the file of this process, found at its start since later another may be in its
// place, which is the idea; empty where it is not known. A link stays one, so that it may lead
// elsewhere by then.
func program() string {
	own, err := os.Executable()
	if err != nil {
		return ""
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return own
	}
	if called, err = filepath.Abs(called); err != nil {
		return own
	}
	a, errA := os.Stat(own)
	b, errB := os.Stat(called)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return own
	}
	return called
}
