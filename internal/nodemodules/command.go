package nodemodules

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// maxShim bounds the script that a package manager writes for a command.
const maxShim = 16 << 10

// shim is how such a script names the file that it runs.
var shim = regexp.MustCompile(`"\$basedir/((?:\.\./)*[^"$]+)"`)

// command enters the files of a command, or of the package of that name.
func (f *follower) command(i int, root Root) {
	if root.Name == "" || strings.ContainsAny(root.Name, `\%:`) || strings.HasPrefix(root.Name, ".") || strings.HasPrefix(root.Name, "/") {
		return
	}
	for at := path.Dir(root.File); ; at = path.Dir(at) {
		if to := f.commandIn(path.Join(at, modules), root.Name); len(to.files) > 0 || to.dir != "" {
			f.enter(i, root, to)
			return
		}
		if at == "." || at == "/" {
			return
		}
	}
}

func (f *follower) commandIn(in, name string) (out found) {
	if s := f.files.real(path.Join(in, ".bin", name)); s.kind == regular && !strings.Contains(name, "/") {
		to := s.name
		if path.Base(path.Dir(to)) == ".bin" {
			text, err := read(f.files.fsys, to, maxShim)
			m := shim.FindStringSubmatch(text)
			if err != nil || m == nil {
				return out
			}
			to = path.Join(path.Dir(to), m[1])
		}
		out = f.one(to)
		for _, file := range out.files {
			out.dir = f.folderOf(file)
		}
		return out
	}
	s := f.files.real(path.Join(in, name))
	if s.kind != dir || strings.Count(name, "/") > 1 || strings.Contains(name, "/") && !strings.HasPrefix(name, "@") {
		return out
	}
	m := f.manifest(s.name)
	if m == nil {
		return out
	}
	out.dir = s.name
	for _, bin := range slices.Sorted(maps.Keys(m.bins)) {
		out.files = append(out.files, f.file(path.Join(s.name, m.bins[bin]), nodeEndings).files...)
	}
	return out
}
