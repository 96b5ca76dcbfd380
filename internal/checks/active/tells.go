package active

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

const (
	// pairs is how many guesses the known name and a stranger get each.
	pairs = 12
	// fewPairs is how many say anything about what answers say.
	fewPairs = 2
)

// A comparison is what answers to a known name and to a stranger say apart.
type comparison struct {
	known, stranger series
	names           [2]string
	// why is why nothing, or not all, could be compared.
	why string
}

// comparison begins one, with a stranger of its own.
func (g *guesser) comparison() *comparison {
	return &comparison{names: [2]string{g.s.Target.Guess.User, g.stranger()}}
}

// pair asks for the known name and for one stranger in turn, each as often as the other
// and each first as often as the other: so what counts up or down with every guess does
// so for both. Where there are clients, each pair comes from a new address, so that a
// limiter by address ends it later.
func (g *guesser) pair(ctx context.Context, o *ordinary, c *comparison, n int, client func() uint8) {
	ctx, cancel := context.WithTimeout(ctx, seriesTime)
	defer cancel()
	row := 0
	for i := range n {
		from := client()
		var got [2]verdict
		for turn := range 2 {
			which := (i + turn) % 2
			a := g.try(ctx, try{name: c.names[which], client: from})
			if ctx.Err() != nil {
				c.why = fmt.Sprintf("after %d pairs: its time of %v was up", i, seriesTime)
				return
			}
			if a.err != nil {
				c.why = fmt.Sprintf("after %d pairs: %v", i, a.err)
				return
			}
			if which == 0 {
				// What the app says of a known name may differ from what it says of others:
				// that is what is being looked for, so only a refusal counts as one.
				got[0] = c.known.add(o, a)
			} else {
				got[1] = c.stranger.add(o, a)
			}
		}
		if got[0] == refused || got[1] == refused {
			row++
		} else {
			row = 0
		}
		if row == sure {
			return
		}
	}
}

// answered are the answers that are no refusals.
func (s *series) answered() []*answer {
	return slices.DeleteFunc(slices.Clone(s.answers), func(a *answer) bool { return a.x == nil || a.verdict == refused })
}

// A difference is one thing by which the known name shows.
type difference struct {
	what, known, stranger string
}

// differences are the things that every answer to the known name has, that no answer to
// a stranger has, and that are the same in each kind: what changes from answer to answer
// anyway is no sign of a name.
func (c *comparison) differences() []difference {
	known, stranger := c.known.answered(), c.stranger.answered()
	var found []difference
	if k, s := c.known.refused, c.stranger.refused; max(k, s) >= sure && min(k, s) == 0 {
		which, at := "known", len(known)
		if s > k {
			which, at = "unknown", len(stranger)
		}
		found = append(found, difference{"refusals", fmt.Sprintf("%d of %d refused", k, len(c.known.answers)), fmt.Sprintf("%d of %d refused (the %s name after %d guesses)", s, len(c.stranger.answers), which, at)})
	}
	if min(len(known), len(stranger)) < fewPairs {
		return found
	}
	differ := func(what string, of func(*answer) string) {
		k, s := constant(known, of), constant(stranger, of)
		if k != nil && s != nil && *k != *s {
			found = append(found, difference{what, *k, *s})
		}
	}
	differ("status", func(a *answer) string { return fmt.Sprint(a.x.Status) })
	differ("redirect", func(a *answer) string {
		to := location(a.x)
		if to == nil {
			return "nowhere"
		}
		return c.plain(to.RequestURI())
	})
	for _, name := range headerNames(known, stranger) {
		values := func(a *answer) string {
			if _, has := a.x.Header[name]; !has {
				return "absent"
			}
			return c.plain(strings.Join(a.x.Header.Values(name), ", "))
		}
		present := func(a *answer) string {
			if _, has := a.x.Header[name]; !has {
				return "absent"
			}
			return "present"
		}
		before := len(found)
		differ("header "+name, present)
		if len(found) == before && min(len(known), len(stranger)) > fewPairs && !ofItself(name) {
			differ("header "+name, values)
		}
	}
	if d := c.bodies(known, stranger); d != nil {
		found = append(found, *d)
	}
	return found
}

