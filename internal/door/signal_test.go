//go:build unix

package door_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

func TestSignals(t *testing.T) {
	began := make(chan struct{}, 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			began <- struct{}{}
			<-r.Context().Done()
		}
	}))
	defer app.Close()
	cfg := quickConfig(t, strings.TrimPrefix(app.URL, "http://"))
	cfg.Bounds.DrainTimeout, cfg.Bounds.ResponseTimeout = config.Duration(time.Minute), config.Duration(time.Minute)
	cfg.Log.File = filepath.Join(t.TempDir(), "access.log")
	var loads atomic.Int32
	told := new(output)
	d, err := door.New(door.Options{Config: cfg, Stdout: io.Discard, Stderr: told, Load: func() (*config.Config, error) {
		loads.Add(1)
		return cfg, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- d.Run(t.Context()) }()
	told.await(t, "access log in ")
	send := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(syscall.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	send(syscall.SIGHUP)
	told.await(t, "configuration reloaded")
	if loads.Load() != 1 {
		t.Errorf("the configuration was read %d times, want once", loads.Load())
	}
	if err := os.Rename(cfg.Log.File, cfg.Log.File+".1"); err != nil {
		t.Fatal(err)
	}
	send(syscall.SIGUSR1)
	told.await(t, "access log opened anew")
	if _, err := os.Stat(cfg.Log.File); err != nil {
		t.Errorf("after SIGUSR1: %v", err)
	}
	send(syscall.SIGPIPE) // a reader of stdout that went away stops nothing
	h := &house{Door: d, t: t, client: insecure()}
	go func() {
		if res, err := h.client.Get(h.url("/slow")); err == nil {
			res.Body.Close()
		}
	}()
	<-began
	send(syscall.SIGTERM)
	told.await(t, "stopping")
	select {
	case err := <-done:
		t.Fatalf("Run = %v before the open request ended", err)
	case <-time.After(100 * time.Millisecond):
	}
	send(syscall.SIGTERM)
	select {
	case err := <-done:
		if err == nil {
			t.Error("Run = nil after a second signal, want to hear that a request was cut")
		}
	case <-time.After(3 * time.Second):
		t.Fatal("a second signal does not cut the drain")
	}
}
