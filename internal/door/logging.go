package door

import (
	"context"
	"time"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/accesslog"
)

// lastLines is how long the end of the door waits for the access log and the collector:
// both may be stuck.
const lastLines = 2 * time.Second

// logPath is the file of the access log; empty for stdout, or for none.
func logPath(cfg *config.Config) string {
	if cfg.Log.Access == "off" {
		return ""
	}
	return cfg.Log.File
}

func (d *Door) openLog(cfg *config.Config) (err error) {
	d.access, err = accesslog.Open(accesslog.Sink{Path: logPath(cfg), Out: d.opts.Stdout, Tell: d.logLost})
	return err
}

func (d *Door) closeLog(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLines)
	defer cancel()
	if err := d.access.Close(ctx); err != nil {
		d.log.Error("access log", "err", err)
	}
}

// closeTelling writes and sends what is left of lines and spans, when no new request
// comes.
func (d *Door) closeTelling() {
	// Requests that were cut have a line too, once their handlers have noticed.
	for end := time.Now().Add(lastLines); d.inFlight.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	d.closeLog(context.Background())
	if d.tracer != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastLines)
		defer cancel()
		d.tracer.Close(ctx)
	}
}

// logLost tells that lines of the access log are lost, and how many were.
func (d *Door) logLost(l accesslog.Loss) {
	switch {
	case l.Over:
		d.log.Warn("the access log is written again", "lost", l.Lines)
	case l.Err != nil:
		d.log.Error("the access log cannot be written; what finds no room is lost", "err", l.Err)
	default:
		d.log.Error("whoever reads the access log is too slow; what finds no room is lost")
	}
}

// ReopenLog opens the file of the access log anew, after it was renamed. An error, which is
// also told, leaves the old one in use.
func (d *Door) ReopenLog() error {
	err := d.access.Reopen()
	if err != nil {
		d.log.Error("the access log could not be opened anew; the old file stays in use", "err", err)
	} else {
		d.log.Info("access log opened anew")
	}
	return err
}

// logFor returns the access log that cfg wants.
func (d *Door) logFor(cfg *config.Config) *accesslog.Log {
	if cfg.Log.Access == "off" {
		return accesslog.New(nil, accesslog.Options{})
	}
	return accesslog.New(d.access, accesslog.Options{Queries: cfg.Log.Queries})
}
