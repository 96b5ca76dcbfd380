package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/panoplysec/panoply/internal/expressupgrade"
	"github.com/panoplysec/panoply/internal/fix"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// A removedAPI is a line of the app that uses what the Express of the plan has no more.
type removedAPI struct {
	API     string `json:"api"`
	Gone    int    `json:"gone_since"`
	Instead string `json:"instead"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// removedAPIs are those of steps that take Express over a major version; unseen counts the
// places of the source that could not be read.
func removedAPIs(dir string, steps []fix.Step) (all []removedAPI, unseen int, err error) {
	from, to := uint64(0), uint64(0)
	for _, s := range steps {
		a, err1 := npmsemver.Parse(s.From, npmsemver.Options{Loose: true})
		b, err2 := npmsemver.Parse(s.To, npmsemver.Options{Loose: true})
		if s.Package == "express" && err1 == nil && err2 == nil && b.Major > a.Major && (to == 0 || a.Major < from) {
			from, to = a.Major, max(to, b.Major)
		}
	}
	if to == 0 {
		return nil, 0, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	p := jsast.Load(root.FS())
	for _, u := range expressupgrade.Find(p, int(min(from, 100))) {
		if uint64(u.Gone) <= to {
			all = append(all, removedAPI{u.API, u.Gone, u.Instead, u.File, u.Line})
		}
	}
	return all, len(p.Unseen()), nil
}

func (d *fixed) removedText(b *strings.Builder) {
	if len(d.Removed) == 0 && d.Unseen == 0 {
		return
	}
	fmt.Fprintf(b, "\nwhat the app uses that the Express of this plan has no more (where to begin, and no proof that nothing else breaks):\n")
	for _, u := range d.Removed {
		fmt.Fprintf(b, "  %s:%d  %s is gone since Express %d; instead: %s\n", u.File, u.Line, u.API, u.Gone, u.Instead)
	}
	if d.Unseen > 0 {
		fmt.Fprintf(b, "  %d places of the source could not be read, and may use more of it\n", d.Unseen)
	}
}
