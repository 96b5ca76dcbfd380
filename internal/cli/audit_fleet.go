package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/fleet"
	"github.com/panoplysec/panoply/internal/report"
)

// fleetFlags say how many targets are audited in one run.
type fleetFlags struct {
	targets, resume string
	parallel        int
}

func (f *fleetFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.targets, "targets", "", "file of targets, one HOST:PORT or address a line, with --only tls and a server name after it if it is another; - for standard input")
	flags.StringVar(&f.resume, "resume", "", "with --targets: journal of what is done, so that the same command goes on where it ended; made when it is not there")
	flags.IntVar(&f.parallel, "parallel", 0, fmt.Sprintf("with --targets: targets at a time, up to %d, one of each host (0: eight for each processor, up to 64)", fleet.MaxParallel))
}

// usualParallel suits targets beyond a network, which are mostly waited for.
func usualParallel() int { return min(8*runtime.GOMAXPROCS(0), 64) }

// ofOneApp are flags that say something of a single application or report.
var ofOneApp = []string{
	"advisories", "ask-registry", "baseline", "csrf-fields", "csrf-format", "csrf-route", "fix-for", "go-tags", "har", "header", "idle", "keys", "login", "login-fields", "login-format", "login-route",
	"login-tries", "login-user", "openapi", "packuments", "plain", "reachability", "signatures", "trust-project", "upstream",
}

// fits says what of the command line does not go with --targets, or needs it.
func (f *fleetFlags) fits(cmd *cobra.Command, args []string) error {
	if f.targets == "" {
		for _, name := range []string{"targets", "resume", "parallel"} {
			if cmd.Flags().Changed(name) {
				return usageError("name the file: --targets FILE", "--%s is for a file of targets", name)
			}
		}
		return nil
	}
	var bad []error
	if len(args) > 0 {
		bad = append(bad, fmt.Errorf("--targets %s and %d arguments: put all into the file", f.targets, len(args)))
	}
	for _, name := range ofOneApp {
		if cmd.Flags().Changed(name) {
			bad = append(bad, fmt.Errorf("--%s is of one application and does not go with --targets", name))
		}
	}
	if f.parallel < 0 || f.parallel > fleet.MaxParallel {
		bad = append(bad, fmt.Errorf("--parallel %d must be from 1 to %d, or 0 for the default", f.parallel, fleet.MaxParallel))
	}
	if len(bad) > 0 {
		return &exitError{code: exitUsage, err: errors.Join(bad...)}
	}
	return nil
}

// read reads the list and says what it left out.
func (f *fleetFlags) read(s Streams, names bool) ([]fleet.Target, error) {
	in, name := s.In, "standard input"
	if f.targets != "-" {
		file, err := os.Open(f.targets)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: fmt.Errorf("--targets: %w", err)}
		}
		defer file.Close()
		in, name = file, f.targets
	}
	list, err := fleet.Read(in)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("--targets %s:\n%w", name, err), hint: "a line is HOST:PORT or https://…, and with --only tls perhaps a server name; # begins a comment"}
	}
	if !names {
		if i := slices.IndexFunc(list.Targets, func(t fleet.Target) bool { return t.Name != "" }); i >= 0 {
			return nil, usageError("add --only tls", "--targets %s: line %d names a server, which is for a scan of the TLS server", name, list.Targets[i].Line)
		}
	}
	if n := len(list.Twice); n > 0 {
		hint(s.Err, "left out, for an earlier line says the same: %d in all, at %s", n, strings.Trim(fmt.Sprint(list.Twice[:min(n, 10)]), "[]"))
	}
	return list.Targets, nil
}

// A fleetRun is one run over many targets.
type fleetRun struct {
	checks  []check.Check
	options audit.Options
	scan    *check.Scan
	// address makes an address of a target's.
	address func(context.Context, string) (string, error)
	journal *fleet.Journal
	// asked is a digest of all that makes the question, but for the target.
	asked string
	// unkept is the first error of the journal: the results do not depend on it.
	once   sync.Once
	unkept error
}

func (v *auditFlags) runFleet(cmd *cobra.Command, s Streams, checks []check.Check, threshold check.Severity) error {
	targets, err := v.fleet.read(s, slices.Contains(v.only, "tls"))
	if err != nil {
		return err
	}
	plan := new(auditPlan)
	if v.config != "" {
		if err := plan.own(v.config); err != nil {
			return err
		}
	}
	for _, t := range targets {
		plan.targets = append(plan.targets, check.Target{URL: t.URL()})
	}
	run := &fleetRun{checks: checks, address: v.addressOf}
	if run.options, err = v.options(plan); err != nil {
		return err
	}
	if run.scan, err = v.scan(plan.stores); err != nil {
		return err
	}
	if run.asked, err = v.question(run); err != nil {
		return err
	}
	if v.active {
		if err := v.consent(s, plan, checks, run.options); err != nil {
			return err
		}
	}
	if name := v.fleet.resume; name != "" {
		if run.journal, err = fleet.OpenJournal(name); err != nil {
			return &exitError{code: exitUsage, err: fmt.Errorf("--resume: %w", err)}
		}
		defer run.journal.Close()
	}
	out, err := v.fleetOutputs(s, report.Options{Checks: checks, Version: v.version, Threshold: threshold})
	if err != nil {
		return err
	}
	defer out.discard()
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	bar := new(progress)
	if !watched(s.Out) { // there each line shows that one more is done
		bar = newProgress(s.Err, "targets")
	}
	tally := report.NewTally(len(targets), threshold)
	ended := fleet.Run(ctx, targets, fleet.Options[*report.Member]{
		Parallel: cmp.Or(v.fleet.parallel, usualParallel()),
		Do:       run.one,
		Known:    run.known,
		Size:     func(m *report.Member) int { n, _ := m.Encode(); return 4 * n },
		Emit:     func(_ fleet.Target, m *report.Member) error { tally.Add(m); return out.add(m) },
		Progress: func(done, all int, last fleet.Target) { bar.tell(done, all, last.Address) },
	})
	bar.close()
	sum := tally.Summary()
	if ended == nil || errors.Is(ended, fleet.ErrStopped) {
		if err := out.finish(sum); err != nil {
			ended = err
		}
	}
	return v.fleetEnd(s, run, sum, ended)
}

