package nodemodules

import (
	"cmp"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// leaves are the endings of files that lead nowhere.
var leaves = []string{
	".json", ".node", ".wasm", ".css", ".scss", ".sass", ".less", ".styl", ".html", ".svg", ".png", ".jpg", ".jpeg",
	".gif", ".webp", ".avif", ".ico", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".map",
}

// A reading is a file that was read.
type reading struct {
	*jsrefs.Source
	size int64
	why  string
}

// readAll reads files side by side.
func (f *follower) readAll(level []fileNode) []reading {
	out := make([]reading, len(level))
	var next, total atomic.Int64
	total.Store(f.tree.Size)
	var workers sync.WaitGroup
	for len(f.rooms) < min(runtime.GOMAXPROCS(0), len(level)) {
		f.rooms = append(f.rooms, new(jsrefs.Room))
	}
	for _, room := range f.rooms {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(level) {
					return
				}
				n := &level[i]
				if n.pkg.Unfit || slices.Contains(leaves, path.Ext(n.name)) {
					continue
				}
				if total.Load() > MaxTotalSize || f.ctx.Err() != nil || time.Now().After(f.until) {
					out[i].why = "was not read for a bound"
					continue
				}
				in, err := read(f.files.fsys, n.name, MaxFileSize)
				if err != nil {
					out[i].why = err.Error()
					continue
				}
				out[i].size = int64(len(in))
				total.Add(out[i].size)
				if !mayLoad(in) {
					continue
				}
				out[i].Source = room.Read(in, func(t string) bool {
					return n.pkg.keeps(t) || f.opts.Has != nil && f.opts.Has(jsrefs.Package(t))
				})
			}
		})
	}
	workers.Wait()
	return out
}

// mayLoad says that a file has a word without which it loads nothing.
func mayLoad(in string) bool {
	for _, word := range []string{"require", "import", "export", "eval", "__dirname", "__filename", "_load", "createRequire"} {
		if strings.Contains(in, word) {
			return true
		}
	}
	return false
}

// keeps says that a text names a package that its own asks for.
func (p *Package) keeps(t string) bool {
	if t == "" || p.needs[t] {
		return t != ""
	}
	at := strings.IndexByte(t, '/')
	return at > 0 && (p.needs[t[:at]] || t[0] == '@' && p.needs[jsrefs.Package(t)])
}

// leads follows what one file names.
func (f *follower) leads(i int, s reading) {
	name, p := f.nodes[i].name, f.nodes[i].pkg
	f.tree.Files++
	f.tree.Size += s.size
	switch {
	case f.ctx.Err() != nil:
		f.cut("it was broken off")
	case time.Now().After(f.until):
		f.cut("it took longer than " + MaxTime.String())
	case f.tree.Size > MaxTotalSize:
		f.cut("the files that are loaded have more than 256 MiB")
	case f.tree.Files > MaxFiles:
		f.cut("more than 50000 files are loaded")
	case s.why != "":
		p.doubt(name + " " + s.why)
	}
	if s.Source == nil || f.tree.Cut != "" {
		return
	}
	for _, d := range s.Doubts {
		p.doubt(Place{name, d.Line}.String() + " " + d.Reason)
		break
	}
	for _, odd := range s.Odd {
		if strings.Contains(odd.Text, "require") || strings.Contains(odd.Text, "import") {
			p.doubt(Place{name, odd.Line}.String() + " has a quote without an end, beside what may be an import")
		}
	}
	if s.Unended {
		p.doubt(name + " ends inside of a comment or a template, as far as it could be read")
	}
	for t, line := range s.Texts {
		if _, twice := p.named[t]; !twice || p.named[t].File == name && line < p.named[t].Line {
			p.named[t] = Place{name, line}
		}
	}
	for _, r := range s.Refs {
		// One file may have any number of names, and each may be looked for in many keys.
		if time.Now().After(f.until) {
			f.cut("it took longer than " + MaxTime.String())
			return
		}
		f.ref(i, r)
	}
}

func (f *follower) cut(why string) {
	if f.tree.Cut == "" {
		f.tree.Cut = why
	}
}

// ref follows one module that a file names.
func (f *follower) ref(i int, r jsrefs.Ref) {
	from, p := f.nodes[i].name, f.nodes[i].pkg
	at := Place{from, r.Line}
	pkg := jsrefs.Package(r.Name)
	if r.Prefix {
		switch {
		case pkg != "" && !r.Local && strings.Count(r.Name, "/") > strings.Count(pkg, "/"):
			p.free(Loose{Place: at, Name: pkg, Why: "is loaded by a name that is made at run time"})
		case r.Name == "":
			p.doubt(at.String() + " loads a module whose name is made at run time")
		default:
			p.doubt(at.String() + " loads a module whose name begins with " + r.Name)
			if !r.Local && !strings.HasPrefix(r.Name, "#") {
				// What it begins may be anybody's, and need not be declared: plugins.
				p.free(Loose{Place: at, Name: r.Name, Prefix: true, Why: "begins the name of a module that is loaded"})
			}
		}
		return
	}
	local := strings.HasPrefix(r.Name, ".") || strings.HasPrefix(r.Name, "#")
	if pkg == "" && !local {
		return // Node's own, or an address
	}
	p.resolved[r.Name] = true
	to := f.resolve(from, r.Name, r.How)
	for _, name := range to.files {
		f.add(name, i, r.Line, "")
	}
	switch {
	case to.why != "" && local:
		p.doubt(at.String() + " loads " + r.Name + ", and " + to.why)
	case to.why != "":
		p.free(Loose{Place: at, Name: pkg, Why: "is loaded, and " + to.why})
	case len(to.files) == 0 && to.dir == "" && !local:
		p.free(Loose{Place: at, Name: pkg, Why: "is loaded, and not installed"})
	}
}

func (p *Package) free(l Loose) {
	if !p.loose[l.Name] {
		p.loose[l.Name] = true
		p.Loose = append(p.Loose, l)
	}
}

func sortLoose(all []Loose) {
	slices.SortFunc(all, func(a, b Loose) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File), a.Line-b.Line)
	})
}
