package active

import (
	"context"
	"fmt"

	"github.com/panoplysec/panoply/audit/check"
)

// login sees whether another site can log a visitor in: whether a wrong password from
// there is looked at as one of the site's own is. Each try counts as a failure, so there
// are three.
func (f *forger) login(ctx context.Context) {
	l, err := find(ctx, f.s)
	if err != nil || l.format == "basic" {
		return // no form leads there, so no form of another site does
	}
	f.spent = 0
	g := &guesser{s: f.s, login: l, turn: f.turn}
	own := g.try(ctx, try{name: g.stranger(), client: f.client})
	f.turn = g.turn
	o, why := baseline(l, own)
	if why != "" {
		f.gap("the login: %s", why)
		return
	}
	d := &deed{method: l.method, path: l.path, page: l.page, format: l.format, visitor: true}
	var known *check.Form
	if own.page != nil {
		if known = l.again(own.page); known != nil {
			for _, field := range known.Fields {
				d.names = append(d.names, field.Name)
			}
		}
	}
	var shots []shot
	refused := 0
	for _, w := range rowsOf(&deed{method: "POST", format: l.format}, f.s.URL, false) {
		if w.rule == "csrf/cross-site-form" && w.format == "form" && l.format != "json" || w.rule == "csrf/text-plain" && l.format == "json" || w.rule == "csrf/foreign-origin" {
			w.rule, w.held = "csrf/login", false
			name := g.stranger()
			d.fields = []check.Field{{Name: l.user, Value: name}, {Name: l.password, Value: random()}}
			a := f.forge(ctx, d, w, known)
			a.name = name
			s := shot{w, a, compared(o.answer, a)}
			if s.outcome == denied {
				refused++
			}
			shots = append(shots, s)
		}
	}
	f.concludeLogin(l, own, shots)
	switch doubts := doubtful(shots); {
	case doubts != "":
		f.gap("%s: %s", l.route(), doubts)
	case refused > 0:
		f.tell("%s: %d of %d wrong logins from elsewhere are refused before the password is looked at", l.route(), refused, len(shots))
	}
}

func (f *forger) concludeLogin(l *login, own *answer, shots []shot) {
	var names string
	var evidence []check.Evidence
	for _, s := range shots {
		if s.outcome != taken {
			continue
		}
		if names != "" {
			names += ", "
		}
		names += s.row.name
		evidence = append(evidence, s.evidence(fmt.Sprintf("%s: %s, as the site's own", s.row.name, s.says())))
	}
	if names == "" {
		return
	}
	evidence = append(evidence, own.evidence("the site's own wrong login: "+own.says()))
	f.found = append(f.found, csrfRules.Find("csrf/login", l.route(), evidence...).With(check.Firm).
		Saying("%s looks at the password of %s", l.route(), names))
}
