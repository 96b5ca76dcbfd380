package packaging_test

import (
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// An instruction of a Dockerfile, with its continuation lines joined.
type instruction struct{ name, args string }

// stages reads the Dockerfile; a stage begins with its FROM.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	joined := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text(t, "Dockerfile"), "")
	joined = strings.ReplaceAll(joined, "\\\n", " ")
	var all [][]instruction
	for line := range strings.Lines(joined) {
		name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if name == "FROM" {
			all = append(all, nil)
		}
		if len(all) > 0 { // not the ARG before the first
			all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.TrimSpace(args)})
		}
	}
	if len(all) != 2 {
		t.Fatalf("the Dockerfile has %d stages, want one that builds and one that is kept", len(all))
	}
	return all
}

// only returns the arguments of an instruction that a stage has once.
func only(t *testing.T, stage []instruction, name string) string {
	t.Helper()
	var found []string
	for _, in := range stage {
		if in.name == name {
			found = append(found, in.args)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s is there %d times, want once", name, len(found))
	}
	return found[0]
}

// execForm reads the form of a command that needs no shell.
func execForm(t *testing.T, args string) []string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(args), &words); err != nil {
		t.Fatalf("%s is not in the form that needs no shell: %v", args, err)
	}
	return words
}

func TestDockerfile(t *testing.T) {
	all := stages(t)
	for _, stage := range all {
		for _, in := range stage {
			if in.name == "ADD" {
				t.Errorf("ADD %s: what comes from elsewhere is not checked", in.args)
			}
		}
	}
	final := all[1]
	if got := only(t, final, "FROM"); got != "scratch" {
		t.Errorf("the image is FROM %s, want scratch", got)
	}
	if got := only(t, final, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(got) {
		t.Errorf("USER %s, want numbers other than root's", got)
	}
	for _, in := range final {
		if in.name == "RUN" {
			t.Errorf("RUN %s: there is nothing in the image to run it", in.args)
		}
	}
	config := configuration(t, text(t, "panoply.yaml"))
	entry := execForm(t, only(t, final, "ENTRYPOINT"))
	understood(t, append(entry[1:], append(execForm(t, only(t, final, "CMD")), "--config", config)...), config)
	_, check, _ := strings.Cut(only(t, final, "HEALTHCHECK"), "CMD ")
	words := execForm(t, check)
	if words[0] != entry[0] || words[1] != "health" {
		t.Fatalf("HEALTHCHECK runs %q, want %s health", words, entry[0])
	}
	understood(t, words[1:], config)
	if volume := execForm(t, only(t, final, "VOLUME")); !slices.Equal(volume, []string{"/var/lib/panoply"}) || only(t, final, "ENV") != "XDG_STATE_HOME=/var/lib" {
		t.Errorf("VOLUME %q is not the state folder of ENV %s", volume, only(t, final, "ENV"))
	}
}

// ignored reads .dockerignore: a name from the root of the tree, or **/ and a pattern.
func ignored(t *testing.T) func(name string) bool {
	t.Helper()
	var patterns []string
	for line := range strings.Lines(text(t, "../.dockerignore")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			patterns = append(patterns, line)
		}
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			if anywhere, ok := strings.CutPrefix(pattern, "**/"); ok {
				match, err := path.Match(anywhere, path.Base(name))
				return err == nil && match
			}
			return name == pattern
		})
	}
}

// buildContext copies what the engine would get of the tree.
func buildContext(t *testing.T) string {
	t.Helper()
	to, skip := t.TempDir(), ignored(t)
	err := fs.WalkDir(os.DirFS(repository(t)), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case skip(name) && entry.IsDir():
			return fs.SkipDir
		case skip(name) || !entry.IsDir() && !entry.Type().IsRegular():
			return nil
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(filepath.Join(repository(t), name))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// builtImage runs what the first stage of the Dockerfile runs, on what the engine would get,
// and returns the folder that stands for the stage's /out.
func builtImage(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program")
	}
	shell := need.Program(t, "bash")
	dir, out := buildContext(t), filepath.Join(t.TempDir(), "out")
	env := []string{"VERSION=v9.8.7", "TARGETOS=linux", "TARGETARCH=" + runtime.GOARCH, "GOPROXY=off"}
	for _, in := range stages(t)[0] {
		switch {
		case in.name == "COPY" && in.args != ". .":
			for _, name := range strings.Fields(strings.TrimSuffix(in.args, " ./")) {
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Errorf("COPY %s: %v", in.args, err)
				}
			}
		case in.name == "RUN" && in.args != "go mod download":
			command(t, dir, env, shell, "-ec", strings.ReplaceAll(in.args, "/out", out))
		}
	}
	return out
}

// static fails unless the program needs no other file to run.
func static(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program asks for a dynamic linker")
		}
	}
	if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("the program needs %q", libraries)
	}
	if f.Section(".debug_info") != nil || f.Section(".zdebug_info") != nil {
		t.Error("the program has its debugging information with it")
	}
}
