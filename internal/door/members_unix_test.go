//go:build unix

package door_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// nodeMember says which process it is; /sick makes its health page fail, /slow never ends.
const nodeMember = `
let well = true
const s = require('http').createServer((req, res) => {
  if (req.url === '/slow') return
  if (req.url === '/sick') { well = false; return res.end('sick') }
  if (req.url === '/lie') return req.socket.end('I am no HTTP\r\n\r\n')
  if (req.url === '/healthz' && !well) { res.writeHead(503); return res.end() }
  req.resume()
  req.on('end', () => res.end(process.argv[1] + ' ' + req.method))
})
s.listen(process.argv[2], () => console.log('ready'))
`

// A member is a Node process on a socket.
type member struct {
	t    *testing.T
	name string
	path string
	cmd  *exec.Cmd
}

func newNode(t *testing.T, dir, name string) *member {
	t.Helper()
	m := &member{t: t, name: name, path: filepath.Join(dir, name+".sock")}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func (m *member) start() {
	m.t.Helper()
	_ = os.Remove(m.path) // a killed process leaves it behind
	m.cmd = exec.Command(need.Program(m.t, "node"), "-e", nodeMember, m.name, m.path)
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		m.t.Fatalf("node said %q, %v", line, err)
	}
}

func (m *member) kill() { _ = m.cmd.Process.Kill(); _ = m.cmd.Wait() }

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// pair is a door before two Node processes.
func pair(t *testing.T, change func(*config.Config)) (*house, *member, *member) {
	t.Helper()
	dir := stateDir(t)
	a, b := newNode(t, dir, "a"), newNode(t, dir, "b")
	h := buildTo(t, "app", func(c *config.Config) {
		u := group("app", "unix:"+a.path, "unix:"+b.path)
		u.Balance = "least-connections"
		c.Upstreams = []config.Upstream{u}
		c.Probes = "off"
		if change != nil {
			change(c)
		}
	})
	return h, a, b
}

func (h *house) send(method, path string) (int, string) {
	h.t.Helper()
	var body io.Reader
	if method != http.MethodGet {
		body = strings.NewReader("body")
	}
	req, err := http.NewRequest(method, h.url(path), body)
	if err != nil {
		h.t.Fatal(err)
	}
	res, text := h.do(req)
	return res.StatusCode, text
}

// metrics is what the door tells a Prometheus.
func (h *house) metrics() string {
	h.t.Helper()
	res, err := http.Get("http://" + h.AdminAddr().String() + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// served waits until a member answers, and tells how long that took.
func (h *house) served(name string) time.Duration {
	h.t.Helper()
	begin := time.Now()
	for time.Since(begin) < 15*time.Second {
		if _, body := h.send("GET", "/"); strings.HasPrefix(body, name+" ") {
			return time.Since(begin)
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Errorf("%s answers no more", name)
	return 0
}

// soon is a second, and what a busy machine adds.
const soon = 4 * time.Second

// TestMemberIsKilled: while requests come, one of two processes is killed and comes back.
func TestMemberIsKilled(t *testing.T) {
	h, a, _ := pair(t, nil)
	h.served("a")
	h.served("b")
	var stop atomic.Bool
	var wg sync.WaitGroup
	var bad atomic.Int64
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				res, err := h.client.Get(h.url("/"))
				if err != nil {
					bad.Add(1)
					continue
				}
				res.Body.Close()
				if res.StatusCode != 200 {
					bad.Add(1)
				}
			}
		})
	}
	a.kill()
	time.Sleep(300 * time.Millisecond)
	for range 20 {
		if status, body := h.send("POST", "/"); status != 200 || body != "b POST" {
			t.Errorf("POST = %d %.40q while a is gone, want b's answer", status, body)
		}
	}
	a.start()
	if took := h.served("a"); took > soon {
		t.Errorf("a serves %v after its return, want about a second", took)
	}
	stop.Store(true)
	wg.Wait()
	if n := bad.Load(); n > 0 {
		t.Errorf("%d GETs failed, want each to be sent to the other", n)
	}
	h.told.await(t, "an address of the application is gone")
	h.told.await(t, "an address of the application is back")
}

