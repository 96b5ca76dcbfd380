package active

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

// A trial is one run of the check.
type trial struct {
	*guesser
	ordinary *ordinary
	tries    int
	// clients is how many addresses were used; 0 when there is one only.
	clients uint8
	many    bool
	// first is what the first series tried, and began when its last answer had come.
	first try
	began time.Time
	// brief says that the refusals of the first series did not last.
	brief bool

	sequence, parallel, forwarded *series
	// named counts the guesses for the known name and its stranger that were judged.
	named int

	found []check.Finding
	// told is what was seen of each part, gaps what could not be told.
	told, gaps []string
}

func runBruteForce(ctx context.Context, s *check.Session) check.Result {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	l, err := find(ctx, s)
	if err != nil {
		return check.NotProven(err.Error())
	}
	t := &trial{guesser: &guesser{s: s, login: l}, tries: defaultTries}
	if n := s.Target.Guess.Tries; n > 0 {
		t.tries = n
	}
	if why := t.inSequence(ctx); why != "" {
		return check.NotProven(why)
	}
	if t.sequence.limited() {
		t.atOnce(ctx)
		t.fromElsewhere(ctx)
	}
	t.usersApart(ctx)
	if t.sequence.limited() {
		if t.lasts(ctx) {
			t.promised()
		}
		t.fromOneAddress(ctx)
	}
	t.notes()
	t.wholeRun()
	seen := l.route() + ": " + strings.Join(t.told, "; ")
	if len(t.gaps) > 0 {
		return check.NotProven("not told: "+strings.Join(t.gaps, "; ")+". Seen of "+seen, t.found...)
	}
	return check.Conclude(seen, t.found)
}

// wholeRun adds to the first finding what the other parts of the run showed, and which
// were not tried: beside a finding the reason of the result is not shown.
func (t *trial) wholeRun() {
	if len(t.found) == 0 || t.found[0].Severity == check.Info {
		return
	}
	seen := strings.Join(t.told, "\n")
	for _, gap := range t.gaps {
		seen += "\nnot told: " + gap
	}
	t.found[0].Evidence = append(t.found[0].Evidence, check.Evidence{Where: "the whole run, " + t.login.route(), Seen: strings.TrimSpace(seen)})
}

// client is an address that has sent nothing yet, where there are several.
func (t *trial) client() uint8 {
	if t.many {
		t.clients++
	}
	return t.clients
}

func (t *trial) tell(format string, args ...any) {
	t.told = append(t.told, fmt.Sprintf(format, args...))
}
func (t *trial) gap(format string, args ...any) {
	t.gaps = append(t.gaps, fmt.Sprintf(format, args...))
}

// inSequence finds the limit for one name. It returns why nothing at all can be tested.
func (t *trial) inSequence(ctx context.Context) string {
	name := t.stranger()
	// Whether there are several addresses is seen by asking from one.
	t.many = true
	_, err := t.s.Wire.Do(ctx, check.Request{Client: t.client()})
	if err != nil {
		t.many, t.clients = false, 0
	}
	from := t.client()
	t.first = try{name: name, client: from}
	s, o, why := t.guesser.sequence(ctx, nil, t.tries, func(int) try { return t.first })
	t.began = time.Now()
	if why != "" {
		return why
	}
	t.sequence, t.ordinary = s, o
	if o == nil {
		return fmt.Sprintf("%s gave no answer to a first wrong password: %v", t.login.route(), s.stopped)
	}
	switch begin, end, slowed := s.slowed(); {
	case s.doubt() != "":
		t.gap("wrong passwords in sequence, %s", s.doubt())
	case s.limited():
		t.tell("%d wrong passwords for one name were judged, then %s", s.judged, s.turned.says())
	case slowed:
		t.gap("the limit: the login refused none of %d guesses, but slowed down from %v to %v an answer", s.judged, begin.Round(time.Millisecond), end.Round(time.Millisecond))
	case s.judged < t.tries:
		t.gap("the limit: %d guesses only", s.judged)
	}
	return ""
}

// atOnce sees whether guesses that arrive together get past the limit.
func (t *trial) atOnce(ctx context.Context) {
	s := t.burst(ctx, t.ordinary, t.tries, try{name: t.stranger(), client: t.client()})
	t.parallel = s
	switch {
	case s.beyond(t.sequence) && !t.lasts(ctx):
		t.gap("wrong passwords at once: %d of %d were judged, but refusals do not last", s.judged, len(s.answers))
	case s.beyond(t.sequence):
		t.found = append(t.found, bruteForceRules.Find("brute-force/parallel", t.login.route(),
			s.last(t.ordinary).evidence(fmt.Sprintf("%d of %d sent at the same moment were judged", s.judged, len(s.answers))), t.limitSeen()).
			Saying("%s judges %d of %d wrong passwords that arrive together, and %d of those in sequence", t.login.route(), s.judged, len(s.answers), t.sequence.judged))
	case s.doubt() != "":
		t.gap("wrong passwords at once, %s", s.doubt())
	case s.judged == 0:
		t.gap("wrong passwords at once: the limiter refuses this address already, whatever the name, and no other one can be asked from; audit it on its own machine")
	default:
		t.tell("%d of %d at once", s.judged, len(s.answers))
	}
}

