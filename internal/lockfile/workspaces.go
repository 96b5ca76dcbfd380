package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxFolders bounds how many folders the patterns of a workspace are looked for in.
const maxFolders = 20_000

// folders returns the folders that patterns of workspaces name, in the order of the
// patterns: "packages/*", "apps/**", "{libs,tools}/*", and "!packages/old", which takes
// away what those before it named. Installed packages and hidden folders are none of them.
func folders(fsys fs.FS, patterns []string) ([]string, error) {
	w := &workspaces{fsys: fsys}
	var all []string
	for _, pattern := range patterns {
		rest, not := strings.CutPrefix(pattern, "!")
		for _, one := range braces(rest) {
			parts := strings.Split(strings.TrimPrefix(path.Clean("/"+one), "/"), "/")
			for _, part := range parts {
				if _, err := path.Match(part, ""); err != nil {
					return nil, errors.New("has a pattern of workspaces that is none: " + quote(pattern))
				}
			}
			w.found = nil
			w.match(".", parts)
			for _, dir := range w.found {
				if at := slices.Index(all, dir); not && at >= 0 {
					all = slices.Delete(all, at, at+1)
				} else if !not && at < 0 && dir != "." {
					all = append(all, dir)
				}
			}
		}
	}
	if w.seen > maxFolders {
		return nil, fmt.Errorf("has patterns of workspaces that lead to more than %d folders", maxFolders)
	}
	return all, nil
}

type workspaces struct {
	fsys  fs.FS
	seen  int
	found []string
}

// match follows the parts of a pattern from a folder.
func (w *workspaces) match(dir string, parts []string) {
	if w.seen++; w.seen > maxFolders {
		return
	}
	if len(parts) == 0 {
		if _, err := fs.Stat(w.fsys, path.Join(dir, "package.json")); err == nil && !slices.Contains(w.found, dir) {
			w.found = append(w.found, dir)
		}
		return
	}
	part := parts[0]
	if part == "**" {
		w.match(dir, parts[1:])
	} else if !strings.ContainsAny(part, `*?[\\`) {
		w.match(path.Join(dir, part), parts[1:])
		return
	}
	entries, err := fs.ReadDir(w.fsys, dir)
	if err != nil {
		return // a pattern that leads nowhere
	}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || name == "node_modules" || strings.HasPrefix(name, ".") {
			continue
		}
		if part == "**" {
			w.match(path.Join(dir, name), parts)
		} else if ok, _ := path.Match(part, name); ok {
			w.match(path.Join(dir, name), parts[1:])
		}
	}
}

// braces makes of "{a,b}/*" the patterns "a/*" and "b/*".
func braces(pattern string) []string {
	before, rest, ok := strings.Cut(pattern, "{")
	inside, after, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		return []string{pattern}
	}
	var all []string
	for _, tail := range braces(after) {
		for word := range strings.SplitSeq(inside, ",") {
			if len(all) < 100 {
				all = append(all, before+word+tail)
			}
		}
	}
	return all
}