// TestMemberIsPaused: who waited for a stopped process gets 504; the next go to the other;
// and when it runs again, it serves again.
func TestMemberIsPaused(t *testing.T) {
	h, a, _ := pair(t, nil)
	h.served("a")
	a.signal(syscall.SIGSTOP)
	waited := 0
	for range 40 {
		status, body := h.send("POST", "/")
		switch {
		case status == 504:
			waited++
		case status != 200 || body != "b POST":
			t.Fatalf("POST = %d %.40q", status, body)
		}
	}
	if waited < 1 || waited > 3 { // a POST is a trial after 5 s only
		t.Errorf("%d of 40 POSTs waited for the paused process, want the first", waited)
	}
	a.signal(syscall.SIGCONT)
	if took := h.served("a"); took > soon {
		t.Errorf("a serves %v after it was let go on, want about a second", took)
	}
}

// TestAllAreGone: the right page, and back at once.
func TestAllAreGone(t *testing.T) {
	h, a, b := pair(t, nil)
	a.kill()
	b.kill()
	for range 3 {
		res, body := h.get("/")
		guarded(t, "nobody is there", res, body)
		if res.StatusCode != 502 {
			t.Fatalf("GET = %d, want 502", res.StatusCode)
		}
	}
	h.told.await(t, "the application app does not answer at unix:")
	if line := h.lines(1)[0]; line["failure"] == nil || !strings.Contains(fmt.Sprint(line["cause"]), ".sock") {
		t.Errorf("access log = %v, want the reason, and the address in its cause", line)
	}
	b.start()
	if status, body := h.send("POST", "/"); status != 200 && status != 502 || status == 200 && body != "b POST" {
		t.Errorf("POST = %d %q", status, body)
	}
	if took := h.served("b"); took > soon {
		t.Errorf("b serves %v after its return", took)
	}
	h.told.await(t, "the application app answers")
}

// TestMemberLies: nonsense is 502 for who got it, and says nothing of the next request.
func TestMemberLies(t *testing.T) {
	h, _, _ := pair(t, nil)
	for range 6 {
		res, body := h.get("/lie")
		guarded(t, "nonsense", res, body)
		if res.StatusCode != 502 {
			t.Errorf("GET /lie = %d, want 502", res.StatusCode)
		}
	}
	h.served("a")
	h.served("b")
	res, body := h.get("/slow")
	guarded(t, "no answer", res, body)
	if res.StatusCode != 504 {
		t.Errorf("GET /slow = %d, want 504", res.StatusCode)
	}
	h.served("a")
	h.served("b")
}

// TestHealthIsAsked: a process that says it is not well gets no request, over a reload too,
// and metrics and status say so.
func TestHealthIsAsked(t *testing.T) {
	ms := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Millisecond) }
	h, a, b := pair(t, func(c *config.Config) {
		c.Upstreams[0].Health = config.Health{Path: "/healthz", Interval: ms(100), Timeout: ms(2000), Fall: 2, Rise: 2}
	})
	for {
		if _, body := h.send("GET", "/sick"); body == "sick" {
			break
		}
	}
	sick, fit := a, b
	down := func() (string, bool) {
		for _, m := range h.Status().Upstreams[0].Members {
			if !m.Up && strings.Contains(m.Why, "down") {
				return m.Address, true
			}
		}
		return "", false
	}
	var where string
	for end := time.Now().Add(15 * time.Second); where == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		where, _ = down()
	}
	if where == "unix:"+b.path {
		sick, fit = b, a
	} else if where == "" {
		t.Fatal("nobody is down")
	}
	only := func(when string) {
		t.Helper()
		for range 20 {
			if _, body := h.send("GET", "/"); body != fit.name+" GET" {
				t.Fatalf("%s: GET = %q, want %s alone", when, body, fit.name)
			}
		}
	}
	only("down")
	if err := h.Reload(h.changed(func(c *config.Config) { c.Headers.HSTS = "off" })); err != nil {
		t.Fatal(err)
	}
	if _, still := down(); !still {
		t.Error("a reload forgot who is down")
	}
	only("after a reload")
	text := h.metrics()
	for _, want := range []string{
		fmt.Sprintf(`panoply_upstream_up{member="unix:%s",upstream="app"} 0`, sick.path),
		fmt.Sprintf(`panoply_upstream_up{member="unix:%s",upstream="app"} 1`, fit.path),
		fmt.Sprintf(`panoply_upstream_in_flight{member="unix:%s",upstream="app"} 0`, fit.path),
		fmt.Sprintf(`panoply_upstream_failures_total{member="unix:%s",upstream="app"} 0`, fit.path),
		`panoply_upstream_repeated_total{upstream="app"} 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	sick.kill()
	sick.start() // well again
	if took := h.served(sick.name); took > soon {
		t.Errorf("%s serves %v after it is well, want about a second", sick.name, took)
	}
}
