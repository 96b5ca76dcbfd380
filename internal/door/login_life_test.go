package door_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/door/admin"
)

// TestLoginCutByClose stops the door while logins send their bodies: what is cut finds the
// counts still there.
func TestLoginCutByClose(t *testing.T) {
	app := &shop{}
	h := build(t, app, named("POST /login"))
	for range 8 {
		_, err := fmt.Fprintf(h.dial(), "POST /login HTTP/1.1\r\nHost: localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\nuser", h.port())
		if err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // until the door reads the bodies
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := h.Close(ctx); err == nil {
		t.Error("Close = nil, want to hear of requests that were cut")
	}
	h.lines(8)
	if told := h.told.String(); strings.Contains(told, "panic") {
		t.Errorf("told %s", told)
	}
}

// TestOrdersWaitForTheStart asks the socket from the moment it is there.
func TestOrdersWaitForTheStart(t *testing.T) {
	for range 5 {
		cfg := quickConfig(t, "127.0.0.1:1")
		cfg.Probes = "off"
		d, err := door.New(door.Options{Config: cfg, Stdout: new(output), Stderr: new(output)})
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan error)
		go func() {
			for {
				s, err := door.Status(context.Background(), door.Socket(cfg.State))
				if err == nil && len(s.Listen) == 0 {
					err = errors.New("no listener is known")
				}
				if !errors.Is(err, admin.ErrNoDoor) {
					asked <- err
					return
				}
			}
		}()
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-asked; err != nil {
			t.Errorf("the first that was asked: %v", err)
		}
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
