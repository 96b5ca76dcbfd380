package fix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A brittle folder stops at one of the steps that change it: by an error, or for good.
type brittle struct {
	*os.Root
	left int
	how  error
}

var errKilled = errors.New("killed")

func (b *brittle) step() error {
	if b.left--; b.left >= 0 || errors.Is(b.how, errKilled) && b.left < -1 {
		return nil
	}
	if errors.Is(b.how, errKilled) {
		panic(errKilled)
	}
	return b.how
}

func (b *brittle) Mkdir(name string, mode fs.FileMode) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Root.Mkdir(name, mode)
}

func (b *brittle) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	if err := b.step(); err != nil {
		return nil, err
	}
	return b.Root.OpenFile(name, flag, mode)
}

func (b *brittle) Rename(from, to string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Root.Rename(from, to)
}

func (b *brittle) Remove(name string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.Root.Remove(name)
}

// RemoveAll stops in its middle, too.
func (b *brittle) RemoveAll(name string) error {
	all, _ := fs.ReadDir(b.FS(), name)
	for _, e := range all {
		if err := b.Remove(name + "/" + e.Name()); err != nil {
			return err
		}
	}
	if err := b.step(); err != nil {
		return err
	}
	return b.Root.RemoveAll(name)
}

func shop(t *testing.T) (dir string, changes []Change) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"package.json": "one", "a/package.json": "two"} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644), os.Chmod(name, 0o751)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, []Change{
		{Name: "package.json", old: []byte("one"), new: []byte("ONE")},
		{Name: "a/package.json", old: []byte("two"), new: []byte("TWO")},
		{Name: "new.json", new: []byte("NEW")},
	}
}

// content is all that a folder holds.
func content(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			fmt.Fprintln(&b, name)
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		info, wrong := d.Info()
		if err = errors.Join(err, wrong); err == nil {
			fmt.Fprintln(&b, name, info.Mode(), string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever step is the last one before a kill, or the first that a disk that is full or
// read-only refuses, all files are as they were, or become so by Restore, or all are new.
func TestEachStepOfWriting(t *testing.T) {
	for _, how := range []error{errKilled, errors.New("no space left on device")} {
		for n, done := 0, false; !done; n++ {
			dir, changes := shop(t)
			before := content(t, dir)
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() {
					if got := recover(); got != nil && got != any(errKilled) {
						panic(got)
					}
				}()
				b := &brittle{root, n, how}
				err = how
				err = replaceAll(b, changes, func() error { return nil })
				done = b.left >= 0
			}()
			root.Close()
			if done {
				if text := content(t, dir); err != nil || !strings.Contains(text, "ONE") || !strings.Contains(text, "NEW") || strings.Contains(text, ".panoply") {
					t.Fatalf("%d steps: %v, and the folder is\n%s", n, err, text)
				}
				if n < 10 {
					t.Fatalf("only %d steps were seen", n)
				}
				break
			}
			now := content(t, dir)
			if Interrupted(dir) {
				// Restore itself is cut off as well, and is done again.
				for m := range 4 {
					root, err := os.OpenRoot(dir)
					if err != nil {
						t.Fatal(err)
					}
					func() {
						defer func() { _ = recover() }()
						_ = restore(&brittle{root, m, errKilled})
					}()
					root.Close()
				}
				if Interrupted(dir) {
					if err := Restore(dir); err != nil {
						t.Fatalf("step %d, %v: Restore = %v; the folder was\n%s", n, how, err, now)
					}
				}
			}
			after := content(t, dir)
			if written := strings.Contains(after, "ONE") && strings.Contains(after, "TWO") && strings.Contains(after, "NEW") && !strings.Contains(after, ".panoply"); after != before && !written {
				t.Errorf("step %d, %v: the folder was\n%s\nbecame\n%s\nand is after Restore\n%s", n, how, before, now, after)
			}
		}
	}
}

func TestTwoWritesAtOnce(t *testing.T) {
	dir, changes := shop(t)
	var wrote, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer root.Close()
			err = replaceAll(root, changes, func() error { return nil })
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wrote++
			case errors.Is(err, ErrInterrupted) || strings.Contains(err.Error(), "changed while"):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if text := content(t, dir); wrote != 1 || refused != 7 || Interrupted(dir) || !strings.Contains(text, "ONE") || !strings.Contains(text, "TWO") {
		t.Errorf("%d wrote and %d were refused, want one; the folder is\n%s", wrote, refused, text)
	}
}

// A journal can come with a folder: by it nothing is written that fix does not change.
func TestAJournalOfSomebodyElse(t *testing.T) {
	for _, name := range []string{".git/hooks/pre-commit", "a/.GIT/config", "../evil", "/etc/evil", "a\\b", ".", "", "a/../b", ".panoply-fix/x"} {
		dir, _ := shop(t)
		list := fmt.Sprintf(`[{"name": "package.json"}, {"name": %q}]`, name)
		for file, text := range map[string]string{"files.json": list, "0": "evil", "1": "evil"} {
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, Journal), 0o700), os.WriteFile(filepath.Join(dir, Journal, file), []byte(text), 0o700)); err != nil {
				t.Fatal(err)
			}
		}
		before := content(t, dir)
		if err := Restore(dir); err == nil || !strings.Contains(err.Error(), "does not change") {
			t.Errorf("Restore of %q = %v, want it refused", name, err)
		}
		if after := content(t, dir); after != before {
			t.Errorf("Restore of %q changed the folder:\n%s", name, after)
		}
	}
	dir, _ := shop(t)
	elsewhere, _ := shop(t)
	if err := os.Symlink(elsewhere, filepath.Join(dir, Journal)); err != nil {
		t.Fatal(err)
	}
	if err := Restore(dir); err == nil || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("Restore by a link = %v, want it refused", err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, Journal)), os.Mkdir(filepath.Join(dir, Journal), 0o700),
		os.WriteFile(filepath.Join(dir, Journal, "files.json"), []byte(`[{"name": "package.json"}]`), 0o600), os.Symlink("/etc/hosts", filepath.Join(dir, Journal, "0"))); err != nil {
		t.Fatal(err)
	}
	if err := Restore(dir); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("Restore of a link = %v, want it refused", err)
	}
}
