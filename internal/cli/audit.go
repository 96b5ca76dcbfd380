package cli

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/report"
)

type auditFlags struct {
	format, failOn, upstream, plain string
	only, roots                     []string
	timeout                         time.Duration
}

func newAudit(s Streams) *cobra.Command {
	var v auditFlags
	cmd := &cobra.Command{
		Use:   "audit URL…",
		Short: "Prove each practice from the outside: proved, broken, or not proven",
		Long: `Audit looks at an address as any visitor could, and says of each practice of the page
whether it is proved, broken or not proven, with the evidence, the layer that provides
it, a command to see it again, and the fix for Express, for Go and at the door.

Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong usage, 3 the target could
not be told anything about. The format never changes the code.`,
		Example: `  panoply audit https://localhost:8443
  panoply audit --format json --fail-on high https://shop.example
  panoply audit --upstream 127.0.0.1:3000 https://localhost:8443`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, s, args) },
	}
	f := cmd.Flags()
	f.StringVar(&v.format, "format", "text", "text or json")
	f.StringVar(&v.failOn, "fail-on", "low", "lowest severity that makes the exit code 1: low, medium, high or critical")
	f.StringSliceVar(&v.only, "only", nil, "practices to look at, by id (default: all)")
	f.StringArrayVar(&v.roots, "root", nil, "PEM file of a certificate authority to trust beside the system's (repeat for more)")
	f.StringVar(&v.upstream, "upstream", "", "address of the app behind the door, to look for a way around it")
	f.StringVar(&v.plain, "plain", "", "host:port of plain HTTP that should redirect to the URL")
	f.DurationVar(&v.timeout, "timeout", audit.DefaultTimeout, "time for the whole run")
	return cmd
}

func (v *auditFlags) run(cmd *cobra.Command, s Streams, args []string) error {
	threshold, err := check.ParseSeverity(v.failOn)
	if err != nil {
		return usageError("", "--fail-on: %v", err)
	}
	if v.format != "text" && v.format != "json" {
		return usageError("", "--format %s is not known: text or json", v.format)
	}
	if v.timeout <= 0 {
		return usageError("", "--timeout %v must be above 0", v.timeout)
	}
	checks, err := selected(v.only)
	if err != nil {
		return err
	}
	roots, err := v.trusted(args)
	if err != nil {
		return err
	}
	targets := make([]check.Target, len(args))
	for i, arg := range args {
		targets[i] = check.Target{URL: arg, Upstream: v.upstream, Plain: v.plain}
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	r, err := audit.Run(ctx, targets, checks, audit.Options{Timeout: v.timeout, Roots: roots})
	if err != nil {
		return &exitError{code: exitUsage, err: err, hint: "panoply help audit"}
	}
	if v.format == "json" {
		err = report.JSON(s.Out, r)
	} else {
		err = report.Text(s.Out, r, report.ForTerminal(s.Out, os.LookupEnv))
	}
	if err != nil {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("writing the report: %w", err)}
	}
	if code := int(r.Outcome(threshold)); code != exitClean {
		return &exitError{code: code}
	}
	return nil
}

// selected returns the checks of the practices named, or all.
func selected(only []string) ([]check.Check, error) {
	all := standard.Checks()
	if len(only) == 0 {
		return all, nil
	}
	for _, id := range only {
		if !slices.Contains(practice.IDs(), id) {
			return nil, usageError("panoply explain lists all ids", "--only: %q is no practice%s", id, didYouMean(id))
		}
	}
	return slices.DeleteFunc(all, func(c check.Check) bool { return !slices.Contains(only, c.Practice) }), nil
}

// trusted returns the roots of --root, and for loopback addresses the local CA of this
// user's door: it can sign nothing but loopback names.
func (v *auditFlags) trusted(args []string) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for _, name := range v.roots {
		found, err := readRoots(name)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("--root: %w", err)}
		}
		roots = append(roots, found...)
	}
	local := slices.ContainsFunc(args, func(arg string) bool {
		u, err := url.Parse(arg)
		return err == nil && config.LocalName(u.Hostname())
	})
	if state, err := config.StateDir(); local && err == nil {
		// A door that never ran has no CA; then there is none to trust.
		if found, err := readRoots(certs.RootFile(state)); err == nil {
			roots = append(roots, found...)
		}
	}
	return roots, nil
}

func readRoots(name string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			break
		}
		if !strings.HasSuffix(block.Type, "CERTIFICATE") {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, cert)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", name)
	}
	return all, nil
}
