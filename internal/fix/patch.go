package fix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// maxPatch bounds a patch file and each file that it changes.
const maxPatch = 16 << 20

// A Patch is a unified diff that fits a folder: each of its hunks was found where it is
// to go.
type Patch struct {
	root    *os.Root
	changes []Change
}

// ReadPatch reads a unified diff, as git and diff -u write it, and tries it on a folder
// without changing anything. Files are named below the folder, with a/ and b/ before them
// or without. One that is outside of the folder, or reached by a link, or that is made or
// removed, is an error, and so is a hunk whose lines are not in the file exactly once.
func ReadPatch(dir string, text []byte) (*Patch, error) {
	if len(text) > maxPatch {
		return nil, fmt.Errorf("the patch has more than %d MiB", maxPatch>>20)
	}
	files, err := parsePatch(text)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	p := &Patch{root: root}
	for _, f := range files {
		c, err := f.try(root)
		if err != nil {
			root.Close()
			return nil, err
		}
		p.changes = append(p.changes, c)
	}
	return p, nil
}

// Diff is what applying it changes.
func (p *Patch) Diff() string {
	var b strings.Builder
	for _, c := range p.changes {
		b.WriteString(c.Diff)
	}
	return b.String()
}

// Apply writes all files or none, as Fixer.Write does.
func (p *Patch) Apply() error {
	return replaceAll(p.root, p.changes, func() error { return nil })
}

// Installed says that it changes what the next install brings back.
func (p *Patch) Installed() bool {
	return slices.ContainsFunc(p.changes, func(c Change) bool {
		return slices.Contains(strings.Split(c.Name, "/"), "node_modules")
	})
}

// Close lets go of the folder.
func (p *Patch) Close() error { return p.root.Close() }

type patched struct {
	name  string
	hunks [][2][]byte
	lines []int
}

var hunkHead = pattern.New(`^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@`)

func parsePatch(text []byte) ([]*patched, error) {
	var all []*patched
	var old string
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(string(lines[i]), "\r\n")
		switch {
		case strings.HasPrefix(line, "--- "):
			old = line[4:]
		case strings.HasPrefix(line, "+++ "):
			name, err := patchedName(old, line[4:])
			if err != nil {
				return nil, fmt.Errorf("line %d of the patch: %w", i+1, err)
			}
			if slices.ContainsFunc(all, func(f *patched) bool { return f.name == name }) {
				return nil, fmt.Errorf("line %d of the patch: %s is changed twice", i+1, name)
			}
			all = append(all, &patched{name: name})
		case strings.HasPrefix(line, "@@"):
			m := hunkHead.Get().FindStringSubmatch(line)
			if m == nil || len(all) == 0 {
				return nil, fmt.Errorf("line %d of the patch is no hunk of a file", i+1)
			}
			from, to, used, err := readHunk(lines[i+1:], count(m[2]), count(m[3]))
			if err != nil {
				return nil, fmt.Errorf("line %d of the patch: %w", i+1+used, err)
			}
			at, _ := strconv.Atoi(m[1]) // digits; one too long is 0 then
			f := all[len(all)-1]
			f.hunks, f.lines = append(f.hunks, [2][]byte{from, to}), append(f.lines, at)
			i += used
		case strings.HasPrefix(line, "GIT binary patch"), strings.HasPrefix(line, "rename "), strings.HasPrefix(line, "new mode "):
			return nil, fmt.Errorf("line %d of the patch: %q is not for fix: it changes lines of files alone", i+1, line)
		}
	}
	if len(all) == 0 || slices.ContainsFunc(all, func(f *patched) bool { return len(f.hunks) == 0 }) {
		return nil, errors.New("is no unified diff")
	}
	return all, nil
}

func count(digits string) int {
	if digits == "" {
		return 1
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return maxPatch
	}
	return n
}

// patchedName is the file of both names.
func patchedName(old, now string) (string, error) {
	clean := func(s, prefix string) string {
		s, _, _ = strings.Cut(s, "\t")
		return strings.TrimPrefix(s, prefix)
	}
	a, b := clean(old, "a/"), clean(now, "b/")
	if a == "/dev/null" || b == "/dev/null" {
		return "", errors.New("a file that is made or removed is not for fix")
	}
	if a != b || !changeable(b) {
		return "", fmt.Errorf("%q is no file below the folder", b)
	}
	return b, nil
}

// readHunk reads as many lines of before and after as the head says.
func readHunk(lines [][]byte, olds, news int) (from, to []byte, used int, err error) {
	var last byte
	for ; used < len(lines); used++ {
		line := lines[used]
		if len(line) > 0 && line[0] == '\\' {
			// The line before has no end.
			if last != '+' {
				from = bytes.TrimSuffix(from, []byte("\n"))
			}
			if last != '-' {
				to = bytes.TrimSuffix(to, []byte("\n"))
			}
			continue
		}
		if olds == 0 && news == 0 {
			return from, to, used, nil
		}
		if len(line) == 0 {
			break
		}
		kind, rest := line[0], line[1:]
		if kind == '\n' {
			kind, rest = ' ', line // editors cut the blank of an empty line
		}
		switch kind {
		case ' ':
			from, to = append(from, rest...), append(to, rest...)
			olds, news = olds-1, news-1
		case '-':
			from, olds = append(from, rest...), olds-1
		case '+':
			to, news = append(to, rest...), news-1
		default:
			return nil, nil, used, errors.New("is no line of a hunk")
		}
		if last = kind; olds < 0 || news < 0 {
			return nil, nil, used, errors.New("has more lines than its head says")
		}
	}
	if olds > 0 || news > 0 {
		return nil, nil, used, errors.New("the hunk ends early")
	}
	return from, to, used, nil
}

// try makes the file that comes of it.
func (f *patched) try(root *os.Root) (Change, error) {
	for at := f.name; at != "."; at = path.Dir(at) {
		info, err := root.Lstat(at)
		if err != nil {
			return Change{}, fmt.Errorf("the patch is for another folder: %w", err)
		}
		if info.Mode()&os.ModeSymlink != 0 || at == f.name && !info.Mode().IsRegular() {
			return Change{}, fmt.Errorf("%s is no regular file of this folder", at)
		}
		if at == f.name && info.Size() > maxPatch {
			return Change{}, fmt.Errorf("%s has more than %d MiB", at, maxPatch>>20)
		}
	}
	old, err := root.ReadFile(f.name)
	if err != nil {
		return Change{}, err
	}
	now := old
	for i, h := range f.hunks {
		if len(h[0]) == 0 || bytes.Count(now, h[0]) != 1 {
			return Change{}, fmt.Errorf("%s: what the patch changes in line %d is not there, or more than once", f.name, f.lines[i])
		}
		now = bytes.Replace(now, h[0], h[1], 1)
	}
	return Change{Name: f.name, old: old, new: now, Diff: diff(f.name, old, now)}, nil
}
