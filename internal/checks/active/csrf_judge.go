package active

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// An outcome is what became of a forged request.
type outcome uint8

const (
	// unsure: an answer that does not say what it is, or none.
	unsure outcome = iota
	// taken: answered like the site's own request.
	taken
	// denied: refused.
	denied
	// limited: refused by something that counts requests, whatever they are.
	limited
)

var (
	// denialWords are those of a refusal for where a request comes from. One counts only
	// where the site's own request is answered without it.
	denialWords = pattern.New(`(?i)csrf|xsrf|cross.?(?:site|origin)|forger|invalid token|token (?:is )?(?:invalid|missing|mismatch|expired)|forbidden|not allowed|access denied|session (?:has )?expired|page (?:has )?expired`)
	// denialPlaces are where refusals redirect to.
	denialPlaces = pattern.New(`(?i)log[-_ ]?in|sign[-_ ]?in|\bauth|error|denied|forbidden|expired|csrf|invalid|anmeld`)
	// rateWords are those of a limiter that answers with another status than its own.
	rateWords = pattern.New(`(?i)too many|too often|rate.?limit|slow down|try again (?:later|in|after)`)
)

// isLimited says whether an answer is a limiter's, beside what a usual one says.
func isLimited(x *check.Exchange, usual string) bool {
	if slices.Contains([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusLocked, 420}, x.Status) {
		return true
	}
	return x.Status >= 400 && newWord(rateWords, string(x.Body[:min(len(x.Body), 64<<10)]), usual)
}

// newWord says whether a text has a word of the pattern that the usual one lacks.
func newWord(p pattern.Pattern, text, usual string) bool {
	usual = strings.ToLower(usual)
	return slices.ContainsFunc(p.Get().FindAllString(text, 100), func(word string) bool {
		return !strings.Contains(usual, strings.ToLower(word))
	})
}

// refusesItself is why the site's own request is no measure; empty when it was taken.
func refusesItself(d *deed, a *answer) string {
	if a.err != nil {
		return a.err.Error()
	}
	usual := ""
	if a.page != nil {
		usual = string(a.page.Body[:min(len(a.page.Body), 256<<10)])
	}
	switch {
	case isLimited(a.x, usual):
		return fmt.Sprintf("a limiter refuses the site's own request, with %s", a.says())
	case a.x.Status >= 400:
		return fmt.Sprintf("the site's own request is answered with %s%s", a.says(), hintFor(d, a.x.Status))
	}
	to := location(a.x)
	switch {
	case to != nil && !samePath(to.RequestURI(), d.page) && !samePath(to.RequestURI(), d.path) && denialPlaces.Get().MatchString(words(to.Path)):
		return fmt.Sprintf("the site's own request is sent to %s", to.Path)
	case newWord(denialWords, a.text(), usual):
		return fmt.Sprintf("the answer to the site's own request, %s, speaks of a refusal", a.says())
	}
	return ""
}

func hintFor(d *deed, status int) string {
	switch {
	case d.page != "" || status == http.StatusForbidden:
		return ""
	case status == http.StatusUnauthorized:
		return "; --header or --login logs in"
	}
	return "; --csrf-fields and --csrf-format tell what it is sent"
}

// compared is what an answer is, beside the answer to the site's own request.
func compared(own, a *answer) outcome {
	if a.err != nil || a.x == nil {
		return unsure
	}
	usual := own.text()
	alikeStatus := own.x.Status/100 == a.x.Status/100 && (own.x.Status < 400 || own.x.Status == a.x.Status)
	switch {
	case isLimited(a.x, usual):
		return limited
	case alikeStatus && samePlace(location(own.x), location(a.x)):
		switch {
		case newWord(denialWords, a.text(), usual):
			return denied
		case location(a.x) != nil, alike(own, a), echoes(own) && echoes(a):
			return taken
		}
		return unsure
	case a.x.Status >= 400 && a.x.Status < 500:
		return denied
	case newWord(denialWords, a.text(), usual):
		return denied
	case location(a.x) != nil && denialPlaces.Get().MatchString(words(location(a.x).Path)):
		return denied
	}
	return unsure
}

// echoes says that the answer repeats what was sent.
func echoes(a *answer) bool { return strings.Contains(a.text(), a.name) }

// same says that two answers say the same, whatever they were sent.
func same(a, b *answer) bool {
	return a.x != nil && b.x != nil && a.x.Status == b.x.Status && samePlace(location(a.x), location(b.x)) && alike(a, b)
}

// samePlace says whether two addresses lead to the same place but for numbers and ids.
func samePlace(a, b *url.URL) bool {
	if a == nil || b == nil {
		return a == b
	}
	return strings.EqualFold(a.Host, b.Host) && numbers.Get().ReplaceAllString(a.Path, "N") == numbers.Get().ReplaceAllString(b.Path, "N")
}

var numbers = pattern.New(`[0-9a-fA-F-]{16,}|[0-9]+`)
