package adapt_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/adapt"
	"github.com/panoplysec/panoply/internal/need"
)

func TestNginx(t *testing.T) {
	files, err := filepath.Glob("testdata/nginx/*.conf")
	if err != nil || len(files) < 5 {
		t.Fatalf("Glob = %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			dir := workplace(t, "testdata/nginx")
			r, err := adapt.Nginx(filepath.Join(dir, filepath.Base(file)))
			if err != nil {
				t.Fatal(err)
			}
			text := golden(t, dir, strings.TrimSuffix(file, ".conf")+".golden", r)
			if err := loads(t, text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// nginx takes the files of testdata, so they are what people have.
func TestNginxTakesTheFiles(t *testing.T) {
	nginx := need.Program(t, "nginx")
	files, err := filepath.Glob("testdata/nginx/*.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		dir := workplace(t, "testdata/nginx")
		name := filepath.Base(file)
		if name == "site.conf" {
			name = "whole.conf"
			text := "events {}\nhttp { include site.conf; }"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command(nginx, "-t", "-q", "-p", dir, "-c", filepath.Join(dir, name), "-g", "pid "+dir+"/pid; error_log stderr;").CombinedOutput()
		if err != nil && !strings.Contains(string(out), `unknown directive "stream"`) {
			t.Errorf("nginx refuses %s:\n%s", file, out)
		}
	}
}

func TestNginxRefuses(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte("http {\n server {\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := adapt.Nginx(name); err == nil || !strings.Contains(err.Error(), "nginx.conf:3: unexpected end of file") {
		t.Errorf("Nginx = %v, want the line", err)
	}
	if _, err := adapt.Nginx(filepath.Join(dir, "none.conf")); err == nil {
		t.Error("Nginx of a missing file is no error")
	}
}

// Whatever nginx's parser takes gives a configuration that loads, and notes on one line.
func FuzzNginx(f *testing.F) {
	files, err := filepath.Glob("testdata/nginx/*.conf")
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
		r, err := adapt.NginxText("f", t.TempDir(), text)
		if err != nil {
			return
		}
		sound(t, r)
	})
}

// sound demands what holds of every result.
func sound(t *testing.T, r *adapt.Result) {
	t.Helper()
	for _, n := range r.Notes {
		if s := n.String(); strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x202e }) {
			t.Errorf("the note %q is not fit for a terminal", s)
		}
	}
	text := r.YAML()
	if strings.Contains(string(text), "certificates:") {
		return // the files are not there
	}
	if err := loads(t, text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
