//go:build unix

package learn_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A folder may hold anything. Nothing of it is waited for, followed out of it, or shown to
// a terminal as it is.
func TestHostileFolder(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"server.js", "Dockerfile", ".env", "compose.yaml"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "Procfile"), []byte("web: PORT=6666 node x.js\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"loop": ".", "a": "b", "b": "a", "self.js": "self.js", "Procfile": filepath.Join(outside, "Procfile"), "docker-compose.yml": "../" + filepath.Base(outside) + "/Procfile", "out": "/etc",
	} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	write("package.json", `{"workspaces": ["*", "**", "[", "loop/loop/loop/*", "/etc/*", "../*"], "main": "../../etc/passwd", "scripts": {"start": "node -p server.js"}}`)
	write("huge.js", "require('express')().listen(1234)"+strings.Repeat(" ", 2<<20))
	write("binary.js", "\x00\xff\xfe\x7fELF")
	write("deep/"+strings.Repeat("d/", 40)+"x.js", "require('express')().listen(1235)")
	write("nested.js", strings.Repeat("[", 100_000))
	write("evil\x1b[2J\u202e\n- x: y.js", `
const app = require('express')()
app.use(require('express-session')({ name: 'a\u001b[2J\nb: c', secret: 'x' }))
app.use(require('helmet')({ "x\n  y": "${HOME}\u001b", frameguard: { action: '\u0007' } }))
app.post('/login\n${HOME}', (req, res) => res.render('x'))
app.post('/login', (req, res) => res.json(req.body["\u001b[2J\n: x"]))
app.set('trust proxy', '\u001b]0;x\u0007\n')
app.listen(4321)
`)
	done := make(chan []byte)
	go func() {
		d := folder(t, dir)
		done <- d.Full()
	}()
	var text []byte
	select {
	case text = <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("it waits for something")
	}
	cfg := loads(t, text)
	if cfg.Upstream != ":4321" {
		t.Errorf("upstream is %s, want that of the file with the odd name", cfg.Upstream)
	}
	if len(cfg.Login.Routes) != 1 || cfg.Login.Routes[0].Route != "POST /login" || len(cfg.Cookies.Session) != 0 {
		t.Errorf("routes are %v, cookies %v", cfg.Login.Routes, cfg.Cookies.Session)
	}
	for _, c := range string(text) {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == 0x202e {
			t.Errorf("the file holds %U:\n%s", c, text)
			break
		}
	}
}
