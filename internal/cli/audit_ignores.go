package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/ignorefile"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// foreignIgnores reads what the audited folder tells other scanners to leave out. A file
// that cannot be read leaves nothing out, and is told.
func foreignIgnores(root *os.Root) (all []audit.Ignore, problems []string) {
	for _, f := range []struct {
		name string
		read func(file, text string) ([]ignorefile.Entry, error)
	}{{".snyk", ignorefile.Snyk}, {"osv-scanner.toml", ignorefile.OSVScanner}} {
		text, err := readSome(root, f.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var entries []ignorefile.Entry
		if err == nil {
			entries, err = f.read(f.name, string(text))
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s; none of the ignores of %s is taken", redact.Line(err.Error()), f.name))
			continue
		}
		for _, e := range entries {
			i := audit.Ignore{
				ID: e.ID, Scope: e.Scope, Path: e.Path, Reason: e.Reason, Until: e.Until, Unfixable: e.Unfixable, Undated: e.Until == ignorefile.Never,
				By: fmt.Sprintf("%s:%d", f.name, e.Line), Project: true,
			}
			if i.ID == "" {
				i.ID = "dependencies/vulnerable"
			}
			if !audit.KnownID(i.ID) {
				problems = append(problems, fmt.Sprintf("%s: %q is no name of an advisory, and is not taken", i.By, redact.Line(i.ID)))
				continue
			}
			all = append(all, i)
		}
	}
	return all, problems
}
