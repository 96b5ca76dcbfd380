package fix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Journal is the folder in which the files lie as they were while they are changed. It is
// there after that only if the program was ended in between.
const Journal = ".panoply-fix"

// ErrInterrupted says that a Write was ended before it was done; Restore takes it back.
var ErrInterrupted = errors.New("an earlier fix was interrupted")

// A Change is a file that a plan changes.
type Change struct {
	Name string `json:"name"`
	Diff string `json:"diff"`

	old, new []byte
}

// entry is what the journal notes of a file.
type entry struct {
	Name string      `json:"name"`
	Mode fs.FileMode `json:"-"` // that of the file in the journal
	// Made says that the file was not there.
	Made bool `json:"made,omitempty"`
}

// Interrupted says whether a folder has the journal of a write that was not ended.
func Interrupted(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, Journal))
	return err == nil
}

// Write writes what a plan changes: all files, or none. Each is replaced by one that was
// written beside it, of the same mode; what was there lies in Journal until check has
// said that the folder is right. When check fails, or a file cannot be written, the files
// are as they were, byte for byte. A file that changed since it was read, or that is no
// regular file, is an error before anything is written. check may be nil.
func (f *Fixer) Write(out *Outcome, check func() error) error {
	if out.Unverified != "" {
		return fmt.Errorf("the plan was not tried: %s", out.Unverified)
	}
	return replaceAll(f.project.root, out.Changes, func() error {
		if err := f.verify(out); err != nil || check == nil {
			return err
		}
		return check()
	})
}

// replaceAll replaces all files or none; see Write.
func replaceAll(root files, changes []Change, check func() error) error {
	if len(changes) == 0 {
		return nil
	}
	// Of two at once one makes it, before it looks at what is there.
	if err := root.Mkdir(Journal, 0o700); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w, or another is writing: panoply fix --restore takes it back", ErrInterrupted)
	} else if err != nil {
		return err
	}
	entries, err := inspect(root, changes)
	if err == nil {
		err = journal(root, changes, entries)
	}
	if err != nil {
		return errors.Join(err, forget(root))
	}
	for i, c := range changes {
		if err = replace(root, c.Name, c.new, entries[i].Mode); err != nil {
			break
		}
	}
	if err == nil {
		err = check()
	}
	if err != nil {
		return errors.Join(err, restore(root))
	}
	return forget(root)
}

// files are what is done to a folder; *os.Root does it.
type files interface {
	Lstat(name string) (fs.FileInfo, error)
	ReadFile(name string) ([]byte, error)
	Mkdir(name string, mode fs.FileMode) error
	Open(name string) (*os.File, error)
	OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
}

// inspect refuses files that are not what was read.
func inspect(root files, changes []Change) ([]entry, error) {
	var entries []entry
	for _, c := range changes {
		if !changeable(c.Name) {
			return nil, fmt.Errorf("%q is no file that fix changes", c.Name)
		}
		info, err := root.Lstat(c.Name)
		if errors.Is(err, fs.ErrNotExist) && c.old == nil {
			entries = append(entries, entry{Name: c.Name, Mode: 0o644, Made: true})
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is no regular file, and stays as it is", c.Name)
		}
		now, err := root.ReadFile(c.Name)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(now, c.old) {
			return nil, fmt.Errorf("%s changed while the plan was made: run fix again", c.Name)
		}
		entries = append(entries, entry{Name: c.Name, Mode: info.Mode().Perm()})
	}
	return entries, nil
}

// verify reads the folder again and looks it up: nothing may be there that the plan did
// not come to.
func (f *Fixer) verify(out *Outcome) error {
	again, err := New(f.project.dir, Options{Advisories: f.o.Advisories, Lockfile: f.project.lock.File})
	if err != nil {
		return fmt.Errorf("what was written cannot be read: %w", err)
	}
	defer again.Close()
	var planned []Finding
	for _, l := range out.Left {
		planned = append(planned, l.Finding)
	}
	if added := introduced(planned, again.before); len(added) > 0 {
		return fmt.Errorf("what was written has %s@%s, which is under %s", added[0].Package, added[0].Version, added[0].Advisory)
	}
	return nil
}

