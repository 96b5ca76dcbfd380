package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FileName is the name of the configuration file.
const FileName = "panoply.yaml"

// maxFile is the size of the largest file read. A real one has a few hundred lines.
const maxFile = 1 << 20

// Load reads the file at path over the defaults, then the flags over both, and checks
// the whole. Relative file names in the file are taken from the file's folder, those in
// flags from the working folder. env answers ${VAR}; it is os.LookupEnv outside of
// tests, and nil means that no variable is set.
//
// The error holds every problem at once, those of the file in the order of its lines;
// see Problems. The Config beside an error is nil.
func Load(path string, env func(string) (string, bool), flags ...Flag) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, &Problem{Origin: Origin{File: path}, Text: "has no absolute path", Err: err}
	}
	return parse(path, folder, text, env, flags)
}

// FromFlags is Load without a file.
func FromFlags(flags ...Flag) (*Config, error) {
	return parse("", "", nil, nil, flags)
}

// Find returns the path of the panoply.yaml in dir, or "" when there is none. A
// panoply.yml is an error rather than a file that nobody reads.
func Find(dir string) (string, error) {
	path := filepath.Join(dir, FileName)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return path, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", unreadable(path, err)
	}
	other := filepath.Join(dir, "panoply.yml")
	if _, err := os.Stat(other); err == nil {
		return "", &Problem{Origin: Origin{File: other}, Text: "is not read", Hint: "rename it to " + FileName}
	}
	return "", nil
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
func parse(file, folder string, text []byte, env func(string) (string, bool), flags []Flag) (*Config, error) {
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	cfg := Default()
	cfg.file = file
	cfg.origins = make(map[string]Origin)
	r := reader{cfg: cfg, folder: folder, env: env}
	root, ok := r.tree(text)
	if ok {
		r.root(root)
	}
	for _, f := range flags {
		r.flag(f)
	}
	if ok {
		// A value that could not be read kept its default, which is valid by itself:
		// what Validate adds is never an echo of what was reported above.
		r.problems = append(r.problems, cfg.problems()...)
	}
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, byPlace)
		return nil, joined(r.problems)
	}
	return cfg, nil
}

// byPlace orders problems as the file does; those without a line come last.
func byPlace(a, b *Problem) int {
	if a.Origin.Line == 0 || b.Origin.Line == 0 {
		return cmp.Compare(b.Origin.Line, a.Origin.Line)
	}
	return cmp.Or(cmp.Compare(a.Origin.Line, b.Origin.Line), cmp.Compare(a.Origin.Column, b.Origin.Column))
}
