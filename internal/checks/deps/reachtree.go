package deps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsrefs"
	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/nodemodules"
)

// installed is what the packages of a node_modules load.
type installed struct {
	lock *lockfile.Lock
	tree *nodemodules.Tree
	// by are the packages that are loaded, by their number and by their folder.
	by      map[int]*nodemodules.Package
	folders map[string]*nodemodules.Package
	// loose are packages that may load more than was seen, or may be loaded.
	loose origins
	// resolved are the imports of the app whose package is known, "server.js:3 express".
	resolved map[string]bool
	// followed is how many packages of the lockfile were.
	followed int
}

// bundlers choose other files of a package than Node does.
var bundlers = []string{
	"webpack", "vite", "rollup", "esbuild", "parcel", "@parcel/core", "@rspack/core", "next", "nuxt", "nuxt3", "astro", "gatsby", "react-scripts", "@sveltejs/kit",
	"@angular/cli", "@angular-devkit/build-angular", "@vue/cli-service", "@remix-run/dev", "@react-router/dev", "tsup", "@vercel/ncc", "browserify", "metro", "expo",
	"react-native", "electron-vite", "@cloudflare/vite-plugin", "wrangler", "bun", "tsdown", "rolldown", "snowpack", "microbundle", "laravel-mix", "umi", "ember-cli",
}

// follow follows the app's imports through the packages that are installed, where there
// are some that fit the lockfile.
func (r *reacher) follow(ctx context.Context, fsys fs.FS) {
	switch info, err := fs.Stat(fsys, "node_modules"); {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir():
		for _, name := range []string{".pnp.cjs", ".pnp.js", ".pnp.loader.mjs"} {
			if _, err := fs.Stat(fsys, name); err == nil {
				r.note = "; by the lockfile alone: packages that Yarn's PnP keeps in archives are not followed"
			}
		}
		return
	case err != nil:
		r.note = "; by the lockfile alone: node_modules is a link out of the folder, or cannot be read, and is not followed"
		return
	}
	imports := r.graph.Imports()
	roots := make([]nodemodules.Root, len(imports))
	for i, m := range imports {
		roots[i] = nodemodules.Root{Place: nodemodules.Place(m.Place), Name: m.Name, How: m.How, Prefix: m.Prefix, Command: m.Command}
	}
	locked := map[string]bool{}
	for i := range r.lock.Packages {
		locked[cmp.Or(r.lock.Packages[i].Alias, r.lock.Packages[i].Name)] = true
	}
	tree := nodemodules.Follow(ctx, fsys, roots, nodemodules.Options{
		Bundled: r.graph.Conditions || strings.HasPrefix(r.lock.Format, "bun") || r.lock.Asks(bundlers...),
		Fits:    func(dir, name, version string) bool { return len(r.lock.At(dir, name, version)) > 0 },
		Known:   r.graph.Reached,
		Has:     func(name string) bool { return locked[name] },
	})
	in := &installed{
		lock: r.lock, tree: tree, by: map[int]*nodemodules.Package{}, folders: map[string]*nodemodules.Package{},
		loose: origins{how: map[int]string{}, way: true}, resolved: map[string]bool{},
	}
	for _, p := range tree.Packages {
		in.add(p)
	}
	if in.followed == 0 {
		r.note = "; by the lockfile alone: nothing that node_modules has fits it"
		if len(tree.Packages) == 0 {
			r.note = ""
		}
		return
	}
	for _, l := range tree.Loose {
		in.doubt(r.lock.Installed(path.Dir(l.File), l.Name), l)
	}
	for i, p := range tree.Roots {
		if p == nil || p.Unfit {
			continue
		}
		for _, n := range r.lock.At(p.Dir, p.Name, p.Version) {
			at := roots[i].Place.String()
			r.imported[n] = append(r.imported[n], at)
			in.resolved[at+" "+jsrefs.Package(roots[i].Name)] = true
		}
	}
	r.installed = in
}

// add notes what is known of one package.
func (in *installed) add(p *nodemodules.Package) {
	in.folders[p.Dir] = p
	if p.Unfit {
		at := strings.LastIndex("/"+p.Dir, "/node_modules/")
		what := cmp.Or(strings.TrimSpace(p.Name+" "+p.Version), "a package without a name")
		for _, n := range in.lock.Gets(path.Clean(p.Dir[:at]), p.Dir[at+len("node_modules/"):]) {
			in.how(n, fmt.Sprintf("%s is %s, the lockfile has %s, and it was not followed", p.Dir, what, in.lock.Label(n)))
		}
		return
	}
	numbers := in.lock.At(p.Dir, p.Name, p.Version)
	if len(numbers) > 0 {
		in.followed++
	}
	for _, n := range numbers {
		if in.by[n] == nil {
			in.by[n] = p
		}
		if p.Doubt != "" {
			in.how(n, p.Doubt)
		}
	}
	for _, l := range p.Loose {
		if !l.Prefix {
			in.doubt(in.lock.Gets(p.Dir, l.Name), l)
			continue
		}
		for i := range in.lock.Packages {
			if name := cmp.Or(in.lock.Packages[i].Alias, in.lock.Packages[i].Name); strings.HasPrefix(name, l.Name) {
				in.doubt(in.lock.Gets(p.Dir, name), l)
			}
		}
	}
}

func (in *installed) doubt(numbers []int, l nodemodules.Loose) {
	for _, n := range numbers {
		in.how(n, l.String())
	}
}

func (in *installed) how(n int, why string) {
	if in.loose.how[n] == "" {
		in.loose.how[n] = why
	}
}

// loads tells the way by which a package is loaded; nil where none was seen.
func (in *installed) loads(i int) *check.Reachability {
	p := in.by[i]
	if p == nil {
		return nil
	}
	out := &check.Reachability{Label: check.Transitive, At: []string{p.Way[0].String()}}
	var by []string
	for _, at := range p.Way {
		out.Files = append(out.Files, at.String())
		if q := in.folders[nodemodules.Folder(at.File)]; q != nil {
			if label := q.Name + "@" + q.Version; len(by) == 0 || by[len(by)-1] != label {
				by = append(by, label)
			}
		}
	}
	out.Reason = "by " + strings.Join(by, " > ")
	return out
}
