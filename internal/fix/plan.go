package fix

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// A target is a locked version with its findings, and the ways to be rid of them in the
// order in which they are tried.
type target struct {
	pair
	found   []Finding
	options []option
	// at is the option that is tried; len(options) when none is left.
	at int
	// why tells why there is no option, or why each was dropped.
	why []string
}

// An option is a set of steps that clear a target.
type option struct {
	steps []Step
	// keeps says that some of what asks for the version must go on getting it until an
	// override decides.
	keeps bool
}

func (t *target) current() *option {
	if t.at < len(t.options) {
		return &t.options[t.at]
	}
	return nil
}

// drop goes on to the next option.
func (t *target) drop(why string) {
	o := t.current()
	if o == nil {
		return
	}
	var steps []string
	for i := range o.steps {
		steps = append(steps, o.steps[i].String())
	}
	line := strings.Join(steps, " and ") + ": " + strings.ReplaceAll(why, "\n", " ")
	if !slices.Contains(t.why, line) {
		t.why = append(t.why, line)
	}
	t.at++
}

// targetsOf groups findings by the version that is under them, the worst first.
func targetsOf(found []Finding) []*target {
	found = slices.Clone(found)
	worst(found)
	var all []*target
	at := map[pair]*target{}
	for _, f := range found {
		id := pair{f.Package, f.Version}
		if at[id] == nil {
			at[id] = &target{pair: id}
			all = append(all, at[id])
		}
		at[id].found = append(at[id].found, f)
	}
	return all
}

func (t *target) keys() []string {
	var keys []string
	for i := range t.found {
		keys = append(keys, t.found[i].Key())
	}
	return keys
}

// clears are the findings that any option of a target clears.
func (pl *planner) clears(t *target) []string {
	var keys []string
	for i := range t.found {
		if f := &t.found[i]; !slices.Contains(pl.tolerated[f.Package], f.Advisory) {
			keys = append(keys, f.Key())
		}
	}
	return keys
}

// A planner finds the options of npm packages.
type planner struct {
	*resolver
	kind      string
	manifests []*manifest
	major     bool
	// nests says that the package manager knows overrides of one parent alone.
	nests bool
	// pnpm is the major version of the pnpm on the PATH, and workspace its own file of
	// settings, empty where there is none.
	pnpm      int
	workspace []byte
}

// A manifest is a package.json of the app or of a member of its workspace.
type manifest struct {
	*lockfile.Manifest
	text []byte
}

// A climb is what is needed so that one user of a package gets another version of it.
type climb struct {
	updates []Step
	// bumps are the direct dependencies that must be asked for otherwise, each with its
	// candidates, the nearest first.
	bumps [][]Step
	stuck string
	seen  map[int]bool
}

// plan fills the options of a target: such that clear all of its findings, or else such
// that clear most.
func (pl *planner) plan(ctx context.Context, t *target) error {
	if err := pl.fill(ctx, t); err != nil || len(t.options) > 0 || !pl.tolerate(ctx, t) {
		return err
	}
	why := t.why
	if err := pl.fill(ctx, t); err != nil {
		return err
	}
	if len(t.options) == 0 {
		t.why = why
	}
	return nil
}

