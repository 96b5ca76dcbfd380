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
	h := &d.health
	h.mu.Lock()
	defer h.mu.Unlock()
	_, reachable := g.apps.reachable(m.Group())
	was := h.down[m.Group()]
	switch {
	case !reachable && !was:
		if h.down == nil {
			h.down = map[string]bool{}
		}
		h.down[m.Group()] = true
		where := make([]string, len(members))
		for i, one := range members {
			where[i] = one.Address()
		}
		if m.Group() == config.DefaultGroup {
			where = []string{g.cfg.Upstream}
		}
		what := problemOf(m.Group())
		d.log.Error(what, "upstream", strings.Join(where, ", "))
		d.say("%s at %s; clients get %d until it does", what, strings.Join(where, ", "), http.StatusBadGateway)
		select {
		case d.checks.again <- struct{}{}: // it may come back as another
		default:
		}
	case reachable && was:
		delete(h.down, m.Group())
		what := strings.Replace(problemOf(m.Group()), "does not answer", "answers", 1)
		d.log.Info(what)
		d.say("%s", what)
	case len(members) > 1:
		what := "an address of the application is gone"
		if m.Reachable() {
			what = "an address of the application is back"
		}
		d.log.Warn(what, "upstream", m.Group(), "member", m.Address(), "why", m.Standing().Why)
	}
}

func problemOf(group string) string {
	if group == config.DefaultGroup {
		return "the application does not answer"
	}
	return fmt.Sprintf("the application %s does not answer", group)
}

// settle forgets what a new configuration has replaced.
func (h *health) settle(a *apps) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.down, func(group string, _ bool) bool {
		there, reachable := a.reachable(group)
		return !there || reachable
	})
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
