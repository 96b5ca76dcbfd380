package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/demo"
	"github.com/panoplysec/panoply/internal/practice"
)

// built are the practices that the door holds today.
var built = []string{"tls", "headers", "fingerprint", "errors", "cookies", "brute-force", "csrf", "proxy-trust"}

func TestRunOnceAsJSON(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var out, said bytes.Buffer
	start := time.Now()
	if err := demo.Run(t.Context(), demo.Options{Once: true, JSON: true, Stdout: &out, Stderr: &said}); err != nil {
		t.Fatalf("Run: %v\n%s", err, said.String())
	}
	t.Logf("took %v:\n%s", time.Since(start), out.String())
	var got map[string]struct{ Naked, Door string }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("output %q is no JSON: %v", out.String(), err)
	}
	if len(got) != len(practice.All()) {
		t.Errorf("output has %d practices, want %d", len(got), len(practice.All()))
	}
	for _, id := range built {
		if got[id].Naked != "broken" || got[id].Door != "proved" {
			t.Errorf("%s: naked %q, door %q, want broken and proved", id, got[id].Naked, got[id].Door)
		}
	}
	for _, p := range practice.All() {
		if row := got[p.ID]; p.Pending != "" && (row.Naked != "not proven" || row.Door != "not proven") {
			t.Errorf("%s is pending: naked %q, door %q, want not proven", p.ID, row.Naked, row.Door)
		}
	}
	var order []string
	for _, m := range regexp.MustCompile(`(?m)^  "([a-z-]+)":`).FindAllStringSubmatch(out.String(), -1) {
		order = append(order, m[1])
	}
	if strings.Join(order, " ") != strings.Join(practice.IDs(), " ") {
		t.Errorf("order = %v, want the page's", order)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRunStoppedEarly(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	if err := demo.Run(ctx, demo.Options{Once: true, JSON: true, Stdout: &out}); err == nil || out.Len() > 0 {
		t.Errorf("Run(once) of a done context = %v and %q, want an error and no result", err, out.String())
	}
	if err := demo.Run(ctx, demo.Options{Stdout: &out}); err != nil || out.Len() > 0 {
		t.Errorf("Run of a done context = %v and %q, want nothing", err, out.String())
	}
}

// live is a writer that can be read while Run writes.
type live struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *live) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *live) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRunStaysUpUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, said live
	done := make(chan error, 1)
	go func() { done <- demo.Run(ctx, demo.Options{Stdout: &out, Stderr: &said}) }()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(said.String(), "Ctrl-C"); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-done:
			t.Fatalf("Run = %v, want it to stay up", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no table: %s %s", out.String(), said.String())
		}
	}
	table := out.String()
	for _, want := range []string{
		"PRACTICE            NAKED       BEHIND THE DOOR\n",
		"\ntls                 broken      proved\n",
		"\nsessions            not proven  not at the door  the store is inside the app\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("table\n%s\nwant %q in it", table, want)
		}
	}
	if strings.Contains(table, "\x1b") {
		t.Errorf("table %q has colours, want none in a pipe", table)
	}
	naked := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(said.String())
	c, _ := visitor(t)
	if got := get(t, c, naked+"/"); !strings.Contains(got, "without a door") {
		t.Errorf("GET %s = %q, want the naked shop", naked, got)
	}
	root := regexp.MustCompile(`--cacert (\S+)`).FindStringSubmatch(said.String())
	address := regexp.MustCompile(`https://localhost:\d+`).FindString(said.String())
	if root == nil || address == "" {
		t.Fatalf("told %q, want how to reach the door", said.String())
	}
	behind := trusting(t, root[1])
	resp, err := behind.Get(address + "/")
	if got := body(t, resp, err); !strings.Contains(got, "through the door") {
		t.Errorf("GET %s = %q, want the shop behind the door", address, got)
	}
	login, err := http.NewRequest(http.MethodPost, address+"/login", strings.NewReader("username=demo&password=demo"))
	if err != nil {
		t.Fatal(err)
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	login.Header.Set("Origin", address) // as every browser does
	resp, err = behind.Do(login)
	if got := body(t, resp, err); !strings.Contains(got, "Hello, demo") {
		t.Errorf("login behind the door = %q, want the account", got)
	}
	resp, err = behind.Get(address + "/account")
	if got := body(t, resp, err); !strings.Contains(got, "Hello, demo") {
		t.Errorf("account behind the door = %q, want to be logged in still", got)
	}
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run = %v, want nil after a stop", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run did not end")
	}
	if _, err := os.Stat(root[1]); !os.IsNotExist(err) {
		t.Errorf("the demo's certificates are still there: %v", err)
	}
}
