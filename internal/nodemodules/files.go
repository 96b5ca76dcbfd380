package nodemodules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxEntries bounds a folder, and maxLinks the links on one way.
const (
	maxEntries = 100_000
	maxLinks   = 40
)

type kind uint8

const (
	absent kind = iota
	regular
	dir
	// other is a FIFO, a device or a socket: it is never opened.
	other
	// outside is a link that leads out of the folder, or to nowhere that may be followed.
	outside
)

// A spot is where a name leads, all links followed.
type spot struct {
	name string
	kind kind
}

// files looks names up in the listings of their folders, each of which is read once. It is
// for one goroutine.
type files struct {
	fsys  fs.FS
	lists map[string]map[string]fs.FileMode
	spots map[string]spot
}

func newFiles(fsys fs.FS) *files {
	return &files{fsys: fsys, lists: map[string]map[string]fs.FileMode{}, spots: map[string]spot{}}
}

// list returns what a folder has. It is told by its real name.
func (f *files) list(name string) map[string]fs.FileMode {
	if list, ok := f.lists[name]; ok {
		return list
	}
	var list map[string]fs.FileMode
	if d, err := f.fsys.Open(name); err == nil {
		if r, ok := d.(fs.ReadDirFile); ok {
			entries, _ := r.ReadDir(maxEntries)
			list = make(map[string]fs.FileMode, len(entries))
			for _, e := range entries {
				list[e.Name()] = e.Type()
			}
		}
		d.Close()
	}
	f.lists[name] = list
	return list
}

// real follows a name from the folder's root, as realpath does; a name that leads above
// the root is outside.
func (f *files) real(name string) spot {
	if s, ok := f.spots[name]; ok {
		return s
	}
	s := f.walk(name)
	f.spots[name] = s
	return s
}

func (f *files) walk(name string) spot {
	at, rest, links := ".", name, 0
	k := dir
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return spot{name, outside}
			}
			at = path.Dir(at)
			continue
		}
		mode, ok := f.list(at)[part]
		next := path.Join(at, part)
		switch {
		case !ok:
			return spot{name, absent}
		case mode&fs.ModeSymlink != 0:
			to, err := fs.ReadLink(f.fsys, next)
			to = strings.ReplaceAll(to, `\`, "/")
			if links++; err != nil || links > maxLinks || path.IsAbs(to) || strings.Contains(to, ":") {
				return spot{next, outside}
			}
			rest = to + "/" + rest
			continue
		case mode.IsDir():
			k = dir
		case strings.Trim(rest, "/") != "":
			return spot{name, absent}
		case mode.IsRegular():
			k = regular
		default:
			k = other
		}
		at = next
	}
	return spot{at, k}
}

// read reads a regular file of at most so many bytes, by its real name.
func read(fsys fs.FS, name string, most int64) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", errors.New("could not be read: " + cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", errors.New("could not be read: " + cause(err))
	case !info.Mode().IsRegular():
		return "", errors.New("is no file")
	case info.Size() > most:
		return "", fmt.Errorf("is larger than %d MiB", most>>20)
	}
	var b strings.Builder
	b.Grow(int(info.Size()))
	n, err := io.Copy(&b, io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return "", errors.New("could not be read: " + cause(err))
	case n > most:
		return "", fmt.Errorf("is larger than %d MiB", most>>20)
	}
	return b.String(), nil
}

// cause is the error without the path, which is told already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
