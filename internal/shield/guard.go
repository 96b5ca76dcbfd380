package shield

import (
	"net/http"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// Practice is the practice of what shields tell.
const Practice = "dependencies"

// A Guard is a compiled set of shields. It is safe for concurrent use.
type Guard struct {
	o       Options
	shields []*shield
}

// A Refusal is what a shield has against a request. It holds nothing that a client said.
type Refusal struct {
	// ID is the shield's.
	ID string
	// Where is the condition, such as "query __proto__".
	Where string
	// Why is a half sentence for a person.
	Why string
	// Status is that of the answer: 403, or 400, 413 or 415 for a body that cannot be seen.
	Status int
	// Observed says that it is only told.
	Observed bool
}

// Error says which shield, and why.
func (r *Refusal) Error() string { return "shield " + r.ID + ": " + r.Where + " " + r.Why }

// Check returns what the shields have against r, in their order, up to the first that is
// enforced. It may look at the body, and leaves r.Body replaying it. For a request that no
// shield can meet it allocates nothing and returns nil.
func (g *Guard) Check(r *http.Request) []Refusal {
	var all []Refusal
	var pending uint64
	for i, s := range g.shields {
		if !s.reaches(r) {
			continue
		}
		if c := s.hit(r); c != nil {
			all = append(all, s.refuse(g.o.Mode, c.text, "is what it refuses", http.StatusForbidden))
			if !all[len(all)-1].Observed {
				return all
			}
			continue
		}
		if s.asks != 0 || s.longest >= 0 {
			pending |= 1 << i
		}
	}
	if pending == 0 || r.Body == nil || r.Body == http.NoBody || g.o.Converses != nil && g.o.Converses(r) {
		return all
	}
	return g.bodies(r, pending, all)
}

// reaches tells whether the shield is about the request.
func (s *shield) reaches(r *http.Request) bool {
	reached := len(s.routes) == 0
	for i := range s.routes {
		if s.routes[i].MayReach(r) {
			reached = true
			break
		}
	}
	if !reached {
		return false
	}
	for _, c := range s.only {
		if !c.atHead(r) {
			return false
		}
	}
	return true
}

// hit is the first condition that the head holds.
func (s *shield) hit(r *http.Request) *condition {
	for _, c := range s.head {
		if c.atHead(r) {
			return c
		}
	}
	return nil
}

func (s *shield) refuse(mode guard.Mode, where, why string, status int) Refusal {
	return Refusal{ID: s.id, Where: where, Why: why, Status: status, Observed: s.mode != guard.Enforce || mode != guard.Enforce}
}

// Handler refuses what a shield stands before, and tells.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g.o.Mode == guard.Off || len(g.shields) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, one := range g.Check(r) {
			e := guard.Event{
				Practice: Practice, Rule: one.ID, Action: guard.Denied, Field: one.Where, Request: hook.RequestID(r.Context()), Detail: one.Where + " " + one.Why,
			}
			if one.Observed {
				e.Action = guard.WouldDeny
			}
			g.o.Sink.Tell(r.Context(), e)
			if !one.Observed {
				g.o.Deny(w, r, guard.Denial{Practice: Practice, Rule: one.ID, Status: one.Status, ID: e.Request})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
