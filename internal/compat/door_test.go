package compat_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door"
	"github.com/panoplysec/panoply/internal/need"
)

// configFor is the first day's configuration, on free ports and with a state of its own.
func configFor(t *testing.T, upstream int) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Upstream = fmt.Sprintf("127.0.0.1:%d", upstream)
	cfg.Listen = fmt.Sprintf("127.0.0.1:%d", need.Port(t)) // known before it starts: the names of the door's cookies depend on it
	cfg.Redirect = "127.0.0.1:0"
	cfg.Admin.Listen = "off"
	cfg.State = t.TempDir()
	cfg.Bounds.DrainTimeout = config.Duration(2 * time.Second)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// openDoor starts a door and closes it when the test ends.
func openDoor(t *testing.T, cfg *config.Config) *door.Door {
	t.Helper()
	d, err := door.New(door.Options{
		Config: cfg, Stdout: io.Discard, Stderr: io.Discard, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDoor(t, d) })
	return d
}

func closeDoor(t *testing.T, d *door.Door) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d.Close(ctx) // open WebSockets and event streams of the browser are cut
}

func baseOf(cfg *config.Config) string {
	_, port, _ := net.SplitHostPort(cfg.Listen)
	return "https://app.localhost:" + port
}
