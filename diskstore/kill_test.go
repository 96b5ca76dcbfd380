package diskstore_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/session"
)

// childEnv makes the test binary a process that writes to the file it names until it is
// killed.
const childEnv = "DISKSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
		return
	}
	os.Exit(m.Run())
}

func numbered(n uint64) (k session.Key) {
	binary.BigEndian.PutUint64(k[:], n*0x9e3779b97f4a7c15)
	return k
}

// child saves from many goroutines, and prints what was acknowledged.
func child(path string) {
	s, err := diskstore.Open(diskstore.Options{Path: path})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var from uint64
	_, _ = fmt.Sscan(os.Getenv(childEnv+"_FROM"), &from)
	out := make(chan string)
	for g := range uint64(16) {
		go func() {
			for i := uint64(0); ; i++ {
				n := from + i*16 + g
				r := session.Record{Data: fmt.Append(nil, n), Owner: session.Owner{byte(g)}, Expires: time.Now().Add(time.Hour)}
				if _, err := s.Save(context.Background(), numbered(n), r); err != nil {
					out <- "error " + err.Error()
				}
				out <- fmt.Sprint("saved ", n)
				if n%3 == 0 {
					if err := s.Delete(context.Background(), numbered(n), r.Owner); err != nil {
						out <- "error " + err.Error()
					}
					out <- fmt.Sprint("deleted ", n)
				}
			}
		}()
	}
	for line := range out {
		fmt.Println(line) // one write each, so a kill cuts between lines at most once
	}
}

// TestKill kills a writing process again and again: what it had acknowledged is there.
func TestKill(t *testing.T) {
	const kills = 20
	path := filepath.Join(t.TempDir(), "a.db")
	saved, deleted := map[uint64]bool{}, map[uint64]bool{}
	begun := uint64(0)
	for i := range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path, fmt.Sprint(childEnv, "_FROM=", begun))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		n := 0
		for lines.Scan() {
			var number uint64
			what, text, _ := strings.Cut(lines.Text(), " ")
			if what == "error" {
				t.Errorf("the child says: %s", text)
			}
			if _, err := fmt.Sscan(text, &number); err != nil {
				continue // cut by the kill
			}
			switch what {
			case "saved":
				saved[number] = true
			case "deleted":
				deleted[number] = true
			}
			begun = max(begun, number+1000)
			if n++; n == 100+i*37 {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
		_ = cmd.Wait() // killed
	}
	s := open(t, path)
	lost, back := 0, 0
	for n := range saved {
		r, ok, err := s.Load(t.Context(), numbered(n))
		if err != nil {
			t.Fatal(err)
		}
		if ok && string(r.Data) != fmt.Sprint(n) {
			t.Errorf("session %d holds %q", n, r.Data)
		}
		switch {
		case deleted[n] && ok:
			back++
		case !ok && n%3 != 0: // a delete that was begun may have been done
			lost++
		}
	}
	if lost > 0 || back > 0 || len(saved) < kills*100 {
		t.Errorf("after %d kills %d of %d acknowledged sessions were lost and %d of %d deleted ones were back, want 0", kills, lost, len(saved), back, len(deleted))
	}
	t.Logf("%d saved, %d deleted", len(saved), len(deleted))
}

// TestLock has a second process ask for a file that is in use.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	open(t, path)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{path, "in use", fmt.Sprint("process ", os.Getpid())} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the second process says %q, want %q in it", out, want)
		}
	}
}
