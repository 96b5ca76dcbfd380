package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/diskstore"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/accesslog"
	"github.com/panoplysec/panoply/internal/door/balance"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/handover"
	"github.com/panoplysec/panoply/internal/door/hardcheck"
	"github.com/panoplysec/panoply/internal/door/kinds"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/lockwatch"
	"github.com/panoplysec/panoply/internal/door/metrics"
	"github.com/panoplysec/panoply/internal/door/refusals"
	"github.com/panoplysec/panoply/internal/door/reports"
	"github.com/panoplysec/panoply/internal/door/sessions"
	"github.com/panoplysec/panoply/internal/door/systemd"
	"github.com/panoplysec/panoply/internal/door/tracing"
	"github.com/panoplysec/panoply/internal/door/upstream"
)

// Options configures a Door.
type Options struct {
	// Config is what to run on, valid and with an upstream. Required.
	Config *config.Config
	// Load reads the configuration again, for SIGHUP and panoply reload. Nil makes both
	// an error that says so.
	Load func() (*config.Config, error)
	// Program is how this process was started, for Upgrade; none makes that an error.
	Program handover.Program
	// Predecessor is the door to take over from; nil for none.
	Predecessor *handover.Channel
	// Sockets are those that a service manager has opened; what they are not for is opened
	// as the configuration says.
	Sockets []systemd.Socket
	// Manager is told how the door is; nil is nobody.
	Manager *systemd.Manager
	// Logger takes what the guards tell and what goes wrong; nil writes JSON to Stderr.
	Logger *slog.Logger
	// Stdout takes the access log, as JSON lines, where log.file names no file; nil means
	// os.Stdout.
	Stdout io.Writer
	// Version is the program's, for panoply_build_info; empty means what the build says.
	Version string
	// LookupEnv finds the OTEL_ variables, by which the door records traces. Nil records none.
	LookupEnv func(string) (string, bool)
	// Stderr takes the lines for a person: what runs, what was done by itself and the
	// line that turns it off, what the hard checks found. Nil means os.Stderr.
	Stderr io.Writer
}

// A Door is made by New and started once, by Start or Run. Its methods are safe for
// concurrent use.
type Door struct {
	opts   Options
	log    *slog.Logger
	out    io.Writer
	access *accesslog.Writer // nil before Start
	tracer *tracing.Tracer   // nil: no traces

	current atomic.Pointer[generation]
	servers *servers
	state   *state
	ended   *sessions.Ended   // what logouts have ended; outlives reloads
	store   *diskstore.Store  // where it is kept; nil: nowhere
	doors   *doors            // that hear of it; nil: there are no others
	origins *crosssite.Memory // what was learnt of other origins
	limits  *limits           // what is counted, and what was found of logins
	reports *reports.Collector
	ledger  *ledger.Ledger
	reasons *refusals.Log
	metrics *metrics.Metrics
	streams *upstream.Streams
	watch   *hardcheck.Watch
	kinds   *kinds.Watch     // nil before Start
	locks   *lockwatch.Watch // of the app's lockfile; nil before Start
	checks  *checks
	health  health
	// inFlight is how many requests have begun and not ended.
	inFlight atomic.Int64
	// reloadFailed is when; nil while the last succeeded.
	reloadFailed atomic.Pointer[time.Time]
	keeper       *balance.Keeper // what is known of the applications' addresses
	control      *control
	// What an upgrade brings, and where it leads.
	ready     sockets
	inherited net.Listener                     // the admin socket of the door before
	heir      atomic.Pointer[handover.Channel] // nil while this one is the door
	orphaned  sync.Once
	left      chan struct{} // closed when another has taken over
	deaf      atomic.Bool   // a listener has failed
	// addresses is hardcheck.Addresses, but for tests on loopback.
	addresses func() ([]netip.Addr, error)

	mu         sync.Mutex        // Start, Reload, Switch and Close, one at a time
	next       *handover.Process // about to take over
	upgrading  bool
	keepsEnded bool
	overrides  map[string]guard.Mode
	since      time.Time
	closed     bool
	nextEnd    chan struct{} // an exception was made or ended
	stop       context.CancelFunc
	wg         sync.WaitGroup
	done       chan struct{}
}

