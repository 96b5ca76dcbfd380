//go:build unix

package packaging_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/panoplysec/panoply/internal/cli"
	"github.com/panoplysec/panoply/internal/need"
)

func TestMain(m *testing.M) {
	// The tests find the program in the PATH.
	testscript.Main(m, map[string]func(){
		"panoply": func() {
			os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "test"))
		},
	})
}

// redis starts a server with the password of the manifests, and returns its address.
func redis(t *testing.T, password string) string {
	t.Helper()
	server := need.Program(t, "valkey-server", "redis-server")
	port := need.Port(t)
	cmd := exec.Command(server, "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--appendonly", "yes", "--requirepass", password)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return fmt.Sprint("127.0.0.1:", port)
}

// The doors of the manifests, with the configuration that stands there but for addresses
// and folders, are one to their clients: a block at one is a block at the other, and
// either knows the cookies that the other let out.
func TestTheDoorsOfTheManifestsAreOne(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("connect.sid"); err == nil {
			io.WriteString(w, "again "+c.Value)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "connect.sid", Value: "s%3Aabc.def", Path: "/"})
	}))
	defer app.Close()
	database := redis(t, "0123456789abcdef0123456789abcdef")
	for name, yaml := range map[string]string{
		"compose":    at(documents(t, "compose.yaml")[0], "configs", "panoply", "content").(string),
		"kubernetes": at(manifests(t)["ConfigMap/panoply"], "data", "panoply.yaml").(string),
	} {
		t.Run(name, func(t *testing.T) {
			yaml = strings.NewReplacer("app:3000", strings.TrimPrefix(app.URL, "http://"), "shop:3000", strings.TrimPrefix(app.URL, "http://"),
				"panoply-valkey:6379", database, "valkey:6379", database, "0.0.0.0:8080", "off").Replace(yaml)
			a, b := startDoor(t, yaml), startDoor(t, yaml)
			a.panoply(t, "limits", "block", "--user", "alice-of-"+name)
			if said := b.panoply(t, "limits", "list"); !strings.Contains(said, "asked for") {
				t.Errorf("the other door lists\n%s\nwant the block", said)
			}
			_, cookies := a.get(t, nil)
			if len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "__Host-") {
				t.Fatalf("the door let out the cookies %v, want one with a new name", cookies)
			}
			if body, _ := b.get(t, cookies[0]); body != "again s%3Aabc.def" {
				t.Errorf("with the cookie of one door the app behind the other says %q", body)
			}
			b.panoply(t, "limits", "unblock", "--user", "alice-of-"+name)
		})
	}
}

// A door that runs, by the folder of its configuration.
type runningDoor struct{ dir, https, state string }

func startDoor(t *testing.T, yaml string) *runningDoor {
	t.Helper()
	https, admin := fmt.Sprint("127.0.0.1:", need.Port(t)), fmt.Sprint("127.0.0.1:", need.Port(t))
	config := configuration(t, strings.ReplaceAll(yaml, "0.0.0.0:8443", https)+fmt.Sprintf("admin: {listen: %q}\n", admin))
	// The path of a socket is short.
	state, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(state) })
	d := &runningDoor{dir: filepath.Dir(config), https: https, state: filepath.Join(state, "d")}
	var output bytes.Buffer
	cmd := exec.Command("panoply", "serve", "--state", d.state)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the door stopped with %v\n%s", err, &output)
		}
	})
	for range 200 {
		if code, _, _ := panoply("health", "--admin", admin); code == 0 {
			return d
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the door is never ready")
	return nil
}

// panoply runs a command that asks the door, and returns what it says.
func (d *runningDoor) panoply(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := panoply(append(args, "--state", d.state)...)
	if code != 0 {
		t.Fatalf("panoply %s: exit %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// get asks for the door's first page, with a cookie where there is one.
func (d *runningDoor) get(t *testing.T, cookie *http.Cookie) (body string, set []*http.Cookie) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	req, err := http.NewRequest(http.MethodGet, "https://"+d.https+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.example"
	if cookie != nil {
		req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), res.Cookies()
}
