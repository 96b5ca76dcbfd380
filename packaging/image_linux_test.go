package packaging_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/testcert"
)

const owner = 65532

// The image runs as far as that can be told without an engine: a folder with what the
// Dockerfile puts into it is the whole file system, nothing of it but the state folder
// can be written to, and the user has no name there.
func TestImageRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for chroot and another user")
	}
	out := builtImage(t)
	static(t, filepath.Join(out, "panoply"))
	for _, tt := range []struct {
		name  string
		state string // as the configuration has it, below the volume
		mode  os.FileMode
		uid   int
	}{
		{"volume of Docker", "", 0o700, owner},
		{"volume of Kubernetes", "state: /var/lib/panoply/state\n", 0o777 | os.ModeSetgid, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := imageRoot(t, out)
			volume := filepath.Join(root, "var/lib/panoply")
			must(t, os.Chown(volume, tt.uid, owner))
			must(t, os.Chmod(volume, tt.mode)) // after Chown, which clears setgid
			runImage(t, root, tt.state)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// imageRoot does what the last stage of the Dockerfile says.
func imageRoot(t *testing.T, out string) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.Chmod(root, 0o755))
	for _, in := range stages(t)[1] {
		switch in.name {
		case "WORKDIR":
			must(t, os.MkdirAll(filepath.Join(root, in.args), 0o755))
		case "COPY":
			args := strings.Fields(in.args)
			mode, uid := os.FileMode(0o644), 0
			for args[0][:2] == "--" {
				name, value, _ := strings.Cut(args[0], "=")
				switch name {
				case "--chmod":
					n, err := strconv.ParseUint(value, 8, 32)
					must(t, err)
					mode = os.FileMode(n)
				case "--chown":
					_, err := fmt.Sscanf(value, "%d:", &uid)
					must(t, err)
				}
				args = args[1:]
			}
			from, to := args[0], filepath.Join(root, args[1])
			must(t, os.MkdirAll(filepath.Dir(to), 0o755))
			if path, ok := strings.CutPrefix(from, "/out/"); ok {
				from = filepath.Join(out, path)
			} else if _, err := os.Stat(from); err != nil {
				must(t, os.WriteFile(to, nil, mode)) // of the builder's image, and not on this machine
				continue
			}
			info, err := os.Stat(from)
			must(t, err)
			if info.IsDir() {
				must(t, os.CopyFS(to, os.DirFS(from)))
			} else {
				content, err := os.ReadFile(from)
				must(t, err)
				must(t, os.WriteFile(to, content, mode))
			}
			must(t, os.Chmod(to, mode))
			must(t, os.Chown(to, uid, uid))
		}
	}
	return root
}

func runImage(t *testing.T, root, state string) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer app.Close()
	https, admin := need.Port(t), need.Port(t)
	cert, key := testcert.SelfSigned(t, time.Now().Add(24*time.Hour), "shop.example")
	put := func(name string, content []byte, mode os.FileMode) {
		path := filepath.Join(root, "etc/panoply", name)
		must(t, os.WriteFile(path, content, mode))
		must(t, os.Chown(path, 0, owner)) // as Kubernetes gives out secrets
	}
	put("fullchain.pem", cert, 0o440)
	put("privkey.pem", key, 0o440)
	put("panoply.yaml", fmt.Appendf(nil, "upstream: %s\nlisten: 127.0.0.1:%d\nredirect: off\nsites: [shop.example]\nadmin: {listen: \"127.0.0.1:%d\"}\n"+
		"tls: {certificates: [{cert: fullchain.pem, key: privkey.pem}]}\n%s", strings.TrimPrefix(app.URL, "http://"), https, admin, state), 0o444)

	final := stages(t)[1]
	inside := func(args []string) *exec.Cmd {
		return &exec.Cmd{
			Path: args[0], Args: args, Dir: only(t, final, "WORKDIR"), Env: []string{only(t, final, "ENV")},
			SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: owner, Gid: owner}},
		}
	}
	_, check, _ := strings.Cut(only(t, final, "HEALTHCHECK"), "CMD ")
	probe := execForm(t, check)
	probe[slices.Index(probe, "127.0.0.1:9180")] = fmt.Sprint("127.0.0.1:", admin)
	health := func() string {
		said, err := inside(probe).CombinedOutput()
		return fmt.Sprintf("%s%v", said, err)
	}
	if said := health(); !strings.HasSuffix(said, "exit status 3") {
		t.Errorf("health without a door: %s, want exit status 3", said)
	}

	entry := append(execForm(t, only(t, final, "ENTRYPOINT")), execForm(t, only(t, final, "CMD"))...)
	var output bytes.Buffer
	door := inside(entry)
	door.Stdout, door.Stderr = &output, &output
	must(t, door.Start())
	stopped := make(chan error, 1)
	go func() { stopped <- door.Wait() }()
	defer door.Process.Kill()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	var body []byte
	for range 200 {
		if conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", https)); err == nil {
			conn.Close()
			req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/", https), nil)
			must(t, err)
			req.Host = "shop.example"
			res, err := client.Do(req)
			must(t, err)
			body, _ = io.ReadAll(res.Body)
			res.Body.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if string(body) != "hello" {
		door.Process.Kill()
		<-stopped
		t.Fatalf("through the door came %q, want hello\n%s", body, &output)
	}
	if said := health(); !strings.HasSuffix(said, "<nil>") {
		t.Errorf("health: %s", said)
	}
	for _, args := range [][]string{{"reload"}, {"status"}} {
		if said, err := inside(append(entry[:1:1], args...)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, said)
		}
	}
	must(t, door.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("the door stopped with %v\n%s", err, &output)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("the door does not stop")
	}

	kept := 0
	must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid == owner {
			kept++
			if !strings.HasPrefix(path, filepath.Join(root, "var/lib/panoply")+"/") || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("the door wrote %s with mode %v, want its own files, in the state folder alone", path, info.Mode())
			}
		}
		return nil
	}))
	if kept == 0 {
		t.Error("the door kept nothing, not even its key")
	}
}
