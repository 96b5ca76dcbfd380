package door

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/door/balance"
)

// health tells when an application goes, which is when none of its addresses can be reached,
// and when it comes back, once each: the lines of the single requests are in the access log.
type health struct {
	mu   sync.Mutex
	down map[string]bool // by the name of the group
}

// memberChanged is told when an address has become reachable or has stopped being so. It
// may run while d.mu is held.
func (d *Door) memberChanged(m *balance.Member) {
	g := d.current.Load()
	if g == nil {
		return
	}
	members := g.apps.members(m.Group())
	if !slices.Contains(members, m) {
		return // of a configuration that is gone
	}
	if !d.groupChanged(g, m.Group()) && len(members) > 1 {
		what := "an address of the application is gone"
		if m.Reachable() {
			what = "an address of the application is back"
		}
		d.log.Warn(what, "upstream", m.Group(), "member", m.Address(), "why", m.Standing().Why)
	}
}

// groupChanged tells that a whole application has gone or is back, and whether that is so.
func (d *Door) groupChanged(g *generation, group string) bool {
	h := &d.health
	h.mu.Lock()
	defer h.mu.Unlock()
	_, reachable := g.apps.reachable(group)
	was := h.down[group]
	switch {
	case !reachable && !was:
		if h.down == nil {
			h.down = map[string]bool{}
		}
		h.down[group] = true
		where := g.cfg.Upstream
		if group != config.DefaultGroup {
			var all []string
			for _, one := range g.apps.members(group) {
				all = append(all, one.Address())
			}
			where = strings.Join(all, ", ")
		}
		what := problemOf(group)
		d.log.Error(what, "upstream", where)
		d.say("%s at %s; clients get %d until it does", what, where, http.StatusBadGateway)
		select {
		case d.checks.again <- struct{}{}: // it may come back as another
		default:
		}
		return true
	case reachable && was:
		delete(h.down, group)
		what := strings.Replace(problemOf(group), "does not answer", "answers", 1)
		d.log.Info(what)
		d.say("%s", what)
		return true
	}
	return false
}

func problemOf(group string) string {
	if group == config.DefaultGroup {
		return "the application does not answer"
	}
	return fmt.Sprintf("the application %s does not answer", group)
}

// settleHealth forgets what a new configuration has replaced, and tells of the applications of
// which it has left only addresses that were lost before: nothing changes at those.
func (d *Door) settleHealth(g *generation) {
	h := &d.health
	h.mu.Lock()
	maps.DeleteFunc(h.down, func(group string, _ bool) bool {
		there, reachable := g.apps.reachable(group)
		return !there || reachable
	})
	h.mu.Unlock()
	for _, b := range g.apps.of {
		d.groupChanged(g, b.Name)
	}
}

// problems names what does not answer.
func (h *health) problems() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, group := range slices.Sorted(maps.Keys(h.down)) {
		out = append(out, problemOf(group))
	}
	return out
}
