package door_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
)

func TestDrainFinishesRequestsAndEndsStreams(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			close(began)
			<-finish
			fmt.Fprint(w, "done")
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}), nil)
	events, err := h.client.Get(h.url("/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	_, _ = io.ReadFull(events.Body, make([]byte, 9))
	idle := h.dial() // a connection that never asks must not hold the drain
	slow := make(chan string, 1)
	go func() {
		res, err := h.client.Get(h.url("/slow"))
		if err != nil {
			slow <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		slow <- string(body)
	}()
	<-began
	closed := make(chan error, 1)
	start := time.Now()
	go func() { closed <- h.Close(context.Background()) }()
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("event stream = %v, want a clean end", err)
	}
	select {
	case err := <-closed:
		t.Fatalf("Close = %v before the open request was answered", err)
	case <-time.After(100 * time.Millisecond):
	}
	if conn, err := net.Dial("tcp", h.Addr().String()); err == nil {
		conn.Close()
		t.Error("a new connection is taken during the drain")
	}
	close(finish)
	if got := <-slow; got != "done" {
		t.Errorf("open request = %q, want its answer", got)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("Close took %v", took)
	}
	idle.Close()
}

func TestDrainEndsAfterItsTime(t *testing.T) {
	began := make(chan struct{})
	h := build(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}), func(c *config.Config) {
		c.Bounds.DrainTimeout = config.Duration(200 * time.Millisecond)
		c.Bounds.ResponseTimeout = config.Duration(time.Minute)
	})
	go func() {
		if res, err := h.client.Get(h.url("/")); err == nil {
			res.Body.Close()
		}
	}()
	<-began
	start := time.Now()
	if err := h.Close(context.Background()); err == nil {
		t.Error("Close = nil, want to hear that a request was cut")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("Close took %v, want the drain time", took)
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(hello))
	defer app.Close()
	d, err := door.New(door.Options{Config: quickConfig(t, strings.TrimPrefix(app.URL, "http://")), Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	time.Sleep(100 * time.Millisecond)
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	case <-time.After(3 * time.Second):
		t.Error("Run did not return")
	}
}
