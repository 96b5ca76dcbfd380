package active

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

const (
	// sure is after how many refusals in a row a limiter is taken at its word.
	sure = 3
	// seriesTime ends one series. What waits longer slows guesses down by itself.
	seriesTime = 30 * time.Second
	// slow is what an answer takes at least to be called slowed down.
	slow = time.Second
)

// A series is what became of guesses that belong together.
type series struct {
	answers []*answer
	// judged counts the guesses that were looked at, refused those that were not.
	judged, refused, failed, unclear int
	// asked counts the requests that were not refused: pages, guesses and redirects.
	asked int
	// wide says that a page was refused too, so that the limiter counts every request.
	wide bool
	// resumed says that guesses were judged again after a refusal.
	resumed bool
	// turned is the first refusal; odd the first answer that is neither.
	turned, odd *answer
	// stopped is why the series ended before its end, other than by being sure.
	stopped error
}

func (s *series) add(o *ordinary, a *answer) verdict {
	s.answers = append(s.answers, a)
	v := o.judge(a)
	a.verdict = v
	switch v {
	case judged:
		s.judged++
		s.resumed = s.resumed || s.turned != nil
		s.asked += a.asked
	case refused:
		s.refused++
		if a.x == nil {
			s.wide = true
		} else if a.page != nil {
			s.asked++
		}
		if s.turned == nil {
			s.turned = a
		}
	case failed, unclear:
		if v == failed {
			s.failed++
		} else {
			s.unclear++
		}
		if s.odd == nil {
			s.odd = a
		}
	}
	return v
}

// sequence sends up to n guesses one after the other, and stops when it is sure. Where o
// is nil, the first answer becomes the ordinary one, and the reason why it cannot be is
// returned.
func (g *guesser) sequence(ctx context.Context, o *ordinary, n int, next func(i int) try) (*series, *ordinary, string) {
	ctx, cancel := context.WithTimeout(ctx, seriesTime)
	defer cancel()
	s := new(series)
	row, bad := 0, 0
	for i := range n {
		a := g.try(ctx, next(i))
		if errors.Is(a.err, errSpent) || ctx.Err() != nil {
			s.stopped = a.err
			if ctx.Err() != nil {
				s.stopped = fmt.Errorf("its time of %v was up", seriesTime)
			}
			return s, o, ""
		}
		if o == nil {
			var why string
			if o, why = baseline(g.login, a); why != "" {
				return s, nil, why
			}
		}
		switch s.add(o, a) {
		case refused:
			row, bad = row+1, 0
		case judged:
			row, bad = 0, 0
		default:
			row, bad = 0, bad+1
		}
		if row == sure {
			return s, o, ""
		}
		if bad == sure {
			s.stopped = errors.New(s.odd.says())
			return s, o, ""
		}
	}
	return s, o, ""
}

// burst sends n guesses at the same moment.
func (g *guesser) burst(ctx context.Context, o *ordinary, n int, t try) *series {
	ctx, cancel := context.WithTimeout(ctx, seriesTime)
	defer cancel()
	all := make([]try, min(n, g.left()))
	for i := range all {
		all[i] = t
	}
	s := new(series)
	for _, a := range g.together(ctx, all) {
		s.add(o, a)
	}
	return s
}

// limited says that the limiter has shown itself and was not mistaken.
func (s *series) limited() bool { return s.refused > 0 && s.odd == nil && s.stopped == nil }

// beyond says whether more got through than in the series that the limiter ended. A
// limiter that counts every request is compared by requests: a guess of one series may
// have needed more of them than a guess of the other.
func (s *series) beyond(limit *series) bool {
	if s.wide || limit.wide {
		return s.asked > limit.asked && s.judged > limit.judged
	}
	return s.judged > limit.judged
}

// doubt is why a series proves nothing; empty when it does.
func (s *series) doubt() string {
	switch {
	case s.stopped != nil:
		return fmt.Sprintf("after %d of %d guesses: %v", s.judged, len(s.answers), s.stopped)
	case s.failed > 0:
		return fmt.Sprintf("%d of %d guesses got no answer that counts: %s", s.failed, len(s.answers), s.odd.says())
	case s.unclear > 0:
		return fmt.Sprintf("%d of %d answers differ from the first without saying that they refuse: %s", s.unclear, len(s.answers), s.odd.says())
	}
	return ""
}

// slowed says that answers became much slower in the course of the series: that too
// holds guesses up, and how far cannot be told in a short time.
func (s *series) slowed() (from, to time.Duration, ok bool) {
	var took []time.Duration
	for _, a := range s.answers {
		if a.x != nil {
			took = append(took, a.x.Took)
		}
	}
	if len(took) < 2*sure {
		return 0, 0, false
	}
	from, to = slices.Max(took[:sure]), slices.Min(took[len(took)-sure:])
	return from, to, to >= slow && to >= 5*from
}

// endless says that nothing held up any of the n guesses.
func (s *series) endless(n int) bool {
	_, _, slowed := s.slowed()
	return s.refused == 0 && s.doubt() == "" && s.judged == n && !slowed
}

// last is the last answer that was judged; the first of all without any.
func (s *series) last(o *ordinary) *answer {
	for _, a := range slices.Backward(s.answers) {
		if a.x != nil && a.verdict == judged {
			return a
		}
	}
	return o.answer
}

// claims are the headers by which proxies tell a visitor's address. All of them claim
// the same one.
var claims = []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"}

// claim is the header lines that claim the i-th address: each of another /24 of those
// that are set aside for tests of networks.
//
// Source: RFC 2544 appendix C.2.2.
func claim(names []string, i int) string {
	address := fmt.Sprintf("198.%d.%d.%d", 18+i/250%2, 1+i%250, 7+i%200)
	h := make(map[string]string)
	for _, name := range names {
		h[name] = address
		if name == "Forwarded" {
			h[name] = "for=" + address
		}
	}
	return check.Headers(h)
}
