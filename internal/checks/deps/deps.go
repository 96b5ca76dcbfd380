// Package deps holds the checks that read what an app depends on: the lockfile and the
// manifest against advisories, and the versions of Express and Node.js.
//
//	for _, c := range deps.Checks() {
//		fmt.Println(c.ID, c.Title)
//	}
//
// The advisories are those of the target: a folder, file, zip or index of OSV records.
// Without them, or with such that know nothing of the ecosystem, nothing is proved. The
// same holds for a lockfile that cannot be read to its end, a package whose version is
// not told, and a folder with dependencies and no lockfile.
//
// What is judged is what is locked: a node_modules is read only to label it. They
// contact nobody but the registry of a target that names one, and run the go command only
// where the target asks for the call graph. Whether the app reaches a hole is a label of
// its finding, and no reason to leave it out.
package deps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// Checks returns the family, in the order of the practices.
func Checks() []check.Check {
	return []check.Check{versionsCheck, dependenciesCheck}
}

// StaleAfter is the age of the newest advisory from which the report says that newer ones
// are missing.
const StaleAfter = 30 * 24 * time.Hour

// A folder is what both checks read of it, once for a session.
type folder struct {
	found *lockfile.Found
	// db is nil where there are no advisories; why says why.
	db  *osv.DB
	why error
	// broken says that advisories were given and could not be read.
	broken bool
}

type folderKey struct{}

func look(s *check.Session) *folder {
	return s.Shared(folderKey{}, func() any {
		f := &folder{found: &lockfile.Found{}}
		if s.Folder != nil {
			f.found = lockfile.Read(s.Folder)
		}
		if s.Target.Advisories == "" {
			f.why = errors.New("no advisories were given: panoply db update fetches some, --advisories names others")
			return f
		}
		// The index is open as long as the session is known: a file that nobody knows any
		// more is closed by the runtime.
		db, err := Database(s.Target)
		f.db, f.why, f.broken = db, err, err != nil
		return f
	}).(*folder)
}

// Database opens the advisories of a target that has some.
func Database(t check.Target) (*osv.DB, error) {
	db, err := osv.Open(t.Advisories, cache())
	if errors.Is(err, osv.ErrDamaged) {
		err = fmt.Errorf("%w (panoply db update, for what it had fetched)", err)
	}
	return db, err
}

// cache is where indexes of advisories are kept; empty where the system names no place.
func cache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "panoply", "advisories")
}

// A verdict collects what a check finds, what it cannot tell, and on what a proof rests.
type verdict struct {
	*folder
	session *check.Session
	found   []check.Finding
	doubts  []string
	proof   []string
	failed  bool
	// drifted are the lines of manifests that the lockfile at hand does not have.
	drifted int
}

func (v *verdict) doubt(format string, args ...any) {
	v.doubts = append(v.doubts, fmt.Sprintf(format, args...))
}

// unread adds the files that could not be read.
func (v *verdict) unread() {
	for _, err := range v.folder.found.Errors {
		v.doubt("%v", err)
		v.failed = true
	}
}

// advisories says on what the answer rests, or why there is none.
func (v *verdict) advisories(now time.Time) string {
	m := v.db.Meta
	text := fmt.Sprintf("%d advisories without a date", m.Records)
	if !m.Newest.IsZero() {
		text = fmt.Sprintf("%d advisories, the newest of %s", m.Records, m.Newest.Format(time.DateOnly))
	}
	if m.Fetched != nil {
		text += fmt.Sprintf(", fetched on %s", m.Fetched.At.Format(time.DateOnly))
	}
	if age := now.Sub(m.Newest); age > StaleAfter && !m.Newest.IsZero() {
		text += fmt.Sprintf(", %d days old: holes published since are not among them", int(age.Hours()/24))
	}
	if m.Unread > 0 {
		text += fmt.Sprintf(" (%d records cannot be read and are not among them)", m.Unread)
	}
	if m.Other > 0 && m.Fetched == nil {
		text += fmt.Sprintf(" (%d files beside them hold none)", m.Other)
	}
	return text
}

func (v *verdict) result() check.Result {
	var r check.Result
	if len(v.doubts) > 0 {
		shown := v.doubts
		if len(shown) > 4 {
			shown = append(shown[:3:3], fmt.Sprintf("%d more doubts", len(v.doubts)-3))
		}
		r = check.NotProven(strings.Join(append(shown, v.proof...), "; "), v.found...)
	} else {
		r = check.Conclude(strings.Join(v.proof, "; "), v.found)
	}
	r.Failed = v.failed
	return r
}

// file is one that the folder's answer is about.
func (f *folder) file() string {
	for _, l := range f.found.Locks {
		return l.File
	}
	return "package.json"
}

// evidence is the line of a lockfile, with what is seen there.
func evidence(file string, line int, seen string) check.Evidence {
	return check.SourceLine(file, max(line, 1), seen)
}
