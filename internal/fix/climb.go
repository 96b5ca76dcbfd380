package fix

import (
	"context"
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// edge finds how a user of a package gets a clean version of it: within its range, by
// another version of the user, or by what the app asks for. forward demands that the
// version is not below the one that is locked.
func (pl *planner) edge(ctx context.Context, c *climb, user int, p *lockfile.Package, avoid string, forward bool) {
	if user < 0 {
		pl.direct(ctx, c, p, avoid, forward)
		return
	}
	u := &pl.lock.Packages[user]
	spec, err := pl.asks(ctx, u, installed(p))
	if err != nil {
		c.stuck = err.Error()
		return
	}
	if v, ok := pl.clean(ctx, p.Name, realSpec(spec), avoid); ok && (!forward || !higher(p.Version, v)) {
		c.updates = append(c.updates, Step{Kind: Update, Package: installed(p), From: p.Version, To: v})
		return
	}
	if c.seen[user] {
		return // a circle: the others of its users decide
	}
	c.seen[user] = true
	if why := pl.fixed(user); why != "" {
		c.stuck = why
		return
	}
	if deciders := pl.lock.Users(user); len(deciders) > 0 {
		for _, next := range deciders {
			if pl.edge(ctx, c, next, u, avoid, true); c.stuck != "" {
				return
			}
		}
		// Another version of the user asks for another one of the package.
		c.updates = append(c.updates, Step{Kind: Update, Package: installed(p), From: p.Version})
		return
	}
	c.stuck = fmt.Sprintf("%s@%s asks for %s %s, and nothing asks for it", u.Name, u.Version, p.Name, spec)
}

// realSpec is the range of an alias: the name is that of the package already.
func realSpec(spec string) string {
	_, spec = alias("", spec)
	return spec
}

// asks is what a locked package asks for under a name.
func (pl *planner) asks(ctx context.Context, u *lockfile.Package, name string) (string, error) {
	doc, err := pl.from.get(ctx, u.Name)
	if err != nil {
		return "", fmt.Errorf("what %s asks for is not known: %w", u.Name, err)
	}
	release := doc.Versions[u.Version]
	if release == nil {
		return "", fmt.Errorf("what %s@%s asks for is not known: the registry does not have that version", u.Name, u.Version)
	}
	spec, ok := release.spec(name)
	if !ok {
		return "", fmt.Errorf("%s@%s does not ask for %s, as the registry has it", u.Name, u.Version, name)
	}
	return spec, nil
}

// direct finds what the manifests would have to ask for.
func (pl *planner) direct(ctx context.Context, c *climb, p *lockfile.Package, avoid string, forward bool) {
	found := false
	for _, m := range pl.manifests {
		for _, n := range m.Needs {
			if n.Name != installed(p) || n.Peer && pl.kind != "npm" {
				continue
			}
			found = true
			if v, ok := pl.clean(ctx, p.Name, realSpec(n.Spec), avoid); ok && (!forward || !higher(p.Version, v)) {
				c.updates = append(c.updates, Step{Kind: Update, Package: n.Name, From: p.Version, To: v})
				continue
			}
			if strings.HasPrefix(n.Spec, "catalog:") {
				c.stuck = fmt.Sprintf("%s asks for %s by a catalog (%s), which fix leaves as it is: change the range there", m.File, n.Name, n.Spec)
				return
			}
			if !registrySpec(n.Spec) {
				c.stuck = fmt.Sprintf("%s asks for %s as %q, which is no range of versions", m.File, n.Name, n.Spec)
				return
			}
			candidates := pl.candidates(ctx, p, n.Spec, avoid)
			if len(candidates) == 0 {
				c.stuck = pl.hopeless(ctx, p, avoid)
				return
			}
			for i := range candidates {
				candidates[i].File, candidates[i].path = m.File, []string{sectionOf(n), n.Name}
			}
			c.bumps = append(c.bumps, candidates)
		}
	}
	if !found {
		c.stuck = fmt.Sprintf("no package.json asks for %s", installed(p))
	}
}

// hopeless says why no version of a direct dependency mends.
func (pl *planner) hopeless(ctx context.Context, p *lockfile.Package, avoid string) string {
	doc, err := pl.from.get(ctx, p.Name)
	switch {
	case err != nil:
		return fmt.Sprintf("the versions of %s are not known: %v", p.Name, err)
	case p.Name != avoid:
		return fmt.Sprintf("no later version of %s takes a version of %s that is under no advisory", p.Name, avoid)
	}
	why := fmt.Sprintf("there is no later version of %s that is under no advisory", p.Name)
	for _, v := range doc.order {
		s := v.String()
		switch {
		case !higher(s, p.Version) || pl.vulnerable(p.Name, s):
		case !takes(p.Version, v):
			why = fmt.Sprintf("the later versions of %s that are under no advisory are no releases (%s): ask for one yourself", p.Name, s)
		case !pl.runs(p.Name, s):
			why = fmt.Sprintf("the later versions of %s that are under no advisory do not run on this Node.js, %s (%s wants %s)", p.Name, pl.node, s, doc.Versions[s].Engines)
		case bool(doc.Versions[s].Deprecated):
			why = fmt.Sprintf("its authors gave up the later versions of %s that are under no advisory (%s): ask for one yourself", p.Name, s)
		default:
			return fmt.Sprintf("each later version of %s that is under no advisory brings a package that is", p.Name)
		}
	}
	return why
}

// takes says whether a version may be asked for in place of another: a release, or a later
// prerelease of what is one already.
func takes(from string, v npmsemver.Version) bool {
	old, err := npmsemver.Parse(from, npmsemver.Options{Loose: true})
	return v.Prerelease == "" || err == nil && old.Prerelease != "" && old.Major == v.Major && old.Minor == v.Minor && old.Patch == v.Patch
}

func sectionOf(n lockfile.Need) string {
	switch {
	case n.Dev:
		return "devDependencies"
	case n.Optional:
		return "optionalDependencies"
	case n.Peer:
		return "peerDependencies"
	}
	return "dependencies"
}

// registrySpec tells ranges and tags from addresses, folders and members of a workspace.
func registrySpec(spec string) bool {
	_, spec = alias("", spec)
	if _, err := npmsemver.ParseRange(spec, npmsemver.Options{Loose: true}); err == nil {
		return true
	}
	for _, c := range spec {
		if c == ':' || c == '/' || c == '#' || c == '@' {
			return false
		}
	}
	return true
}

// candidates are the versions of a direct dependency that may be asked for, the nearest
// first: two that do not break, then the first of each later major version.
func (pl *planner) candidates(ctx context.Context, p *lockfile.Package, old, avoid string) []Step {
	var steps []Step
	pl.above(ctx, p.Name, p.Version, func(v string, breaking bool) bool {
		spec := respec(old, v)
		if got, ok := pl.clean(ctx, p.Name, realSpec(spec), avoid); !ok || higher(v, got) {
			return false
		}
		steps = append(steps, Step{Kind: Bump, Package: installed(p), From: p.Version, To: v, Old: old, New: spec, Breaking: breaking, with: pl.companions(ctx, p.Name, v, avoid)})
		return true
	})
	return steps
}

// above calls use with versions above one, until it took two that do not break and the
// first of each of three later breaking ones. Prereleases and what its authors gave up are
// left out.
func (pl *planner) above(ctx context.Context, name, version string, use func(v string, breaking bool) bool) {
	doc, err := pl.from.get(ctx, name)
	if err != nil {
		return
	}
	near, far, base := 0, 0, version
	for _, v := range doc.order {
		s := v.String()
		if !higher(s, version) || !takes(version, v) || !pl.runs(name, s) || bool(doc.Versions[s].Deprecated) || pl.vulnerable(name, s) {
			continue
		}
		breaking := breaks(version, s)
		switch {
		case ctx.Err() != nil || far == 3:
			return
		case !breaking && near < 2 && use(s, false):
			near++
		case breaking && breaks(base, s) && use(s, true):
			far, base = far+1, s
		}
	}
}
