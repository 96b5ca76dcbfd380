//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/cli"
	"github.com/panoplysec/panoply/internal/practice"
)

const readmePath = "../../README.md"

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The table in the README is what the demo says, today.
func TestReadmeShowsWhatTheDemoPrints(t *testing.T) {
	var out, errs bytes.Buffer
	if code := cli.Run([]string{"demo", "--once", "--json"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test"); code != 0 {
		t.Fatalf("demo --once --json: exit %d\n%s", code, &errs)
	}
	var said map[string]struct{ Naked, Door string }
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatalf("demo --once --json: %v\n%s", err, &out)
	}
	var table strings.Builder
	table.WriteString("\n| practice | naked | behind the door |\n|---|---|---|\n")
	for _, p := range practice.All() {
		row, ok := said[p.ID]
		if !ok {
			t.Errorf("the demo says nothing of %s", p.ID)
		}
		door := row.Door
		if p.Door == practice.Cannot {
			door = "not at the door"
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", p.Title, row.Naked, door)
	}
	table.WriteString("\n")

	const begin, end = "<!-- demo: begin -->", "<!-- demo: end -->"
	text := readme(t)
	before, rest, ok1 := strings.Cut(text, begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("README.md has no %s … %s", begin, end)
	}
	if *update {
		if err := os.WriteFile(readmePath, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != table.String() {
		t.Errorf("README.md's table is\n%s\nthe demo says\n%s\n(go test ./internal/cli -run Readme -update)", got, table.String())
	}
}

// Every built practice is red when naked and green behind the door, but for those that are
// inside the app, where the demo's requests cannot see them.
func TestDemoShowsEveryBuiltPractice(t *testing.T) {
	var out, errs bytes.Buffer
	cli.Run([]string{"demo", "--once", "--json"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, "test")
	var said map[string]struct{ Naked, Door string }
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	for _, p := range practice.All() {
		want := struct{ Naked, Door string }{"broken", "proved"}
		if p.Pending != "" || p.Door == practice.Cannot {
			want = struct{ Naked, Door string }{"not proven", "not proven"}
		}
		if said[p.ID] != want {
			t.Errorf("%s: %+v, want %+v", p.ID, said[p.ID], want)
		}
	}
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```")

// blocks returns the fenced blocks of README.md in one language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, m := range fence.FindAllStringSubmatch(readme(t), -1) {
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	if len(all) == 0 {
		t.Fatalf("README.md has no block of %s", language)
	}
	return all
}

func readmeCommands(t *testing.T) []string {
	var all []string
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}

// The Go of the README compiles.
func TestReadmeGoCompiles(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	program := `package main

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"github.com/panoplysec/panoply"
	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
	"github.com/panoplysec/panoply/session"
	"github.com/panoplysec/panoply/tlspolicy"
)

func main() {
	var mux *http.ServeMux
	var cert tls.Certificate
	type Account struct{ User string }
	var keys [][]byte
	var secret []byte
	var passwordIsRight func(*http.Request) bool
` + strings.Join(blocks(t, "go"), "\n") + "_ = limiter\n}\n"
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	// The program must see the module, and the module must not see the program.
	inModule := filepath.Join(root, "internal", "readmesnippet", "main.go")
	overlay, _ := json.Marshal(map[string]map[string]string{"Replace": {inModule: source}})
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", overlayFile, "-o", os.DevNull, "./internal/readmesnippet")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, program)
	}
}

// Every command of the README is run by TestReadmeCommands; this holds its list whole.
func TestReadmeCommandsAreAllRun(t *testing.T) {
	for _, line := range readmeCommands(t) {
		if !slices.ContainsFunc(readmeSteps, func(s readmeStep) bool { return s.line == line }) {
			t.Errorf("README.md says %q, which no test runs: add it to readmeSteps", line)
		}
	}
}
