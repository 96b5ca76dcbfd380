package accesslog_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/accesslog"
)

// pipe is a writer that a test blocks, breaks and reads.
type pipe struct {
	mu   sync.Mutex
	b    bytes.Buffer
	err  error
	open chan struct{} // nil: never blocks
	part int           // bytes taken before err
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.open != nil {
		<-p.open
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil && p.part < len(b) {
		n := p.part
		p.part = 0
		p.b.Write(b[:n])
		return n, p.err
	}
	p.part -= len(b)
	return p.b.Write(b)
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func (p *pipe) fail(err error, part int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.part = err, part
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within 20s", what)
}

func open(t *testing.T, s accesslog.Sink) *accesslog.Writer {
	t.Helper()
	w, err := accesslog.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	return w
}

func write(w *accesslog.Writer, from, to int) {
	for i := from; i < to; i++ {
		_, _ = fmt.Fprintf(w, "line %d\n", i)
	}
}

func all(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

func TestLinesLeaveSoonAndInOrder(t *testing.T) {
	out := new(pipe)
	w := open(t, accesslog.Sink{Out: out})
	write(w, 0, 1)
	until(t, "the first line", func() bool { return out.String() == all(0, 1) })
	write(w, 1, 20_000)
	until(t, "all lines", func() bool { return out.String() == all(0, 20_000) })
	write(w, 20_000, 20_010)
	if err := w.Close(t.Context()); err != nil || out.String() != all(0, 20_010) {
		t.Errorf("Close = %v and %d bytes, want all lines written", err, len(out.String()))
	}
	write(w, 0, 1)
	if w.Dropped() != 1 {
		t.Errorf("Dropped = %d, want the line after Close", w.Dropped())
	}
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	out := new(pipe)
	w := open(t, accesslog.Sink{Out: out})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { write(w, 0, 2000) })
	}
	wg.Wait()
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "line ") || strings.Count(line, "line") != 1 {
			t.Fatalf("line %q", line)
		}
		n++
	}
	if n != 16_000 {
		t.Errorf("%d lines, want 16000", n)
	}
}

// A reader that does not read makes nobody wait, and what is lost is counted and told.
func TestBlockedWriterDropsAndTells(t *testing.T) {
	out := &pipe{open: make(chan struct{})}
	losses := make(chan accesslog.Loss, 10)
	w := open(t, accesslog.Sink{Out: out, Limit: 1000, Tell: func(l accesslog.Loss) { losses <- l }})
	write(w, 0, 1000)
	if l := <-losses; l.Over || l.Err != nil {
		t.Errorf("told %+v, want that lines begin to be lost", l)
	}
	lost := w.Dropped()
	if lost < 500 || lost >= 1000 {
		t.Errorf("Dropped = %d, want most of 1000", lost)
	}
	close(out.open)
	if l := <-losses; !l.Over || l.Lines != lost {
		t.Errorf("told %+v, want the end and %d lines", l, lost)
	}
	write(w, 1000, 1001)
	until(t, "a line after it", func() bool { return strings.HasSuffix(out.String(), "line 1000\n") })
}

func TestCloseDoesNotWaitForABlockedReader(t *testing.T) {
	out := &pipe{open: make(chan struct{})}
	defer close(out.open)
	w, err := accesslog.Open(accesslog.Sink{Out: out})
	if err != nil {
		t.Fatal(err)
	}
	write(w, 0, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close = %v, want that the lines are lost", err)
	}
}

