package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// A result is what a package manager made of steps.
type result struct {
	steps   []Step
	changes []Change
	found   []Finding
	// conflicts are peers that are not what is asked for.
	conflicts []string
}

// search tries the current options of all targets, and goes on to the next one of those
// that do not do, until what is left of them does.
func (f *Fixer) search(ctx context.Context, targets []*target) (*result, error) {
	for {
		active := slices.DeleteFunc(slices.Clone(targets), func(t *target) bool { return t.current() == nil })
		if len(active) == 0 {
			return nil, nil
		}
		r, why, err := f.attempt(ctx, active)
		if err != nil {
			return nil, err
		}
		if why == "" {
			if !f.dropUncleared(active, r) {
				return r, nil
			}
			continue
		}
		if err := f.blame(ctx, active, why); err != nil {
			return nil, err
		}
	}
}

// dropUncleared drops the options of targets that are still there.
func (f *Fixer) dropUncleared(active []*target, r *result) bool {
	left := map[string]bool{}
	for i := range r.found {
		left[r.found[i].Key()] = true
	}
	dropped := false
	for _, t := range active {
		if slices.ContainsFunc(t.keys(), func(k string) bool { return left[k] }) {
			t.drop(fmt.Sprintf("%s@%s was still there after it", t.name, t.version))
			dropped = true
		}
	}
	return dropped
}

// blame finds out, one target after the other, whose option it is that will not do.
func (f *Fixer) blame(ctx context.Context, active []*target, why string) error {
	if len(active) == 1 {
		if !f.worked {
			if err := f.bare(ctx); err != nil {
				return err
			}
		}
		active[0].drop(why)
		return nil
	}
	var good []*target
	dropped := false
	for _, t := range active {
		_, why, err := f.attempt(ctx, append(slices.Clone(good), t))
		if err != nil {
			return err
		}
		if why == "" {
			good = append(good, t)
			continue
		}
		if !f.worked {
			if err := f.bare(ctx); err != nil {
				return err
			}
		}
		t.drop(why)
		dropped = true
	}
	if !dropped { // all together failed and one by one did not: a package manager of moods
		return errors.New(why)
	}
	return nil
}

// bare tries the folder as it is: a package manager that fails with that fails with all.
func (f *Fixer) bare(ctx context.Context) error {
	_, why, err := f.attempt(ctx, nil)
	if err == nil && why != "" {
		err = fmt.Errorf("%s cannot resolve the folder as it is: %s", f.kind, why)
	}
	return err
}

// attempt has the package manager take the current options of some targets. The text says
// why they will not do.
func (f *Fixer) attempt(ctx context.Context, some []*target) (*result, string, error) {
	if f.tries++; f.tries > maxTries {
		return nil, "", fmt.Errorf("%d plans were tried and none will do: --only fixes one finding at a time", maxTries)
	}
	all := steps(some)
	f.tell("trying %d steps", len(all))
	dir := filepath.Join(f.temp, strconv.Itoa(f.tries))
	edits, err := f.project.edited(all)
	if err != nil {
		return nil, err.Error(), nil
	}
	if f.kind == "go" {
		edits, err = f.tryGo(ctx, dir, all)
	} else {
		err = f.tryNPM(ctx, dir, some, all, edits)
	}
	var failed *ManagerError
	switch {
	case errors.As(err, &failed):
		return nil, failed.Error(), ctx.Err()
	case err != nil:
		return nil, "", err
	}
	f.worked = true
	r, err := f.look(all, edits)
	if err != nil {
		return nil, "", err
	}
	if added := introduced(f.before, r.found); len(added) > 0 {
		return nil, fmt.Sprintf("it brings %s@%s, which is under %s", added[0].Package, added[0].Version, added[0].Advisory), nil
	}
	// npm lets pass what it would refuse in a folder without a lockfile.
	had := f.project.lock.PeerConflicts()
	for _, c := range r.conflicts {
		if !slices.Contains(had, c) {
			return nil, c, nil
		}
	}
	return r, "", nil
}

