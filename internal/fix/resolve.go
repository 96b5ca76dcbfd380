package fix

import (
	"context"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/packument"
)

// maxDeep bounds how far what a package needs is followed.
const maxDeep = 60

// A resolver tells which version a package manager would take, were there no versions
// under an advisory but those that are locked already. It is not safe for concurrent use.
type resolver struct {
	lock *lockfile.Lock
	db   *osv.DB
	from *packuments

	locked map[string][]string
	known  map[pair]bool
	asked  map[want]answer
	// refused are versions that are under no advisory themselves and bring what is, with
	// what that is; package managers are not shown them.
	refused map[pair]string
	// node is the Node.js that the app runs on; nil where it is not known, or is none that
	// the app itself says to run on.
	node *npmsemver.Version
	// tolerated are advisories that no later version of a package is without.
	tolerated map[string][]string
}

type want struct{ name, spec, avoid string }

type answer struct {
	version string
	open    bool
	ok      bool
}

func newResolver(l *lockfile.Lock, db *osv.DB, from *packuments) *resolver {
	r := &resolver{lock: l, db: db, from: from, locked: map[string][]string{}, known: map[pair]bool{}, asked: map[want]answer{}, refused: map[pair]string{}, tolerated: map[string][]string{}}
	for _, p := range l.Packages {
		r.locked[p.Name] = append(r.locked[p.Name], p.Version)
	}
	return r
}

// vulnerable says whether a version is under an advisory that is not tolerated. What
// cannot be told is.
func (r *resolver) vulnerable(name, version string) bool {
	at := pair{name, version}
	bad, ok := r.known[at]
	if !ok {
		ids, err := r.advisories(name, version)
		bad = err != nil || slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(r.tolerated[name], id) })
		r.known[at] = bad
	}
	return bad
}

func (r *resolver) advisories(name, version string) ([]string, error) {
	hits, err := r.db.Match(string(r.lock.Ecosystem), name, version)
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.ID)
	}
	return ids, err
}

// tolerate finds the later versions that are under the fewest of the advisories that a
// locked one is under, and under no other, and lets those pass. It is false where that
// clears nothing.
func (r *resolver) tolerate(ctx context.Context, t *target) bool {
	doc, err := r.from.get(ctx, t.name)
	if err != nil {
		return false
	}
	now, err := r.advisories(t.name, t.version)
	if err != nil {
		return false
	}
	best := now
	for _, v := range doc.order {
		if !higher(v.String(), t.version) {
			continue
		}
		ids, err := r.advisories(t.name, v.String())
		subset := !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(now, id) })
		if err == nil && subset && len(ids) < len(best) {
			best = ids
		}
	}
	if len(best) == len(now) || len(best) == 0 {
		return false
	}
	r.tolerated[t.name] = best
	clear(r.known)
	clear(r.asked)
	return true
}

// alias reads "npm:name@range".
func alias(name, spec string) (string, string) {
	rest, ok := strings.CutPrefix(spec, "npm:")
	if !ok {
		return name, spec
	}
	if at := strings.LastIndexByte(rest, '@'); at > 0 {
		return rest[:at], rest[at+1:]
	}
	// Yarn writes plain ranges so, too.
	if _, err := npmsemver.ParseRange(rest, npmsemver.Options{Loose: true}); err == nil {
		return name, rest
	}
	return rest, "*"
}

// clean returns the version that a range leads to, when all that it needs is clean as
// well. The package named avoid has no version that is under an advisory, not even one
// that is locked.
func (r *resolver) clean(ctx context.Context, name, spec, avoid string) (string, bool) {
	a := r.walk(ctx, name, spec, avoid, 0)
	return a.version, a.ok
}

