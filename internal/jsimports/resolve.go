package jsimports

import (
	"path"
	"slices"
	"strings"
)

// packageOf is the package of a module's name: "express" of "express/lib/router". It is
// empty for paths, addresses and modules of Node itself.
func packageOf(name string) string {
	if at := strings.LastIndexByte(name, '!'); at >= 0 {
		name = name[at+1:] // webpack's loaders stand before the name
	}
	name, _, _ = strings.Cut(name, "?")
	name = strings.TrimPrefix(name, "npm:")
	if name == "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "#") || strings.HasPrefix(name, "~") || strings.Contains(name, ":") || strings.ContainsAny(name, " \n\\") {
		return ""
	}
	parts := strings.SplitN(name, "/", 3)
	if strings.HasPrefix(name, "@") {
		if len(parts) < 2 || len(parts[0]) == 1 || parts[1] == "" {
			return "" // "@/lib" is somebody's alias
		}
		scope, _, _ := strings.Cut(parts[1], "@")
		return parts[0] + "/" + scope
	}
	if len(parts) == 1 && slices.Contains(builtin, name) {
		return ""
	}
	if slices.Contains(builtinFolders, parts[0]) && len(parts) > 1 && parts[1] != "" {
		return ""
	}
	pkg, _, _ := strings.Cut(parts[0], "@")
	return pkg
}

// Modules of Node itself, which need no package. A slash behind one asks for the package.
var (
	builtin = []string{"assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram", "diagnostics_channel",
		"dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net", "os", "path", "perf_hooks", "process", "punycode",
		"querystring", "readline", "repl", "stream", "string_decoder", "sys", "timers", "tls", "trace_events", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib"}
	builtinFolders = []string{"assert", "dns", "fs", "inspector", "path", "readline", "stream", "timers", "util"}
)

// endings are tried in this order where a path has none.
var endings = []string{"", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".astro"}

// find is the file of a path, as Node, TypeScript and bundlers find it; empty for none.
func (w *walker) find(at string) string {
	at = path.Clean(at)
	if strings.HasPrefix(at, "../") || at == ".." || path.IsAbs(at) {
		return ""
	}
	if name := w.ending(at); name != "" {
		return name
	}
	// In TypeScript "./a.js" names what a.ts becomes.
	if ext := path.Ext(at); ext == ".js" || ext == ".mjs" || ext == ".cjs" || ext == ".jsx" {
		if name := w.ending(strings.TrimSuffix(at, ext)); name != "" {
			return name
		}
	}
	if f := w.folders[at]; f != nil && at != "." {
		for _, main := range texts(f.Main, 0) {
			if name := w.ending(path.Join(at, main)); name != "" {
				return name
			}
		}
	}
	return w.ending(path.Join(at, "index"))
}

func (w *walker) ending(at string) string {
	for _, end := range endings {
		if w.files[at+end] != nil {
			return at + end
		}
	}
	// What tools built is not walked, and read where something leads there.
	for _, end := range endings {
		if name := at + end; w.unwalked(name) && w.file(name, false) != nil {
			return name
		}
	}
	return ""
}

// unwalked says that a file can be there although the walk left it out.
func (w *walker) unwalked(name string) bool {
	parts := strings.Split(path.Dir(name), "/")
	if slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(foreign, p) }) {
		return false
	}
	out := slices.ContainsFunc(parts, func(p string) bool { return p != "." && strings.HasPrefix(p, ".") || slices.Contains(built, p) })
	ext := path.Ext(name)
	// Files without an ending are start scripts.
	return out && slices.Contains(scripts, ext) || ext == "" && (path.Base(path.Dir(name)) == "bin" || out) || strings.Contains(path.Base(name), ".min.") || strings.Contains(path.Base(name), ".bundle.")
}

// targets are the files to which a module's name leads from a file, and its package.
func (w *walker) targets(from *file, r ref) (files []string, pkg string) {
	dir := path.Dir(from.name)
	switch {
	case strings.HasPrefix(r.name, "./"), strings.HasPrefix(r.name, "../"), r.name == ".", r.name == "..":
		if name := w.find(path.Join(dir, r.name)); name != "" {
			files = append(files, name)
		}
		return files, ""
	case strings.HasPrefix(r.name, "/"):
		if name := w.find("." + r.name); name != "" {
			files = append(files, name)
		}
		return files, ""
	case strings.HasPrefix(r.name, "#"):
		return w.own(dir, r.name)
	}
	for _, a := range w.aliases {
		rest, ok := strings.CutPrefix(r.name, a.before)
		if !ok || !a.star && rest != "" {
			continue
		}
		for _, to := range a.to {
			if name := w.find(path.Join(to, rest)); name != "" {
				return []string{name}, ""
			}
		}
	}
	pkg = packageOf(r.name)
	for _, f := range w.folders {
		// A member of the workspace, by its name.
		if f.Name != "" && f.Name == pkg {
			rest := strings.TrimPrefix(r.name, pkg)
			if name := w.find(path.Join(f.dir, rest)); name != "" {
				files = append(files, name)
			}
		}
	}
	return files, pkg
}

// own resolves "#name" by the imports of the nearest package.json.
func (w *walker) own(dir, name string) (files []string, pkg string) {
	for ; ; dir = path.Dir(dir) {
		if f := w.folders[dir]; f != nil {
			for pattern, to := range f.Imports {
				before, after, star := strings.Cut(pattern, "*")
				rest, ok := strings.CutPrefix(name, before)
				if !ok || !star && rest != "" || !strings.HasSuffix(rest, after) {
					continue
				}
				for _, t := range texts(to, 0) {
					t = strings.ReplaceAll(t, "*", strings.TrimSuffix(rest, after))
					if !strings.HasPrefix(t, "./") {
						pkg = packageOf(t)
					} else if found := w.find(path.Join(dir, t)); found != "" {
						files = append(files, found)
					}
				}
			}
			return files, pkg
		}
		if dir == "." || dir == "/" {
			return nil, ""
		}
	}
}
