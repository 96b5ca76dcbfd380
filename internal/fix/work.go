package fix

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/lockfile"
)

const (
	maxManifests = 5000
	maxFolders   = 200_000
	// maxBytes bounds what is kept of a folder.
	maxBytes = 512 << 20
)

// A project is a folder with one of its lockfiles.
type project struct {
	root  *os.Root
	dir   string
	found *lockfile.Found
	lock  *lockfile.Lock
	// files are all that a package manager resolves by, as they were read: manifests, the
	// lockfile, local tarballs and patches.
	files map[string][]byte
	// manifests are those of the app and its workspace, the root first.
	manifests []*manifest
}

func readProject(root *os.Root, dir string, found *lockfile.Found, lock *lockfile.Lock) (*project, error) {
	p := &project{root: root, dir: dir, found: found, lock: lock, files: map[string][]byte{}}
	folders, size := 0, int64(0)
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrPermission) && name != "." {
				return fs.SkipDir
			}
			return err
		}
		if d.IsDir() {
			if folders++; folders > maxFolders {
				return fmt.Errorf("the folder has more than %d folders", maxFolders)
			}
			base := path.Base(name)
			if base == "node_modules" || base == "vendor" && lock.Ecosystem == lockfile.Go || name != "." && strings.HasPrefix(base, ".") && !strings.HasPrefix(".yarn/patches", name) {
				return fs.SkipDir
			}
			return nil
		}
		if !p.wants(name) {
			return nil
		}
		if !d.Type().IsRegular() {
			if name == lock.File || name == "package.json" || name == "go.mod" {
				return fmt.Errorf("%s is no regular file: fix changes none that leads elsewhere", name)
			}
			return nil
		}
		if len(p.files) >= maxManifests && lock.Ecosystem == lockfile.NPM {
			return fmt.Errorf("the folder has more than %d manifests", maxManifests)
		}
		info, err := d.Info()
		if err != nil || info.Size() > 2*lockfile.MaxFile {
			return err
		}
		if size += info.Size(); size > maxBytes {
			return fmt.Errorf("what decides what is installed has more than %d MiB", maxBytes>>20)
		}
		p.files[name], err = root.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if lock.Ecosystem == lockfile.Go {
		return p, nil
	}
	if err := p.members(); err != nil {
		return nil, err
	}
	return p, p.staysInside()
}

// wants says whether a file decides what is installed.
func (p *project) wants(name string) bool {
	base := path.Base(name)
	switch {
	case name == p.lock.File:
		return true
	case p.lock.Ecosystem == lockfile.Go:
		return base == "go.mod" || base == "go.sum" || strings.HasSuffix(base, ".go")
	case base == "package.json", name == workspaceFile, strings.HasPrefix(name, ".yarn/patches/"):
		return true
	}
	return strings.HasSuffix(base, ".tgz") || strings.HasSuffix(base, ".tar.gz") || strings.HasSuffix(base, ".patch") && p.lock.Format != "yarn 1"
}

// members reads the manifests that belong to the app.
func (p *project) members() error {
	names := []string{"package.json"}
	for _, m := range p.found.Members {
		names = append(names, m.File)
	}
	for _, key := range p.lock.Members() {
		if name := path.Join(key, "package.json"); p.files[name] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	for _, name := range slices.Compact(names) {
		text, ok := p.files[name]
		if !ok {
			return fmt.Errorf("there is no %s beside %s: nothing tells what is asked for", name, p.lock.File)
		}
		m, err := lockfile.ReadManifest(name, string(text))
		if err != nil {
			return err
		}
		p.manifests = append(p.manifests, &manifest{m, text})
	}
	return nil
}

// asIs copies files without a change.
func asIs(_ string, text []byte) []byte { return text }

// copyTo writes the files, with the edits, into a folder of ours.
func (p *project) copyTo(dir string, edits map[string][]byte, change func(name string, text []byte) []byte) error {
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	all := maps.Clone(p.files)
	maps.Copy(all, edits)
	for name, text := range all {
		if err := to.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o700); err != nil {
			return err
		}
		if err := to.WriteFile(filepath.FromSlash(name), change(name, text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// edited makes the manifests that the steps ask for.
func (p *project) edited(steps []Step) (map[string][]byte, error) {
	edits := map[string][]byte{}
	for _, s := range steps {
		if len(s.path) == 0 {
			continue
		}
		text, ok := edits[s.File]
		if !ok {
			text = p.files[s.File]
		}
		var err error
		if s.File == workspaceFile {
			text, err = setOverride(text, s.path[len(s.path)-1], s.New)
		} else {
			text, err = setJSON(text, s.path, s.New)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.File, err)
		}
		edits[s.File] = text
	}
	return edits, nil
}

// text is what a small file of the folder's root holds; nothing where it is not there.
func (p *project) text(name string) []byte {
	// Asked before it is opened: a FIFO would be waited for.
	if info, err := p.root.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return nil
	}
	text, err := p.root.ReadFile(name)
	if err != nil {
		return nil
	}
	return text
}
