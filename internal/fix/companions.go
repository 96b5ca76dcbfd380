package fix

import (
	"context"
	"slices"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// companions are what else the app has to ask for where it asks for another version of a
// package: others that it asks for itself, and that want a version beside them which that
// is not. Those for which nothing is found are left to the try, which tells.
func (pl *planner) companions(ctx context.Context, name, version, avoid string) []Step {
	v, err := npmsemver.Parse(version, npmsemver.Options{Loose: true})
	if err != nil {
		return nil
	}
	var all []Step
	for _, m := range pl.manifests {
		for _, n := range m.Needs {
			other := pl.lockedFor(n)
			if other == nil || n.Peer || other.Name == name || !registrySpec(n.Spec) {
				continue
			}
			doc, err := pl.from.get(ctx, other.Name)
			if err != nil || doc.Versions[other.Version] == nil || doc.Versions[other.Version].bears(name, v) {
				continue
			}
			if s, ok := pl.companion(ctx, doc, other, n, name, v, avoid); ok {
				s.File, s.path = m.File, []string{sectionOf(n), n.Name}
				if s.Kind == Update {
					s.File, s.path = "", nil
				}
				all = append(all, s)
			}
		}
	}
	return all
}

// companion is the nearest version of another package that bears one beside it.
func (pl *planner) companion(ctx context.Context, doc *document, other *lockfile.Package, n lockfile.Need, name string, v npmsemver.Version, avoid string) (Step, bool) {
	asked, err := npmsemver.ParseRange(realSpec(n.Spec), npmsemver.Options{Loose: true})
	var found Step
	pl.above(ctx, other.Name, other.Version, func(to string, breaking bool) bool {
		at, wrong := npmsemver.Parse(to, npmsemver.Options{})
		if found.Kind != "" || wrong != nil || !doc.Versions[to].bears(name, v) {
			return found.Kind != ""
		}
		if err == nil && asked.Contains(at) {
			found = Step{Kind: Update, Package: n.Name, From: other.Version, To: to}
			return true
		}
		spec := respec(n.Spec, to)
		if _, ok := pl.clean(ctx, other.Name, realSpec(spec), avoid); !ok {
			return false
		}
		found = Step{Kind: Bump, Package: n.Name, From: other.Version, To: to, Old: n.Spec, New: spec, Breaking: breaking}
		return true
	})
	return found, found.Kind != ""
}

// lockedFor is what is locked for a need of the app; nil where that is not told.
func (pl *planner) lockedFor(n lockfile.Need) *lockfile.Package {
	for i := range pl.lock.Packages {
		p := &pl.lock.Packages[i]
		if installed(p) == n.Name && p.Source == lockfile.Registry && slices.Contains(pl.lock.Users(i), -1) {
			return p
		}
	}
	return nil
}

// bears says whether a release takes a version of another beside it.
func (r *release) bears(name string, v npmsemver.Version) bool {
	spec, ok := r.PeerDependencies[name]
	if !ok {
		return true
	}
	set, err := npmsemver.ParseRange(spec, npmsemver.Options{Loose: true})
	return err != nil || set.Contains(v)
}
