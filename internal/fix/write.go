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
	"slices"
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
	Mode fs.FileMode `json:"mode"`
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
func replaceAll(root *os.Root, changes []Change, check func() error) error {
	if _, err := root.Lstat(Journal); err == nil {
		return fmt.Errorf("%w: panoply fix --restore takes it back", ErrInterrupted)
	}
	entries, err := inspect(root, changes)
	if err != nil || len(entries) == 0 {
		return err
	}
	if err := journal(root, changes, entries); err != nil {
		return errors.Join(err, root.RemoveAll(Journal))
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
	return root.RemoveAll(Journal)
}

// inspect refuses files that are not what was read.
func inspect(root *os.Root, changes []Change) ([]entry, error) {
	var entries []entry
	for _, c := range changes {
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
func journal(root *os.Root, changes []Change, entries []entry) error {
	if err := root.Mkdir(Journal, 0o700); err != nil {
		return err
	}
	for i, e := range entries {
		if e.Made {
			continue
		}
		if err := durable(root, path.Join(Journal, fmt.Sprint(i)), changes[i].old, 0o600); err != nil {
			return err
		}
	}
	list, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	return replace(root, path.Join(Journal, "files.json"), list, 0o600)
}

// Restore takes a write back that was interrupted.
func Restore(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return restore(root)
}

func restore(root *os.Root) error {
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
	for i, e := range entries {
		if e.Made {
			err = root.Remove(e.Name)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		} else {
			var old []byte
			if old, err = root.ReadFile(path.Join(Journal, fmt.Sprint(i))); err == nil {
				err = replace(root, e.Name, old, e.Mode.Perm())
			}
		}
		if err != nil {
			return fmt.Errorf("%s could not be put back, and lies as %s/%d: %w", e.Name, Journal, i, err)
		}
	}
	return root.RemoveAll(Journal)
}

// replace writes beside a file and renames.
func replace(root *os.Root, name string, text []byte, mode fs.FileMode) error {
	beside := path.Join(path.Dir(name), ".panoply-"+path.Base(name))
	if err := durable(root, beside, text, mode); err != nil {
		return errors.Join(err, remove(root, beside))
	}
	if err := root.Rename(beside, name); err != nil {
		return errors.Join(err, remove(root, beside))
	}
	return nil
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// durable writes a file that outlives a power cut.
func durable(root *os.Root, name string, text []byte, mode fs.FileMode) error {
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
