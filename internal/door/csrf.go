package door

import (
	"errors"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/formtoken"
)

const (
	// originsName is the file of what was learnt of other origins.
	originsName = "origins.json"
	// csrfName is the file that says that everything is refused.
	csrfName = "csrf.json"
)

// openOrigins reads what was learnt of other origins.
func (d *Door) openOrigins() error {
	var learnt crosssite.Learnt
	if err := d.state.read(originsName, &learnt); err != nil {
		return err
	}
	d.origins = crosssite.NewMemory(crosssite.MemoryOptions{Learnt: learnt, Keep: d.keepOrigins, Say: d.say})
	return nil
}

// compileCSRF makes the step of cfg. Before the state is open it is a trial, which learns
// nothing.
func (d *Door) compileCSRF(cfg *config.Config, g *guards) (*crosssite.Step, error) {
	o := crosssite.Options{
		Guard: cfg.CSRF.Options(), Mode: g.modes[nameCSRF], Sink: d.sink(nameCSRF), Deny: g.conceal.Deny,
		All: d.enforcesCSRF(cfg), Memory: d.origins, Session: g.cookies.IsSession, CrossSite: cfg.Cookies.CrossSite, Login: g.login.Protects,
	}
	o.Guard.Routes = append(o.Guard.Routes, d.allowedRoutes(cfg)...)
	if o.Memory == nil {
		o.Memory = crosssite.NewMemory(crosssite.MemoryOptions{})
	}
	return crosssite.New(o)
}

// compileTokens makes what puts tokens into forms. Before the state is open it is a trial,
// with a key that signs nothing.
func (d *Door) compileTokens(cfg *config.Config, g *guards) (*formtoken.Step, error) {
	o := formtoken.Options{Paths: cfg.CSRF.TokenPaths, Routes: cfg.CSRF.Options().Routes, Key: make([]byte, csrf.MinKey), Site: siteOf(cfg), Mode: g.modes[nameCSRF], Sink: d.sink(nameCSRF), Deny: g.conceal.Deny}
	if d.state != nil {
		o.Key = d.state.derive("form-tokens")
	}
	return formtoken.New(o)
}

// enforcesCSRF tells whether everything is refused: by the file, or by panoply csrf enforce.
func (d *Door) enforcesCSRF(cfg *config.Config) bool {
	return cfg.CSRF.Enforce == "all" || d.state != nil && d.state.enforcing()
}

func (s *state) enforcing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enforce
}

func (s *state) setEnforcing(enforce bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enforce = enforce
	return s.write(csrfName, enforce)
}

// describeCSRF says what is refused.
func (d *Door) describeCSRF(g *generation) string {
	if d.enforcesCSRF(g.cfg) {
		return "what other sites make a browser send is refused"
	}
	return "forms that other sites post with a cookie are refused, the rest is observed (all of it: panoply csrf enforce)"
}

// CSRF is what panoply csrf shows.
func (d *Door) CSRF() crosssite.Report {
	g := d.current.Load()
	entries, dropped := d.origins.Entries()
	return crosssite.Report{
		All: d.enforcesCSRF(g.cfg), Mode: g.guards.modes[nameCSRF].String(), Since: d.origins.Since().UTC(),
		Sources: d.origins.Sources(), Entries: entries, Dropped: dropped,
	}
}

// csrfSource counts requests by what their clients said: Sec-Fetch-Site, Origin, Referer,
// nothing.
func (d *Door) csrfSource(i int) uint64 {
	if d.origins == nil {
		return 0
	}
	n := d.origins.Sources()
	return [...]uint64{n.FetchMetadata, n.Origin, n.Referer, n.None}[i]
}

// EnforceCSRF refuses everything that is forged from now on, or goes back to what the
// configuration says. It takes effect at once and holds over restarts.
func (d *Door) EnforceCSRF(enforce bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil || d.closed {
		return errors.New("door: not running")
	}
	cfg := d.current.Load().cfg
	if !enforce && cfg.CSRF.Enforce == "all" {
		return errors.New("the configuration says csrf.enforce: all; change it there")
	}
	before := d.state.enforcing()
	if err := d.state.setEnforcing(enforce); err != nil {
		return err
	}
	if err := d.rebuild(); err != nil {
		return errors.Join(err, d.state.setEnforcing(before))
	}
	d.log.Warn("csrf", "enforce", enforce, "mode", guard.Mode(d.current.Load().guards.modes[nameCSRF]).String())
	return nil
}
