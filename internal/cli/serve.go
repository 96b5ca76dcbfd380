package cli

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

func newServe(s Streams, version string) *cobra.Command {
	var file string
	var dryRun bool
	flags := serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve [UPSTREAM]",
		Short: "Put the door in front of an app",
		Long: `Serve takes HTTPS, puts the guards around every request and passes it to the app
behind. Without a file it enforces only what cannot break a correct app, and tells the
rest; each thing that it does by itself is printed at start with the line that turns it
off. SIGHUP reads the file again, SIGUSR1 opens the file of the access log anew,
SIGTERM and Ctrl-C drain, a second one cuts. OTEL_EXPORTER_OTLP_ENDPOINT sends traces.`,
		Example: `  panoply serve :3000
  panoply serve --config panoply.yaml
  panoply serve :3000 --site shop.example --listen :443 --cert fullchain.pem:privkey.pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := configFile(file)
			if err != nil {
				return err
			}
			given := flags.given(cmd, args)
			cfg, err := loadConfig(path, given...)
			if err != nil {
				return err
			}
			if dryRun {
				return printEffective(s, cfg)
			}
			return serve(cmd.Context(), s, version, cfg, func() (*config.Config, error) { return loadConfig(path, given...) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", "", "configuration file (default: panoply.yaml here, if there is one)")
	f.BoolVar(&dryRun, "dry-run", false, "print every value with where it came from, and open nothing")
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

func serve(ctx context.Context, s Streams, version string, cfg *config.Config, load func() (*config.Config, error)) error {
	d, err := door.New(door.Options{Config: cfg, Load: load, Stdout: s.Out, Stderr: s.Err, Version: version, LookupEnv: os.LookupEnv})
	if err != nil {
		hint := ""
		if cfg.Upstream == "" {
			hint = "panoply serve :3000, or upstream: in panoply.yaml"
		}
		return &exitError{code: exitUsage, err: err, hint: hint}
	}
	if err := d.Run(ctx); err != nil {
		return &exitError{code: exitIncomplete, err: err}
	}
	return nil
}

func printEffective(s Streams, cfg *config.Config) error {
	tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	for _, setting := range cfg.Effective() {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", setting.Path, setting.Value, setting.Origin)
	}
	return tw.Flush()
}
