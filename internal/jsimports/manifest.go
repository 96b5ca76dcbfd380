package jsimports

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

// maxManifest bounds a package.json, a tsconfig.json and their like.
const maxManifest = 4 << 20

// maxAliases bounds the patterns for modules of all tsconfig.json.
const maxAliases = 2000

// A manifest is what is taken of a package.json.
type manifest struct {
	Name    string            `json:"name"`
	Main    any               `json:"main"`
	Module  any               `json:"module"`
	Browser any               `json:"browser"`
	Exports any               `json:"exports"`
	Imports map[string]any    `json:"imports"`
	Bin     any               `json:"bin"`
	Scripts map[string]string `json:"scripts"`

	// needs are the packages that it asks for.
	needs map[string]bool

	text string
}

// A preload is a package that a script loads, or a tool that it runs.
type preload struct {
	// name is the package or the command, and module what of the package is loaded; empty
	// for a command.
	name, module string
	at           Place
	test         bool
}

// An alias is a pattern of tsconfig.json for modules: "@/*" for src.
type alias struct {
	// dir is the folder for whose files it was written.
	dir    string
	before string
	star   bool
	to     []string
}

func (w *walker) manifest(name string) {
	in, err := w.read(name, maxManifest)
	if err != nil {
		return // the reader of manifests tells that
	}
	m := &manifest{text: in}
	// A field of another shape than the field's is left out, and the rest is read.
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(strings.TrimPrefix(in, "\ufeff")), &fields) != nil {
		w.doubt(name, "could not be read")
		return
	}
	for key, to := range map[string]any{"name": &m.Name, "main": &m.Main, "module": &m.Module, "browser": &m.Browser, "exports": &m.Exports, "imports": &m.Imports, "bin": &m.Bin, "scripts": &m.Scripts} {
		if raw, ok := fields[key]; ok {
			_ = json.Unmarshal(raw, to)
		}
	}
	m.needs = map[string]bool{}
	for _, key := range []string{"dependencies", "devDependencies", "optionalDependencies"} {
		var needs map[string]any
		_ = json.Unmarshal(fields[key], &needs)
		for name := range needs {
			m.needs[name] = true
		}
	}
	var others []any
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		var v any
		if !slices.Contains(told, key) && json.Unmarshal(fields[key], &v) == nil {
			others = append(others, v)
		}
	}
	w.fields(name, m, others)
	w.folders[path.Dir(name)] = &folder{dir: path.Dir(name), manifest: m}
}

// texts are all texts in a value of JSON.
func texts(v any, depth int) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, item := range v {
			if depth < MaxDepth {
				all = append(all, texts(item, depth+1)...)
			}
		}
	case map[string]any:
		for _, item := range v {
			if depth < MaxDepth {
				all = append(all, texts(item, depth+1)...)
			}
		}
	}
	slices.Sort(all)
	return all
}

// readAliases reads the paths of a tsconfig.json, which may hold comments.
func (w *walker) readAliases(name string) {
	in, err := w.read(name, maxManifest)
	if err != nil {
		return
	}
	var config struct {
		CompilerOptions struct {
			BaseURL string              `json:"baseUrl"`
			Paths   map[string][]string `json:"paths"`
		} `json:"compilerOptions"`
	}
	if json.Unmarshal([]byte(plainJSON(in)), &config) != nil {
		w.doubt(name, "could not be read, and may give names another meaning")
		return
	}
	if len(w.aliases)+len(config.CompilerOptions.Paths) > maxAliases {
		w.doubt(name, "and others have more than %d paths together, and may give names another meaning", maxAliases)
		return
	}
	dir := path.Join(path.Dir(name), config.CompilerOptions.BaseURL)
	for pattern, to := range config.CompilerOptions.Paths {
		a := alias{dir: path.Dir(name)}
		a.before, _, a.star = strings.Cut(pattern, "*")
		for _, t := range to {
			t, _, _ = strings.Cut(t, "*")
			if strings.HasSuffix(t, "/") {
				t += "." // the slash stays
			}
			a.to = append(a.to, path.Join(dir, t))
		}
		w.aliases = append(w.aliases, a)
	}
	if config.CompilerOptions.BaseURL != "" {
		w.aliases = append(w.aliases, alias{dir: path.Dir(name), star: true, to: []string{dir}})
	}
	// The longest pattern counts first, as with TypeScript.
	slices.SortStableFunc(w.aliases, func(a, b alias) int {
		if n := len(b.before) - len(a.before); n != 0 {
			return n
		}
		return strings.Compare(a.before, b.before)
	})
}

// plainJSON drops comments, and commas before a closing bracket.
func plainJSON(in string) string {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		switch c := in[i]; {
		case c == '"':
			end := i + 1
			for end < len(in) && in[end] != '"' {
				if in[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(in)-1)
			out = append(out, in[i:end+1]...)
			i = end
		case strings.HasPrefix(in[i:], "//"):
			for i < len(in) && in[i] != '\n' {
				i++
			}
		case strings.HasPrefix(in[i:], "/*"):
			end := strings.Index(in[i+2:], "*/")
			if end < 0 {
				return string(out)
			}
			i += end + 3
		case c == '}' || c == ']':
			for len(out) > 0 && strings.IndexByte(" \t\r\n,", out[len(out)-1]) >= 0 {
				out = out[:len(out)-1]
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return string(out)
}
