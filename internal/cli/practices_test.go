package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/panoplysec/panoply/internal/cli"
)

// TestPracticePages holds docs/practices to the tables that it comes from.
func TestPracticePages(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "practices")
	want := cli.PracticePages()
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != text {
			t.Errorf("docs/practices/%s is not what the tables say (%v); run go test ./internal/cli -run TestPracticePages -update", name, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if want[f.Name()] == "" {
			t.Errorf("docs/practices/%s belongs to no practice", f.Name())
		}
	}
}
