package learn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// maxFile bounds each file that is read beside the JavaScript, maxManifests how many
// packages of a workspace are.
const (
	maxFile      = 1 << 20
	maxManifests = 100
)

// read reads a regular file of the folder; nil when there is none.
func (f *folder) read(name string) []byte { return Read(f.fsys, name) }

// Read reads a file of a folder that is data: a regular one, a megabyte of it. Nil stands
// for all others.
func Read(fsys fs.FS, name string) []byte {
	// Asked before it is opened: a pipe would be waited for.
	if info, err := fs.Stat(fsys, name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	file, err := fsys.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil
	}
	return text
}

// A manifest is a package.json.
type manifest struct {
	file, folder string
	text         []byte
	Main         string
	Scripts      map[string]any
	Dependencies map[string]any
	Workspaces   any
}

// manifests reads the package.json of the folder and those of its workspaces.
func (f *folder) manifests() {
	f.manifest("package.json")
	if len(f.all) == 0 {
		return
	}
	patterns := texts(f.all[0].Workspaces)
	if o, ok := f.all[0].Workspaces.(map[string]any); ok {
		patterns = texts(o["packages"])
	}
	for _, line := range bytes.Split(f.read("pnpm-workspace.yaml"), []byte("\n")) {
		if m := listItem.Get().FindSubmatch(line); m != nil {
			patterns = append(patterns, string(m[1]))
		}
	}
	for i, p := range patterns {
		if p = path.Clean(p); i < 20 && fs.ValidPath(p) {
			f.packages(".", strings.Split(strings.ReplaceAll(p, "**", "*"), "/"))
		}
	}
}

// packages reads the manifests of the folders that a pattern of a workspace names. Only
// folders are opened, no links, and no more of them than there may be manifests.
func (f *folder) packages(dir string, pattern []string) {
	if len(pattern) == 0 {
		if name := path.Join(dir, "package.json"); !slices.ContainsFunc(f.all, func(m manifest) bool { return m.file == name }) {
			f.manifest(name)
		}
		return
	}
	entries, err := fs.ReadDir(f.fsys, dir)
	if err != nil || len(pattern) > 4 {
		return
	}
	for _, e := range entries {
		if f.opened >= 10*maxManifests {
			return
		}
		if ok, err := path.Match(pattern[0], e.Name()); err == nil && ok && e.IsDir() && e.Name() != "node_modules" {
			f.opened++
			f.packages(path.Join(dir, e.Name()), pattern[1:])
		}
	}
}

var listItem = pattern.New(`^\s*-\s*["']?([A-Za-z0-9_./*@-]+)["']?\s*$`)

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (f *folder) manifest(name string) {
	if len(f.all) == maxManifests {
		return
	}
	m := manifest{file: name, folder: path.Dir(name), text: f.read(name)}
	if m.text == nil || json.Unmarshal(bytes.TrimPrefix(m.text, []byte("\ufeff")), &m) != nil {
		return
	}
	f.all = append(f.all, m)
}

// line is where a key stands first.
func (m manifest) line(key string) string {
	for i, line := range bytes.Split(m.text, []byte("\n")) {
		_, after, found := bytes.Cut(line, []byte(`"`+key+`"`))
		if found && bytes.HasPrefix(bytes.TrimLeft(after, " \t"), []byte(":")) {
			return fmt.Sprintf("%s:%d", m.file, i+1)
		}
	}
	return m.file
}

// start is the script that starts the app in production.
func (m manifest) start() (script, from string) {
	for _, key := range []string{"start:prod", "start", "serve"} {
		if s, ok := m.Scripts[key].(string); ok && s != "" {
			return s, m.line(key)
		}
	}
	return "", ""
}

// frameworks are packages that make servers, with the port on which they listen when
// nobody says another; 0 where the app says it.
var frameworks = []struct {
	name string
	port int
}{
	{"next", 3000}, {"nuxt", 3000}, {"@remix-run/serve", 3000}, {"@strapi/strapi", 1337}, {"@nestjs/core", 0}, {"express", 0},
	{"fastify", 0}, {"koa", 0}, {"@hapi/hapi", 0}, {"restify", 0}, {"polka", 0}, {"hono", 0}, {"@sveltejs/kit", 3000}, {"astro", 4321}, {"vite", 4173}, {"react-scripts", 3000},
}

// framework is the one that the manifests name.
func (f *folder) framework() (name, from string) {
	for _, m := range f.all {
		for _, one := range frameworks {
			if _, ok := m.Dependencies[one.name]; ok {
				return one.name, m.line(one.name)
			}
		}
	}
	return "", ""
}
