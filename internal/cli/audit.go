package cli

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/practice"
	"github.com/panoplysec/panoply/internal/proof"
	"github.com/panoplysec/panoply/internal/report"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

type auditFlags struct {
	version string

	format, failOn, upstream, plain, scorer string
	baseline, config, login, har, openAPI   string
	only, roots, headers, reports           []string
	timeout, idle                           time.Duration
	pages, rate                             int
	trustProject, printSchema               bool
	fixFor                                  mend.Server
	activeFlags
	dependencyFlags
	scanning scanFlags
	fleet    fleetFlags
}

func newAudit(s Streams, version string) *cobra.Command {
	v := auditFlags{version: version}
	cmd := &cobra.Command{
		Use:   "audit [DIR|URL|HOST:PORT …]",
		Short: "Prove each practice: proved, broken, or not proven",
		Long: `Audit looks at an app's source and at its address as any visitor could, and says of each
practice of the page whether it is proved, broken or not proven, with the evidence, the
layer that provides it, a command to see it again, and the fix for Express, for Go and at
the door. Without arguments it looks at this folder, and at the loopback address that
panoply.yaml or the start script of package.json tells.

An audited folder is data: nothing in it is run or expanded, and no address that it names
is contacted, unless --trust-project is given.

Exit codes: 0 clean, 1 findings at or above --fail-on, 2 wrong usage, 3 the target could
not be told anything about. The format never changes the code.`,
		Example: `  panoply audit
  panoply audit . --advisories all.zip
  panoply audit . --advisories go.zip --reachability
  panoply audit https://localhost:8443
  panoply audit --only tls --fix-for nginx shop.example:443 >tls.conf
  panoply audit . https://staging.example --report audit.html --report audit.sarif
  panoply audit --upstream 127.0.0.1:3000 https://localhost:8443
  panoply audit --only tls --sni shop.example --format json 203.0.113.7:443
  panoply audit --only tls --targets hosts.txt --format jsonl --resume hosts.journal
  panoply audit --only tls --profile intermediate shop.example:443
  panoply audit --login login.har https://staging.example
  panoply audit --active --only brute-force --login-route "POST /api/login" --login-format json :3000
  panoply audit --active --only csrf --csrf-route "POST /cart" --csrf-fields "id=1&qty=2" :3000
  panoply audit --format json . > baseline.json
  panoply audit --baseline baseline.json --fail-on high .`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, s, args) },
	}
	f := cmd.Flags()
	f.StringVar(&v.format, "format", "text", "of what is written to standard output: "+strings.Join(auditFormats(), ", ")+"; with --targets "+strings.Join(report.FleetFormats(), ", "))
	f.StringArrayVar(&v.reports, "report", nil, "file to write a report to as well; its ending tells the format: .html, .sarif, .json, .xml (JUnit), .txt, .har (what was exchanged), and of the dependencies .cdx.json, .vex.json, .npm-audit.json, .osv.json; repeat for more")
	v.defineFixes(cmd)
	f.StringVar(&v.failOn, "fail-on", "low", "lowest severity that makes the exit code 1: low, medium, high or critical")
	f.StringSliceVar(&v.only, "only", nil, "practices to look at, by id (default: all)")
	f.StringVar(&v.baseline, "baseline", "", "earlier report in JSON; only what is new since then makes the exit code 1")
	f.StringVar(&v.config, "config", "", "your own panoply.yaml, for its ignore entries and its audit section")
	f.BoolVar(&v.trustProject, "trust-project", false, "take the audited folder at its word: contact the address it names, and let it ignore what a baseline does not know")
	f.StringArrayVar(&v.headers, "header", nil, "header line with which a user is logged in, \"Name: value\", or @FILE with such lines (repeat for more)")
	f.StringVar(&v.login, "login", "", "HAR file of a recorded login, to be played again")
	f.DurationVar(&v.idle, "idle", 0, "leave the recorded login unused for this long, to see whether it ends by itself (0: do not wait)")
	f.StringVar(&v.har, "har", "", "HAR file that names pages to look at")
	f.StringVar(&v.openAPI, "openapi", "", "OpenAPI file that names routes to look at")
	f.IntVar(&v.pages, "pages", audit.DefaultPages, "pages to look at, at most")
	f.IntVar(&v.rate, "rate", 0, fmt.Sprintf("requests a second to one host, at most (default %d, on loopback %d)", audit.DefaultRate, audit.DefaultLoopbackRate))
	f.StringArrayVar(&v.roots, "root", nil, "PEM file, or folder of such, of certificate authorities to trust beside the system's: a store by itself (repeat for more)")
	f.StringVar(&v.upstream, "upstream", "", "address of the app behind the door, to tell its work from the app's and to look for a way around it")
	f.StringVar(&v.plain, "plain", "", "host:port of plain HTTP that should redirect to the URL")
	f.StringVar(&v.scorer, "observatory", "v6", "version of MDN's HTTP Observatory that grades: v6 or v4")
	v.activeFlags.define(cmd)
	v.dependencyFlags.define(cmd)
	v.scanning.define(cmd)
	v.fleet.define(cmd)
	f.DurationVar(&v.timeout, "timeout", audit.DefaultTimeout, "time for the whole run, with --targets for each target")
	f.BoolVar(&v.printSchema, "print-schema", false, "write the JSON Schema of --format json and do nothing else")
	return cmd
}

