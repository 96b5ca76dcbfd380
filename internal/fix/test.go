package fix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrNoTest says that a project names no test to run.
var ErrNoTest = errors.New("package.json has no test script")

// Test runs the project's own tests on what the plan comes to, before anything is written:
// in a copy of the folder, where what is locked is installed with scripts off. Their output
// goes to w. It runs the project's code, with the user's own environment; whoever calls it
// has asked the user.
func (f *Fixer) Test(ctx context.Context, out *Outcome, w io.Writer) error {
	p := f.project
	if f.kind != "go" {
		if script, ok := getJSON(p.files["package.json"], "scripts", "test"); !ok || script == "" {
			return ErrNoTest
		}
	}
	if err := f.start(ctx); err != nil {
		return err
	}
	defer f.stop()
	shop := &workshop{dir: filepath.Join(f.temp, "tested"), home: filepath.Join(f.temp, "home"), project: p, kind: f.kind, renamed: map[string]string{}}
	if err := errors.Join(os.Mkdir(shop.dir, 0o700), os.Mkdir(shop.home, 0o700)); err != nil {
		return err
	}
	if err := p.copyAll(shop.dir, out.Changes); err != nil {
		return fmt.Errorf("the copy to test in: %w", err)
	}
	command := []string{"npm", "test"}
	switch f.kind {
	case "go":
		command = []string{"go", "test", "./..."}
	case "yarn", "yarn 1":
		command = []string{"yarn", "test"}
	case "pnpm":
		command = []string{"pnpm", "test"}
	case "bun":
		command = []string{"bun", "run", "test"}
	}
	if f.kind != "go" {
		shop.base = f.show.base
		f.show.show(func(string, string) bool { return false })
		if err := shop.install(ctx); err != nil {
			return fmt.Errorf("what the plan comes to could not be installed for the tests: %w", err)
		}
		if err := p.giveBack(shop.dir, out.Changes); err != nil {
			return fmt.Errorf("the copy to test in: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = shop.dir, w, w
	cmd.Env = os.Environ()
	cmd.WaitDelay = 5 * time.Second
	apart(cmd)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s did not end in time, and was ended: %w", strings.Join(command, " "), ctx.Err())
		}
		return fmt.Errorf("%s failed: %w", strings.Join(command, " "), err)
	}
	return nil
}

// install installs what is locked.
func (w *workshop) install(ctx context.Context) error {
	if err := w.settle(); err != nil {
		return err
	}
	var err error
	switch w.kind {
	case "npm":
		_, err = w.run(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error", "--replace-registry-host=always")
	case "pnpm":
		_, err = w.run(ctx, "pnpm", "install", "--frozen-lockfile", "--ignore-scripts", "--ignore-pnpmfile")
	case "bun":
		if err = w.leadBun(filepath.Join(w.dir, w.project.lock.File), nil); err == nil {
			_, err = w.run(ctx, "bun", w.bunInstall("--frozen-lockfile", "--backend=copyfile")...)
		}
	case "yarn":
		_, err = w.run(ctx, "yarn", "install", "--immutable")
	case "yarn 1":
		lock := filepath.Join(w.dir, w.project.lock.File)
		var text []byte
		if text, err = os.ReadFile(lock); err == nil {
			if err = os.WriteFile(lock, w.lead(text), 0o600); err == nil {
				_, err = w.run(ctx, "yarn", "install", "--frozen-lockfile", "--ignore-scripts", "--non-interactive", "--ignore-engines", "--no-progress")
			}
		}
	}
	return err
}

// held says whether a file tells bun what to install from and with, and its tests how to
// run: they get it back when all is installed.
func (p *project) held(name string) bool {
	return strings.HasPrefix(p.lock.Format, "bun") && (name == "bunfig.toml" || strings.HasPrefix(name, ".env"))
}

func (p *project) giveBack(dir string, changes []Change) error {
	if !strings.HasPrefix(p.lock.Format, "bun") {
		return nil
	}
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	// Where it was led to the showcase while it was installed.
	text := p.files[p.lock.File]
	for _, c := range changes {
		if c.Name == p.lock.File {
			text = c.new
		}
	}
	err = to.WriteFile(p.lock.File, text, 0o600)
	all, listed := fs.ReadDir(p.root.FS(), ".")
	for _, d := range all {
		if !p.held(d.Name()) || !d.Type().IsRegular() {
			continue
		}
		held, wrong := p.root.ReadFile(d.Name())
		if wrong == nil {
			wrong = to.WriteFile(d.Name(), held, 0o600)
		}
		err = errors.Join(err, wrong)
	}
	return errors.Join(err, listed)
}

// copyAll copies the whole folder but for what is installed, the history, and the files
// that tell package managers where to go.
func (p *project) copyAll(dir string, changes []Change) error {
	to, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	changed := map[string][]byte{}
	for _, c := range changes {
		changed[c.Name] = c.new
	}
	err = fs.WalkDir(p.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		switch base := path.Base(name); {
		// A link of such a name would lead what is installed to elsewhere.
		case base == "node_modules", base == ".git", name == Journal, name == ".yarn/plugins":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case p.held(name):
			return nil
		case base == ".npmrc", base == ".yarnrc", base == ".yarnrc.yml", base == ".pnpmfile.cjs", base == ".pnpmfile.mjs":
			return nil
		case d.IsDir():
			return to.MkdirAll(name, 0o700)
		case d.Type()&fs.ModeSymlink != 0:
			if _, err := p.root.Stat(name); err != nil {
				return nil // it leads out of the folder, or nowhere
			}
			target, err := p.root.Readlink(name)
			if err != nil {
				return err
			}
			return to.Symlink(target, name)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		from, err := p.root.Open(name)
		if err != nil {
			return err
		}
		defer from.Close()
		file, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
		if err != nil {
			return err
		}
		var text io.Reader = from
		if now, ok := changed[name]; ok {
			delete(changed, name)
			text = strings.NewReader(string(now))
		}
		_, err = io.Copy(file, text)
		return errors.Join(err, file.Close())
	})
	for name, text := range changed {
		err = errors.Join(err, to.WriteFile(name, text, 0o600))
	}
	return err
}
