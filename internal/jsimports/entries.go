package jsimports

import (
	"path"
	"slices"
	"strings"
)

// usual are the names of files that start an app where package.json names none.
var usual = []string{"server", "app", "index", "main", "src/server", "src/app", "src/index", "src/main", "bin/www"}

// toolFile says that a tool begins with a file of this name.
func toolFile(base string) bool {
	stem := strings.TrimSuffix(base, path.Ext(base))
	return strings.HasSuffix(stem, ".config") || strings.HasPrefix(base, ".") && strings.HasSuffix(stem, "rc") ||
		slices.Contains([]string{"gulpfile", "Gruntfile", "karma.conf", "ecosystem", "wdio.conf", "knexfile"}, stem)
}

// enter finds the entry points.
func (w *walker) enter() {
	dirs := make([]string, 0, len(w.folders))
	for dir := range w.folders {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		w.enterFolder(w.folders[dir])
	}
	for _, name := range w.starters {
		w.starter(name)
	}
	w.managed()
	if len(w.starts) == 0 && w.folders["."] == nil {
		w.usual(".")
	}
	for name, f := range w.files {
		if !f.test && toolFile(path.Base(name)) {
			w.starts = append(w.starts, name)
		}
	}
	if len(w.starts) == 0 {
		// Nothing says what starts: every file may.
		for name, f := range w.files {
			if !f.test {
				w.starts = append(w.starts, name)
			}
		}
	}
	slices.Sort(w.starts)
	w.starts = slices.Compact(w.starts)
}

func (w *walker) usual(dir string) {
	for _, name := range usual {
		if at := w.find(path.Join(dir, name)); at != "" {
			w.starts = append(w.starts, at)
		}
	}
}

func (w *walker) enterFolder(f *folder) {
	for _, v := range []any{f.Main, f.Module, f.Browser, f.Exports, f.Bin} {
		for _, name := range texts(v, 0) {
			if before, _, star := strings.Cut(name, "*"); star {
				w.below(path.Join(f.dir, before))
				continue
			}
			if at := w.find(path.Join(f.dir, name)); at != "" {
				w.starts = append(w.starts, at)
			}
		}
	}
	w.usual(f.dir)
	w.framework(f)
	names := make([]string, 0, len(f.Scripts))
	for name := range f.Scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		at := Place{path.Join(f.dir, "package.json"), lineOf(f.text, f.Scripts[name])}
		w.command(f.dir, f.Scripts[name], at, ofTests(name))
	}
}

// below makes entry points of all files of a folder.
func (w *walker) below(dir string) {
	for name, f := range w.files {
		if !f.test && (dir == "." || strings.HasPrefix(name, dir+"/")) {
			w.starts = append(w.starts, name)
		}
	}
}

// lineOf is the line of the first text that holds a value of JSON.
func lineOf(in, value string) int {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	at := strings.Index(in, `"`+quoted+`"`)
	return strings.Count(in[:max(at, 0)], "\n") + 1
}

// ofTests says that a script runs tests, or looks at the source, by its name.
func ofTests(script string) bool {
	for part := range strings.FieldsFuncSeq(script, func(r rune) bool { return strings.ContainsRune(":-_./", r) }) {
		part = strings.TrimPrefix(strings.TrimPrefix(part, "pre"), "post")
		switch part {
		case "test", "tests", "lint", "e2e", "spec", "coverage", "format", "typecheck", "unit", "integration":
			return true
		}
	}
	return false
}