func (r *resolver) walk(ctx context.Context, name, spec, avoid string, deep int) answer {
	name, spec = alias(name, spec)
	at := want{name, spec, avoid}
	if a, ok := r.asked[at]; ok {
		// A circle is as clean as the rest of it.
		return answer{a.version, false, a.ok || a.open}
	}
	if deep > maxDeep || ctx.Err() != nil {
		return answer{}
	}
	r.asked[at] = answer{open: true}
	a := r.choose(ctx, name, spec, avoid, deep)
	r.asked[at] = a
	return a
}

func (r *resolver) choose(ctx context.Context, name, spec, avoid string, deep int) answer {
	p, err := r.from.get(ctx, name)
	if err != nil {
		return answer{}
	}
	if v, ok := p.Tags[spec]; ok {
		spec = v
	}
	set, err := npmsemver.ParseRange(spec, npmsemver.Options{Loose: true})
	if err != nil {
		return answer{}
	}
	for _, v := range p.preferred(set) {
		if r.allowed(name, v, avoid) && r.subtree(ctx, p.Versions[v], pair{name, v}, avoid, deep) {
			return answer{version: v, ok: true}
		}
	}
	return answer{}
}

func (r *resolver) allowed(name, version, avoid string) bool {
	if !r.runs(name, version) {
		return false
	}
	return !r.vulnerable(name, version) || name != avoid && slices.Contains(r.locked[name], version)
}

// runs says whether a version runs on the Node.js that is there, as far as it tells. What is
// locked does.
func (r *resolver) runs(name, version string) bool {
	if r.node == nil || slices.Contains(r.locked[name], version) {
		return true
	}
	doc, err := r.from.get(context.Background(), name) // which was asked for before
	if err != nil || doc.Versions[version] == nil || doc.Versions[version].Engines == "" {
		return true
	}
	set, err := npmsemver.ParseRange(string(doc.Versions[version].Engines), npmsemver.Options{Loose: true, IncludePrerelease: true})
	return err != nil || set.Contains(*r.node)
}

// subtree says whether what a release needs is clean.
func (r *resolver) subtree(ctx context.Context, release *release, of pair, avoid string, deep int) bool {
	for _, section := range []packument.Specs{release.Dependencies, release.OptionalDependencies} {
		for _, name := range sortedKeys(section) {
			spec := section[name]
			if r.keeps(name, spec, avoid) {
				continue
			}
			if a := r.walk(ctx, name, spec, avoid, deep+1); !a.ok {
				if ctx.Err() == nil && !r.keepsVulnerable(name, spec) {
					r.refused[of] = name + " " + spec
				}
				return false
			}
		}
	}
	return true
}

// keeps says whether a version that is locked will do: a package manager leaves it.
func (r *resolver) keeps(name, spec, avoid string) bool {
	name, spec = alias(name, spec)
	set, err := npmsemver.ParseRange(spec, npmsemver.Options{Loose: true})
	if err != nil {
		return false
	}
	return slices.ContainsFunc(r.locked[name], func(version string) bool {
		v, err := npmsemver.Parse(version, npmsemver.Options{Loose: true})
		return err == nil && set.Contains(v) && r.allowed(name, version, avoid)
	})
}

// keepsVulnerable says that what is not clean was there before: such a release is no
// mending, but brings nothing new either, and stays visible.
func (r *resolver) keepsVulnerable(name, spec string) bool { return r.keeps(name, spec, "") }

// preferred are the versions in a range in the order in which they are tried: the one
// tagged latest, the others that nobody gave up, the highest first, and the rest.
func (p *document) preferred(set npmsemver.Range) []string {
	var first, last []string
	for _, v := range slices.Backward(p.order) {
		s := v.String()
		switch {
		case !set.Contains(v):
		case bool(p.Versions[s].Deprecated):
			last = append(last, s)
		case s == p.Tags["latest"]:
			first = slices.Insert(first, 0, s)
		default:
			first = append(first, s)
		}
	}
	return append(first, last...)
}

func sortVersions(all []npmsemver.Version) {
	slices.SortFunc(all, npmsemver.Version.Compare)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
