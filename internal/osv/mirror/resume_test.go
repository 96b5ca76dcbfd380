package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
	"github.com/panoplysec/panoply/internal/osv/mirror"
)

// A download that breaks off goes on, and what goes on is never the rest of another one.
func TestResume(t *testing.T) {
	first, second := zipOf(t, 400, "2026-01-01"), zipOf(t, 420, "2026-01-02")
	half := len(first) / 2
	rest := func(w http.ResponseWriter, from int, text []byte, contentRange string) {
		w.Header().Set("Content-Range", contentRange)
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(text[from:])
	}
	const ranged = "/npm/all.zip Range If-Range"
	for name, c := range map[string]struct {
		do    func(w http.ResponseWriter, r *http.Request, n int)
		asked []string
		want  int
	}{
		"reset": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				cut(w, first, half)
			}
			honest(w, r, first)
		}, []string{"/npm/all.zip", ranged}, 400},
		"changed meanwhile": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				cut(w, first, half)
			}
			honest(w, r, second) // If-Range does not hold: the whole, as 200
		}, []string{"/npm/all.zip", ranged}, 420},
		"no ranges": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				cut(w, first, half)
			}
			r.Header.Del("Range")
			honest(w, r, first)
		}, []string{"/npm/all.zip", ranged}, 400},
		"changed and If-Range unheard": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				cut(w, first, half)
			}
			r.Header.Del("If-Range")
			honest(w, r, second)
		}, []string{"/npm/all.zip", ranged, "/npm/all.zip"}, 420},
		"another rest of the same length": {func(w http.ResponseWriter, r *http.Request, n int) {
			switch n {
			case 1:
				cut(w, first, half)
			case 2:
				other := bytes.Clone(first)
				other[half+10] ^= 1
				w.Header().Set("X-Goog-Hash", googHash(first))
				rest(w, half, other, fmt.Sprintf("bytes %d-%d/%d", half, len(first)-1, len(first)))
			default:
				honest(w, r, first)
			}
		}, []string{"/npm/all.zip", ranged, "/npm/all.zip"}, 400},
		"another part": {func(w http.ResponseWriter, r *http.Request, n int) {
			switch n {
			case 1:
				cut(w, first, half)
			case 2:
				rest(w, 0, first, fmt.Sprintf("bytes 0-%d/%d", len(first)-1, len(first)))
			default:
				honest(w, r, first)
			}
		}, []string{"/npm/all.zip", ranged, "/npm/all.zip"}, 400},
		"not satisfiable": {func(w http.ResponseWriter, r *http.Request, n int) {
			switch n {
			case 1:
				cut(w, first, half)
			case 2:
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			default:
				honest(w, r, first)
			}
		}, []string{"/npm/all.zip", ranged, "/npm/all.zip"}, 400},
		"weak tag": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				w.Header().Set("ETag", `W/"1"`)
				w.Header().Set("Content-Length", fmt.Sprint(len(first)))
				_, _ = w.Write(first[:half])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			honest(w, r, first)
		}, []string{"/npm/all.zip", "/npm/all.zip"}, 400},
		"many resets": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n <= 6 {
				w = &short{ResponseWriter: w, left: len(first) / 8}
			}
			honest(w, r, first)
		}, append([]string{"/npm/all.zip"}, slices.Repeat([]string{ranged}, 6)...), 400},
	} {
		t.Run(name, func(t *testing.T) {
			l, o := serve(t)
			l.says(c.do)
			update(t, o)
			if got := l.asked(); !slices.Equal(got, c.asked) {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
			holds(t, o.Dir, c.want)
		})
	}
}

// short resets after so many bytes.
type short struct {
	http.ResponseWriter
	left int
}

