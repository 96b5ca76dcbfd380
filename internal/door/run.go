package door

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// errSecondSignal cuts a drain short.
var errSecondSignal = errors.New("second signal")

// Run starts the door and serves until ctx is done, the process is told to stop by SIGINT or
// SIGTERM, or another door has taken over; a second signal cuts the drain short. Where the
// system has them, SIGHUP reloads, SIGUSR1 opens the file of the access log anew and SIGUSR2
// upgrades. It returns nil after a stop that let every request finish.
func (d *Door) Run(ctx context.Context) error {
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	reload, upgrade := make(chan os.Signal, 1), make(chan os.Signal, 1)
	if reloadSignal != nil {
		signal.Notify(reload, reloadSignal)
		defer signal.Stop(reload)
		signal.Notify(upgrade, upgradeSignal)
		defer signal.Stop(upgrade)
	}
	reopen := make(chan os.Signal, 1)
	if reopenSignal != nil {
		signal.Notify(reopen, reopenSignal)
		defer signal.Stop(reopen)
	}
	ended := make(chan struct{})
	defer close(ended)
	if brokenPipe != nil {
		broken := make(chan os.Signal, 1) // nobody looks: the write has its error
		signal.Notify(broken, brokenPipe)
		defer signal.Stop(broken)
	}
	if err := d.Start(ctx); err != nil {
		return err
	}
	go d.reopening(reopen, ended)
	d.opts.Manager.Ready(d.serving())
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch()
	go d.signOfLife(watched)
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			waiting = false
		case <-stop:
			waiting = false
		case <-reload:
			_ = d.ReloadNow() // told by itself; the old configuration stays
		case <-upgrade:
			go func() { _, _ = d.Upgrade() }() // so is this
		case <-d.left:
			unwatch()
			return d.drain(ctx, stop, d.lingerUntil(ctx, stop))
		}
	}
	unwatch()
	d.opts.Manager.Stopping()
	d.say("stopping; open requests have %s (again to cut them)", d.current.Load().cfg.Bounds.DrainTimeout)
	return d.drain(ctx, stop, time.Duration(d.current.Load().cfg.Bounds.DrainTimeout))
}

// reopening opens the access log anew until the end: a door that was taken over may have
// lines to write for an hour.
func (d *Door) reopening(signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case <-signals:
			_ = d.ReopenLog() // told by itself; the old file stays
		case <-ended:
			return
		}
	}
}

// drain closes the door within a time; a signal cuts it short.
func (d *Door) drain(ctx context.Context, stop <-chan os.Signal, within time.Duration) error {
	// The drain outlives the context that asked for it.
	timed, end := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer end()
	drain, cut := context.WithCancelCause(timed)
	defer cut(nil)
	go func() {
		select {
		case <-stop:
			cut(errSecondSignal)
		case <-drain.Done():
		}
	}()
	return d.Close(drain)
}

// lingerUntil waits for the clients of a door that was taken over, until a signal says that
// this one stops like any other. It returns what is left of the time to drain.
func (d *Door) lingerUntil(ctx context.Context, stop <-chan os.Signal) time.Duration {
	began, limit := time.Now(), time.Duration(d.current.Load().cfg.Bounds.DrainTimeout)
	d.say("another process has taken over; open requests and streams have %s here", limit)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	d.linger(ctx, limit)
	return max(limit-time.Since(began), time.Second)
}

// serving is the door's state in a line, for a service manager.
func (d *Door) serving() string {
	cfg := d.current.Load().cfg
	return "serving " + cfg.Upstream + " on " + strings.Join(d.servers.all(roleTLS), ", ")
}
