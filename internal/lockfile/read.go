package lockfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Found is what a folder says.
type Found struct {
	Locks []*Lock
	// Manifest is its package.json, and Members those of its workspace; nil when there is
	// none.
	Manifest *Manifest
	Members  []*Manifest
	// Errors are the files that could not be read, of type *[Error]. What they hold is not
	// known.
	Errors []error
}

// Read reads the lockfiles and manifests in the root of a folder. npm-shrinkwrap.json
// stands for package-lock.json where there are both, as with npm.
func Read(fsys fs.FS) *Found {
	f := new(Found)
	if text, ok := f.read(fsys, "package.json"); ok {
		m, err := ReadManifest("package.json", text)
		f.note(err)
		f.Manifest = m
	}
	if f.Manifest != nil {
		more, errs := members(fsys, f.Manifest)
		f.Members = more
		f.Errors = append(f.Errors, errs...)
	}
	shrinkwrap, wraps := f.read(fsys, "npm-shrinkwrap.json")
	if wraps {
		f.keep(readNPM("npm-shrinkwrap.json", shrinkwrap, f.Manifest))
	}
	for _, r := range []struct {
		name string
		read func(name, text string, f *Found) (*Lock, error)
	}{
		{"package-lock.json", func(name, text string, f *Found) (*Lock, error) { return readNPM(name, text, f.Manifest) }},
		{"yarn.lock", readYarn},
		{"pnpm-lock.yaml", func(name, text string, _ *Found) (*Lock, error) { return readPNPM(name, text) }},
		{"bun.lock", func(name, text string, _ *Found) (*Lock, error) { return readBun(name, text) }},
	} {
		if text, ok := f.read(fsys, r.name); ok && (!wraps || r.name != "package-lock.json") {
			f.keep(r.read(r.name, text, f))
		}
	}
	f.readGo(fsys)
	if _, err := fs.Stat(fsys, "bun.lockb"); err == nil {
		f.note(&Error{"bun.lockb", 0, "is bun's old binary form: bun install --save-text-lockfile writes bun.lock"})
	}
	return f
}

func (f *Found) keep(l *Lock, err error) {
	if err == nil {
		err = l.bounded()
	}
	if f.note(err); err == nil {
		f.Locks = append(f.Locks, l)
	}
}

// bounded refuses names and versions that nobody can have.
func (l *Lock) bounded() error {
	for i := range l.Packages {
		p := &l.Packages[i]
		if max(len(p.Name), len(p.Version), len(p.Alias)) > maxText {
			return &Error{l.File, p.Line, fmt.Sprintf("has a name or a version of more than %d bytes", maxText)}
		}
		if l.Ecosystem == NPM && p.Source == Registry && !registryName(p.Name) {
			return &Error{l.File, p.Line, "has a name that no registry has: " + quote(p.Name)}
		}
	}
	return nil
}

func (f *Found) note(err error) {
	if err != nil {
		f.Errors = append(f.Errors, err)
	}
}

func (f *Found) read(fsys fs.FS, name string) (string, bool) {
	text, ok, err := readFile(fsys, name)
	if err != nil {
		f.Errors = append(f.Errors, err)
	}
	return text, ok
}

// readFile reads a regular file. A file that is not there is no error.
func readFile(fsys fs.FS, name string) (string, bool, error) {
	// Asked before it is opened: a FIFO would be waited for.
	info, err := fs.Stat(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := fs.Lstat(fsys, name); err == nil {
			return "", false, &Error{name, 0, "is a link that leads nowhere"}
		}
		return "", false, nil
	case err != nil:
		return "", false, &Error{name, 0, "could not be read: " + cause(err)}
	case !info.Mode().IsRegular():
		return "", false, &Error{name, 0, "is no regular file"}
	case info.Size() > MaxFile:
		return "", false, &Error{name, 0, "has more than 32 MiB"}
	}
	file, err := fsys.Open(name)
	if err != nil {
		return "", false, &Error{name, 0, "could not be read: " + cause(err)}
	}
	defer file.Close()
	var b strings.Builder
	b.Grow(int(info.Size()) + 1)
	if _, err := io.Copy(&b, io.LimitReader(file, MaxFile+1)); err != nil {
		return "", false, &Error{name, 0, "could not be read: " + cause(err)}
	}
	if b.Len() > MaxFile {
		return "", false, &Error{name, 0, "has more than 32 MiB"}
	}
	return b.String(), true, nil
}

// cause is an error without the path, which the message has already.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