// journal keeps the files as they are. Its list is written last: without it the files
// have not been touched.
func journal(root files, changes []Change, entries []entry) error {
	for i, e := range entries {
		if e.Made {
			continue
		}
		if err := durable(root, path.Join(Journal, fmt.Sprint(i)), changes[i].old, e.Mode); err != nil {
			return err
		}
	}
	list, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	if err := replace(root, path.Join(Journal, "files.json"), list, 0o600); err != nil {
		return err
	}
	return settled(root, ".")
}

// changeable says whether a file is one that fix may change or put back: below the folder,
// and nothing that Git goes by, such as its hooks.
func changeable(name string) bool {
	own := func(part string) bool { return strings.EqualFold(part, ".git") || strings.EqualFold(part, Journal) }
	return name != "." && filepath.IsLocal(filepath.FromSlash(name)) && path.Clean(name) == name && !strings.Contains(name, "\\") &&
		!slices.ContainsFunc(strings.Split(name, "/"), own)
}

// Restore takes a write back that was interrupted. What lies in Journal may have come with
// the folder, and is not taken where it names what fix never changes.
func Restore(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return restore(root)
}

func restore(root files) error {
	if info, err := root.Lstat(Journal); err != nil || !info.IsDir() {
		return errors.Join(err, fmt.Errorf("%s is no folder", Journal))
	}
	list, err := root.ReadFile(path.Join(Journal, "files.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return root.RemoveAll(Journal) // nothing had been changed yet
	}
	if err != nil {
		return err
	}
	var entries []entry
	if err := json.Unmarshal(list, &entries); err != nil {
		return fmt.Errorf("%s/files.json cannot be read: the files in %s are those from before: %w", Journal, Journal, err)
	}
	for _, e := range entries {
		if !changeable(e.Name) {
			return fmt.Errorf("%s names %q, which fix does not change: it did not write that, and nothing is put back", Journal, e.Name)
		}
	}
	for i, e := range entries {
		if e.Made {
			err = errors.Join(remove(root, e.Name), remove(root, beside(e.Name)))
		} else {
			err = errors.Join(putBack(root, path.Join(Journal, fmt.Sprint(i)), e.Name), remove(root, beside(e.Name)))
		}
		if err != nil {
			return fmt.Errorf("%s could not be put back, and lies as %s/%d: %w", e.Name, Journal, i, err)
		}
	}
	return forget(root)
}

// putBack renames, which needs no room on a disk that is full. What is not there any more
// was put back already.
func putBack(root files, from, to string) error {
	info, err := root.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", from)
	}
	if err != nil {
		return err
	}
	return errors.Join(root.Rename(from, to), settled(root, path.Dir(to)))
}

// forget removes the journal, its list first: what else lies there then means nothing.
func forget(root files) error {
	return errors.Join(remove(root, path.Join(Journal, "files.json")), root.RemoveAll(Journal))
}

// replace writes beside a file and renames.
func replace(root files, name string, text []byte, mode fs.FileMode) error {
	at := beside(name)
	if err := durable(root, at, text, mode); err != nil {
		return errors.Join(err, remove(root, at))
	}
	if err := root.Rename(at, name); err != nil {
		return errors.Join(err, remove(root, at))
	}
	return settled(root, path.Dir(name))
}

func beside(name string) string { return path.Join(path.Dir(name), ".panoply-"+path.Base(name)) }

// settled has what was made and renamed in a folder outlive a power cut.
func settled(root files, dir string) error {
	if runtime.GOOS == "windows" {
		return nil // which cannot
	}
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func remove(root files, name string) error {
	if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// durable writes a file that outlives a power cut.
func durable(root files, name string, text []byte, mode fs.FileMode) error {
	if err := remove(root, name); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}

// Names are the files that a plan changes.
func (o *Outcome) Names() []string {
	var names []string
	for _, c := range o.Changes {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}