func (v *auditFlags) run(cmd *cobra.Command, s Streams, args []string) error {
	if v.printSchema {
		_, err := s.Out.Write(report.Schema())
		return err
	}
	threshold, err := v.threshold()
	if err != nil {
		return err
	}
	if err := v.checkFixes(cmd); err != nil {
		return err
	}
	checks, err := selected(v.only)
	if err != nil {
		return err
	}
	if err := v.readGuess(cmd); err != nil {
		return err
	}
	if err := v.readForge(cmd); err != nil {
		return err
	}
	if err := v.fleet.fits(cmd, args); err != nil {
		return err
	}
	if v.fleet.targets != "" {
		return v.runFleet(cmd, s, checks, threshold)
	}
	plan, err := v.targets(cmd.Context(), args, s)
	if err != nil {
		return err
	}
	if err := v.checkDependencies(plan); err != nil {
		return err
	}
	o, err := v.options(plan)
	if err != nil {
		return err
	}
	scan, err := v.scan(plan.stores)
	if err != nil {
		return err
	}
	for i := range plan.targets {
		plan.targets[i].Scan = scan
	}
	if v.active {
		if err := v.consent(s, plan, checks, o); err != nil {
			return err
		}
	}
	var exchanges []*check.Exchange
	if slices.ContainsFunc(v.reports, func(name string) bool { return formatOf(name) == "har" }) {
		o.Record = func(x *check.Exchange) { exchanges = append(exchanges, x) }
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	bar := newProgress(s.Err, "checks")
	o.Progress = bar.tell
	r, err := audit.Run(ctx, plan.targets, checks, o)
	bar.close()
	if err != nil {
		return &exitError{code: exitUsage, err: err, hint: "panoply help audit"}
	}
	how := report.Options{Checks: checks, Version: v.version, Threshold: threshold, Only: v.only}
	for _, name := range v.reports {
		if err := v.writeReport(name, plan, r, exchanges, how); err != nil {
			return &exitError{code: exitIncomplete, err: fmt.Errorf("--report: %w", err)}
		}
	}
	how.Style = report.ForTerminal(s.Out, os.LookupEnv)
	write := func() error { return v.write(s.Out, v.format, plan, r, how) }
	if v.fixFor != "" {
		write = func() error { return writeFixes(s, v.fixFor, r) }
	}
	if err := write(); err != nil {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("writing the report: %w", err)}
	}
	if code := int(r.Outcome(threshold)); code != exitClean {
		return &exitError{code: code}
	}
	return nil
}

