package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/fix"
)

// An ignored finding is left as it is, and is no reason for exit 1.
type fixIgnored struct {
	fix.Finding
	By     string `json:"by"`
	Reason string `json:"reason"`
	Until  string `json:"until"`
}

// fixProject reads what the folder's panoply.yaml, .snyk and osv-scanner.toml leave out, by
// the rules of an audit without a baseline: it is taken, and shown. So are its shields.
func fixProject(s Streams, dir string) project {
	p, err := readProject(dir)
	if err != nil {
		fmt.Fprintf(s.Err, "panoply: %s; none of its ignores is taken\n", visible(err.Error()))
	}
	for _, problem := range p.problems {
		fmt.Fprintf(s.Err, "panoply: %s\n", visible(problem))
	}
	return p
}

// ignoredBy is the entry that covers a finding; nil for none.
func ignoredBy(all []audit.Ignore, x *fix.Finding) *audit.Ignore {
	f := check.Finding{ID: "dependencies/vulnerable", Practice: "dependencies", Subject: x.Key(), Dependency: x.Dependency()}
	at := slices.IndexFunc(all, func(i audit.Ignore) bool { return i.Covers(&f, time.Now()) })
	if at < 0 {
		return nil
	}
	return &all[at]
}

// setAside takes what is ignored out of what is left.
func (d *fixed) setAside(all []audit.Ignore) {
	d.Ignored = []fixIgnored{}
	for i := range d.Before {
		if by := ignoredBy(all, &d.Before[i]); by != nil {
			d.Ignored = append(d.Ignored, fixIgnored{d.Before[i], by.By, by.Reason, by.Until})
		}
	}
	d.Left = slices.DeleteFunc(d.Left, func(l fix.Left) bool { return ignoredBy(all, &l.Finding) != nil })
}

func (d *fixed) ignoredText(b *strings.Builder) {
	if len(d.Ignored) == 0 {
		return
	}
	b.WriteString("\nignored:\n")
	for _, i := range d.Ignored {
		fmt.Fprintf(b, "  %s %s  %s  %s\n    %s: %s, until %s\n", i.Package, i.Version, i.Advisory, i.Severity, i.By, i.Reason, i.Until)
	}
}
