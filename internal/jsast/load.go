package jsast

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Load reads the folder. It never fails: an unreadable folder is a project without
// files and with the reason among what it skipped.
func Load(fsys fs.FS) *Project {
	l := &loader{fsys: fsys, project: &Project{}}
	l.walk(".", 0)
	slices.SortFunc(l.project.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	interpret(l.project)
	slices.SortStableFunc(l.project.Skipped, func(a, b Skip) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason))
	})
	l.project.Skipped = slices.Compact(l.project.Skipped)
	return l.project
}

type loader struct {
	fsys    fs.FS
	project *Project
	files   int
	size    int64
	full    bool
}

func (l *loader) skip(file, reason string, server bool) {
	l.project.Skipped = append(l.project.Skipped, Skip{File: file, Reason: reason, Server: server})
}

// leftOut are folders whose JavaScript is not the app's own, not the server's, or not
// what runs in production.
var leftOut = []string{
	"node_modules", "bower_components", "jspm_packages", "dist", "build", "coverage", "public", "vendor",
	"test", "tests", "__tests__", "__mocks__", "spec", "e2e", "cypress", "fixtures",
}

func (l *loader) walk(dir string, depth int) {
	if depth > MaxDepth {
		l.skip(dir, fmt.Sprintf("lies deeper than %d folders", MaxDepth), true)
		return
	}
	entries, err := fs.ReadDir(l.fsys, dir)
	if err != nil {
		l.skip(dir, "could not be read: "+cause(err), true)
	}
	for _, e := range entries {
		if l.full {
			return
		}
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(leftOut, e.Name()) {
				l.walk(name, depth+1)
			}
		case e.Type().IsRegular():
			if script(name) {
				l.file(name, e)
			}
		case e.Type()&fs.ModeSymlink != 0 && script(name) && path.Ext(name) != "":
			l.skip(name, "is a link, and links are not followed", false)
		}
	}
}

// script says that the file can hold JavaScript: by its ending, or as a start script in
// a bin folder, which Express's generator makes without one.
func script(name string) bool {
	base := path.Base(name)
	ext := path.Ext(base)
	switch ext {
	case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts":
	case "":
		return path.Base(path.Dir(name)) == "bin"
	default:
		return false
	}
	stem := strings.TrimSuffix(base, ext)
	for _, s := range []string{".min", ".bundle", ".test", ".spec", ".d"} {
		if strings.HasSuffix(stem, s) {
			return false
		}
	}
	return true
}

func (l *loader) file(name string, e fs.DirEntry) {
	info, err := e.Info()
	if err != nil {
		l.skip(name, "could not be read: "+cause(err), true)
		return
	}
	switch {
	case l.files == MaxFiles:
		l.skip(name, fmt.Sprintf("and all that follow lie beyond the bound of %d files", MaxFiles), true)
		l.full = true
		return
	case info.Size() > MaxFileSize:
		l.skip(name, fmt.Sprintf("is larger than %d MiB", MaxFileSize>>20), false)
		return
	case l.size+info.Size() > MaxTotalSize:
		l.skip(name, fmt.Sprintf("and all that follow lie beyond the bound of %d MiB together", MaxTotalSize>>20), true)
		l.full = true
		return
	}
	text, err := read(l.fsys, name)
	if err != nil {
		l.skip(name, "could not be read: "+cause(err), true)
		return
	}
	if path.Ext(name) == "" && !(bytes.HasPrefix(text, []byte("#!")) && bytes.Contains(firstLine(text), []byte("node"))) {
		return
	}
	l.files++
	l.size += int64(len(text))
	p, err := parse(name, text)
	if err != nil {
		l.skip(name, err.Error(), bytes.Contains(text, []byte("express")))
		return
	}
	l.project.Files = append(l.project.Files, &File{Path: name, Imports: p.imports(), text: text, parsed: p})
}

// read reads one file, whatever size it turns out to have, up to the bound.
func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err == nil && len(text) > MaxFileSize {
		err = errors.New("it grew beyond the bound while it was read")
	}
	return text, err
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}

// cause is the error without the path, which the skip names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
