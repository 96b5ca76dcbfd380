package active

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// A shot is a row that was sent, with what became of it.
type shot struct {
	row
	*answer
	outcome outcome
}

// deed sends one route all rows, between two requests of the site's own: when the last
// of them is refused too, the refusals before it said nothing.
func (f *forger) deed(ctx context.Context, d *deed) {
	f.spent = 0
	own, v := f.own(ctx, d)
	if why := refusesItself(d, own); why != "" {
		f.gap("%s: %s", d.route(), why)
		return
	}
	get := f.plain(ctx, d)
	var shots []shot
	refused := 0
	for _, w := range rowsOf(d, f.s.URL, len(v.lines()) > 0) {
		a := f.forge(ctx, d, w, v.form)
		if errors.Is(a.err, errNoToken) {
			continue
		}
		s := shot{w, a, compared(own, a)}
		switch {
		case w.get && s.outcome != limited && (s.outcome != taken || same(get, a)):
			continue // what a GET does otherwise is no refusal
		case w.override && s.outcome == unsure && a.err == nil:
			continue
		case w.override && w.get && tookAny(shots, "csrf/get-accepts"):
			continue // taken whatever the query says of a method
		case s.outcome == taken && location(a.x) == nil && !echoes(a) && d.method == http.MethodPost && same(get, own):
			s.outcome = unsure
			s.answer.err = errAsGET
		}
		if s.outcome == denied {
			refused++
		}
		shots = append(shots, s)
		if s.outcome == limited {
			break
		}
	}
	f.conclude(d, own, v, shots)
	if doubts := doubtful(shots); doubts != "" {
		f.gap("%s: %s", d.route(), doubts)
		return
	}
	again, _ := f.own(ctx, d)
	switch spoilt := refusesItself(d, again); {
	case spoilt != "" && refused > 0:
		f.gap("%s: what was refused, for afterwards %s", d.route(), spoilt)
	case refused > 0:
		f.tell("%s: the site's own request is taken, and %d of %d from elsewhere are refused", d.route(), refused, len(shots))
	case len(shots) == 0:
		f.tell("%s: the site's own request is taken, and no form or link of another site gets there", d.route())
	}
}

var errAsGET = errors.New("answered like a GET, which does nothing")

func tookAny(shots []shot, rule string) bool {
	for _, s := range shots {
		if s.rule == rule && s.outcome == taken {
			return true
		}
	}
	return false
}

// doubtful is which rows are neither taken nor refused; empty for none.
func doubtful(shots []shot) string {
	var all []string
	for _, s := range shots {
		switch {
		case s.outcome == limited:
			all = append(all, fmt.Sprintf("from %s on a limiter answers, with %s", s.name, s.says()))
		case s.outcome == unsure && s.err != nil:
			all = append(all, fmt.Sprintf("%s: %v", s.row.name, s.err))
		case s.outcome == unsure:
			all = append(all, fmt.Sprintf("%s is answered with %s, neither as the site's own nor with a refusal", s.row.name, s.says()))
		}
	}
	if len(all) > 3 {
		all = append(all[:3], fmt.Sprintf("and %d more", len(all)-3))
	}
	return strings.Join(all, ", ")
}

// implied are rules of what a route takes anyway that takes a form of any site, or JSON.
var implied = map[string]bool{
	"csrf/same-site": true, "csrf/null-origin": true, "csrf/text-plain": true, "csrf/foreign-origin": true, "csrf/downgrade": true,
	"csrf/foreign-referer": true, "csrf/no-source": true, "csrf/token-unbound": true, "csrf/duplicates": true,
}

// conclude reports what was taken: one finding a rule, and one for all of them where
// nothing is looked at.
func (f *forger) conclude(d *deed, own *answer, v *victim, shots []shot) {
	byRule := make(map[string][]shot)
	var order []string
	base := "csrf/cross-site-form"
	if d.format == "json" && !tookAny(shots, base) {
		base = "csrf/text-plain"
	}
	open := tookAny(shots, base)
	for _, s := range shots {
		if s.outcome != taken {
			continue
		}
		rule := s.rule
		if open && implied[rule] {
			rule = base
		}
		if byRule[rule] == nil {
			order = append(order, rule)
		}
		byRule[rule] = append(byRule[rule], s)
	}
	anonymous := len(v.lines()) == 0
	for _, rule := range order {
		all := byRule[rule]
		var names []string
		var evidence []check.Evidence
		plain := true
		for _, s := range all {
			names = append(names, s.row.name)
			plain = plain && alike(own, s.answer)
			if len(evidence) < mostEvidence {
				evidence = append(evidence, s.evidence(fmt.Sprintf("%s: %s, as the site's own", s.row.name, s.says())))
			}
		}
		evidence = append(evidence, own.evidence("the site's own request: "+own.says()), every(d, shots))
		find := csrfRules.Find(rule, d.route(), evidence...)
		// The form again may mean that the app was not pleased, and another page behind the
		// same redirect that it said so in words that are not known here.
		if !plain || own.x.Status < 300 && d.page != "" && d.again(own.x) != nil {
			find = find.With(check.Firm)
		}
		if n := len(names); n > mostNames {
			names = append(names[:mostNames], fmt.Sprintf("and %d more from elsewhere", n-mostNames))
		}
		said := fmt.Sprintf("%s takes %s", d.route(), strings.Join(names, ", "))
		switch {
		case find.Severity == check.Info:
		case anonymous:
			find.Severity = lower(find.Severity)
			said += "; no cookie goes along, so it acts as a stranger"
		case all[0].held && v.held():
			find.Severity = lower(find.Severity)
			said += "; the cookies say SameSite, which today's browsers keep to, but not for siblings of the site"
		}
		f.found = append(f.found, find.Saying("%s", said))
	}
}

const (
	// mostEvidence is how many requests a finding shows beside the site's own.
	mostEvidence = 3
	// mostNames is how many of them its message names.
	mostNames = 4
)

// every lists all that was sent to a route, in a line each.
func every(d *deed, shots []shot) check.Evidence {
	became := map[outcome]string{taken: "taken", denied: "refused", limited: "limited", unsure: "unclear"}
	var lines []string
	for _, s := range shots {
		lines = append(lines, fmt.Sprintf("%-8s %s: %s", became[s.outcome], s.row.name, s.says()))
	}
	return check.Evidence{Where: "all that was sent to " + d.route(), Seen: strings.Join(lines, "\n")}
}

// lower is one step down, and still a finding.
func lower(s check.Severity) check.Severity { return max(s-1, check.Low) }
