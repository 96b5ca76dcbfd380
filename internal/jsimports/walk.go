package jsimports

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// A file is one that can import something.
type file struct {
	name string
	*jsrefs.Source
	test, reached bool
}

// A folder is one with a package.json.
type folder struct {
	dir string
	*manifest
}

type walker struct {
	fsys fs.FS
	// files are all that were read, and folders those of packages, by their path.
	files   map[string]*file
	folders map[string]*folder
	doubts  []Doubt
	size    int64
	// scratch is where a file's words are kept while it is read.
	scratch jsrefs.Room
	full    bool
	aliases []alias
	// starts are entry points, and starters the files beside package.json that tell some.
	starts, starters []string
	// preloaded are packages that scripts load or run.
	preloaded []preload
	// named are packages that data for tools has the names of.
	named []preload
	// conditions says that a command has conditions of its own.
	conditions bool
}

func (w *walker) doubt(name, format string, args ...any) {
	w.doubts = append(w.doubts, Doubt{Place: Place{File: name}, Reason: fmt.Sprintf(format, args...)})
}

// Folders whose files are other people's, made by tools, or tests. What an entry point
// leads to is read all the same.
var (
	foreign = []string{"node_modules", "bower_components", "jspm_packages", "coverage", "vendor"}
	built   = []string{"dist", "build", "out", "public", "static", "assets"}
	tests   = []string{"test", "tests", "__tests__", "__mocks__", "__fixtures__", "spec", "specs", "e2e", "cypress", "fixtures", "testdata"}
)

func (w *walker) walk(dir string, depth int, test bool) {
	if depth > MaxDepth {
		w.doubt(dir, "lies deeper than %d folders", MaxDepth)
		return
	}
	entries, err := fs.ReadDir(w.fsys, dir)
	if err != nil {
		w.doubt(dir, "could not be read: %s", cause(err))
	}
	for _, e := range entries {
		if w.full {
			return
		}
		name, base := path.Join(dir, e.Name()), e.Name()
		switch {
		case e.IsDir():
			if strings.HasPrefix(base, ".") || slices.Contains(foreign, base) || slices.Contains(built, base) {
				continue
			}
			w.walk(name, depth+1, test || slices.Contains(tests, base))
		case base == "package.json" && !test:
			w.manifest(name)
		case (strings.HasPrefix(base, "tsconfig") && path.Ext(base) == ".json" || base == "jsconfig.json") && e.Type().IsRegular():
			w.readAliases(name)
		case configuring(base) && e.Type().IsRegular() && !test:
			if in, err := w.read(name, maxManifest); err == nil {
				w.configured(name, in)
			}
			if base == "tsconfig.json" {
				w.readAliases(name)
			}
		case starting(base) && e.Type().IsRegular() && !test:
			w.starters = append(w.starters, name)
		case strings.HasSuffix(base, ".coffee") || strings.HasSuffix(base, ".ls"):
			w.doubt(name, "is no JavaScript, and was not read")
		case !script(base):
		case e.Type()&fs.ModeSymlink != 0:
			w.doubt(name, "is a link, and links are not followed")
		case e.Type().IsRegular():
			w.file(name, test || isTest(base) || testTool(base))
		}
	}
}

var scripts = []string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".astro"}

func script(base string) bool {
	ext := path.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	return slices.Contains(scripts, ext) && !strings.HasSuffix(stem, ".d") && !strings.HasSuffix(stem, ".min") && !strings.HasSuffix(stem, ".bundle")
}

func isTest(base string) bool {
	stem := strings.TrimSuffix(base, path.Ext(base))
	for _, end := range []string{".test", ".spec", ".e2e", "_test", "-test", ".stories"} {
		if strings.HasSuffix(stem, end) {
			return true
		}
	}
	return false
}

// file reads a file once, and returns nil where it is none.
func (w *walker) file(name string, test bool) *file {
	if f, ok := w.files[name]; ok {
		return f
	}
	if w.full {
		return nil
	}
	if len(w.files) == MaxFiles {
		w.full = true
		w.doubt(name, "and what follows are beyond the bound of %d files", MaxFiles)
		return nil
	}
	in, err := w.read(name, MaxFileSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		if !test {
			w.doubt(name, "%s", err.Error())
		}
		return nil
	}
	if w.size += int64(len(in)); w.size > MaxTotalSize {
		w.full = true
		w.doubt(name, "and what follows are beyond the bound of %d MiB together", MaxTotalSize>>20)
		return nil
	}
	switch path.Ext(name) {
	case ".vue", ".svelte", ".astro":
		in = onlyScripts(in)
	}
	f := &file{name: name, Source: w.scratch.Read(in, nil), test: test}
	w.files[name] = f
	if f.Unended && !test {
		w.doubt(name, "ends inside of a comment or a template, as far as it could be read")
	}
	return f
}

// read reads a regular file of at most so many bytes.
func (w *walker) read(name string, most int64) (string, error) {
	// Asked before it is opened: a FIFO would be waited for.
	info, err := fs.Stat(w.fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", err
	case err != nil:
		return "", errors.New("could not be read: " + cause(err))
	case !info.Mode().IsRegular():
		return "", fs.ErrNotExist
	case info.Size() > most:
		return "", fmt.Errorf("is larger than %d MiB", most>>20)
	}
	f, err := w.fsys.Open(name)
	if err != nil {
		return "", errors.New("could not be read: " + cause(err))
	}
	defer f.Close()
	in, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(in)) > most {
		err = fmt.Errorf("is larger than %d MiB", most>>20)
	}
	return string(in), err
}

// cause is the error without the path, which stands before it already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// onlyScripts keeps the scripts of a component, and the lines where they are.
func onlyScripts(in string) string {
	var out strings.Builder
	keep := strings.HasPrefix(in, "---") // Astro's begins with its code
	for i, l := range strings.SplitAfter(in, "\n") {
		low := strings.ToLower(strings.TrimSpace(l))
		switch {
		case i > 0 && keep && low == "---":
			keep = false
		case strings.Contains(low, "<script"):
			_, rest, _ := strings.Cut(l, ">")
			at := strings.Index(strings.ToLower(rest), "</script")
			if keep = at < 0; at >= 0 {
				rest = rest[:at] + "\n"
			}
			out.WriteString(rest)
			continue
		case strings.Contains(low, "</script"):
			keep = false
		case keep && low != "---":
			out.WriteString(l)
			continue
		}
		out.WriteString(strings.Repeat("\n", strings.Count(l, "\n")))
	}
	return out.String()
}