// New checks the options and compiles the guards. It opens no port and writes nothing.
// The error joins every problem.
func New(o Options) (*Door, error) {
	if o.Config == nil {
		return nil, &guard.OptionError{Package: "door", Field: "Config", Allowed: "a configuration"}
	}
	if _, err := o.Config.Backends(); err != nil {
		return nil, err
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewJSONHandler(o.Stderr, nil))
	}
	d := &Door{
		opts: o, log: o.Logger, out: o.Stderr,
		ledger:    ledger.New(),
		reasons:   refusals.New(),
		streams:   upstream.NewStreams(),
		overrides: map[string]guard.Mode{},
		addresses: hardcheck.Addresses,
		done:      make(chan struct{}),
		nextEnd:   make(chan struct{}, 1),
		left:      make(chan struct{}),
		ready:     managed(o.Sockets),
	}
	d.keeper = balance.NewKeeper(d.memberChanged)
	d.checks = newChecks(d)
	d.watch = hardcheck.NewWatch(d.checks.found)
	traces := d.openTracer()
	d.metrics = newMetrics(d)
	_, err := d.compile(o.Config, nil)
	if err := errors.Join(traces, err); err != nil {
		return nil, err
	}
	return d, nil
}

// Start opens the state and the listeners and begins to serve. It returns when the door
// is open; ctx bounds the start alone. After an error nothing stays open.
func (d *Door) Start(ctx context.Context) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers != nil || d.closed {
		return errors.New("door: Start is called once")
	}
	cfg := d.opts.Config
	var before *estate
	defer func() { _ = d.ready.close() }() // nothing is left but after an error
	// Before the door that is there gives anything away.
	if err = d.openLog(cfg); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			d.closeLog(ctx)
		}
	}()
	if d.opts.Predecessor != nil {
		if before, err = d.takeOver(ctx, cfg); err != nil {
			return err
		}
	}
	if d.state, err = openState(cfg.State); err != nil {
		return err
	}
	if err := d.state.useKey(cfg); err != nil {
		return err
	}
	if err := d.openKind(); err != nil {
		return err
	}
	if err := d.openLocks(); err != nil {
		return err
	}
	d.reports = reports.New(d.state.derive("csp-reports"), d.reported)
	d.reports.Refuse = func(w http.ResponseWriter, r *http.Request, status int) {
		requestOf(r.Context()).g.guards.conceal.Page(w, r, status)
	}
	if d.control, err = d.openControl(cfg); err != nil {
		return err
	}
	if err := d.inherit(before); err != nil {
		d.control.close()
		return err
	}
	if err := d.open(ctx, cfg, before); err != nil {
		d.control.close()
		d.servers = nil
		d.keeper.Close()
		d.closeStores()
		return err
	}
	background, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.reloaded(nil)
	if d.tracer != nil {
		d.tracer.Start()
	}
	d.announce(d.current.Load())
	d.settle()
	d.wg.Go(func() { d.checks.run(background) })
	d.wg.Go(func() { d.placeLogins(background) })
	d.wg.Go(func() { d.endExceptions(background) })
	d.wg.Go(func() { d.locks.Run(background) })
	return nil
}

// open opens the stores, builds the first generation, and listens.
func (d *Door) open(ctx context.Context, cfg *config.Config, before *estate) error {
	if err := d.openOrigins(); err != nil {
		return err
	}
	var counts []byte
	if before != nil {
		counts = before.Counts
	}
	if err := d.openLimits(cfg, counts); err != nil {
		return err
	}
	g, err := d.build(cfg)
	if err != nil {
		return err
	}
	d.put(g)
	if before != nil && d.doors != nil {
		for _, note := range before.Untold {
			d.doors.tell(note)
		}
	}
	d.since = time.Now()
	if err := d.listen(ctx, cfg); err != nil {
		return err
	}
	d.control.serve(d) // orders wait on the socket until there is all that they ask about
	return nil
}

