package lockfile

import (
	"cmp"
	"errors"
	"fmt"
	"go/version"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// Stdlib is the name under which OSV files the standard library of Go.
const Stdlib = "stdlib"

// readGoMod reads a go.mod, and with it what go.sum adds. Since Go 1.17 a go.mod lists
// every module that its packages need; before, go.sum is the only list, and longer.
//
// work are what a go.work replaces, which goes before what go.mod does.
func readGoMod(file, text, sum string, work []*modfile.Replace) (*Lock, error) {
	if err := unfit(file, text); err != nil {
		return nil, err
	}
	// Counted before anything is made of it.
	if n := strings.Count(text, "\n"); n > maxPackages {
		return nil, &Error{file, n, fmt.Sprintf("has more than %d lines", maxPackages)}
	}
	f, err := modfile.Parse(file, []byte(text), nil)
	if err != nil {
		return nil, goError(file, err)
	}
	l := &Lock{File: file, Format: "go.mod", Ecosystem: Go}
	g := &l.graph
	g.add(node{member: true})
	if f.Go != nil {
		n := node{Package: Package{Name: Stdlib, Version: f.Go.Version, Key: "go " + f.Go.Version, Line: f.Go.Syntax.Start.Line, Least: true}}
		// A toolchain older than the go line is not used, and what follows a hyphen is whose
		// build it is.
		if f.Toolchain != nil && version.Compare(f.Toolchain.Name, "go"+f.Go.Version) >= 0 {
			n.Version, _, _ = strings.Cut(strings.TrimPrefix(f.Toolchain.Name, "go"), "-")
			n.Key, n.Line, n.Least = "toolchain "+f.Toolchain.Name, f.Toolchain.Syntax.Start.Line, false
		}
		g.connect(0, g.add(n), needed)
	}
	required := map[string]int32{}
	for _, r := range f.Require {
		if _, twice := required[r.Mod.Path]; twice {
			return nil, &Error{file, r.Syntax.Start.Line, "requires " + quote(r.Mod.Path) + " twice"}
		}
		n := node{Package: Package{Name: r.Mod.Path, Version: trimV(r.Mod.Version), Key: r.Mod.Path, Line: r.Syntax.Start.Line}}
		required[r.Mod.Path] = g.add(n)
		g.connect(0, required[r.Mod.Path], needed)
	}
	if f.Go == nil || semver.Compare("v"+f.Go.Version, "v1.17") < 0 {
		if err := goSum(l, sum, required); err != nil {
			return nil, err
		}
	}
	// What names a version goes before what names none.
	work, here := slices.Clone(work), slices.Clone(f.Replace)
	for _, list := range [][]*modfile.Replace{work, here} {
		slices.SortStableFunc(list, func(a, b *modfile.Replace) int {
			return cmp.Compare(min(len(b.Old.Version), 1), min(len(a.Old.Version), 1))
		})
	}
	replaced := map[string]bool{}
	for i, r := range slices.Concat(work, here) {
		at, ok := required[r.Old.Path]
		if !ok || replaced[r.Old.Path] || r.Old.Version != "" && trimV(r.Old.Version) != g.nodes[at].Version {
			continue
		}
		n := &g.nodes[at]
		if i >= len(work) {
			n.Line = r.Syntax.Start.Line
		}
		replaced[r.Old.Path] = true
		if r.New.Version == "" {
			n.Source, n.Address, n.Version = Folder, r.New.Path, ""
			continue
		}
		n.Name, n.Version = r.New.Path, trimV(r.New.Version)
		if n.Name != r.Old.Path {
			n.Alias = r.Old.Path
		}
	}
	sums, problem := goSums(path.Join(path.Dir(file), "go.sum"), sum)
	if problem != nil {
		return nil, problem
	}
	for i := range g.nodes {
		if n := &g.nodes[i]; n.Version != "" {
			n.Origin.Sum = sums[n.Name+" v"+n.Version]
		}
	}
	return l.finish(true), nil
}

// goSums reads the checksums of modules by "PATH VERSION": of their files, or else of their
// go.mod alone.
func goSums(file, sum string) (map[string]string, error) {
	if err := unfit(file, sum); err != nil {
		return nil, err
	}
	sums := map[string]string{}
	lines := map[string]string{}
	number := 0
	for line := range strings.SplitSeq(sum, "\n") {
		if number++; number > maxValues {
			return nil, &Error{file, number, "has more than a million lines"}
		}
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "h1:") {
			return nil, &Error{file, number, "is no line of MODULE VERSION HASH"}
		}
		id := fields[0] + " " + fields[1]
		if other, twice := lines[id]; twice && other != fields[2] {
			return nil, &Error{file, number, "has two checksums of " + quote(id)}
		}
		lines[id] = fields[2]
		if whole, alone := strings.CutSuffix(id, "/go.mod"); !alone {
			sums[id] = fields[2]
		} else if sums[whole] == "" {
			sums[whole] = "go.mod " + fields[2]
		}
	}
	return sums, nil
}

