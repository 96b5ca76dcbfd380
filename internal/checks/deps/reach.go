package deps

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsimports"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/osv"
)

// A reacher labels the packages of one lockfile of npm's by what the app's files import,
// and by what the installed packages load, where they can be followed.
type reacher struct {
	lock  *lockfile.Lock
	graph *jsimports.Graph
	// installed is nil where nothing is installed; note says why nothing of it was followed.
	installed *installed
	note      string
	// imported are the places where the app's files import each package, by its number.
	imported map[int][]string
	// The others are what leads to packages that may be loaded, by reason.
	behind lockfile.Behind
	tests  origins
	unsure []origins
}

// origins are packages from which others can be reached. how says why one is among them,
// and through the same for those behind it; way adds the way there. at are places.
type origins struct {
	how, through map[int]string
	way          bool
	at           map[int][]string
	behind       lockfile.Behind
}

type importsKey struct{}

// imports reads the folder's files once for a session.
func (v *verdict) imports() *jsimports.Graph {
	return v.session.Shared(importsKey{}, func() any { return jsimports.Read(v.session.Folder) }).(*jsimports.Graph)
}

func newReacher(ctx context.Context, fsys fs.FS, l *lockfile.Lock, g *jsimports.Graph) *reacher {
	r := &reacher{lock: l, graph: g, imported: map[int][]string{}}
	r.follow(ctx, fsys)
	stray := origins{how: map[int]string{}}
	r.tests.at = map[int][]string{}
	for _, name := range g.Names(jsimports.Tests) {
		use := g.Of(name)
		for _, at := range use.At {
			if use.Kind == jsimports.Imported && r.installed != nil && r.installed.resolved[at.String()+" "+name] {
				continue // by what it resolves to
			}
			for _, i := range l.Installed(path.Dir(at.File), name) {
				switch use.Kind {
				case jsimports.Imported:
					r.imported[i] = append(r.imported[i], at.String())
				case jsimports.Stray:
					if stray.how[i] == "" {
						stray.how[i] = fmt.Sprintf("%s imports %s, and no entry point leads there", at, l.Label(i))
					}
				case jsimports.Tests:
					r.tests.at[i] = append(r.tests.at[i], at.String())
				}
			}
		}
	}
	named, doubted := origins{how: map[int]string{}, through: map[int]string{}}, origins{how: map[int]string{}}
	for i := range l.Packages {
		name := cmp.Or(l.Packages[i].Alias, l.Packages[i].Name)
		if use := g.Of(name); use.Kind == jsimports.Named {
			named.how[i] = fmt.Sprintf("%s names it in a text", use.At[0])
			named.through[i] = fmt.Sprintf("%s names %s in a text", use.At[0], name)
		}
		if why := gathered(g, l, name); why != "" && named.how[i] == "" {
			named.how[i] = why
		}
		if d, ok := g.Doubt(name); ok {
			doubted.how[i] = d.String()
		}
	}
	r.unsure = []origins{stray, named, doubted}
	if r.installed != nil {
		r.unsure = append([]origins{r.installed.loose}, r.unsure...)
	}
	r.behind = l.Behind(numbers(r.imported))
	r.tests.behind = l.Behind(numbers(r.tests.at))
	for i := range r.unsure {
		r.unsure[i].behind = l.Behind(slices.Sorted(maps.Keys(r.unsure[i].how)))
	}
	return r
}

func numbers(of map[int][]string) []int { return slices.Sorted(maps.Keys(of)) }

// label says how the app comes to one of the entries, the closest first.
func (r *reacher) label(entries []int) *check.Reachability {
	for _, i := range entries {
		if at := r.imported[i]; len(at) > 0 {
			return &check.Reachability{Label: check.Imported, At: at[:min(len(at), maxPlaces)]}
		}
	}
	for _, i := range entries {
		if r.installed != nil {
			if out := r.installed.loads(i); out != nil {
				return out
			}
		} else if way, first, ok := r.behind.Way(i); ok {
			return &check.Reachability{Label: check.Transitive, Reason: "by " + strings.Join(way, " > ") + r.note, At: r.imported[first]}
		}
	}
	unknown := func(format string, args ...any) *check.Reachability {
		return &check.Reachability{Label: check.NotKnown, Reason: fmt.Sprintf(format, args...)}
	}
	for _, from := range r.unsure {
		for _, i := range entries {
			if how := from.how[i]; how != "" {
				return unknown("%s", how)
			}
		}
		for _, i := range entries {
			if way, first, ok := from.behind.Way(i); ok {
				why := cmp.Or(from.through[first], from.how[first])
				if from.way {
					why += "; by the lockfile " + strings.Join(way, " > ")
				}
				return unknown("%s", why)
			}
		}
	}
	if r.installed != nil && r.installed.tree.Cut != "" {
		return unknown("not all that is loaded was followed: %s", r.installed.tree.Cut)
	}
	for _, i := range entries {
		if way, first, ok := r.tests.behind.Way(i); ok {
			out := &check.Reachability{Label: check.TestsOnly, At: r.tests.at[first]}
			if len(way) > 1 {
				out.Reason = "by " + strings.Join(way, " > ")
			}
			return out
		}
	}
	if r.graph.Files == 0 {
		return unknown("the folder has no JavaScript that imports anything")
	}
	if r.installed != nil {
		return &check.Reachability{Label: check.Never, Reason: fmt.Sprintf("none of the %d packages that an entry point leads to loads it", r.installed.followed)}
	}
	return &check.Reachability{Label: check.Never}
}

// maxPlaces is how many places a label tells.
const maxPlaces = 5

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
			r = newReacher(ctx, v.session.Folder, l, v.imports())
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
