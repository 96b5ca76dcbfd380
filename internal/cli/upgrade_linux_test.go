package cli_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/load"
)

func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
}

// fetch asks on a connection of its own.
func fetch(address, path string) string {
	tr := &http.Transport{TLSClientConfig: insecure(), DisableKeepAlives: true}
	client := http.Client{Transport: tr, Timeout: within}
	res, err := client.Get("https://" + address + path)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// TestUpgradesUnderLoad upgrades the real program again and again, by command and by signal,
// to one that comes up and to some that do not, without an error of any client.
func TestUpgradesUnderLoad(t *testing.T) {
	for _, loop := range []string{"nethttp", "own"} {
		exchange := map[string]string{"nethttp": "proxy", "own": "own"}[loop]
		t.Run(loop, func(t *testing.T) {
			r := serveProgram(t, load.App(), "http1: "+loop+"\nexchange: "+exchange+"\nlog: {access: \"off\"}\nbounds: {drain_timeout: 5m, response_timeout: 1m, head_timeout: 1m}\n")
			r.awaitUp()
			if code, said := r.panoply("off", "csrf", "--mode", "observe"); code != 0 {
				t.Fatal(said)
			}
			if code, said := r.panoply("limits", "block", "--addr", "192.0.2.9", "--for", "1h"); code != 0 {
				t.Fatal(said)
			}
			l := load.Start(load.Options{Address: r.address, Keep: 2, New: 2, HTTP2: 1, Sockets: 50})
			settle := func() {
				t.Helper()
				n := l.Requests()
				r.await("requests go on", func() bool { return l.Requests() > n+50 || l.Failed() > 0 })
			}
			settle()
			r.upgrade()
			second := load.Start(load.Options{Address: r.address, Sockets: 5})
			settle()
			r.refusesBad()
			settle()
			before := r.pid
			r.signal(syscall.SIGUSR2)
			r.await("SIGUSR2 upgrades", func() bool { return strings.Count(r.log(), "has taken over\n") == 2 })
			r.pid = r.newest(before)
			settle()
			r.survivesKill()
			settle()
			r.upgrade()
			settle()
			r.await("the door without WebSockets ends", func() bool { return len(r.processes()) <= 3 })
			if n := len(r.processes()); n != 3 {
				t.Errorf("%d doors run, want 3: two have WebSockets to end", n)
			}
			if got := second.Stop(); got.Failed > 0 {
				t.Errorf("WebSockets of the second door: %v", got.Err)
			}
			got := l.Stop()
			if got.Failed > 0 {
				t.Errorf("%d requests, %d echoes, %d errors and closes: %v", got.Requests, got.Echoes, got.Failed, got.Err)
			}
			t.Logf("%d requests, %d echoes", got.Requests, got.Echoes)
			// With their last client gone, those of before go too, and the first one well.
			if code := r.exit(); code != 0 {
				t.Errorf("the first door ends with %d, want 0", code)
			}
			r.await("the doors of before end", func() bool { return len(r.processes()) == 1 })
			r.remembers()
			r.signal(syscall.SIGTERM)
			r.await("the last door ends", func() bool { return !alive(r.pid) })
			if _, err := os.Stat(filepath.Join(r.state, "admin.sock")); err == nil {
				t.Error("the admin socket is left behind")
			}
		})
	}
}

// newest waits for the one process that is the door after another.
func (r *process) newest(before int) (pid int) {
	r.t.Helper()
	for _, one := range r.processes() {
		pid = max(pid, one) // numbers only grow within a test, or it fails below
	}
	if pid <= before {
		r.t.Skip("the numbers of processes have begun anew")
	}
	return pid
}

// busy is an address that something else listens on.
func (r *process) busy() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

// refusesBad tries programs and configurations that do not come up.
func (r *process) refusesBad() {
	r.t.Helper()
	refused := func(what, want string) {
		r.t.Helper()
		code, said := r.panoply("upgrade")
		if code != 3 || !strings.Contains(said, want) || !strings.Contains(r.log(), "upgrade failed; this door goes on") {
			r.t.Errorf("%s: panoply upgrade = %d %q, want 3 and %q", what, code, said, want)
		}
		if !alive(r.pid) {
			r.t.Fatalf("%s: the door is gone", what)
		}
	}
	r.replace("exit 7")
	refused("a program that fails", "exit status 7")
	r.replace("kill -9 $$")
	refused("a program that is killed", "signal: killed")
	if err := os.Remove(r.program); err != nil {
		r.t.Fatal(err)
	}
	refused("no program", "no such file")
	r.install()
	good := r.configure("hedaers: {}\n")
	refused("an unknown key", "unknown key")
	for what, c := range map[string][2]string{
		"a certificate that is not there": {"tls: {certificates: [{cert: none, key: none}]}\n", "none"},
		"an address in use":               {"redirect: " + r.busy() + "\n", "in use"},
		"another state folder":            {"state: " + r.state + "2\n", "state folder cannot change"},
		"another secret":                  {"limits: {secret: " + filepath.Join(r.dir, "secret") + "}\n", "limits.secret cannot change"},
	} {
		key, _, _ := strings.Cut(c[0], ":")
		var text strings.Builder
		for line := range strings.Lines(good) {
			if !strings.HasPrefix(line, key+":") {
				text.WriteString(line)
			}
		}
		if err := os.WriteFile(filepath.Join(r.dir, "secret"), []byte(strings.Repeat("x", 32)), 0o600); err != nil {
			r.t.Fatal(err)
		}
		r.configure(text.String() + c[0])
		refused(what, c[1])
	}
	r.configure(good)
}

// survivesKill kills the new door before it is ready, and again when it has been given
// everything. A file of the state that is a pipe holds it there.
func (r *process) survivesKill() {
	r.t.Helper()
	for file, want := range map[string]string{"exceptions.json": "is not ready", "origins.json": "does not serve"} {
		pipe := filepath.Join(r.state, file)
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			r.t.Fatal(err)
		}
		said := make(chan string, 1)
		go func() {
			code, text := r.panoply("upgrade")
			said <- fmt.Sprint(code, " ", text)
		}()
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // when the new door reads it
		if err != nil {
			r.t.Fatal(err)
		}
		if err := syscall.Kill(r.newest(r.pid), syscall.SIGKILL); err != nil {
			r.t.Fatal(err)
		}
		if got := <-said; !strings.HasPrefix(got, "3 ") || !strings.Contains(got, want) || !strings.Contains(got, "signal: killed") {
			r.t.Errorf("killed while it reads %s: panoply upgrade = %q, want 3 and that it %s", file, got, want)
		}
		w.Close()
		if err := os.Remove(pipe); err != nil {
			r.t.Fatal(err)
		}
		if !alive(r.pid) {
			r.t.Fatal("the door is gone")
		}
	}
}

