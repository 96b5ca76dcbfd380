package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/osv/mirror"
	"github.com/panoplysec/panoply/internal/packument"
)

type fixFlags struct {
	advisories, packuments, format, severity, lockfile string
	only                                               []string
	patches                                            []string
	write, run, major, dev, trust                      bool
	restore, interactive, answers                      bool
	timeout                                            time.Duration
}

func newFix(s Streams) *cobra.Command {
	var v fixFlags
	cmd := &cobra.Command{
		Use:   "fix [DIR]",
		Short: "Mend vulnerable dependencies by the smallest change; shows it, and writes it with --write",
		Long: `Fix looks the locked packages of a folder (this one, or DIR) up in advisories, and plans
the smallest change that clears them: an update within the ranges that package.json asks
for, another range for a direct dependency (the nearest first; what may break is said), or
an override; for Go another version of a module, or of the toolchain. It chooses nothing
that is under an advisory itself.

The plan is tried in a copy, with your own npm, Yarn, pnpm, bun or go, scripts off, and
looked up again; what brings another finding is dropped for the next best. Without --write nothing
in the folder changes. With it the manifests and the lockfile are replaced, all or none; no
node_modules is touched.

The folder is data: its .npmrc, .yarnrc.yml, .pnpmfile.cjs and bunfig.toml are not obeyed,
nothing in it is run, and the registry and its tokens are those of your own .npmrc, which no package
manager sees. With --run its tests are run in a copy first, and decide.

Exit codes: 0 no finding is left, 1 some are (without --write: some are there), 2 wrong
usage, 3 could not complete, with everything as it was.`,
		Example: `  panoply fix
  panoply fix --write --run
  panoply fix --major=false --severity high ../shop
  panoply fix --advisories all.zip --packuments stored/ --format json
  panoply fix --interactive`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return v.all(ctx, s, dir)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.advisories, "advisories", "", "OSV records, as for panoply audit (default: what panoply db update has fetched)")
	f.StringVar(&v.packuments, "packuments", "", "folder of stored packuments (NAME.json, @SCOPE/NAME.json) in place of the registry")
	f.StringVar(&v.lockfile, "lockfile", "", "the lockfile to fix, where the folder has several")
	f.StringArrayVar(&v.only, "only", nil, "fix this alone: the id of an advisory, a CVE, or a package (repeat for more)")
	f.StringVar(&v.severity, "severity", "low", "fix what is as severe as this: low, medium, high or critical; unknown counts as medium")
	f.BoolVar(&v.major, "major", true, "take versions that may break: another major version, or for 0.x another minor one")
	f.BoolVar(&v.dev, "dev", true, "fix what only development needs, too")
	f.BoolVar(&v.write, "write", false, "write the plan, all of it or nothing")
	f.BoolVar(&v.run, "run", false, "with --write: run the project's tests on the plan, in a copy, and write it only if they pass")
	f.BoolVar(&v.interactive, "interactive", false, "ask for each finding: upgrade, patch, shield at the door, ignore, or skip")
	f.StringArrayVar(&v.patches, "patch", nil, "with --interactive: a patch file that may be applied (repeat for more)")
	f.BoolVar(&v.answers, "answers", false, "with --interactive: read answers from standard input though it is no terminal")
	f.BoolVar(&v.restore, "restore", false, "take back a --write that was interrupted, and do nothing else")
	f.BoolVar(&v.trust, "trust-project", false, "take the folder at its word: ask the registries that its .npmrc names, with your tokens for them, and the hosts that module paths name")
	f.StringVar(&v.format, "format", "text", "of what is written to standard output: text or json")
	f.DurationVar(&v.timeout, "timeout", 15*time.Minute, "time for the whole run")
	cmd.MarkFlagsMutuallyExclusive("interactive", "write")
	cmd.MarkFlagsMutuallyExclusive("interactive", "format")
	return cmd
}

// threshold reads --severity.
func (v *fixFlags) threshold() (osv.Level, error) {
	for l := osv.Low; l <= osv.Critical; l++ {
		if l.String() == v.severity {
			return l, nil
		}
	}
	return 0, usageError("", "--severity %s is not known: low, medium, high or critical", v.severity)
}

