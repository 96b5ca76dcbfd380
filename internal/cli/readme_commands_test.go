//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/testcert"
)

// A readmeStep is one command of the README and how it is run here: as it stands but
// for ports, folders and the flags that keep a test apart from the rest of the machine.
type readmeStep struct {
	line string
	run  func(t *testing.T, w *workbench)
}

var readmeSteps = []readmeStep{
	{"go run ./cmd/panoply demo", func(t *testing.T, w *workbench) {
		p := w.start(t, w.root, "go", "run", "./cmd/panoply", "demo")
		p.waitFor(t, "BEHIND THE DOOR")
		p.interrupt(t)
	}},
	{"make test", func(t *testing.T, w *workbench) {
		// Running it here would run this test again; that it is there is what can be told.
		w.command(t, w.root, "make", "-n", "test")
	}},
	{"panoply serve :3000", func(t *testing.T, w *workbench) {
		https := need.Port(t)
		w.admin = fmt.Sprint("127.0.0.1:", need.Port(t))
		p := w.start(t, w.dir, "panoply", "serve", w.app, "--listen", fmt.Sprint("localhost:", https), "--redirect", "off", "--admin", w.admin, "--state", w.state)
		w.listens(t, https)
		w.door = fmt.Sprint("https://localhost:", https)
		w.serving = p
	}},
	{"panoply health --live --admin 127.0.0.1:9180", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "health", "--live", "--admin", w.admin)
	}},
	{"panoply audit https://localhost:8443", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "audit", "--root", filepath.Join(w.state, "ca", "root.pem"), w.door)
	}},
	{"panoply audit . https://localhost:8443 --report audit.html --report audit.sarif", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "audit", ".", w.door, "--root", filepath.Join(w.state, "ca", "root.pem"), "--report", "audit.html", "--report", "audit.sarif")
		for name, want := range map[string]string{"audit.html": "<html", "audit.sarif": `"2.1.0"`} {
			if text, err := os.ReadFile(filepath.Join(w.dir, name)); err != nil || !strings.Contains(string(text), want) {
				t.Errorf("%s has no %s: %v", name, want, err)
			}
		}
	}},
	{"panoply audit shop.example:443 --only tls", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "audit", strings.TrimPrefix(w.door, "https://"), "--only", "tls", "--root", filepath.Join(w.state, "ca", "root.pem"))
	}},
	{"panoply audit shop.example:443 --only tls --fix-for nginx > tls.conf", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "audit", strings.TrimPrefix(w.door, "https://"), "--only", "tls", "--fix-for", "nginx", "--root", filepath.Join(w.state, "ca", "root.pem"))
	}},
	{"panoply audit --targets hosts.txt --only tls --format jsonl --resume hosts.journal", func(t *testing.T, w *workbench) {
		w.write(t, "hosts.txt", strings.TrimPrefix(w.door, "https://")+"\n")
		out := w.command(t, w.dir, "panoply", "audit", "--targets", "hosts.txt", "--only", "tls", "--format", "jsonl", "--resume", "hosts.journal", "--root", filepath.Join(w.state, "ca", "root.pem"))
		if !strings.Contains(out, `"protocols"`) {
			t.Errorf("audit --targets wrote\n%s", out)
		}
	}},
	{"panoply audit --format json https://localhost:8443 > baseline.json", func(t *testing.T, w *workbench) {
		out := w.command(t, w.dir, "panoply", "audit", "--format", "json", "--root", filepath.Join(w.state, "ca", "root.pem"), w.door)
		if !strings.Contains(out, `"schema"`) {
			t.Errorf("audit --format json wrote\n%s", out)
		}
		w.write(t, "baseline.json", out)
	}},
	{"panoply audit --baseline baseline.json https://localhost:8443", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "audit", "--baseline", "baseline.json", "--root", filepath.Join(w.state, "ca", "root.pem"), w.door)
		w.serving.interrupt(t)
	}},
	{"panoply db update", func(t *testing.T, w *workbench) {
		osv := httptest.NewServer(http.HandlerFunc(published))
		defer osv.Close()
		w.command(t, w.dir, "panoply", "db", "update", "--source", osv.URL+"/today", "--min-records", "1", "--dir", filepath.Join(w.state, "osv"))
	}},
	{"panoply audit . --only dependencies", func(t *testing.T, w *workbench) {
		w.write(t, "package.json", `{"dependencies":{"qs":"^6.7.0"}}`)
		w.write(t, "package-lock.json", `{"lockfileVersion":3,"packages":{"":{"dependencies":{"qs":"^6.7.0"}},"node_modules/qs":{"version":"6.7.3","integrity":"sha512-`+strings.Repeat("A", 86)+`=="}}}`)
		if out := w.command(t, w.dir, "panoply", "audit", ".", "--only", "dependencies", "--advisories", filepath.Join(w.state, "osv")); !strings.Contains(out, "proved") {
			t.Errorf("audit wrote\n%s", out)
		}
	}},
	{"panoply fix", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "fix", "--advisories", filepath.Join(w.state, "osv"))
	}},
	{"panoply fix --write", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "fix", "--write", "--advisories", filepath.Join(w.state, "osv"))
	}},
	{"panoply validate --config panoply.yaml", func(t *testing.T, w *workbench) {
		text := strings.ReplaceAll(strings.Join(blocks(t, "yaml"), ""), "/etc/shop", w.dir)
		w.write(t, "install.key", "0123456789abcdef0123456789abcdef")
		w.certificate(t, "shop.example")
		w.write(t, "404.html", "<!doctype html><title>lost</title><p>{{.Status}}")
		w.write(t, "panoply.yaml", text)
		w.command(t, w.dir, "panoply", "validate", "--config", "panoply.yaml")
	}},
	{"panoply serve --config panoply.yaml", func(t *testing.T, w *workbench) {
		https := need.Port(t)
		text := strings.ReplaceAll(blocks(t, "yaml")[0], "/etc/shop", w.dir)
		text = strings.ReplaceAll(text, "0.0.0.0:443", fmt.Sprint("127.0.0.1:", https))
		text = strings.ReplaceAll(text, "127.0.0.1:3000", w.app)
		w.write(t, "panoply.yaml", text+fmt.Sprintf("redirect: off\nadmin: {listen: off}\nstate: %s\n", w.state))
		w.serving = w.start(t, w.dir, "panoply", "serve", "--config", "panoply.yaml")
		w.listens(t, https)
	}},
	{"panoply status", func(t *testing.T, w *workbench) {
		if out := w.command(t, w.dir, "panoply", "status"); !strings.Contains(out, "cookies") {
			t.Errorf("status wrote\n%s", out)
		}
	}},
	{"panoply health", func(t *testing.T, w *workbench) { w.command(t, w.dir, "panoply", "health") }},
	{"panoply csrf", func(t *testing.T, w *workbench) {
		if out := w.command(t, w.dir, "panoply", "csrf"); !strings.Contains(out, "nothing was refused") {
			t.Errorf("panoply csrf = %s, want it to say that nothing was refused", out)
		}
	}},
	{"panoply csrf enforce", func(t *testing.T, w *workbench) { w.command(t, w.dir, "panoply", "csrf", "enforce") }},
	{"panoply login", func(t *testing.T, w *workbench) { w.command(t, w.dir, "panoply", "login") }},
	{`panoply login confirm "POST /login"`, func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "login", "confirm", "POST /login")
		if out := w.command(t, w.dir, "panoply", "login"); !strings.Contains(out, "confirmed") {
			t.Errorf("login wrote\n%s", out)
		}
	}},
	{"panoply limits list", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "limits", "block", "--user", "alice")
		if out := w.command(t, w.dir, "panoply", "limits", "list"); !strings.Contains(out, "asked for") {
			t.Errorf("limits list wrote\n%s", out)
		}
	}},
	{"panoply limits unblock --user alice", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "limits", "unblock", "--user", "alice")
		if out := w.command(t, w.dir, "panoply", "limits", "list"); strings.Contains(out, "asked for") {
			t.Errorf("limits list wrote\n%s", out)
		}
	}},
	{"panoply off cookies", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "off", "cookies")
		w.serving.interrupt(t)
	}},
	{"panoply explain cookies", func(t *testing.T, w *workbench) { w.command(t, w.dir, "panoply", "explain", "cookies") }},
	{"panoply headers --helmet helmet.json", func(t *testing.T, w *workbench) {
		w.write(t, "helmet.json", "{}")
		w.command(t, w.dir, "panoply", "headers", "--helmet", "helmet.json")
	}},
	// What needs a package manager, an engine or a cluster is run by the tests of packaging,
	// as far as it goes; here the files are there.
	{"make deb", func(t *testing.T, w *workbench) { w.command(t, w.root, "make", "-n", "deb") }},
	{"sudo apt install ./dist/panoply_*.deb", packaged("deb.sh")},
	{"panoply validate --config /etc/panoply/panoply.yaml", func(t *testing.T, w *workbench) {
		w.command(t, w.dir, "panoply", "validate", "--config", filepath.Join(w.root, "packaging", "panoply.yaml"))
	}},
	{"sudo systemctl enable --now panoply", packaged("panoply.service")},
	{"sudo systemctl reload panoply", packaged("panoply.service")},
	{"docker build -f packaging/Dockerfile -t panoply .", packaged("Dockerfile")},
	{"kubectl apply -k packaging/kubernetes", packaged("kubernetes/kustomization.yaml")},
	{"panoply sbom > panoply.cdx.json", func(t *testing.T, w *workbench) {
		if out := w.command(t, w.dir, "panoply", "sbom"); !strings.Contains(out, `"CycloneDX"`) {
			t.Errorf("sbom wrote\n%s", out)
		}
	}},
}