func (f *Fixer) tryNPM(ctx context.Context, dir string, some []*target, all []Step, edits map[string][]byte) error {
	w := &workshop{dir: filepath.Join(dir, "copy"), home: filepath.Join(dir, "home"), base: f.show.base, project: f.project, kind: f.kind, renamed: map[string]string{}}
	if err := errors.Join(os.MkdirAll(w.dir, 0o700), os.MkdirAll(w.home, 0o700)); err != nil {
		return err
	}
	defer removeAll(dir)
	if err := f.project.copyTo(w.dir, edits, tame); err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	f.show.show(f.hidden(some))
	lock, err := w.resolve(ctx, anew(all))
	if refused, failed := f.show.trouble(); err != nil && failed != nil {
		return failed
	} else if m := new(ManagerError); errors.As(err, &m) && len(refused) > 0 {
		m.Output += fmt.Sprintf("; it was refused what is not of your registry: %s (--trust-project reads the folder's own)", refused[0])
	}
	if err != nil {
		return err
	}
	lock = f.show.renamed(lock)
	if f.kind == "bun" {
		lock = bunDefault(lock)
	}
	edits[f.project.lock.File] = lock
	return nil
}

// anew are the names of what the package manager is to choose anew.
func anew(all []Step) []string {
	var names []string
	for _, s := range all {
		if s.Kind == Update || s.Kind == Override || s.Kind == Bump && s.File != "package.json" {
			names = append(names, s.Package)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hidden says what the package manager is not shown: what is under an advisory, but for
// what is locked and has to stay, and what would bring such.
func (f *Fixer) hidden(some []*target) func(name, version string) bool {
	gone := map[pair]bool{}
	for _, t := range some {
		if o := t.current(); o != nil && !o.keeps {
			gone[t.pair] = true
		}
	}
	return func(name, version string) bool {
		at := pair{name, version}
		locked := slices.Contains(f.plan.locked[name], version)
		if !f.plan.vulnerable(name, version) {
			return (f.plan.refused[at] != "" || !f.plan.runs(name, version)) && !locked
		}
		return gone[at] || !locked
	}
}

// look reads what came out, and looks it up.
func (f *Fixer) look(all []Step, edits map[string][]byte) (*result, error) {
	p := f.project
	dir := filepath.Join(f.temp, "result")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), p.copyTo(dir, edits, asIs)); err != nil {
		return nil, err
	}
	found := lockfile.Read(os.DirFS(dir))
	at := slices.IndexFunc(found.Locks, func(l *lockfile.Lock) bool { return l.File == p.lock.File })
	if at < 0 {
		return nil, fmt.Errorf("what %s wrote cannot be read: %w", f.kind, errors.Join(found.Errors...))
	}
	now := found.Locks[at]
	r := &result{conflicts: now.PeerConflicts()}
	var err error
	if r.found, err = findings(now, f.o.Advisories); err != nil {
		return nil, err
	}
	for _, s := range all {
		s.To = chosen(p.lock, now, &s)
		bumped := slices.ContainsFunc(all, func(b Step) bool { return b.Kind == Bump && b.Package == s.Package })
		if s.Kind != Update || s.To != "" && s.To != s.From && !bumped {
			r.steps = append(r.steps, s)
		}
	}
	for _, name := range sortedKeys(edits) {
		if old := p.files[name]; !bytes.Equal(old, edits[name]) {
			r.changes = append(r.changes, Change{Name: name, old: old, new: edits[name], Diff: diff(name, old, edits[name])})
		}
	}
	return r, nil
}

// chosen is the version that a step came to: the one that is new, or else the highest.
func chosen(before, after *lockfile.Lock, s *Step) string {
	had := map[string]bool{}
	for i := range before.Packages {
		if p := &before.Packages[i]; installed(p) == s.Package {
			had[p.Version] = true
		}
	}
	best, bestIsNew := "", false
	for i := range after.Packages {
		p := &after.Packages[i]
		if installed(p) != s.Package {
			continue
		}
		if isNew := !had[p.Version]; best == "" || isNew && !bestIsNew || isNew == bestIsNew && higher(p.Version, best) {
			best, bestIsNew = p.Version, isNew
		}
	}
	if best == "" && s.Kind != Update {
		return s.To
	}
	return best
}
