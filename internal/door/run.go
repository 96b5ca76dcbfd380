package door

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errSecondSignal cuts a drain short.
var errSecondSignal = errors.New("second signal")

// Run starts the door and serves until ctx is done or the process is told to stop by
// SIGINT or SIGTERM; a second one cuts the drain short. SIGHUP, where the system has it,
// reloads, and SIGUSR1 opens the file of the access log anew. It returns nil after a stop that let every request finish.
func (d *Door) Run(ctx context.Context) error {
	stop := make(chan os.Signal, 2)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	hup := make(chan os.Signal, 1)
	if reloadSignal != nil {
		signal.Notify(hup, reloadSignal)
		defer signal.Stop(hup)
	}
	reopen := make(chan os.Signal, 1)
	if reopenSignal != nil {
		signal.Notify(reopen, reopenSignal)
		defer signal.Stop(reopen)
	}
	if brokenPipe != nil {
		broken := make(chan os.Signal, 1) // nobody looks: the write has its error
		signal.Notify(broken, brokenPipe)
		defer signal.Stop(broken)
	}
	if err := d.Start(ctx); err != nil {
		return err
	}
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			waiting = false
		case <-stop:
			waiting = false
		case <-reopen:
			_ = d.ReopenLog() // told by itself; the old file stays
		case <-hup:
			_ = d.ReloadNow() // told by itself; the old configuration stays
		}
	}
	d.say("stopping; open requests have %s (again to cut them)", d.current.Load().cfg.Bounds.DrainTimeout)
	// The drain outlives the context that asked for it.
	drain, cut := context.WithCancelCause(context.WithoutCancel(ctx))
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