// bodies compares what the answers say: loosely first, and where that is the same, to
// the letter, for a code may be all that differs.
func (c *comparison) bodies(known, stranger []*answer) *difference {
	for _, kind := range [][]*answer{known, stranger} {
		for _, a := range kind[1:] {
			if !c.alike(kind[0], a) {
				return nil // the answers to one name differ among themselves
			}
		}
	}
	k, s := c.plain(string(known[0].x.Body)), c.plain(string(stranger[0].x.Body))
	if !c.alike(known[0], stranger[0]) {
		if known[0].then != nil && stranger[0].then != nil && k == s {
			k, s = c.plain(string(known[0].then.Body)), c.plain(string(stranger[0].then.Body))
		}
		k, s = apart(k, s)
		return &difference{"body", k, s}
	}
	of := func(a *answer) string { return c.plain(string(a.x.Body)) }
	if k, s := constant(known, of), constant(stranger, of); k != nil && s != nil && *k != *s && len(known) > fewPairs {
		k, s := apart(*k, *s)
		return &difference{"body", k, s}
	}
	return nil
}

// alike is alike for answers to either of the two names.
func (c *comparison) alike(a, b *answer) bool {
	one, other := *a, *b
	one.name, other.name = c.names[0], c.names[1]
	return alike(&one, &other)
}

// token is a word that is made anew for each answer.
var token = pattern.New(`[A-Za-z0-9+/_=.%-]{12,}`)

// plain is a text without the names, and without the words that are made anew.
func (c *comparison) plain(text string) string {
	for _, name := range c.names {
		text = withoutName(text, name)
	}
	return token.Get().ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") && strings.ContainsAny(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz") {
			return "…"
		}
		return word
	})
}

// constant is what all answers of a kind have in common; nil when they differ.
func constant(all []*answer, of func(*answer) string) *string {
	first := of(all[0])
	for _, a := range all[1:] {
		if of(a) != first {
			return nil
		}
	}
	return &first
}

// headerNames are all that the answers have, sorted.
func headerNames(kinds ...[]*answer) []string {
	var all []string
	for _, kind := range kinds {
		for _, a := range kind {
			for name := range a.x.Header {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ofItself says that a header's value differs from answer to answer, follows from the
// body, or is compared elsewhere.
func ofItself(name string) bool {
	switch name {
	case "Date", "Age", "Expires", "Last-Modified", "Etag", "Content-Length", "Set-Cookie", "Location", "Server-Timing", "X-Runtime", "X-Response-Time":
		return true
	}
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, "-id") || strings.Contains(lower, "request-id") || strings.Contains(lower, "trace") || strings.Contains(lower, "ratelimit")
}

// apart returns what differs between two texts, with a little around it.
func apart(a, b string) (string, string) {
	const around, most = 30, 160
	start := 0
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	start = max(start-around, 0)
	cut := func(s string) string { return strings.ToValidUTF8(s[start:min(len(s), start+most)], "") }
	return cut(a), cut(b)
}

// timing compares the times of the answers that are no refusals.
func (c *comparison) timing() (timing, bool) {
	took := func(all []*answer) (d []time.Duration) {
		for _, a := range all {
			d = append(d, a.x.Took)
		}
		return d
	}
	known, stranger := took(c.known.answered()), took(c.stranger.answered())
	if min(len(known), len(stranger)) < fewest {
		return timing{n: min(len(known), len(stranger))}, false
	}
	return compare(known, stranger), true
}

// remaining are headers by which a limiter says how many guesses are left.
func remaining(x *check.Exchange) (string, bool) {
	for _, name := range []string{"RateLimit-Remaining", "X-RateLimit-Remaining", "X-Rate-Limit-Remaining", "RateLimit", "X-RateLimit-Available"} {
		if x.Header.Get(name) != "" {
			return http.CanonicalHeaderKey(name), true
		}
	}
	return "", false
}