// limitSeen is the evidence of the limit that the others are measured by.
func (t *trial) limitSeen() check.Evidence {
	return t.sequence.turned.evidence(fmt.Sprintf("in sequence it refuses after %d", t.sequence.judged), "Retry-After")
}

// fromElsewhere sees whether a header that claims another address makes the limiter
// forget, and which one.
func (t *trial) fromElsewhere(ctx context.Context) {
	rotated := func(n int, names []string) *series {
		name, from := t.stranger(), t.client()
		s, _, _ := t.guesser.sequence(ctx, t.ordinary, n, func(i int) try { return try{name: name, client: from, headers: claim(names, i)} })
		return s
	}
	s := rotated(t.tries, claims)
	t.forwarded = s
	switch {
	case s.beyond(t.sequence) && !t.lasts(ctx):
		t.gap("addresses that are made up: %d of %d were judged, but refusals do not last", s.judged, len(s.answers))
	case s.beyond(t.sequence):
		name := strings.Join(claims, ", ")
		for _, one := range claims {
			// One more than the limit is enough, as long as there are guesses left.
			if t.sequence.judged+sure > t.left() {
				break
			}
			if by := rotated(t.sequence.judged+1, []string{one}); by.beyond(t.sequence) {
				name = one
				break
			}
		}
		t.found = append(t.found, bruteForceRules.Find("brute-force/forwarded", name,
			s.last(t.ordinary).evidence(fmt.Sprintf("%d of %d were judged, each with another address in %s", s.judged, len(s.answers), name)), t.limitSeen()).
			With(check.Firm).
			Saying("%s judges %d of %d wrong passwords when each claims another address in %s, and %d without%s", t.login.route(), s.judged, len(s.answers), name, t.sequence.judged, beside))
	case s.doubt() != "":
		t.gap("addresses that are made up, %s", s.doubt())
	default:
		t.tell("%d with addresses that are made up", s.judged)
	}
}

// usersApart compares what the known name gets with what a stranger gets, and judges the
// sequence that no limiter ended: one that counts known names only is one all the same.
func (t *trial) usersApart(ctx context.Context) {
	endless := t.sequence.endless(t.tries)
	if t.s.Target.Guess.User == "" {
		if t.told = append(t.told, "no known name was tried (--login-user)"); endless {
			t.unlimited()
		}
		return
	}
	n, client := pairs, t.client
	if endless {
		// The known name is limited by itself, or not at all.
		one := t.client()
		n, client = t.tries, func() uint8 { return one }
	}
	c := t.comparison()
	t.pair(ctx, t.ordinary, c, n, client)
	if times, enough := c.timing(); enough && c.why == "" && !times.differs() && !times.tells() {
		// On a busy machine more pairs may tell, as far as the last series spares them.
		t.pair(ctx, t.ordinary, c, min(pairs, (t.left()-aDay)/2), client)
	}
	t.named = len(c.known.answered()) + len(c.stranger.answered())
	if endless && c.known.refused < sure {
		t.unlimited()
	}
	t.compared(c)
}

// unlimited reports that nothing ends a series of guesses.
func (t *trial) unlimited() {
	s := t.sequence
	took := time.Duration(0)
	for _, a := range s.answers {
		took += a.x.Took
	}
	t.found = append(t.found, bruteForceRules.Find("brute-force/unlimited", t.login.route(),
		s.last(t.ordinary).evidence(fmt.Sprintf("%d of %d wrong passwords for one name were judged, each in %v", s.judged, len(s.answers), (took/time.Duration(len(s.answers))).Round(100*time.Microsecond)))).
		Saying("%s judges %d of %d wrong passwords for one name, and refuses none", t.login.route(), s.judged, len(s.answers)))
	t.told = append(t.told, "at once and with addresses that are made up were not tried, for there is no limit to get past")
}

