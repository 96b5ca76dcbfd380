package fix

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/npmsemver"
)

// overrides are the versions by which a target may be overridden, the nearest first.
func (pl *planner) overrides(ctx context.Context, t *target) []Step {
	var steps []Step
	pl.above(ctx, t.name, t.version, func(v string, breaking bool) bool {
		spec := "^" + v
		if got, ok := pl.clean(ctx, t.name, spec, t.name); !ok || higher(v, got) {
			return false
		}
		steps = append(steps, Step{Kind: Override, Package: t.name, From: t.version, To: v, New: spec, Breaking: breaking})
		return true
	})
	return steps
}

// place is where package.json overrides a package: of one parent, or everywhere.
func (pl *planner) place(parent, name string) []string {
	switch {
	case pl.kind == "bun" && hasJSON(pl.manifests[0].text, "resolutions") && !hasJSON(pl.manifests[0].text, "overrides"):
		return []string{"resolutions", strings.TrimPrefix(parent+"/"+name, "/")} // it knows both
	case (pl.kind == "npm" || pl.kind == "bun") && parent != "":
		return []string{"overrides", parent, name}
	case pl.kind == "npm" || pl.kind == "bun":
		return []string{"overrides", name}
	case pl.kind == "pnpm" && parent != "":
		return []string{"pnpm", "overrides", parent + ">" + name}
	case pl.kind == "pnpm":
		return []string{"pnpm", "overrides", name}
	case pl.kind == "yarn 1" && parent != "":
		return []string{"resolutions", "**/" + parent + "/" + name}
	case parent != "":
		return []string{"resolutions", parent + "/" + name}
	}
	return []string{"resolutions", name}
}

// An overriding is a place where package.json overrides a package already.
type overriding struct {
	file string
	path []string
	// parent is the package for which alone it does; empty for all.
	parent, spec string
}

// overriding are the places that decide which version of an entry a user gets, that for
// this user alone first. An override that follows what the app asks for ("$name"), or that
// does not lead to the version which is locked, is none.
func (pl *planner) overriding(p *lockfile.Package, user string) []overriding {
	var all []overriding
	for _, o := range pl.written() {
		name, version := packageOf(o.path, pl.kind)
		decides := name == p.Name && (o.parent == "" || o.parent == user)
		if r, err := npmsemver.ParseRange(realSpec(o.spec), npmsemver.Options{Loose: true}); decides && err == nil && version != "" {
			v, wrong := npmsemver.Parse(p.Version, npmsemver.Options{Loose: true})
			decides = wrong == nil && r.Contains(v) // of several for one name each is for some ranges
		}
		if decides && !strings.HasPrefix(o.spec, "$") {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b overriding) int { return strings.Compare(b.parent, a.parent) })
	return all
}

// written are all overrides of package.json.
func (pl *planner) written() []overriding {
	var root struct {
		Overrides, Resolutions map[string]any
		PNPM                   struct{ Overrides map[string]any }
	}
	if json.Unmarshal(unmarked(pl.manifests[0].text), &root) != nil {
		return nil
	}
	var all []overriding
	switch pl.kind {
	case "npm":
		nested(root.Overrides, []string{"overrides"}, "", &all)
	case "pnpm":
		if pl.inWorkspace() {
			flat(overridesOf(pl.workspace), []string{"overrides"}, &all, pnpmParts)
			for i := range all {
				all[i].file = workspaceFile
			}
		} else {
			flat(root.PNPM.Overrides, []string{"pnpm", "overrides"}, &all, pnpmParts)
		}
	case "bun":
		nested(root.Overrides, []string{"overrides"}, "", &all)
		if root.Overrides == nil {
			flat(root.Resolutions, []string{"resolutions"}, &all, lockfile.Names)
		}
	default:
		flat(root.Resolutions, []string{"resolutions"}, &all, lockfile.Names)
	}
	for i := range all {
		all[i].file = cmp.Or(all[i].file, "package.json")
	}
	return all
}

// nested reads overrides as npm writes them: {"parent": {"name": "1.0.0"}, "name@1": {".": "1.0.1"}}.
func nested(at map[string]any, path []string, parent string, all *[]overriding) {
	for _, key := range sortedKeys(at) {
		here := append(slices.Clone(path), key)
		switch v := at[key].(type) {
		case string:
			*all = append(*all, overriding{path: here, parent: parent, spec: v})
		case map[string]any:
			if self, ok := v["."].(string); ok {
				*all = append(*all, overriding{path: append(here, "."), parent: parent, spec: self})
			}
			below := map[string]any{}
			for k, inner := range v {
				if k != "." {
					below[k] = inner
				}
			}
			name, _ := cutRange(key)
			nested(below, here, name, all)
		}
	}
}

