package lockwatch

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// Names are the lockfiles that can be watched.
func Names() []string {
	return []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "go.mod"}
}

// alone is a folder with one lockfile, and what says more of its packages.
type alone struct {
	fs.FS
	name string
}

// Open implements fs.FS.
func (a alone) Open(name string) (fs.File, error) {
	if name != a.name && slices.Contains(Names(), path.Base(name)) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return a.FS.Open(name)
}

// look looks once. Whatever the files hold, it ends in a status.
func (w *Watch) look(o Options) (s *Status) {
	s = &Status{Lockfile: o.Lockfile, At: time.Now()}
	defer func() {
		// The door goes on whatever a file does to its reader.
		if r := recover(); r != nil {
			s = &Status{Lockfile: o.Lockfile, At: s.At, Err: fmt.Errorf("the look-up failed: %v", r)}
		}
	}()
	lock, err := locked(o.Lockfile)
	if err != nil {
		s.Err = err
		return s
	}
	if o.Advisories == "" {
		s.Err = errNoAdvisories
		return s
	}
	db, err := osv.Open(o.Advisories, w.hooks.Cache)
	if err != nil {
		s.Err = err
		return s
	}
	defer db.Close()
	if db.Meta.Ecosystems[string(lock.Ecosystem)] == 0 {
		s.Err = fmt.Errorf("the advisories %s know nothing of %s", o.Advisories, lock.Ecosystem)
		return s
	}
	s.Advisories = db.Meta
	s.match(lock, db)
	return s
}

// locked reads the one lockfile.
func locked(name string) (*lockfile.Lock, error) {
	dir, base := filepath.Split(name)
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", name)
	}
	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	found := lockfile.Read(alone{root.FS(), base})
	for _, l := range found.Locks {
		if l.File == base {
			return l, nil
		}
	}
	for _, err := range found.Errors {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return nil, fmt.Errorf("%s is no lockfile of a kind that is known: %s", name, strings.Join(Names(), ", "))
}

// match looks each package up, by name and version.
func (s *Status) match(lock *lockfile.Lock, db *osv.DB) {
	s.Vulnerable = map[osv.Level]int{}
	type victim struct{ name, version string }
	dev := map[victim]bool{} // for development only
	var order []victim
	for _, p := range lock.Packages {
		switch {
		case p.Version == "" && p.Source == lockfile.Folder:
			continue
		case p.Version == "":
			s.doubt(fmt.Sprintf("%s:%d: the version of %s is not told", lock.File, p.Line, p.Name))
			continue
		}
		x := victim{p.Name, p.Version}
		if only, seen := dev[x]; !seen {
			order = append(order, x)
			dev[x] = p.Dev
		} else {
			dev[x] = only && p.Dev
		}
	}
	s.Packages = len(order)
	for _, x := range order {
		hits, err := db.Match(string(lock.Ecosystem), x.name, x.version)
		if err != nil {
			s.doubt(err.Error())
		}
		worst := osv.Unknown
		for _, h := range hits {
			worst = max(worst, h.Level)
			s.Findings = append(s.Findings, Finding{x.name, x.version, h.ID, h.Aliases, h.Level, h.Fixed, dev[x]})
		}
		if len(hits) > 0 {
			s.Vulnerable[worst]++
		}
	}
	slices.SortFunc(s.Findings, func(a, b Finding) int { return strings.Compare(a.ID(), b.ID()) })
}

func (s *Status) doubt(text string) {
	if s.Unknown++; s.Unknown == 1 {
		s.Doubt = text
	}
}