// fleetEnd makes the exit code, and says how to go on.
func (v *auditFlags) fleetEnd(s Streams, run *fleetRun, sum report.Summary, ended error) error {
	if run.unkept != nil {
		fmt.Fprintf(s.Err, "panoply: warning: --resume %s: %s: what came after that is asked again\n", v.fleet.resume, visible(run.unkept.Error()))
	}
	again := "with --resume FILE, an audit that is stopped can go on"
	if run.journal != nil {
		again = "the same command goes on: what is done stands in " + v.fleet.resume
	}
	switch {
	case errors.Is(ended, fleet.ErrStopped):
		return &exitError{code: exitIncomplete, err: fmt.Errorf("stopped after %d of %d targets", sum.Done, sum.Targets), hint: again}
	case ended != nil:
		return &exitError{code: exitIncomplete, err: fmt.Errorf("writing the report: %w", ended), hint: again}
	}
	if code := int(sum.Outcome()); code != exitClean {
		return &exitError{code: code}
	}
	return nil
}

func (f *fleetRun) key(t fleet.Target) string {
	return fleet.Key(f.asked, t.Canonical(), strings.ToLower(t.Name))
}

func (f *fleetRun) known(t fleet.Target) bool { return f.journal != nil && f.journal.Has(f.key(t)) }

// one audits one target, or finds in the journal that it was audited.
func (f *fleetRun) one(ctx context.Context, t fleet.Target) (m *report.Member) {
	m = &report.Member{Line: t.Line, Address: t.Address, Name: t.Name}
	defer func() {
		if v := recover(); v != nil {
			m.Report, m.Problem = nil, fmt.Sprintf("the audit failed: %v", v)
		}
	}()
	key := f.key(t)
	if f.journal != nil {
		if e, ok := f.journal.Find(key); ok {
			if r, err := report.Read(e.Result); err == nil {
				m.Report, m.Reused, m.At = r, true, e.At
				return m
			}
		}
	}
	m.Report, m.Problem = f.audit(ctx, t)
	if _, err := m.Encode(); err != nil {
		m.Report, m.Problem = nil, err.Error()
	}
	// What may lack something is asked again, and so is not kept.
	if f.journal == nil || ctx.Err() != nil || m.Report == nil || m.Report.Failed || len(m.Gaps()) > 0 {
		return m
	}
	if err := f.journal.Add(fleet.Entry{Key: key, At: time.Now().UTC(), Target: t.Address, Result: m.Text()}); err != nil {
		f.once.Do(func() { f.unkept = err })
	}
	return m
}

func (f *fleetRun) audit(ctx context.Context, t fleet.Target) (*audit.Report, string) {
	address, err := f.address(ctx, t.Address)
	if err != nil {
		return nil, err.Error()
	}
	target := check.Target{URL: address, Scan: f.scan}
	if f.scan != nil && t.Name != "" {
		named := *f.scan
		named.ServerName = t.Name
		target.Scan = &named
	}
	r, err := audit.Run(ctx, []check.Target{target}, f.checks, f.options)
	if err != nil {
		return nil, err.Error()
	}
	return r, ""
}

// question is a digest of what is asked of each target: by it the journal tells an
// answer to this question from one to another. Secrets are in it as digests only.
func (v *auditFlags) question(f *fleetRun) (string, error) {
	var q struct {
		Version, Scorer, Control, Name, Logs, Client, Profile, Resolver string
		Checks, Roots, Ignores, Stores, CRLs                            []string
		Active, Sent, Fetch                                             bool
		Timeout                                                         time.Duration
		Rate, Pages                                                     int
	}
	o := f.options
	q.Version, q.Scorer, q.Active, q.Sent, q.Timeout, q.Rate, q.Pages = v.version, o.Scorer, o.Active, o.ListSent, o.Timeout, o.Rate, o.Pages
	q.Control = digest(o.ControlKey)
	for _, c := range f.checks {
		q.Checks = append(q.Checks, c.ID)
	}
	for _, c := range o.Roots {
		q.Roots = append(q.Roots, digest(c.Raw))
	}
	for _, i := range o.Ignores {
		q.Ignores = append(q.Ignores, fmt.Sprintf("%q %q %q %q %q", i.ID, i.Scope, i.Reason, i.Until, i.By))
	}
	if f.scan != nil {
		q.Name, q.Logs, q.Fetch, q.Resolver = f.scan.ServerName, digest(f.scan.Logs), f.scan.FetchRevocation, f.scan.Resolver
		q.Profile = f.scan.Profile + " " + digest(f.scan.ProfileText)
		for _, l := range f.scan.CRLs {
			q.CRLs = append(q.CRLs, digest(l.Raw))
		}
		for _, store := range f.scan.Stores {
			for _, c := range store.Roots {
				q.Stores = append(q.Stores, store.Name+" "+digest(c.Raw))
			}
		}
		if c := f.scan.ClientCertificate; c != nil {
			q.Client = digest(slices.Concat(c.Certificate...))
		}
	}
	text, err := json.Marshal(q)
	return digest(text), err
}

func digest(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// watched says whether somebody sees each line as it is written.
func watched(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
