package jsimports

import (
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
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
	names := make([]string, 0, len(f.Scripts))
	for name := range f.Scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		at := Place{path.Join(f.dir, "package.json"), lineOf(f.text, f.Scripts[name])}
		w.command(f.dir, f.Scripts[name], at, strings.Contains(name, "test") || strings.Contains(name, "lint"))
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

// preloads are the options with which Node loads a module before the app.
var preloads = []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "--preload"}

// runners run the command that follows them, and ran are commands of packages with other
// names.
var (
	runners = []string{"npx", "bunx", "env", "exec", "cross-env", "--"}
	ran     = map[string]string{
		"tsc": "typescript", "ng": "@angular/cli", "vue-cli-service": "@vue/cli-service", "sequelize": "sequelize-cli", "babel": "@babel/cli",
		"babel-node": "@babel/node", "playwright": "@playwright/test", "nest": "@nestjs/cli", "swc": "@swc/cli", "webpack": "webpack-cli", "r.js": "requirejs",
	}
)

// command reads a line of a shell: files that it starts, packages that it loads, and
// tools that it runs.
func (w *walker) command(dir, line string, at Place, test bool) {
	for _, part := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("&|;()[]\n\"'", r) }) {
		first, load := true, false
		for _, word := range strings.Fields(part) {
			option, value, joined := strings.Cut(word, "=")
			switch {
			case load:
				w.load(dir, word, at, test)
				load = false
				continue
			case joined && slices.Contains(preloads, option):
				w.load(dir, value, at, test)
				continue
			case slices.Contains(preloads, word):
				load = true
				continue
			case joined && first:
				continue // a variable
			case slices.Contains(runners, word):
				first = true
				w.preloaded = append(w.preloaded, preload{name: word, at: at, test: test})
				continue
			case strings.HasPrefix(word, "-"):
				continue
			}
			if name := w.find(path.Join(dir, word)); name != "" && !strings.HasPrefix(word, "@") {
				if f := w.files[name]; !test && !f.test {
					w.starts = append(w.starts, name)
				}
			} else if first {
				word = strings.TrimPrefix(word, "node_modules/.bin/")
				word = strings.TrimPrefix(word, "./node_modules/.bin/")
				w.preloaded = append(w.preloaded, preload{name: word, at: at, test: test})
				if other := ran[word]; other != "" {
					w.preloaded = append(w.preloaded, preload{name: other, at: at, test: test})
				}
			}
			first = false
		}
	}
}

// load is a module that a command line names for Node.
func (w *walker) load(dir, name string, at Place, test bool) {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") {
		if found := w.find(path.Join(dir, name)); found != "" && !test {
			w.starts = append(w.starts, found)
		}
		return
	}
	if pkg := jsrefs.Package(name); pkg != "" {
		w.preloaded = append(w.preloaded, preload{pkg, name, at, test})
	}
}

// starter reads what a Dockerfile or a Procfile starts.
func (w *walker) starter(name string) {
	in, err := w.read(name, maxManifest)
	if err != nil {
		return
	}
	for i, line := range strings.Split(in, "\n") {
		key, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !slices.Contains([]string{"CMD", "ENTRYPOINT"}, strings.ToUpper(key)) && !strings.HasSuffix(key, ":") {
			continue
		}
		w.command(path.Dir(name), strings.ReplaceAll(rest, ",", " "), Place{name, i + 1}, false)
	}
}
