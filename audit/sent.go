package audit

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// asked returns the requests of the session that were answered or failed, in an order
// that does not depend on time, with what came of each.
func (s *session) asked() []check.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []check.Request
	for r, rec := range s.known {
		if rec.done.Load() {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b check.Request) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.As, b.As), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method),
			cmp.Compare(a.Headers, b.Headers), cmp.Compare(a.Body, b.Body), cmp.Compare(a.Turn, b.Turn))
	})
	return all
}

// exchanges returns the answers of the session, those of the app behind it last.
func (s *session) exchanges() []*check.Exchange {
	var all []*check.Exchange
	for _, r := range s.asked() {
		if x := s.known[r].x; x != nil {
			all = append(all, x)
		}
	}
	if s.behind != nil {
		all = append(all, s.behind.exchanges()...)
	}
	return all
}

// list is what was sent, with equal requests counted together.
func (s *session) list() []Sent {
	var all []Sent
	for _, r := range s.asked() {
		rec := s.known[r]
		line := Sent{
			Method: cmp.Or(r.Method, http.MethodGet), URL: redact.Line(s.address(r)), As: "visitor", Times: 1, Active: r.Active,
			Headers: redact.Text(r.Headers), Body: redact.Text(r.Body),
		}
		if r.As == check.User {
			line.As = "user"
		}
		if r.Secret {
			line.Headers, line.Body = "(credentials)", ""
		}
		if rec.x != nil {
			line.Status = rec.x.Status
		}
		if n := len(all); n > 0 && same(all[n-1], line) {
			all[n-1].Times++
			continue
		}
		all = append(all, line)
	}
	if s.behind != nil {
		all = append(all, s.behind.list()...)
	}
	return all
}

// same says whether two lines differ in nothing but what came of them.
func same(a, b Sent) bool {
	a.Times, a.Status, b.Times, b.Status = 0, 0, 0, 0
	return a == b
}
