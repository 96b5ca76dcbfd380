package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/deps"
	"github.com/panoplysec/panoply/internal/depreport"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/metavuln"
	"github.com/panoplysec/panoply/internal/npmsign"
	"github.com/panoplysec/panoply/internal/packument"
	"github.com/panoplysec/panoply/internal/report"
)

// dependencyFlags say what a folder's dependencies are held against.
type dependencyFlags struct {
	advisories, packuments, keys, goTags  string
	askRegistry, signatures, reachability bool
}

func (f *dependencyFlags) define(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.advisories, "advisories", "", "OSV records to look the folder's dependencies up in: a folder, a .jsonl, .jsonl.gz or .json file, a .zip such as OSV's all.zip, or an index made of them (default: what panoply db update has fetched)")
	flags.BoolVar(&f.askRegistry, "ask-registry", false, "ask the npm registries of your own .npmrc too which advisories the folder's packages are under; they get names and versions, as from npm audit")
	flags.StringVar(&f.packuments, "packuments", "", "folder with the registry's documents of packages, NAME.json, for what --format npm-audit tells of meta-vulnerabilities, and for --signatures without a network")
	flags.BoolVar(&f.signatures, "signatures", false, "verify what the registry of your own .npmrc signed of each locked package")
	flags.StringVar(&f.keys, "keys", "", "file with the keys of the registry that --packuments came from, as /-/npm/v1/keys answers them")
	flags.BoolVar(&f.reachability, "reachability", false, "run go list in the folder, offline and without cgo, to say of each hole in a Go module whether the app calls it")
	flags.StringVar(&f.goTags, "go-tags", "", "with --reachability: build tags, joined by commas")
}

// auditFormats are those of the whole report, and those of a folder's dependencies alone.
func auditFormats() []string { return append(report.Formats(), depreport.Formats()...) }

// folder is the audited folder; empty when there is none.
func (p *auditPlan) folder() string {
	for _, t := range p.targets {
		if t.Folder != "" {
			return t.Folder
		}
	}
	return ""
}

// checkDependencies checks what only makes sense with a folder, and says who is asked about
// signatures.
func (v *auditFlags) checkDependencies(plan *auditPlan) error {
	all := []string{v.format}
	for _, name := range v.reports {
		all = append(all, formatOf(name))
	}
	for _, format := range all {
		if plan.folder() == "" && slices.Contains(depreport.Formats(), format) {
			return usageError("name the app's folder too", "the format %s tells of a folder's dependencies, and there is no folder", format)
		}
	}
	if v.packuments != "" {
		if info, err := os.Stat(v.packuments); err != nil || !info.IsDir() {
			return usageError("", "--packuments %s is no folder", v.packuments)
		}
	}
	switch {
	case v.keys != "" && (v.packuments == "" || !v.signatures):
		return usageError("", "--keys are those of the folder of --packuments, for --signatures: give all three")
	case !v.signatures:
		return nil
	case plan.folder() == "":
		return usageError("name the app's folder too", "--signatures are those of a folder's dependencies, and there is no folder")
	case v.packuments != "" && v.keys == "":
		return usageError("", "--signatures with --packuments asks no registry, so --keys has to give its keys")
	}
	documents, err := v.documents(plan.folder())
	if err != nil {
		return err
	}
	for i := range plan.targets {
		if plan.targets[i].Folder != "" {
			plan.targets[i].Documents = documents
		}
	}
	return nil
}

// documents are where signatures come from: files, or the registry of the user's own
// configuration.
func (v *auditFlags) documents(folder string) (check.Documents, error) {
	if v.packuments == "" {
		return askNPM(folder, v.trustProject, "--signatures goes")
	}
	keys, err := os.ReadFile(v.keys)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("--keys: %w", err)}
	}
	if _, err := npmsign.ParseKeys(keys); err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("--keys %s: %w", v.keys, err)}
	}
	return &packument.Folder{Files: os.DirFS(v.packuments), Name: v.packuments, KeyFile: keys}, nil
}

// write writes the report in a format of either kind.
func (v *auditFlags) write(w io.Writer, format string, plan *auditPlan, r *audit.Report, how report.Options) error {
	if !slices.Contains(depreport.Formats(), format) {
		return report.Write(w, format, r, how)
	}
	folder := plan.folder()
	s, err := subjectOf(folder, v.version, format)
	if err != nil {
		return err
	}
	s.Report = r
	if v.packuments != "" {
		s.Packuments = metavuln.Folder(os.DirFS(v.packuments))
	}
	if t := plan.targets[0]; t.Advisories != "" {
		// Advisories that cannot be opened are in the report already.
		if db, err := deps.Database(t); err == nil {
			defer db.Close()
			s.Look = db.Match
		}
	}
	return depreport.Write(w, format, s)
}

// subjectOf is a folder before anything was found in it.
func subjectOf(folder, version, format string) (*depreport.Subject, error) {
	when, err := sourceDate()
	if err != nil {
		return nil, err
	}
	if when.IsZero() && format == "openvex" {
		when = time.Now() // which statement is the newer one, its readers have to know
	}
	name, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	return &depreport.Subject{
		Report: new(audit.Report), Found: lockfile.Read(os.DirFS(folder)), Name: filepath.Base(name), Version: version, Time: when,
	}, nil
}

// sourceDate is the time that SOURCE_DATE_EPOCH tells, by which builds can be repeated;
// the zero time where it is not set.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > 253402300799 { // the year 9999
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q: want seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
