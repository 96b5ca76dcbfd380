package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/pattern"
)

// ErrNoManager says that there is no package manager by which a plan could be tried.
var ErrNoManager = errors.New("no package manager to try it with")

// managerOf names the package manager of a lockfile: npm, yarn 1, yarn, pnpm, bun or go.
func managerOf(l *lockfile.Lock) string {
	kind, _, _ := strings.Cut(l.Format, " ")
	switch {
	case l.Ecosystem == lockfile.Go:
		return "go"
	case l.Format == "yarn 1":
		return "yarn 1"
	case kind == "package-lock" || kind == "npm-shrinkwrap":
		return "npm"
	}
	return kind
}

// A workshop is where package managers resolve: a folder of the copy, and beside it a home
// of their own with nothing in it.
type workshop struct {
	dir, home string
	base      string
	project   *project
	kind      string
	// renamed are addresses in a yarn.lock of Yarn 1 that were led to the showcase; in a
	// bun.lock those that are written for each package@version.
	renamed map[string]string
}

// resolve has the package manager make the lockfile anew where it must, and choose other
// versions for the names. It returns the lockfile.
func (w *workshop) resolve(ctx context.Context, names []string) ([]byte, error) {
	lock := filepath.Join(w.dir, w.project.lock.File)
	var err error
	switch w.kind {
	case "npm":
		err = w.npm(ctx, names)
	case "yarn 1", "yarn":
		err = w.yarn(ctx, lock, names)
	case "pnpm":
		err = w.pnpm(ctx, names)
	case "bun":
		err = w.bun(ctx, lock, names)
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(lock)
	if err != nil {
		return nil, fmt.Errorf("%s wrote no lockfile: %w", w.kind, err)
	}
	if w.kind == "bun" {
		return w.bunAddresses(text), nil
	}
	for from, to := range w.renamed {
		text = bytes.ReplaceAll(text, []byte(from), []byte(to))
	}
	return text, nil
}

func (w *workshop) npm(ctx context.Context, names []string) error {
	text := w.project.files[w.project.lock.File]
	_, version, _ := strings.Cut(w.project.lock.Format, " v")
	args := []string{
		"install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error",
		"--lockfile-version=" + version, "--replace-registry-host=always",
	}
	if len(names) > 0 {
		args[0] = "update"
		args = append(args, "--no-save")
	}
	if !bytes.Contains(text, []byte(`"resolved": "http`)) && version != "1" {
		args = append(args, "--omit-lockfile-registry-resolved")
	}
	if len(names) > 0 {
		args = append(append(args, "--"), names...)
	}
	_, err := w.run(ctx, "npm", args...)
	return err
}

func (w *workshop) pnpm(ctx context.Context, names []string) error {
	args := []string{"install", "--lockfile-only", "--no-frozen-lockfile"}
	if _, err := w.run(ctx, "pnpm", append(args, "--ignore-scripts", "--ignore-pnpmfile")...); err != nil || len(names) == 0 {
		return err
	}
	args = []string{"update", "--depth", "1000", "--no-save", "--lockfile-only", "--ignore-scripts", "--ignore-pnpmfile"}
	if w.project.files[workspaceFile] != nil {
		args = append(args, "--recursive")
	}
	_, err := w.run(ctx, "pnpm", append(args, names...)...)
	return err
}

func (w *workshop) yarn(ctx context.Context, lock string, names []string) error {
	version, err := w.run(ctx, "yarn", "--version")
	if err != nil {
		return err
	}
	version = strings.TrimSpace(version)
	if one := strings.HasPrefix(version, "1.") || strings.HasPrefix(version, "0."); one != (w.kind == "yarn 1") {
		return fmt.Errorf("yarn.lock is of %s, and the yarn of your PATH is %s: %w", w.project.lock.Format, version, ErrNoManager)
	}
	text, err := os.ReadFile(lock)
	if err != nil {
		return err
	}
	text = dropEntries(text, names)
	if w.kind == "yarn 1" {
		text = w.lead(text)
	}
	if err := os.WriteFile(lock, text, 0o600); err != nil {
		return err
	}
	if w.kind == "yarn 1" {
		// It has no way to write its lockfile and install nothing.
		_, err = w.run(ctx, "yarn", "install", "--ignore-scripts", "--non-interactive", "--ignore-engines", "--ignore-platform", "--no-bin-links", "--no-progress")
		return err
	}
	_, err = w.run(ctx, "yarn", "install", "--mode=update-lockfile")
	return err
}

// dropEntries takes what is to be chosen anew out of a yarn.lock.
func dropEntries(text []byte, names []string) []byte {
	drop := map[string]bool{}
	for _, n := range names {
		drop[n] = true
	}
	var b bytes.Buffer
	dropping := false
	for line := range bytes.Lines(text) {
		if c := line[0]; c != ' ' && c != '\n' && c != '\r' && c != '#' {
			first, _, _ := strings.Cut(strings.Trim(strings.TrimRight(string(line), ":\r\n"), `"`), ",")
			name := first
			if at := strings.IndexByte(first[1:], '@'); at >= 0 {
				name = first[:at+1]
			}
			// Members of the workspace and patches stay: they are no versions of a registry.
			dropping = drop[name] && !strings.Contains(first, "@workspace:") && !strings.Contains(first, "@patch:")
		}
		if !dropping {
			b.Write(line)
		}
	}
	return b.Bytes()
}

var resolvedAt = pattern.New(`resolved "(https?://[^"#]+/-/[^"#]+)`)

// lead has Yarn 1 fetch what is locked from the showcase, whatever host the lockfile names.
func (w *workshop) lead(text []byte) []byte {
	return resolvedAt.Get().ReplaceAllFunc(text, func(match []byte) []byte {
		address := string(match[len(`resolved "`):])
		_, rest, _ := strings.Cut(address, "://")
		_, rest, _ = strings.Cut(rest, "/")
		// A number keeps apart what two hosts have at one path.
		ours := fmt.Sprintf("%s~%d/%s", w.base, len(w.renamed), rest)
		w.renamed[ours] = address
		return []byte(`resolved "` + ours)
	})
}

// run runs a package manager in the copy, with an environment of its own.
func (w *workshop) run(ctx context.Context, program string, args ...string) (string, error) {
	file, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s: %w: install it, or put it on your PATH", program, ErrNoManager)
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Dir, cmd.Env = w.dir, w.environment()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	apart(cmd)
	err = cmd.Run()
	if err == nil && program == "bun" && strings.Contains(errs.String(), "Ignoring lockfile") {
		err = errors.New("it cannot read the lockfile, and would choose everything anew")
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("%s: %w", program, ctx.Err())
		}
		return "", &ManagerError{Program: program, Output: gist(errs.String() + "\n" + out.String()), Err: err}
	}
	return out.String(), nil
}

// A ManagerError is a package manager that failed.
type ManagerError struct {
	Program string
	// Output is what matters of what it said, in a few lines.
	Output string
	Err    error
}

func (e *ManagerError) Error() string {
	return fmt.Sprintf("%s failed (%v): %s", e.Program, e.Err, e.Output)
}

// gist keeps the lines that tell why.
func gist(output string) string {
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		for _, label := range []string{"npm error ", "npm ERR! ", "error ", "error: ", "ERR_PNPM_"} {
			if rest, ok := strings.CutPrefix(line, label); ok && rest != "" && len(lines) < 6 && !strings.Contains(rest, "complete log of this run") {
				lines = append(lines, strings.TrimSpace(rest))
				break
			}
		}
		if strings.Contains(line, "YN0") && !strings.Contains(line, "YN0000") && !strings.Contains(line, "YN0013") && len(lines) < 6 {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = append(lines, strings.TrimSpace(output[max(0, len(output)-400):]))
	}
	return strings.Join(lines, "; ")
}