// compared reports what a comparison shows.
func (t *trial) compared(c *comparison) {
	known := c.known.answered()
	different := c.differences()
	if len(different) > 0 {
		var parts []string
		var evidence []check.Evidence
		for _, d := range different {
			parts = append(parts, d.what)
			evidence = append(evidence, check.Evidence{
				Kind: check.Answer, Where: t.login.method + " " + c.known.answers[0].last().URL,
				Seen: d.what + "\nknown:   " + d.known + "\nunknown: " + d.stranger,
			})
		}
		if len(known) > 0 {
			evidence[0].Command = known[0].last().Command()
		}
		f := bruteForceRules.Find("brute-force/tells-users", t.login.route(), evidence...).
			Saying("%s tells a name that exists from one that does not by: %s", t.login.route(), strings.Join(parts, ", "))
		if len(known) <= fewPairs {
			f = f.With(check.Firm)
		}
		t.found = append(t.found, f)
	}
	times, enough := c.timing()
	switch {
	case enough && times.differs():
		e := known[0].evidence(times.String())
		t.found = append(t.found, bruteForceRules.Find("brute-force/times-users", t.login.route(), e).With(check.Firm).
			Saying("%s takes another time for a name that exists: %s", t.login.route(), times))
	case enough && times.tells():
		t.tell("a known name takes no other time: %d pairs would show more than %v", times.n, times.hidden.Round(100*time.Microsecond))
	case enough:
		t.gap("the time that a known name takes: the noise hides differences up to %v in %d pairs", times.hidden.Round(time.Millisecond), times.n)
	default:
		t.gap("the time that a known name takes: only %d pairs were answered", times.n)
	}
	switch {
	case c.why != "":
		t.gap("the known name, %s", c.why)
	case len(different) == 0 && min(len(known), len(c.stranger.answered())) < fewPairs:
		t.gap("what answers say of a known name: the limiter refuses already")
	case len(different) == 0:
		t.tell("a known name gets the same answers")
	}
}

// lasts says whether the refusals of the first series hold on: without that, more of a
// later series may have got through only because time has passed. A limiter that counts
// by the second slows programs down, and lets them guess all day.
func (t *trial) lasts(ctx context.Context) bool {
	if t.sequence.resumed && !t.brief {
		t.gap("how long refusals last: between two of them guesses for the same name were judged")
		t.brief = true
	}
	if t.brief {
		return false
	}
	a := t.try(ctx, t.first)
	v := t.ordinary.judge(a)
	if after := time.Since(t.began); v == judged {
		t.gap("how long refusals last: %v after the last one the same name was judged again, which lets %d guesses a day through unless later refusals last longer",
			after.Round(100*time.Millisecond), t.perDay(after))
		t.brief = true
	}
	return v == refused
}

// perDay is how many guesses for one name a day lets through when each refusal ends
// after the time given.
func (t *trial) perDay(after time.Duration) int {
	return int(float64(t.sequence.judged) * 24 * float64(time.Hour) / float64(max(after, time.Millisecond)))
}

// promised says what the refusal itself tells of its end.
func (t *trial) promised() {
	seconds, err := strconv.Atoi(t.sequence.turned.last().Header.Get("Retry-After"))
	if err != nil || seconds <= 0 || seconds > 1e6 {
		return
	}
	after := time.Duration(seconds) * time.Second
	if after < shortest {
		t.gap("how long refusals last: %v by their own word, which lets %d guesses a day through unless later refusals last longer", after, t.perDay(after))
		return
	}
	t.tell("refused for %v, so about %d guesses a day pass for one name", after, t.perDay(after))
}

// fromOneAddress looks for the second metric: failures of one address, whatever names.
// It is the last, for it uses the address up.
func (t *trial) fromOneAddress(ctx context.Context) {
	have := t.sequence.judged
	if !t.many {
		have += t.parallel.judged + t.forwarded.judged + t.named
	}
	n := min(aDay+1-have, t.left())
	s, _, _ := t.guesser.sequence(ctx, t.ordinary, max(n, sure), func(int) try { return try{name: t.stranger(), client: t.first.client} })
	switch {
	case s.limited():
		t.tell("one address is refused after %d failures, whatever the names", have+s.judged)
	case s.doubt() != "":
		t.gap("the failures of one address, %s", s.doubt())
	default:
		t.gap("the second metric: %d failures of one address, each for another name, are all judged; a limit over a long time may lie above that", have+s.judged)
	}
}

// notes are worth knowing, and break nothing.
func (t *trial) notes() {
	if a := t.sequence.turned; a != nil {
		x := a.last()
		if (x.Status == http.StatusTooManyRequests || x.Status == http.StatusServiceUnavailable) && x.Header.Get("Retry-After") == "" {
			t.found = append(t.found, bruteForceRules.Find("brute-force/retry-after-absent", t.login.route(), x.Evidence("Retry-After")))
		}
	}
	if t.ordinary == nil {
		return
	}
	if name, ok := remaining(t.ordinary.x); ok {
		t.found = append(t.found, bruteForceRules.Find("brute-force/remaining-told", name, t.ordinary.x.Evidence(name)).
			Saying("%s says in %s how many guesses are left", t.login.route(), name))
	}
}