// remembers holds that the door of now knows what was told to the first.
func (r *process) remembers() {
	r.t.Helper()
	if code, said := r.panoply("limits", "list"); code != 0 || !strings.Contains(said, "asked for") {
		r.t.Errorf("limits list = %d %q, want the block by hand", code, said)
	}
	if code, said := r.panoply("status"); code != 0 || !strings.Contains(said, "observe (configured: enforce)") {
		r.t.Errorf("status = %d %q, want csrf as it was switched", code, said)
	}
}

// guess tries a password on a connection, and returns the answer's status and whether the
// connection stays.
func guess(t *testing.T, conn *tls.Conn, host string) (int, bool) {
	t.Helper()
	body := "user=alice&password=wrong"
	_ = conn.SetDeadline(time.Now().Add(within))
	fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, !res.Close
}

// TestGuessesAreCountedOverAnUpgrade spreads ten wrong passwords over three doors, two
// of which are already on their way out.
func TestGuessesAreCountedOverAnUpgrade(t *testing.T) {
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusUnauthorized)
	})
	r := serveProgram(t, app, "login: {routes: [{route: POST /login}]}\nbounds: {drain_timeout: 5m, response_timeout: 1m, head_timeout: 1m}\n")
	r.awaitUp()
	dial := func() *tls.Conn {
		conn, err := tls.Dial("tcp", r.address, insecure())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	n := 0
	wrong := func(conn *tls.Conn, stays bool) {
		t.Helper()
		n++
		if status, kept := guess(t, conn, r.address); status != http.StatusUnauthorized || kept != stays {
			t.Errorf("guess %d = %d, connection kept %t, want 401 and %t", n, status, kept, stays)
		}
	}
	first, last := dial(), dial()
	wrong(first, true)
	wrong(first, true)
	r.upgrade()
	second := dial()
	wrong(second, true)
	wrong(first, false) // by the first door, which asks the second
	wrong(second, true)
	r.upgrade()
	third := dial()
	for range 4 {
		wrong(third, true)
	}
	wrong(second, false) // by the second, which asks the third
	if status, _ := guess(t, last, r.address); status != http.StatusTooManyRequests {
		t.Errorf("guess 11 at the first door = %d, want 429", status)
	}
	if status, _ := guess(t, dial(), r.address); status != http.StatusTooManyRequests {
		t.Errorf("guess 12 at the third door = %d, want 429", status)
	}
	if _, said := r.panoply("why"); !strings.Contains(said, "429") {
		t.Errorf("panoply why = %q, want both refusals", said)
	}
}

// TestStopDuringAnUpgrade stops the door while the next one gets ready: both go.
func TestStopDuringAnUpgrade(t *testing.T) {
	r := serveProgram(t, load.App(), "")
	r.awaitUp()
	pipe := filepath.Join(r.state, "exceptions.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGUSR2)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // when the new door reads it
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.signal(syscall.SIGTERM)
	if code := r.exit(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	r.await("the next door ends", func() bool { return len(r.processes()) == 0 })
}