// packaged is a step that finds a file of packaging.
func packaged(name string) func(*testing.T, *workbench) {
	return func(t *testing.T, w *workbench) {
		if _, err := os.Stat(filepath.Join(w.root, "packaging", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestReadmeCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	w := newWorkbench(t)
	said := readmeCommands(t)
	for _, step := range readmeSteps {
		if !slices.Contains(said, step.line) {
			t.Errorf("%q is run here and no longer stands in README.md", step.line)
		}
		if !t.Run(step.line, func(t *testing.T) { step.run(t, w) }) {
			t.Fatal("the later commands need this one")
		}
	}
}

// workbench is a new user's machine: an app, an empty folder, and panoply in the PATH.
type workbench struct {
	t                                       *testing.T
	root, bin, dir, state, app, door, admin string
	serving                                 *running
}

func newWorkbench(t *testing.T) *workbench {
	app := httptest.NewServer(http.HandlerFunc(naked))
	t.Cleanup(app.Close)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(state) })
	w := &workbench{t: t, root: root, bin: t.TempDir(), dir: t.TempDir(), state: filepath.Join(state, "d"), app: strings.TrimPrefix(app.URL, "http://")}
	w.command(t, root, "go", "build", "-o", filepath.Join(w.bin, "panoply"), "./cmd/panoply")
	return w
}

func (w *workbench) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lookup finds panoply in this bench's folder and the rest in the PATH.
func (w *workbench) lookup(name string) string {
	if name == "panoply" {
		return filepath.Join(w.bin, name)
	}
	return name
}

// command runs to the end, with exit code 0, and returns stdout.
func (w *workbench) command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.lookup(name), args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

func (w *workbench) listens(t *testing.T, port int) {
	t.Helper()
	var err error
	for range 200 {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", fmt.Sprint("127.0.0.1:", port), time.Second); err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing listens on %d: %v\n%s", port, err, w.serving.output())
}

// running is a command that stays until it is interrupted.
type running struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
	done chan error
}