func (w *short) Write(b []byte) (int, error) {
	if len(b) > w.left {
		_, _ = w.ResponseWriter.Write(b[:w.left])
		w.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	w.left -= len(b)
	return w.ResponseWriter.Write(b)
}

// What came before the user lost patience is not fetched again.
func TestTheNextUpdateGoesOn(t *testing.T) {
	text := zipOf(t, 400, "2026-01-01")
	l, o := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Tell = func(_ string, done, _ int64) {
		if done >= int64(len(text)/2) {
			cancel()
		}
	}
	l.says(func(w http.ResponseWriter, r *http.Request, n int) {
		w.Header().Set("ETag", tagOf(text))
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = w.Write(text[:len(text)/2])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	if _, err := mirror.Update(ctx, o); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "goes on from there") {
		t.Fatalf("Update = %v, want that it was broken off", err)
	}
	o.Tell = nil
	l.says(whole(text))
	update(t, o)
	if got := l.asked(); !slices.Equal(got, []string{"/npm/all.zip Range If-Range"}) {
		t.Errorf("asked %q, want the rest alone", got)
	}
	holds(t, o.Dir, 400)
}

// A server that falls silent is left, and asked for the rest.
func TestStall(t *testing.T) {
	text := zipOf(t, 400, "2026-01-01")
	l, o := serve(t)
	o.Stall = 200 * time.Millisecond
	l.says(func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 1 {
			honest(w, r, text)
			return
		}
		w.Header().Set("ETag", tagOf(text))
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = w.Write(text[:1000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	update(t, o)
	holds(t, o.Dir, 400)
}

func TestOneUpdateAtATime(t *testing.T) {
	text := zipOf(t, 10, "2026-01-01")
	l, o := serve(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	l.says(func(w http.ResponseWriter, r *http.Request, _ int) {
		close(inside)
		<-goOn
		honest(w, r, text)
	})
	done := make(chan error)
	go func() {
		_, err := mirror.Update(t.Context(), o)
		done <- err
	}()
	<-inside
	if _, err := mirror.Update(t.Context(), o); !errors.Is(err, mirror.ErrLocked) {
		t.Errorf("Update = %v, want ErrLocked", err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	holds(t, o.Dir, 10)
}

// One ecosystem that fails leaves the others theirs.
func TestEcosystemsAreApart(t *testing.T) {
	text := zipOf(t, 10, "2026-01-01")
	l, o := serve(t)
	o.Ecosystems = []string{"Go", "npm"}
	l.says(func(w http.ResponseWriter, r *http.Request, _ int) {
		if strings.HasPrefix(r.URL.Path, "/Go/") {
			http.NotFound(w, r)
			return
		}
		honest(w, r, text)
	})
	results, err := mirror.Update(t.Context(), o)
	if err == nil || !strings.HasPrefix(err.Error(), "Go: ") || len(results) != 1 || results[0].Ecosystem != "npm" {
		t.Errorf("Update = %+v, %v, want npm and an error of Go", results, err)
	}
	holds(t, o.Dir, 10)
}

// A process that is killed at any moment leaves the old index or the new one.
func TestKilled(t *testing.T) {
	if source := os.Getenv("MIRROR_TEST_SOURCE"); source != "" {
		for {
			_, _ = mirror.Update(context.Background(), mirror.Options{Dir: os.Getenv("MIRROR_TEST_DIR"), Source: source, Ecosystems: []string{"npm"}, MinRecords: 2})
		}
	}
	texts := [][]byte{zipOf(t, 1000, "2026-01-01"), zipOf(t, 1010, "2026-01-01")}
	var n atomic.Int64
	changed := make(chan struct{}, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		honest(w, r, texts[n.Add(1)%2])
		select {
		case changed <- struct{}{}:
		default:
		}
	}))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "osv")
	update(t, mirror.Options{Dir: dir, Source: server.URL, Ecosystems: []string{"npm"}, MinRecords: 2})
	for i := range 8 {
		for len(changed) > 0 {
			<-changed
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		child := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestKilled$")
		child.Env = append(os.Environ(), "MIRROR_TEST_SOURCE="+server.URL, "MIRROR_TEST_DIR="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		<-changed
		time.Sleep(time.Duration(i) * 4 * time.Millisecond) // somewhere in what follows
		_ = child.Process.Kill()
		_ = child.Wait()
		cancel()
		db, err := osv.Open(dir, "")
		if err != nil || db.Meta.Records != 1000 && db.Meta.Records != 1010 {
			t.Fatalf("Open = %v after a kill, want an index of 1000 or 1010 records", err)
		}
		if hits, err := db.Match("npm", "p-1", "1.0.0"); err != nil || len(hits) != 1 {
			t.Errorf("Match = %v, %v", hits, err)
		}
		db.Close()
	}
	r := update(t, mirror.Options{Dir: dir, Source: server.URL, Ecosystems: []string{"npm"}, MinRecords: 2})
	holds(t, dir, r.Meta.Records)
}