// A full disk is told, and no line is torn once there is room again.
func TestFullDisk(t *testing.T) {
	out := new(pipe)
	out.fail(syscall.ENOSPC, 10) // in the middle of the second line
	losses := make(chan accesslog.Loss, 10)
	w := open(t, accesslog.Sink{Out: out, Tell: func(l accesslog.Loss) { losses <- l }})
	write(w, 0, 3)
	if l := <-losses; !errors.Is(l.Err, syscall.ENOSPC) || l.Over {
		t.Errorf("told %+v, want ENOSPC", l)
	}
	if !errors.Is(w.Err(), syscall.ENOSPC) {
		t.Errorf("Err = %v, want ENOSPC", w.Err())
	}
	write(w, 3, 5)
	out.fail(nil, 0)
	if l := <-losses; !l.Over || l.Lines != 0 {
		t.Errorf("told %+v, want the end without a loss", l)
	}
	until(t, "each line, once", func() bool { return out.String() == all(0, 5) && w.Err() == nil })
	out.fail(syscall.ENOSPC, 0)
	write(w, 5, 7)
	if err := w.Close(t.Context()); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "last 2 lines") {
		t.Errorf("Close = %v, want two lines lost to ENOSPC", err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	w := open(t, accesslog.Sink{Path: path})
	write(w, 0, 10)
	until(t, "the first lines", func() bool { return content(path) == all(0, 10) })
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode = %v, %v, want 0640 at most", info.Mode(), err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Skip("an open file cannot be renamed here:", err)
	}
	if err := w.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(w, 10, 20)
	until(t, "the new file", func() bool { return content(path) == all(10, 20) })
	if got := content(path + ".1"); got != all(0, 10) {
		t.Errorf("the old file = %q, want what came before", got)
	}
	for range 20 { // faster than lines are written
		if err := w.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := w.Prepare(filepath.Join(dir, "other.log"))
	if err != nil {
		t.Fatal(err)
	}
	pending.Use()
	write(w, 20, 30)
	until(t, "another path", func() bool { return content(filepath.Join(dir, "other.log")) == all(20, 30) })
}

func content(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

func TestReopenKeepsTheOldOnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "access.log")
	w := open(t, accesslog.Sink{Path: path})
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Skip("an open file's folder cannot be renamed here:", err)
	}
	if err := w.Reopen(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Reopen = %v, want an error that names the file", err)
	}
	write(w, 0, 1)
	until(t, "a line in the old file", func() bool { return content(filepath.Join(dir+".away", "access.log")) == all(0, 1) })
	if err := open(t, accesslog.Sink{Out: new(pipe)}).Reopen(); err != nil {
		t.Errorf("Reopen of stdout = %v, want nothing to do", err)
	}
}

// The half of a line that a full disk left behind is not continued in another file.
func TestReopenWithinALine(t *testing.T) {
	out := new(pipe)
	out.fail(syscall.ENOSPC, 10)
	w := open(t, accesslog.Sink{Out: out})
	write(w, 0, 4)
	until(t, "the failure", func() bool { return w.Err() != nil })
	path := filepath.Join(t.TempDir(), "access.log")
	pending, err := w.Prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	pending.Use()
	until(t, "the rest", func() bool { return content(path) == all(2, 4) })
	if w.Dropped() != 1 {
		t.Errorf("Dropped = %d, want the torn line", w.Dropped())
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "none", "access.log")} {
		if w, err := accesslog.Open(accesslog.Sink{Path: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s) = %v, %v, want an error that names it", path, w, err)
		}
	}
}

func TestWriterAllocatesNothing(t *testing.T) {
	w := open(t, accesslog.Sink{Out: new(nowhere)})
	log, line := accesslog.New(w, accesslog.Options{}), usual()
	for range 20_000 {
		log.Write(line) // the buffers grow
	}
	if n := testing.AllocsPerRun(5000, func() { log.Write(line) }); n >= 1 {
		t.Errorf("Write allocates %v times, want 0", n)
	}
}

func BenchmarkWriter(b *testing.B) {
	w, err := accesslog.Open(accesslog.Sink{Out: new(nowhere)})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close(context.Background())
	log, line := accesslog.New(w, accesslog.Options{}), usual()
	b.ReportAllocs()
	for b.Loop() {
		log.Write(line)
	}
}

// TestTwoDoorsAtOnePipe: while one door takes over from another both write to one stdout,
// and whoever reads it gets whole lines.
func TestTwoDoorsAtOnePipe(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	fd, err := syscall.Dup(int(out.Fd())) // as another process has it; one file has one writer at a time
	if err != nil {
		t.Fatal(err)
	}
	ends := []*os.File{out, os.NewFile(uintptr(fd), "pipe")}
	const lines = 3000
	line := func(door byte) []byte { return append(bytes.Repeat([]byte{door}, 300), '\n') }
	var wg sync.WaitGroup
	for i, door := range []byte("ab") {
		w := open(t, accesslog.Sink{Out: ends[i]})
		wg.Go(func() {
			for range lines {
				_, _ = w.Write(line(door))
			}
			_ = w.Close(t.Context())
		})
	}
	go func() { wg.Wait(); ends[0].Close(); ends[1].Close() }()
	got, torn := 0, 0
	for s := bufio.NewScanner(r); s.Scan(); got++ { // to the end, or the writers would wait
		if text := s.Text() + "\n"; text != string(line('a')) && text != string(line('b')) {
			torn++
		}
	}
	if got != 2*lines || torn > 0 {
		t.Errorf("%d lines, %d of them torn, want %d whole ones", got, torn, 2*lines)
	}
}