func (w *workbench) start(t *testing.T, dir, name string, args ...string) *running {
	t.Helper()
	p := &running{cmd: exec.Command(w.lookup(name), args...), done: make(chan error, 1)}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = p, p
	// A group of its own, so that go run and what it runs are told together, as by Ctrl-C.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	// A later step may still need it.
	w.t.Cleanup(func() { syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	w.serving = p
	return p
}

func (p *running) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *running) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func (p *running) waitFor(t *testing.T, text string) {
	t.Helper()
	for range 1200 {
		if strings.Contains(p.output(), text) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%v never said %q:\n%s", p.cmd.Args, text, p.output())
}

func (p *running) interrupt(t *testing.T) {
	t.Helper()
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT)
	select {
	case err := <-p.done:
		// go run reports its program's interrupt as its own failure.
		if err != nil && p.cmd.Args[0] != "go" && !strings.HasSuffix(p.cmd.Args[0], "/go") {
			t.Errorf("%v after an interrupt: %v\n%s", p.cmd.Args, err, p.output())
		}
	case <-time.After(40 * time.Second):
		t.Errorf("%v does not stop:\n%s", p.cmd.Args, p.output())
	}
}

// certificate writes fullchain.pem and privkey.pem for public names.
func (w *workbench) certificate(t *testing.T, names ...string) {
	t.Helper()
	certificate, key := testcert.SelfSigned(t, time.Now().Add(24*time.Hour), names...)
	w.write(t, "fullchain.pem", string(certificate))
	w.write(t, "privkey.pem", string(key))
}