func (v *auditFlags) threshold() (check.Severity, error) {
	threshold, err := check.ParseSeverity(v.failOn)
	switch {
	case err != nil:
		return 0, usageError("", "--fail-on: %v", err)
	case threshold == check.Info:
		return 0, usageError("", "--fail-on: info is a note, and a practice with notes holds: low, medium, high or critical")
	case v.fleet.targets == "" && !slices.Contains(auditFormats(), v.format):
		return 0, usageError("", "--format %s is not known: %s", v.format, strings.Join(auditFormats(), ", "))
	case v.timeout <= 0:
		return 0, usageError("", "--timeout %v must be above 0", v.timeout)
	case v.idle < 0 || v.idle >= v.timeout:
		return 0, usageError("give --timeout more than that", "--idle %v must be from 0 to less than --timeout %v", v.idle, v.timeout)
	case v.pages <= 0:
		return 0, usageError("", "--pages %d must be above 0", v.pages)
	case v.rate < 0:
		return 0, usageError("", "--rate %d must be above 0", v.rate)
	}
	if v.fleet.targets != "" {
		return threshold, v.fleetFormats()
	}
	for _, name := range v.reports {
		if formatOf(name) == "" {
			return 0, usageError("", "--report %s: the ending tells no format: .html, .sarif, .json, .xml, .txt, .har, .cdx.json, .vex.json, .npm-audit.json or .osv.json", name)
		}
	}
	return threshold, nil
}

// formats are what the ending of a report's file tells.
var formats = map[string]string{
	".html": "html", ".sarif": "sarif", ".json": "json", ".xml": "junit", ".txt": "text", ".har": "har",
	".cdx.json": "cyclonedx", ".vex.json": "openvex", ".npm-audit.json": "npm-audit", ".osv.json": "osv",
}

// formatOf is the format of a report's file, by the longest ending; empty for none.
func formatOf(name string) string {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	return cmp.Or(formats[filepath.Ext(stem)+filepath.Ext(name)], formats[filepath.Ext(name)])
}

// writeReport writes beside the file and renames, so that a reader never sees half of it.
func (v *auditFlags) writeReport(name string, plan *auditPlan, r *audit.Report, exchanges []*check.Exchange, how report.Options) error {
	var out bytes.Buffer
	var err error
	format := formatOf(name)
	if format == "har" {
		err = report.HAR(&out, exchanges, how.Version)
	} else {
		err = v.write(&out, format, plan, r, how)
	}
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".panoply-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	// What was exchanged is for its owner alone, as the temporary file is already.
	if _, err = f.Write(out.Bytes()); err == nil && format != "har" {
		err = f.Chmod(0o644)
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// options are those of the run, but for what only the run itself needs.
func (v *auditFlags) options(plan *auditPlan) (audit.Options, error) {
	o := audit.Options{
		Timeout: v.timeout, Rate: v.rate, Pages: v.pages, Scorer: v.scorer, Active: v.active, ListSent: v.listSent,
		Idle: v.idle, Ignores: plan.ignores, Shields: plan.shields, TrustProject: v.trustProject,
	}
	var err error
	if plan.stores, err = v.stores(plan); err != nil {
		return o, err
	}
	for _, s := range plan.stores {
		o.Roots = append(o.Roots, s.Roots...)
	}
	if v.baseline != "" {
		f, err := os.Open(v.baseline)
		if err != nil {
			return o, &exitError{code: exitUsage, err: fmt.Errorf("--baseline: %w", err)}
		}
		defer f.Close()
		if o.Baseline, err = audit.ReadBaseline(f); err != nil {
			return o, &exitError{code: exitUsage, err: fmt.Errorf("--baseline: %s: %w", v.baseline, err)}
		}
	}
	if v.key != "" {
		if o.ControlKey, err = proof.ReadKey(v.key); err != nil {
			return o, &exitError{code: exitUsage, err: fmt.Errorf("--control-key: %w", err)}
		}
	}
	if v.active {
		var id [8]byte
		rand.Read(id[:])
		o.Mark = hex.EncodeToString(id[:])
	}
	return o, nil
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
