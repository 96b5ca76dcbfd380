package door

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/exceptions"
	"github.com/panoplysec/panoply/internal/door/ledger"
)

// exceptionsName is the file of what is let pass for a time.
const exceptionsName = "exceptions.json"

// exceptions returns those that hold.
func (s *state) exceptions() []exceptions.Exception {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var live []exceptions.Exception
	for _, e := range s.allowed {
		if e.Live(now) {
			live = append(live, e)
		}
	}
	return live
}

func (s *state) setExceptions(all []exceptions.Exception) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed = all
	return s.write(exceptionsName, all)
}

// exceptionsOf returns those of one guard that hold; none before the state is open.
func (d *Door) exceptionsOf(name string) []exceptions.Exception {
	if d.state == nil {
		return nil
	}
	return slices.DeleteFunc(d.state.exceptions(), func(e exceptions.Exception) bool { return e.Guard != name })
}

// allowedRoutes are the exceptions of csrf. A route for more than one of them has all their
// origins; one that the file has rules for is left to the file.
func (d *Door) allowedRoutes(cfg *config.Config) []csrf.Route {
	var routes []csrf.Route
	for _, e := range d.exceptionsOf(exceptions.CSRF) {
		route := e.CSRFRoute()
		if named(cfg, route.Pattern) {
			continue
		}
		i := slices.IndexFunc(routes, func(r csrf.Route) bool { return r.Pattern == route.Pattern })
		switch {
		case i < 0:
			routes = append(routes, route)
		case !slices.Contains(routes[i].TrustedOrigins, e.Origin):
			routes[i].TrustedOrigins = append(routes[i].TrustedOrigins, e.Origin)
		}
	}
	return routes
}

// named tells whether the file has rules for a route.
func named(cfg *config.Config, pattern string) bool {
	return slices.ContainsFunc(cfg.CSRF.Routes, func(r config.CSRFRoute) bool {
		return slices.Equal(strings.Fields(r.Route), strings.Fields(pattern))
	})
}

// around lets clients with an exception past the shield: allow-lists win over bans.
func (d *Door) around(shielded, app http.Handler) http.Handler {
	allowed := d.exceptionsOf(exceptions.Login)
	if len(allowed) == 0 {
		return shielded
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, client, now := r.URL.EscapedPath(), clientip.Of(r).Addr, time.Now()
		for i := range allowed {
			if e := &allowed[i]; e.Live(now) && e.Matches(r.Method, path, client) {
				app.ServeHTTP(w, r)
				return
			}
		}
		shielded.ServeHTTP(w, r)
	})
}

// Allow lets requests like one that was refused pass, from now on until a time. With dry it
// only says what that would be.
func (d *Door) Allow(id string, until time.Time, know, dry bool) (exceptions.Exception, error) {
	refusal, err := d.Why(id)
	if err != nil {
		return exceptions.Exception{}, err
	}
	e, err := exceptions.For(refusal, time.Now(), until, know)
	if err == nil && e.Guard == exceptions.CSRF && named(d.current.Load().cfg, e.CSRFRoute().Pattern) {
		err = errors.New("panoply.yaml has rules of its own for this route; change it there")
	}
	if err != nil || dry {
		return e, err
	}
	return e, d.changeExceptions("allowed", &e, func(all []exceptions.Exception) ([]exceptions.Exception, error) {
		all = slices.DeleteFunc(all, func(have exceptions.Exception) bool { return have.ID == e.ID })
		if len(all) >= exceptions.Max {
			return nil, fmt.Errorf("there are %d exceptions already; end one with panoply allow --end ID", exceptions.Max)
		}
		return append(all, e), nil
	})
}

// EndException ends an exception before its time.
func (d *Door) EndException(id string) error {
	ended := exceptions.Exception{ID: id}
	return d.changeExceptions("ended", &ended, func(all []exceptions.Exception) ([]exceptions.Exception, error) {
		i := slices.IndexFunc(all, func(e exceptions.Exception) bool { return len(id) >= 6 && strings.HasPrefix(e.ID, id) })
		if i < 0 {
			return nil, fmt.Errorf("no exception has the id %s; panoply allow lists them", ledger.Clean(id, 40))
		}
		ended = all[i]
		return slices.Delete(all, i, i+1), nil
	})
}

func (d *Door) changeExceptions(what string, e *exceptions.Exception, change func([]exceptions.Exception) ([]exceptions.Exception, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.servers == nil || d.closed {
		return errors.New("door: not running")
	}
	before := d.state.exceptions()
	after, err := change(slices.Clone(before))
	if err != nil {
		return err
	}
	if err := d.state.setExceptions(after); err != nil {
		return err
	}
	if err := d.rebuild(); err != nil {
		return errors.Join(err, d.state.setExceptions(before))
	}
	d.log.Warn("exception", what, ledger.Clean(e.String(), 300), "until", e.Until)
	select {
	case d.nextEnd <- struct{}{}: // one ends at another time now
	default:
	}
	return nil
}

// Exceptions lists what is let pass for a time.
func (d *Door) Exceptions() []exceptions.Exception {
	if all := d.state.exceptions(); all != nil {
		return all
	}
	return []exceptions.Exception{}
}

// endExceptions puts a configuration without what is over in place, each time that something
// is, until ctx is done.
func (d *Door) endExceptions(ctx context.Context) {
	for {
		var end <-chan time.Time
		if all := d.state.exceptions(); len(all) > 0 {
			first := slices.MinFunc(all, func(a, b exceptions.Exception) int { return a.Until.Compare(b.Until) })
			end = time.After(time.Until(first.Until))
		}
		select {
		case <-ctx.Done():
			return
		case <-d.nextEnd:
			continue
		case <-end:
		}
		d.mu.Lock()
		if !d.closed {
			if err := d.rebuild(); err != nil {
				d.log.Error("an exception that is over could not be taken out", "err", err)
			}
		}
		d.mu.Unlock()
	}
}
