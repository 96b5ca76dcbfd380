package adapt_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/adapt"
)

func TestCaddyfile(t *testing.T) {
	files, err := filepath.Glob("testdata/caddyfile/*.Caddyfile")
	if err != nil || len(files) < 5 {
		t.Fatalf("Glob = %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			dir := workplace(t, "testdata/caddyfile")
			r, err := adapt.Caddyfile(filepath.Join(dir, filepath.Base(file)))
			if err != nil {
				t.Fatal(err)
			}
			text := golden(t, dir, strings.TrimSuffix(file, ".Caddyfile")+".golden", r)
			if err := loads(t, text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

func TestCaddyfileRefuses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(name, []byte("shop.example {\n\treverse_proxy :3000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := adapt.Caddyfile(name); err == nil || !strings.Contains(err.Error(), "Caddyfile:2: unexpected end of file") {
		t.Errorf("Caddyfile = %v, want the line", err)
	}
}

func FuzzCaddyfile(f *testing.F) {
	files, err := filepath.Glob("testdata/caddyfile/*.Caddyfile")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := adapt.CaddyText("f", t.TempDir(), text)
		if err != nil {
			return
		}
		sound(t, r)
	})
}
