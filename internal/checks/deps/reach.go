package deps

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsimports"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// A reacher labels the packages of one lockfile of npm's by what the app's files import.
type reacher struct {
	lock  *lockfile.Lock
	graph *jsimports.Graph
	// places are where the app's files import each package, by its number, and tests and
	// stray those of tests, and of files that no entry point leads to.
	imported, stray, tests map[int][]string
	behind                 struct{ imported, stray, tests lockfile.Behind }
}

type importsKey struct{}

// imports reads the folder's files once for a session.
func (v *verdict) imports() *jsimports.Graph {
	return v.session.Shared(importsKey{}, func() any { return jsimports.Read(v.session.Folder) }).(*jsimports.Graph)
}

func newReacher(l *lockfile.Lock, g *jsimports.Graph) *reacher {
	r := &reacher{lock: l, graph: g, imported: map[int][]string{}, stray: map[int][]string{}, tests: map[int][]string{}}
	for _, name := range g.Names(jsimports.Tests) {
		use := g.Of(name)
		into := map[jsimports.Kind]map[int][]string{jsimports.Imported: r.imported, jsimports.Stray: r.stray, jsimports.Tests: r.tests}[use.Kind]
		if into == nil {
			continue
		}
		for _, at := range use.At {
			for _, i := range l.Installed(path.Dir(at.File), name) {
				into[i] = append(into[i], at.String())
			}
		}
	}
	r.behind.imported = l.Behind(numbers(r.imported))
	r.behind.stray = l.Behind(numbers(r.stray))
	r.behind.tests = l.Behind(numbers(r.tests))
	return r
}

func numbers(of map[int][]string) []int {
	var all []int
	for i := range of {
		all = append(all, i)
	}
	slices.Sort(all)
	return all
}

// label says how the app comes to one of the entries, the closest first.
func (r *reacher) label(entries []int) *check.Reachability {
	for _, i := range entries {
		if at := r.imported[i]; len(at) > 0 {
			return &check.Reachability{Label: check.Imported, At: at}
		}
	}
	for _, i := range entries {
		if way, ok := r.behind.imported.Way(i); ok {
			return &check.Reachability{Label: check.Transitive, Reason: "by " + strings.Join(way, " > "), At: r.places(r.imported, way[0])}
		}
	}
	unknown := func(format string, args ...any) *check.Reachability {
		return &check.Reachability{Label: check.NotKnown, Reason: fmt.Sprintf(format, args...)}
	}
	for _, i := range entries {
		p := r.lock.Packages[i]
		name := cmp.Or(p.Alias, p.Name)
		if way, ok := r.behind.stray.Way(i); ok {
			at := r.places(r.stray, way[0])
			return unknown("%s imports %s, and no entry point leads there", strings.Join(at[:min(1, len(at))], ""), way[0])
		}
		if use := r.graph.Of(name); use.Kind == jsimports.Named {
			return unknown("%s names it in a text", use.At[0])
		}
		if d, ok := r.graph.Doubt(name); ok {
			return unknown("%s", d)
		}
	}
	for _, i := range entries {
		// What is behind a package that may be loaded may be loaded too.
		for _, way := range r.lock.Ways(i, maxWays) {
			name, _, ok := cutLast(way[0], "@")
			if !ok && len(way) > 1 {
				name, _, _ = cutLast(way[1], "@") // the first is a member of the workspace
			}
			if use := r.graph.Of(name); use.Kind == jsimports.Named {
				return unknown("%s names %s in a text", use.At[0], name)
			}
			if d, ok := r.graph.Doubt(name); ok {
				return unknown("%s", d)
			}
		}
	}
	for _, i := range entries {
		if way, ok := r.behind.tests.Way(i); ok {
			at := r.places(r.tests, way[0])
			out := &check.Reachability{Label: check.TestsOnly, At: at}
			if len(way) > 1 {
				out.Reason = "by " + strings.Join(way, " > ")
			}
			return out
		}
	}
	if r.graph.Files == 0 {
		return unknown("the folder has no JavaScript that imports anything")
	}
	return &check.Reachability{Label: check.Never}
}

// places are where the package of a label is imported.
func (r *reacher) places(of map[int][]string, label string) []string {
	for _, i := range numbers(of) {
		p := r.lock.Packages[i]
		if p.Name+"@"+p.Version == label || p.Version == "" && p.Name == label {
			return of[i]
		}
	}
	return nil
}

// cutLast cuts around the last separator that is not at the beginning.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i > 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// labels returns what labels the findings of a lockfile. It reads the app's files, or loads
// its packages, when the first finding asks.
func (v *verdict) labels(ctx context.Context, l *lockfile.Lock) func(*victim, *osv.Hit) *check.Reachability {
	if v.session.Folder == nil {
		return func(*victim, *osv.Hit) *check.Reachability { return nil }
	}
	if l.Ecosystem == lockfile.Go {
		return func(x *victim, h *osv.Hit) *check.Reachability { return v.program(ctx, l).label(x, h) }
	}
	var r *reacher
	return func(x *victim, _ *osv.Hit) *check.Reachability {
		if r == nil {
			r = newReacher(l, v.imports())
		}
		return r.label(x.entries)
	}
}

// phrase is a label for the end of a finding's message.
func phrase(r *check.Reachability) string {
	first := ""
	if len(r.At) > 0 {
		first = " at " + r.At[0]
	}
	switch r.Label {
	case check.Imported:
		return "; imported" + first
	case check.Transitive:
		return "; imported only transitively" + first
	case check.TestsOnly:
		return "; imported only by tests"
	case check.Never:
		return "; never imported"
	case check.Called:
		return "; called by the app"
	case check.NotCalled, check.NotImported:
		return "; " + string(r.Label)
	}
	return "; not known whether the app reaches it"
}
