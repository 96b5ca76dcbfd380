package door

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/lockwatch"
	"github.com/panoplysec/panoply/internal/osv/mirror"
)

const (
	// nameLocks is the practice, and what tells in its name.
	nameLocks = "dependencies"
	// locksName is the file of what the webhook knows.
	locksName = "dependencies.json"
	// maxSpoken is how many findings have a line of their own in the log.
	maxSpoken = 20
)

// openLocks makes the watch of the app's lockfile.
func (d *Door) openLocks() error {
	var kept []string
	if err := d.state.read(locksName, &kept); err != nil {
		return err
	}
	sink := d.sink(nameLocks)
	d.locks = lockwatch.New(lockwatch.Hooks{
		Tell: func(now *lockwatch.Status, fresh, gone []lockwatch.Finding) { d.lockTold(sink, now, fresh, gone) },
		Failed: func(err error) {
			sink(context.Background(), guard.Event{Practice: nameLocks, Rule: "webhook", Action: guard.Failed, Err: err})
		},
		Keep: d.keepLocks, Kept: kept,
		Cache: filepath.Join(d.state.dir, "advisories"),
	})
	return nil
}

// keepLocks keeps what the webhook knows. The door that has taken over keeps its own.
func (d *Door) keepLocks(known []string) error {
	d.state.mu.Lock()
	defer d.state.mu.Unlock()
	if err := d.state.write(locksName, known); !errors.Is(err, errMoved) {
		return err
	}
	return nil
}

// watchLock has a configuration's lockfile watched from now on.
func (d *Door) watchLock(cfg *config.Config) {
	c := cfg.Dependencies
	o := lockwatch.Options{Lockfile: c.Lockfile, Advisories: c.Advisories, Every: time.Duration(c.Every), Webhook: c.Webhook}
	if o.Lockfile != "" && o.Advisories == "" {
		o.Advisories = mirror.Dir()
	}
	d.locks.Set(o)
}

// lockTold tells what a look has changed: events for the counts, lines for the log and for
// a person.
func (d *Door) lockTold(sink guard.Sink, now *lockwatch.Status, fresh, gone []lockwatch.Finding) {
	ctx := context.Background()
	if now.Err != nil {
		sink(ctx, guard.Event{Practice: nameLocks, Rule: "lookup", Action: guard.Failed, Err: errors.New(ledger.Clean(now.Err.Error(), 500))})
		d.say("dependencies: %s", d.lockLine())
		return
	}
	for i, f := range fresh {
		e := guard.Event{Practice: nameLocks, Rule: "vulnerable", Action: guard.Noted, Detail: ledger.Clean(f.ID()+", "+f.Level.String(), 300)}
		sink(ctx, e)
		if i < maxSpoken {
			d.log.Warn("a dependency has a known hole", "package", ledger.Clean(f.Package, 214), "version", ledger.Clean(f.Version, 100), "advisory", ledger.Clean(f.Advisory, 100),
				"severity", f.Level.String(), "fixed", ledger.Clean(strings.Join(f.Fixed, ", "), 200))
		}
	}
	d.log.Info("dependencies looked up", "lockfile", now.Lockfile, "packages", now.Packages, "new", len(fresh), "gone", len(gone), "unknown", now.Unknown, "advisories", now.Advisories.Records,
		"newest", now.Advisories.Newest)
	if len(fresh) > 0 || len(gone) > 0 {
		d.say("dependencies: %d new and %d gone; panoply audit %s tells all", len(fresh), len(gone), ledger.Clean(filepath.Dir(now.Lockfile), 200))
	}
}

// lockLine is what there is to say of the lockfile, in a line; empty where it is well.
func (d *Door) lockLine() string {
	s := d.locks.Status()
	switch {
	case s == nil:
		return ""
	case s.Err != nil:
		return ledger.Clean(fmt.Sprintf("the lockfile cannot be looked up: %v", s.Err), 500)
	case len(s.Vulnerable) == 0:
		return ""
	}
	n := 0
	var parts []string
	for _, level := range lockwatch.Levels() {
		if s.Vulnerable[level] > 0 {
			n += s.Vulnerable[level]
			parts = append(parts, fmt.Sprintf("%d %s", s.Vulnerable[level], level))
		}
	}
	return ledger.Clean(fmt.Sprintf("%d of %d packages of %s have known holes (%s)", n, s.Packages, s.Lockfile, strings.Join(parts, ", ")), 500)
}

// lockMetrics collects the last look. Without a lockfile to watch there is nothing.
type lockMetrics struct{ d *Door }

var (
	lockVulnerable = prometheus.NewDesc("panoply_dependencies_vulnerable", "Packages of the lockfile with a known hole, by the severity of the worst.", []string{"severity"}, nil)
	lockPackages   = prometheus.NewDesc("panoply_dependencies_packages", "Packages of the lockfile, by name and version.", nil, nil)
	lockUnknown    = prometheus.NewDesc("panoply_dependencies_unknown", "Packages of the lockfile whose versions could not be compared.", nil, nil)
	lockNewest     = prometheus.NewDesc("panoply_advisories_newest_timestamp_seconds", "When the newest advisory was modified, in Unix time.", nil, nil)
	lockOK         = prometheus.NewDesc("panoply_dependencies_lookup_successful", "1 when the last look-up succeeded, 0 when lockfile or advisories could not be read.", nil, nil)
	lockAt         = prometheus.NewDesc("panoply_dependencies_lookup_timestamp_seconds", "When the lockfile was last looked up, in Unix time.", nil, nil)
)

// Describe implements prometheus.Collector.
func (lockMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{lockVulnerable, lockPackages, lockUnknown, lockNewest, lockOK, lockAt} {
		ch <- one
	}
}

// Collect implements prometheus.Collector.
func (m lockMetrics) Collect(ch chan<- prometheus.Metric) {
	if m.d.current.Load() == nil {
		return // not started
	}
	s := m.d.locks.Status()
	if s == nil {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	gauge(lockAt, float64(s.At.Unix()))
	if s.Err != nil {
		gauge(lockOK, 0)
		return
	}
	gauge(lockOK, 1)
	gauge(lockPackages, float64(s.Packages))
	gauge(lockUnknown, float64(s.Unknown))
	for _, level := range lockwatch.Levels() {
		gauge(lockVulnerable, float64(s.Vulnerable[level]), level.String())
	}
	if !s.Advisories.Newest.IsZero() {
		gauge(lockNewest, float64(s.Advisories.Newest.Unix()))
	}
}
