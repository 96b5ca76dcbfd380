package layers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tracked returns the files of the tree, without those git ignores.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		// A release archive has no git folder; the rules were held when it was made.
		if _, statErr := os.Stat(filepath.Join(root(t), ".git")); os.IsNotExist(statErr) {
			t.Skip("not a git checkout")
		}
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.Fields(string(out))
}

// registry finds the address of a package registry. Lock files and documents must not
// name one: whoever builds this chooses his own.
var registry = regexp.MustCompile(`https?://[a-z0-9.-]*(` + strings.Join([]string{`npmjs\.`, `yarnpkg\.`, `proxy\.golang\.`, `pypi\.`, `deb\.debian\.`}, "|") + `)`)

func TestNoFileNamesARegistry(t *testing.T) {
	for _, name := range tracked(t) {
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if os.IsNotExist(err) {
			continue // deleted, not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if found := registry.Find(text); found != nil {
			t.Errorf("%s names %s", name, found)
		}
		if base := filepath.Base(name); base == "package-lock.json" && strings.Contains(string(text), `"resolved": "http`) {
			t.Errorf("%s has resolved addresses; write it with omit-lockfile-registry-resolved", name)
		}
	}
}

var requirement = regexp.MustCompile(`^\t?(require )?\S+ v\S+`)

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if !requirement.MatchString(line) || strings.HasSuffix(line, "// indirect") {
			continue
		}
		if _, reason, ok := strings.Cut(line, "// "); !ok || len(reason) < 10 {
			t.Errorf("go.mod: %q has no reason on its line", strings.TrimSpace(line))
		}
	}
}

// maxLines is where a file starts to be more than one topic.
const maxLines = 450

func TestFilesAreShort(t *testing.T) {
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root(t), name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > maxLines {
			t.Errorf("%s has %d lines, want at most %d: split it by topic", name, lines, maxLines)
		}
	}
}
