package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile is the size of the largest file read. A real one has a few hundred lines.
const maxFile = 1 << 20

// A Source is what a configuration is read from: flags win over variables, these over the
// file, and that over the defaults.
type Source struct {
	// File is the path of the file, or "" for none. Relative file names in it are taken
	// from its folder, those in variables and flags from the working folder.
	File string
	// Environ is the environment, as os.Environ returns it: it answers ${VAR} in the file,
	// and sets keys by itself, see EnvNames. Nil means that no variable is set.
	Environ []string
	// Flags are what the command line says.
	Flags []Flag
}

// Load reads the whole and checks it. The error holds every problem at once, those of the
// file in the order of its lines; see Problems. The Config beside an error is nil.
func (s Source) Load() (*Config, error) {
	var text []byte
	var folder string
	if s.File != "" {
		var err error
		if text, err = readFile(s.File); err != nil {
			return nil, err
		}
		if folder, err = filepath.Abs(filepath.Dir(s.File)); err != nil {
			return nil, &Problem{Origin: Origin{File: s.File}, Text: "has no absolute path", Err: err}
		}
	}
	return parse(s, folder, text, lookup(s.Environ))
}

// lookup is os.LookupEnv for an environment.
func lookup(environ []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range slices.Backward(environ) {
			if key, value, ok := strings.Cut(pair, "="); ok && key == name {
				return value, true
			}
		}
		return "", false
	}
}

// Load is Source.Load of a file and flags, in which env answers ${VAR} and no variable sets
// a key. A nil env means that no variable is set.
func Load(path string, env func(string) (string, bool), flags ...Flag) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, &Problem{Origin: Origin{File: path}, Text: "has no absolute path", Err: err}
	}
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	return parse(Source{File: path, Flags: flags}, folder, text, env)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return text, nil
}

func unreadable(path string, err error) *Problem {
	cause := err
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		cause = p.Err
	}
	return &Problem{Origin: Origin{File: path}, Text: fmt.Sprintf("cannot be read: %v", cause), Err: err}
}

// parse is Load after the file was read.
func parse(s Source, folder string, text []byte, env func(string) (string, bool)) (*Config, error) {
	cfg := Default()
	cfg.file = s.File
	cfg.origins = make(map[string]Origin)
	r := reader{cfg: cfg, folder: folder, env: env}
	root, ok := r.tree(withoutTabs(text))
	if ok {
		r.root(root)
	}
	r.overrides(s.Environ)
	for _, f := range s.Flags {
		r.flag(f)
	}
	if p := cfg.newer(); p != nil {
		return nil, p // whatever else is unknown belongs to that version
	}
	if ok {
		// A value that could not be read kept its default, which is valid by itself:
		// what Validate adds is never an echo of what was reported above.
		r.problems = append(r.problems, cfg.problems()...)
	}
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, byPlace)
		for _, p := range r.problems {
			redact(p)
		}
		return nil, joined(r.problems)
	}
	return cfg, nil
}

// withoutTabs lets JSON be indented with tabs, which YAML does not know. JSON has them
// between its tokens only, so that lines and columns stay as they are.
func withoutTabs(text []byte) []byte {
	if !bytes.Contains(text, []byte("\t")) || !json.Valid(text) {
		return text
	}
	return bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
}

// byPlace orders problems as the file does; those without a line come last.
func byPlace(a, b *Problem) int {
	if a.Origin.Line == 0 || b.Origin.Line == 0 {
		return cmp.Compare(b.Origin.Line, a.Origin.Line)
	}
	return cmp.Or(cmp.Compare(a.Origin.Line, b.Origin.Line), cmp.Compare(a.Origin.Column, b.Origin.Column))
}