// Addr returns the HTTPS address, nil before Start. On localhost it is the IPv4 one
// where both are there.
func (d *Door) Addr() net.Addr { return d.servers.addr(roleTLS) }

// RedirectAddr returns the plain HTTP address, nil when there is none.
func (d *Door) RedirectAddr() net.Addr { return d.servers.addr(rolePlain) }

// AdminAddr returns the address of health and metrics, nil when there is none.
func (d *Door) AdminAddr() net.Addr { return d.servers.addr(roleAdmin) }

// Reload builds everything that cfg decides, then puts it in place at once. On an error
// the door goes on as before. Counts, cookies, bans, overrides by Switch and open
// connections stay; listeners whose address did not change stay open. A change of the
// state folder or of limits is refused.
func (d *Door) Reload(cfg *config.Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil || d.closed {
		return errors.New("door: not running")
	}
	err := d.reload(cfg)
	d.reloaded(err)
	return err
}

func (d *Door) reload(cfg *config.Config) error {
	if cfg == nil {
		return errors.New("door: no configuration to reload")
	}
	if cfg.State != d.state.dir {
		return fmt.Errorf("door: the state folder cannot change while running (%s, now %s); restart", d.state.dir, cfg.State)
	}
	if d.upgrading {
		return errUpgrading
	}
	if err := d.state.sameKey(cfg); err != nil {
		return err
	}
	if err := d.sameLimits(cfg); err != nil {
		return err
	}
	g, err := d.build(cfg)
	if err != nil {
		return err
	}
	log, err := d.access.Prepare(logPath(cfg))
	if err != nil {
		return err
	}
	if err := d.servers.change(cfg); err != nil {
		log.Drop()
		return err
	}
	log.Use()
	d.put(g)
	d.log.Info("configuration reloaded")
	return nil
}

// ReloadNow reads the configuration with Options.Load and reloads.
func (d *Door) ReloadNow() error {
	if d.opts.Load == nil {
		return errors.New("there is no configuration file to read again")
	}
	d.opts.Manager.Reloading()
	cfg, err := d.opts.Load()
	if err == nil {
		err = d.Reload(cfg)
	} else {
		d.reloaded(err)
	}
	if err != nil {
		d.opts.Manager.Ready("reload failed; the configuration of before stays: " + err.Error())
		d.log.Error("reload failed; the configuration of before stays", "err", err)
		return err
	}
	d.opts.Manager.Ready(d.serving())
	return nil
}

// Close stops accepting, ends streams, lets open requests finish until ctx is done or
// the configured drain time is over, whichever is first, then cuts what is left. It
// returns ctx's or the drain's error when something had to be cut.
func (d *Door) Close(ctx context.Context) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		<-d.done
		return nil
	}
	d.closed = true
	started := d.servers != nil
	next := d.next
	d.mu.Unlock()
	defer close(d.done)
	if next != nil {
		next.Stop() // it would wait for what this one no longer gives
	}
	if !started {
		return nil
	}
	d.checks.draining.Store(true)
	g := d.current.Load()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.cfg.Bounds.DrainTimeout))
	defer cancel()
	d.wg.Go(func() { d.streams.Drain(ctx) })
	err := d.servers.shutdown(ctx)
	cancel()
	d.stop()
	d.keeper.Close()
	d.control.close()
	if d.opts.Predecessor != nil {
		_ = d.opts.Predecessor.Close()
	}
	d.wg.Wait()
	if heir := d.heir.Load(); heir != nil {
		_ = heir.Close()
	}
	d.closeStores()
	g.app.CloseIdle()
	d.closeTelling()
	if err != nil {
		return fmt.Errorf("door: requests were cut at the end of the drain: %w", err)
	}
	return nil
}

// say writes a line for a person.
func (d *Door) say(format string, args ...any) {
	fmt.Fprintf(d.out, "panoply: "+format+"\n", args...)
}