func (pl *planner) fill(ctx context.Context, t *target) error {
	var moves []climb
	var overrides [][]Step
	var blocked []string
	over := pl.overrides(ctx, t)
	entries := t.found[0].entries
	for _, i := range entries {
		p := &pl.lock.Packages[i]
		if why := pl.fixed(i); why != "" {
			blocked = append(blocked, why)
			continue
		}
		for _, u := range pl.lock.Users(i) {
			if u >= 0 && pl.follows(p.Name) {
				continue // what package.json itself asks for decides
			}
			c := climb{seen: map[int]bool{i: true}}
			var user *lockfile.Package
			parent := ""
			if u >= 0 {
				user = &pl.lock.Packages[u]
				parent = user.Name
			}
			if pl.decided(p, parent) {
				c.stuck = "package.json overrides it"
			} else {
				pl.edge(ctx, &c, u, p, t.name, false)
			}
			o := pl.scoped(over, p, user)
			if c.stuck != "" && len(o) == 0 {
				if blocked = append(blocked, c.stuck); !pl.nests && u >= 0 {
					blocked = append(blocked, fmt.Sprintf("the bun of your PATH knows no override of %s for %s alone; 1.4 and later do", p.Name, pl.lock.Packages[u].Name))
				}
				continue
			}
			moves, overrides = append(moves, c), append(overrides, o)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if len(moves) == 0 && len(blocked) == 0 {
		blocked = append(blocked, "nothing in the lockfile asks for it: install again, and it goes")
	}
	slices.Sort(blocked)
	t.why = slices.Compact(blocked)
	if len(blocked) > 0 {
		return nil
	}
	for k := range maxOptions {
		if o := assemble(moves, overrides, k, false); o.steps != nil && pl.willing(o) {
			t.options = append(t.options, o)
		}
	}
	for k := range maxOptions {
		if o := assemble(moves, overrides, k, true); o.steps != nil && pl.willing(o) {
			t.options = append(t.options, o)
		}
	}
	t.options = slices.CompactFunc(t.options, func(a, b option) bool {
		return slices.EqualFunc(a.steps, b.steps, func(x, y Step) bool { return x.same(&y) && x.To == y.To })
	})
	if len(t.options) == 0 && !pl.major {
		t.why = append(t.why, "only a breaking version mends it, and those are refused (--major=false)")
	}
	for i := range t.options {
		for j := range t.options[i].steps {
			t.options[i].steps[j].Clears = pl.clears(t)
		}
	}
	return nil
}

// maxOptions bounds how many candidates of a kind are tried for one target.
const maxOptions = 5

// assemble takes the k-th candidate of each move; what is stuck is overridden, and all
// that can be when over is set.
func assemble(moves []climb, overrides [][]Step, k int, over bool) option {
	var o option
	for i, m := range moves {
		if m.stuck != "" || over && len(overrides[i]) > 0 {
			// Overrides go on where bumps end.
			o.steps = append(o.steps, overrides[i][min(k, len(overrides[i])-1)])
			o.keeps = true
			continue
		}
		o.steps = append(o.steps, m.updates...)
		for _, b := range m.bumps {
			s := b[min(k, len(b)-1)]
			o.steps = append(append(o.steps, s), s.with...)
		}
	}
	o.steps = merge(o.steps)
	return o
}

func (pl *planner) willing(o option) bool {
	return pl.major || !slices.ContainsFunc(o.steps, func(s Step) bool { return s.Breaking })
}

// merge joins steps that change the same thing; the higher version counts.
func merge(all []Step) []Step {
	var steps []Step
	for _, s := range all {
		at := slices.IndexFunc(steps, func(t Step) bool {
			return t.Kind == s.Kind && t.Package == s.Package && t.File == s.File && t.Parent == s.Parent && slices.Equal(t.path, s.path)
		})
		if at < 0 {
			s.Clears = slices.Clone(s.Clears)
			steps = append(steps, s)
			continue
		}
		t := &steps[at]
		for _, c := range s.Clears {
			if !slices.Contains(t.Clears, c) {
				t.Clears = append(t.Clears, c)
			}
		}
		if higher(s.To, t.To) {
			s.Clears = t.Clears
			s.Breaking = s.Breaking || t.Breaking
			steps[at] = s
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int {
		return cmp.Or(slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), cmp.Compare(a.Package, b.Package), cmp.Compare(a.File, b.File), cmp.Compare(a.Parent, b.Parent))
	})
	return steps
}

var kinds = []Kind{Update, Bump, Override, Get, Toolchain}

func higher(a, b string) bool {
	x, err := npmsemver.Parse(a, npmsemver.Options{Loose: true})
	y, other := npmsemver.Parse(b, npmsemver.Options{Loose: true})
	return err == nil && (other != nil || x.Compare(y) > 0)
}

// fixed says why an entry cannot be given another version.
func (pl *planner) fixed(i int) string {
	p := &pl.lock.Packages[i]
	switch {
	case !packageName(p.Name) || !packageName(installed(p)) || strings.HasPrefix(installed(p), "-"):
		return fmt.Sprintf("%.100q is no name that fix hands to a package manager", installed(p))
	case p.Bundled:
		return fmt.Sprintf("%s is bundled inside of %s: only its authors can mend that", p.Name, bundler(p))
	case p.Source == lockfile.Git:
		return fmt.Sprintf("%s comes from a repository (%s): name another commit yourself", p.Name, p.Address)
	case p.Source != lockfile.Registry:
		return fmt.Sprintf("%s does not come from a registry (%s)", p.Name, p.Address)
	}
	return ""
}

// bundler is the package that brings an entry of a package-lock ("node_modules/a/node_modules/b")
// or a bun.lock ("a/b") along.
func bundler(p *lockfile.Package) string {
	owner := strings.TrimSuffix(strings.TrimSuffix(p.Key, "/"+installed(p)), "/node_modules")
	if at := strings.LastIndex("/"+owner, "/node_modules/"); at >= 0 {
		return owner[at+len("node_modules/"):]
	}
	if at := strings.LastIndexByte(owner, '/'); at >= 0 && !strings.HasPrefix(path.Base(owner[:at]), "@") {
		return owner[at+1:]
	}
	return owner
}

func installed(p *lockfile.Package) string { return cmp.Or(p.Alias, p.Name) }
