package compat_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/need"
)

// A guessed is a real Express app behind doors that protect its login.
type guessed struct {
	t     *testing.T
	app   string
	doors []*doorVisitor
}

func guessAt(t *testing.T, doors int, change func(*config.Config)) *guessed {
	t.Helper()
	need.Modules(t, "express", "express-session")
	port := node(t, "guess.cjs").port(t)
	g := &guessed{t: t, app: fmt.Sprintf("http://127.0.0.1:%d", port)}
	for range doors {
		cfg := configFor(t, port)
		cfg.Probes = "off"
		cfg.Login.Routes = []config.LoginRoute{{Route: "POST /login"}, {Route: "POST /api/login"}}
		if change != nil {
			change(cfg)
		}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		openDoor(t, cfg)
		v := doorClient(t, cfg)
		v.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 32
		g.doors = append(g.doors, v)
	}
	return g
}

// guess logs in through a door and returns the status and where it leads.
func (g *guessed) guess(door int, user, password string) (status int, location string) {
	v := g.doors[door%len(g.doors)]
	r, err := http.NewRequest("POST", v.base.String()+"/login", strings.NewReader(url.Values{"username": {user}, "password": {password}}.Encode()))
	if err != nil {
		g.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Content-Type", formType)
	resp, err := v.client.Do(r)
	if err != nil {
		g.t.Error(err)
		return 0, ""
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

func (g *guessed) looked(user string) int {
	g.t.Helper()
	resp, err := http.Get(g.app + "/looked")
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all map[string]int
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		g.t.Fatal(err)
	}
	return all[user]
}

// rush sends n wrong passwords, many at once, through all doors.
func (g *guessed) rush(n int, user string) {
	var wg sync.WaitGroup
	const workers = 40
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				g.guess(i, user, strconv.Itoa(i))
			}
		})
	}
	wg.Wait()
}

// TestThousandGuessesAtTheDoor sends 1,000 guesses at once at a real Express app behind the
// door: 10 reach it. The owner's device gets in, and a stranger does not.
func TestThousandGuessesAtTheDoor(t *testing.T) {
	g := guessAt(t, 1, nil)
	if status, to := g.guess(0, "ada", "lovelace"); status != http.StatusFound || to != "/" {
		t.Fatalf("login = %d to %q", status, to)
	}
	owner := g.doors[0].client.Jar
	g.doors[0].client.Jar, _ = cookiejar.New(nil)
	before := g.looked("ada")
	g.rush(1000, "ada")
	if n := g.looked("ada") - before; n != 10 {
		t.Errorf("%d of 1000 guesses reached the app, want 10", n)
	}
	if status, _ := g.guess(0, "ada", "lovelace"); status != http.StatusTooManyRequests {
		t.Errorf("a stranger with the right password = %d, want 429", status)
	}
	g.doors[0].client.Jar = owner
	if status, to := g.guess(0, "ada", "lovelace"); status != http.StatusFound || to != "/" {
		t.Errorf("the owner's device = %d to %q, want 302 to /", status, to)
	}
	if status, _ := g.guess(0, "grace", "hopper"); status != http.StatusFound {
		t.Errorf("another user = %d, want 302", status)
	}
}

// redisAt starts a server on a port that is known, and returns its process.
func redisAt(t *testing.T, port int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(need.Program(t, "redis-server"), "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			c.Close()
			return cmd
		}
		if time.Now().After(end) {
			t.Fatal("redis-server does not answer")
		}
	}
}

// TestGuessesThroughTwoDoors shares a real Redis between two doors, and pauses, kills and
// restarts it in the middle of attacks.
func TestGuessesThroughTwoDoors(t *testing.T) {
	port := need.Port(t)
	server := redisAt(t, port)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := guessAt(t, 2, func(cfg *config.Config) {
		cfg.Limits.Redis = []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
		cfg.Limits.Instances, cfg.Limits.Secret = 2, secret
	})
	// On a busy machine a call can take longer than the doors wait. Then a share decides, and
	// what the Redis counted may have reached no app: some more or fewer than the limit pass.
	// Doors that count apart let twice the limit pass.
	for i := range 40 {
		g.guess(i, "turing", strconv.Itoa(i))
	}
	if n := g.looked("turing"); n < 7 || n > 13 {
		t.Errorf("%d of 40 guesses through two doors, one after the other, reached the app, want 10", n)
	}
	g.rush(200, "ada")
	n := g.looked("ada")
	t.Logf("%d of 200 guesses through two doors reached the app", n)
	if n == 0 || n > 20 {
		t.Errorf("%d of 200 guesses through two doors reached the app, want about 10, and at most 20", n)
	}

	// Paused within an attack: what each door allows alone is its half.
	if err := server.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	g.rush(200, "grace")
	took := time.Since(began)
	if n := g.looked("grace"); n > 10 || n == 0 {
		t.Errorf("%d of 200 guesses reached the app while Redis was paused, want 1 to 10", n)
	}
	if took > 10*time.Second {
		t.Errorf("200 guesses took %v while Redis was paused", took)
	}
	if err := server.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // until it is found to be back
	g.rush(100, "grace")
	if n := g.looked("grace"); n > 20 {
		t.Errorf("%d of 300 guesses reached the app over the pause, want at most 20", n)
	}

	// Killed, and back without its data: the doors' own counts are what is left.
	_ = server.Process.Kill()
	_ = server.Wait()
	g.rush(100, "mallory")
	if n := g.looked("mallory"); n > 10 || n == 0 {
		t.Errorf("%d of 100 guesses reached the app while Redis was dead, want 1 to 10", n)
	}
	redisAt(t, port)
	time.Sleep(time.Second)
	g.rush(100, "mallory")
	if n := g.looked("mallory"); n > 20 {
		t.Errorf("%d of 200 guesses reached the app over the restart, want at most 20", n)
	}
	// A Redis without its data says that nobody is blocked: a door cannot tell that from an
	// operator's word. What is counted starts anew.
	g.rush(50, "ada")
	if after := g.looked("ada"); after > n+10 {
		t.Errorf("%d more guesses at a user that was blocked before, want at most 10", after-n)
	}
}