func flat(at map[string]any, path []string, all *[]overriding, parts func(string) []string) {
	for _, key := range sortedKeys(at) {
		spec, ok := at[key].(string)
		if !ok {
			continue
		}
		o := overriding{path: append(slices.Clone(path), key), spec: spec}
		if way := parts(key); len(way) > 1 && way[len(way)-2] != "**" {
			o.parent, _ = cutRange(way[len(way)-2])
		}
		*all = append(*all, o)
	}
}

// packageOf is the package that an override is about, and the versions that it is for.
func packageOf(path []string, kind string) (name, versions string) {
	key := path[len(path)-1]
	switch {
	case key == ".":
		key = path[len(path)-2]
	case path[0] == "resolutions":
		way := lockfile.Names(key)
		key = way[len(way)-1]
	case kind == "pnpm":
		way := pnpmParts(key)
		key = way[len(way)-1]
	}
	return cutRange(key)
}

// cutRange cuts "name@1.x"; what is for all versions is for "".
func cutRange(key string) (name, versions string) {
	if at := strings.IndexByte(key[min(1, len(key)):], '@'); at >= 0 {
		return key[:at+1], key[at+2:]
	}
	return key, ""
}

// pnpmParts splits "a@>1>b" where a ">" is none of a range.
func pnpmParts(key string) []string {
	for at := 1; at < len(key)-1; at++ {
		if key[at] == '>' && strings.IndexByte(" |@", key[at-1]) < 0 {
			return []string{key[:at], key[at+1:]}
		}
	}
	return []string{key}
}

// decided says that package.json overrides a package already, for one user or for all.
func (pl *planner) decided(p *lockfile.Package, user string) bool {
	return len(pl.overriding(p, user)) > 0
}

// follows says that package.json overrides a package everywhere by what it asks for of it
// itself ("$name").
func (pl *planner) follows(name string) bool {
	spec, ok := getJSON(pl.manifests[0].text, pl.place("", name)...)
	return ok && spec == "$"+name
}

// scoped places overrides: where there is one that decides already, for all of a name where
// there is one version of it and the app does not ask for it, else for one parent. The user
// is nil for the app itself, which overrides only what it overrides already.
func (pl *planner) scoped(over []Step, p, user *lockfile.Package) []Step {
	if p.Alias != "" {
		return nil
	}
	parent := ""
	if user != nil {
		parent = user.Name
	}
	if there := pl.overriding(p, parent); len(there) > 0 {
		if user == nil && (pl.kind == "npm" || there[0].parent != "") {
			return nil // npm wants what the app asks for itself to be the same
		}
		return placed(over, there[0])
	}
	if user == nil {
		return nil
	}
	versions := slices.Compact(slices.Sorted(slices.Values(pl.locked[p.Name])))
	direct := slices.ContainsFunc(pl.manifests, func(m *manifest) bool {
		return slices.ContainsFunc(m.Needs, func(n lockfile.Need) bool { return n.Name == p.Name })
	})
	if !direct && len(versions) == 1 {
		parent = ""
	}
	if parent != "" && !pl.nests {
		return nil
	}
	at := overriding{file: "package.json", path: pl.place(parent, p.Name), parent: parent}
	if pl.kind == "pnpm" && pl.inWorkspace() {
		at.file, at.path = workspaceFile, at.path[1:]
	} else {
		at.spec, _ = getJSON(pl.manifests[0].text, at.path...)
	}
	return placed(over, at)
}

// inWorkspace says that pnpm takes overrides from pnpm-workspace.yaml and not from
// package.json: since version 11, and in 10 where there are some.
func (pl *planner) inWorkspace() bool {
	return pl.pnpm >= 11 || (pl.pnpm == 10 || pl.pnpm == 0) && len(overridesOf(pl.workspace)) > 0
}

// placed are the steps at a place.
func placed(over []Step, at overriding) []Step {
	steps := slices.Clone(over)
	for i := range steps {
		s := &steps[i]
		s.Parent, s.File, s.path, s.Old = at.parent, at.file, at.path, at.spec
	}
	return steps
}
