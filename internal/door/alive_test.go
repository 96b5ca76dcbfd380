package door

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

func TestAlive(t *testing.T) {
	app := httptest.NewServer(http.NotFoundHandler())
	app.Close() // that it is down is no reason to restart the door
	dir, err := os.MkdirTemp("", "door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cfg := config.Default()
	cfg.Upstream, cfg.State, cfg.Probes = strings.TrimPrefix(app.URL, "http://"), dir, "off"
	cfg.Listen, cfg.Redirect, cfg.Admin.Listen = "localhost:0", "off", "off"
	d, err := New(Options{Config: cfg, Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background())
	before := d.ledger.Guards()
	if err := d.alive(); err != nil {
		t.Errorf("alive() = %v", err)
	}
	if after := d.ledger.Guards(); !reflect.DeepEqual(after, before) || d.metrics.Total() != 0 {
		t.Errorf("a look is counted: %+v, before %+v", after, before)
	}

	looked := make(chan error, 1)
	d.mu.Lock()
	go func() { looked <- d.alive() }()
	select {
	case err := <-looked:
		t.Errorf("alive() = %v while nothing can be ordered, want to wait", err)
	case <-time.After(50 * time.Millisecond):
	}
	d.mu.Unlock()
	if err := <-looked; err != nil {
		t.Errorf("alive() = %v afterwards", err)
	}

	g := *d.current.Load()
	g.chain = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	d.current.Store(&g)
	if err := d.alive(); err == nil {
		t.Error("alive() = nil, and a request gets no answer")
	}
	g2 := g
	g2.chain = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	d.current.Store(&g2)
	if err := d.alive(); err != nil {
		t.Errorf("alive() = %v", err)
	}
	_ = d.servers.ports[roleTLS].listeners[0].socket.Close()
	for end := time.Now().Add(time.Minute); d.alive() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("alive() = nil, and a listener has failed")
		}
	}
}