// readGo reads the go.mod of the folder, and that of each folder that a go.work names.
func (f *Found) readGo(fsys fs.FS) {
	work := f.readWork(fsys)
	if text, ok := f.read(fsys, "go.mod"); ok {
		sum, _ := f.read(fsys, "go.sum")
		var replace []*modfile.Replace
		if work != nil && slices.ContainsFunc(work.Use, func(u *modfile.Use) bool { return path.Clean(u.Path) == "." }) {
			replace = work.Replace
		}
		f.keep(readGoMod("go.mod", text, sum, replace))
	}
	if work != nil {
		f.readUsed(fsys, work)
	}
}

// readWork reads go.work; nil where there is none, or none that can be read.
func (f *Found) readWork(fsys fs.FS) *modfile.WorkFile {
	text, ok := f.read(fsys, "go.work")
	if !ok {
		return nil
	}
	if err := unfit("go.work", text); err != nil {
		f.note(err)
		return nil
	}
	if n := strings.Count(text, "\n"); n > maxPackages {
		f.note(&Error{"go.work", n, fmt.Sprintf("has more than %d lines", maxPackages)})
		return nil
	}
	work, err := modfile.ParseWork("go.work", []byte(text), nil)
	if err != nil {
		f.note(goError("go.work", err))
		return nil
	}
	return work
}

// readUsed reads the go.mod of each folder that a go.work names, but for its own.
func (f *Found) readUsed(fsys fs.FS, work *modfile.WorkFile) {
	for i, use := range work.Use {
		dir := path.Clean(use.Path)
		switch {
		case dir == ".":
			continue
		case path.IsAbs(dir) || dir == ".." || strings.HasPrefix(dir, "../"):
			f.note(&Error{"go.work", use.Syntax.Start.Line, "uses " + quote(use.Path) + ", which is outside of the folder"})
			continue
		case i >= maxMembers:
			f.note(&Error{"go.work", use.Syntax.Start.Line, "uses more than 2000 modules"})
			return
		}
		name := path.Join(dir, "go.mod")
		mod, ok := f.read(fsys, name)
		if !ok {
			f.note(&Error{"go.work", use.Syntax.Start.Line, "uses " + quote(use.Path) + ", which has no go.mod"})
			continue
		}
		sum, _ := f.read(fsys, path.Join(dir, "go.sum"))
		f.keep(readGoMod(name, mod, sum, work.Replace))
	}
}

// goSum adds the modules that a go.mod of before Go 1.17 leaves to go.sum, in the highest
// version of each whose content is noted there.
func goSum(l *Lock, sum string, required map[string]int32) error {
	number := 0
	for line := range strings.SplitSeq(sum, "\n") {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if number > maxValues {
			return &Error{"go.sum", number, "has more than a million lines"}
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "h1:") {
			return &Error{"go.sum", number, "is no line of MODULE VERSION HASH"}
		}
		path, version := fields[0], fields[1]
		if strings.HasSuffix(version, "/go.mod") {
			continue
		}
		at, ok := required[path]
		if !ok && len(required) == maxPackages {
			return &Error{"go.sum", number, fmt.Sprintf("has more than %d modules", maxPackages)}
		}
		if !ok {
			at = l.graph.add(node{Package: Package{Name: path, Version: trimV(version), Key: path, Line: number}})
			required[path] = at
			l.graph.connect(0, at, needed)
			continue
		}
		if n := &l.graph.nodes[at]; semver.Compare(version, "v"+n.Version) > 0 {
			n.Version = trimV(version)
		}
	}
	return nil
}

// trimV drops the v, which OSV leaves out.
func trimV(version string) string { return strings.TrimPrefix(version, "v") }

// goError makes an Error of the first of modfile's.
func goError(file string, err error) error {
	var list modfile.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		first := list[0]
		return &Error{file, first.Pos.Line, cmp.Or(errorText(first), "is no go.mod")}
	}
	return &Error{file, 0, "is no go.mod: " + err.Error()}
}

func errorText(e modfile.Error) string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}