func (v *fixFlags) check() error {
	switch {
	case v.run && !v.write && !v.interactive:
		return usageError("panoply fix --write --run", "--run decides whether to write, and there is no --write")
	case v.timeout <= 0:
		return usageError("", "--timeout %v must be above 0", v.timeout)
	case (len(v.patches) > 0 || v.answers) && !v.interactive:
		return usageError("", "--patch and --answers are for --interactive")
	}
	return textOrJSON(v.format)
}

func (v *fixFlags) all(ctx context.Context, s Streams, dir string) error {
	if err := v.check(); err != nil {
		return err
	}
	threshold, err := v.threshold()
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usageError("", "%s is no folder", dir)
	}
	if v.interactive {
		if err := v.answerable(s); err != nil {
			return err
		}
	}
	if v.restore {
		return restoreFix(s, dir)
	}
	if fix.Interrupted(dir) {
		return &exitError{code: exitIncomplete, err: fmt.Errorf("%s: %w", dir, fix.ErrInterrupted),
			hint: "panoply fix --restore puts back the files that lie in " + filepath.Join(dir, fix.Journal)}
	}
	source := cmp.Or(v.advisories, mirror.Kept())
	if source == "" {
		return usageError("panoply db update fetches advisories", "--advisories names no file or folder, and none were fetched: without advisories there is nothing to fix")
	}
	db, err := osv.Open(source, advisoryCache())
	if err != nil {
		return &exitError{code: exitUsage, err: fmt.Errorf("--advisories: %w", err)}
	}
	defer db.Close()
	files, err := v.lockfiles(dir)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, v.timeout)
	defer stop()
	o := fix.Options{Advisories: db, Breaking: v.major, TrustProject: v.trust}
	if o.Registry, err = v.registry(dir); err != nil {
		return err
	}
	bar := newProgress(s.Err, "steps")
	defer bar.close()
	o.Tell = func(line string) { bar.tell(0, 1, visible(line)) }
	tells := fixProject(s, dir)
	o.Wanted = func(f *fix.Finding) bool {
		return ignoredBy(tells.ignores, f) == nil && f.AtLeast(threshold) && (v.dev || !f.Dev) && (len(v.only) == 0 || slices.ContainsFunc(v.only, f.Named))
	}
	r := fixRun{fixFlags: v, s: s, dir: dir, o: o, quiet: bar.close, ignores: tells.ignores, shields: tells.shields}
	for _, file := range files {
		if err := r.one(ctx, file); err != nil {
			return err
		}
	}
	bar.close()
	return r.report()
}

func restoreFix(s Streams, dir string) error {
	if !fix.Interrupted(dir) {
		return usageError("", "%s has no %s: no fix was interrupted there", dir, fix.Journal)
	}
	if err := fix.Restore(dir); err != nil {
		return &exitError{code: exitIncomplete, err: err}
	}
	fmt.Fprintf(s.Err, "panoply: %s is as it was before the fix that was interrupted\n", visible(dir))
	return nil
}

// lockfiles are the file asked for, or one of each ecosystem.
func (v *fixFlags) lockfiles(dir string) ([]string, error) {
	if v.lockfile != "" {
		return []string{v.lockfile}, nil
	}
	files, err := fix.Lockfiles(dir)
	switch {
	case errors.Is(err, fix.ErrSeveral):
		return nil, usageError("--lockfile names the one to fix; one of them is better removed", "%s: %v", dir, err)
	case errors.Is(err, fix.ErrNothing):
		return nil, usageError("npm install --package-lock-only makes one", "%s: %v", dir, err)
	case err != nil:
		return nil, &exitError{code: exitIncomplete, err: err}
	}
	return files, nil
}

// registry is what is stored, or else what the user's own .npmrc names.
func (v *fixFlags) registry(dir string) (fix.Registry, error) {
	if v.packuments != "" {
		if info, err := os.Stat(v.packuments); err != nil || !info.IsDir() {
			return nil, usageError("", "--packuments %s is no folder", v.packuments)
		}
		return &packument.Folder{Files: os.DirFS(v.packuments), Name: v.packuments}, nil
	}
	return askNPM(dir, v.trust, "fix goes")
}

// advisoryCache is where indexes of advisories are kept; empty where there is no place.
func advisoryCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "panoply", "advisories")
}

// failed classes an error of the fixer: everything is as it was.
func failed(file string, err error) error {
	hint := "nothing was changed"
	if strings.Contains(err.Error(), fix.Journal) {
		hint = "panoply fix --restore"
	}
	return &exitError{code: exitIncomplete, err: fmt.Errorf("%s: %w", file, err), hint: hint}
}
