package config_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

func TestSearch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the folders are those of Unix")
	}
	home, xdg, here := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", xdg)
	t.Setenv(config.EnvConfig, "")
	t.Chdir(here)
	write := func(path string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found := func(want string) {
		t.Helper()
		if path, err := config.Search(); err != nil || path != want {
			t.Errorf("Search() = %q, %v, want %q", path, err, want)
		}
	}
	if folders := config.SearchFolders(); !slices.Equal(folders, []string{filepath.Join(xdg, "panoply"), "/etc/panoply"}) {
		t.Errorf("SearchFolders() = %v", folders)
	}
	write(filepath.Join(xdg, "panoply", config.FileName))
	found(filepath.Join(xdg, "panoply", config.FileName))
	write(filepath.Join(here, config.FileName))
	found(config.FileName)
	t.Setenv(config.EnvConfig, "/named/and/missing.yaml")
	found("/named/and/missing.yaml")

	// A relative XDG_CONFIG_HOME does not count, and ~/.config then does.
	t.Setenv(config.EnvConfig, "")
	t.Setenv("XDG_CONFIG_HOME", "somewhere")
	if err := os.Remove(config.FileName); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(home, ".config", "panoply", config.FileName))
	found(filepath.Join(home, ".config", "panoply", config.FileName))

	// A misspelt file is no reason to look further.
	write("panoply.yml")
	if path, err := config.Search(); err == nil || path != "" || !strings.Contains(err.Error(), "rename it to panoply.yaml") {
		t.Errorf("Search() = %q, %v, want that it is misspelt", path, err)
	}
}

func TestJSONIsRead(t *testing.T) {
	cfg, problems := load(t, "{\n\t\"upstream\": \":3000\",\n\t\"sites\": [\"a.localhost\",\t\"b.localhost\"],\n\t\"log\": {\"queries\": true},\n"+
		"\t\"headers\": {\"helmet\": {\"a\": \"x\\ty \\u00e9 \\/ \\\"\", \"hsts\": false}},\n\t\"bounds\": {\"body_max\": 1048576}\n}\n", nil)
	if problems != "" {
		t.Fatal(problems)
	}
	if cfg.Upstream != ":3000" || len(cfg.Sites) != 2 || !cfg.Log.Queries || cfg.Bounds.BodyMax != 1<<20 {
		t.Errorf("Load = %+v", cfg)
	}
	if got, want := string(cfg.Headers.Helmet.JSON), `{"a":"x\ty é / \"","hsts":false}`; got != want {
		t.Errorf("Helmet = %s, want %s", got, want)
	}
	_, problems = load(t, "{\n\t\"upstream\": \":3000\",\n\t\"loog\": {}\n}\n", nil)
	if want := "panoply.yaml:3:2: loog: unknown key; did you mean log?"; problems != want {
		t.Errorf("Load = %s, want %s", problems, want)
	}
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\n": "",
		"# a file of tomorrow\nversion: 2\nnew_key: 1\nupstream: 3000\n": "panoply.yaml:2:10: version: is 2, must be 1: this panoply reads that form of the file only; upgrade panoply, or write the file as panoply validate --schema has it",
		"version: 0\n":   `panoply.yaml:1:10: version: is "0", must be 1`,
		"version: '1'\n": `panoply.yaml:1:10: version: is text (1), must be a whole number`,
	} {
		if _, problems := load(t, text, nil); problems != want {
			t.Errorf("Load(%q) = %s, want %s", text, problems, want)
		}
	}
}
