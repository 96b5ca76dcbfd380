package active

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A verdict is what an answer to a guess says.
type verdict uint8

const (
	// failed: no answer came.
	failed verdict = iota
	// judged: the answer to a wrong password; the guess was looked at.
	judged
	// refused: the limiter's answer; the guess was not looked at.
	refused
	// unclear: another answer, that does not say what it is.
	unclear
)

var (
	// lockWords are those of a limiter. One counts only where the first answer lacks it:
	// many a page loads a captcha's script always.
	lockWords = pattern.New(`(?i)too many|too often|try again (?:later|in|after)|rate.?limit|locked|blocked|suspend|throttl|captcha|slow down|please wait|attempts exceeded|zu viele|gesperrt|später erneut|trop de|verrouill|demasiad|bloquead|troppi|te veel`)
	// wrongWords say that a name or a password was wrong.
	wrongWords = pattern.New(`(?i)(?:invalid|incorrect|wrong|bad|unknown|no such|no)\b[^<>{}]{0,40}(?:user|password|credential|login|e-?mail|account)` +
		`|(?:user|password|credentials?|login|sign.?in|authentication|e-?mail|account)\b[^<>{}]{0,40}(?:invalid|incorrect|wrong|fail|not found|unknown|mismatch|do(?:es)?n.t|do(?:es)? not|not recogni|denied|exist)` +
		`|(?:falsch|ungültig|unbekannt)[^<>{}]{0,40}|mot de passe[^<>{}]{0,40}incorrect|incorrecto|non valid|onjuist`)
	// saysNo is an answer for programs that says so without those words.
	saysNo = pattern.New(`(?i)"(?:success|ok|authenticated|loggedin)"\s*:\s*false|"(?:error|errors|err)"\s*:\s*(?:"[^"]|[{\[]|true)`)
	// tokenWords are those of a refusal that has nothing to do with the password.
	tokenWords = pattern.New(`(?i)csrf|xsrf|cross.site|forgery|invalid token|origin`)
	// wrongPlaces are where logins redirect to when a password is wrong.
	wrongPlaces = pattern.New(`(?i)log[-_ ]?in|sign[-_ ]?in|session|auth|error|fail|invalid|wrong|denied|anmeld`)
)

// text is what an answer says to a person, its redirect and what stands there included.
func (a *answer) text() string {
	var b strings.Builder
	for _, x := range []*check.Exchange{a.x, a.then} {
		if x != nil {
			b.WriteString(x.Header.Get("Location") + " ")
			b.Write(x.Body[:min(len(x.Body), 256<<10)])
			b.WriteByte('\n')
		}
	}
	if a.x == nil && a.page != nil {
		b.Write(a.page.Body[:min(len(a.page.Body), 256<<10)])
	}
	return b.String()
}

// last is the exchange that shows best what became of the guess; nil without any.
func (a *answer) last() *check.Exchange {
	if a.x != nil {
		return a.x
	}
	return a.page
}

// An ordinary answer is the one to a wrong password, which the others are compared to.
type ordinary struct{ *answer }

// baseline takes the first answer for the ordinary one, or says why it cannot be.
func baseline(l *login, a *answer) (*ordinary, string) {
	switch {
	case a.err != nil:
		return nil, fmt.Sprintf("%s gave no answer: %v", l.route(), a.err)
	case a.x == nil && a.page.Status == http.StatusOK:
		return nil, fmt.Sprintf("the form is not on %s when that is asked for again", l.page)
	case a.x == nil:
		return nil, fmt.Sprintf("the page with the form, %s, is answered with %d", l.page, a.page.Status)
	}
	said, status := a.text(), a.x.Status
	again := crawlForm(l, a)
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, status == http.StatusLocked:
		wait := ""
		if after := a.x.Header.Get("Retry-After"); after != "" {
			wait = "; try again after " + after
		}
		return nil, fmt.Sprintf("the first wrong password is refused already, with %d: a limiter may still count an earlier run%s", status, wait)
	case status >= 500, status == http.StatusMethodNotAllowed, status == http.StatusUnsupportedMediaType, status == http.StatusNotFound && !wrongWords.Get().MatchString(said):
		return nil, fmt.Sprintf("%s is answered with %d, which is no answer to a wrong password; --login-route, --login-fields and --login-format tell how it is asked", l.route(), status)
	case status == http.StatusUnauthorized:
		return &ordinary{a}, ""
	case status >= 400 && tokenWords.Get().MatchString(said):
		return nil, fmt.Sprintf("%s is answered with %d, which speaks of a token or an origin and not of the password", l.route(), status)
	case status >= 300 && status < 400:
		to := location(a.x)
		if to != nil && (samePath(to.RequestURI(), l.page) || samePath(to.RequestURI(), l.path) || wrongPlaces.Get().MatchString(to.RequestURI())) || again || wrongWords.Get().MatchString(said) {
			return &ordinary{a}, ""
		}
		return nil, fmt.Sprintf("a wrong password is answered like a right one, with a redirect to %s", a.x.Header.Get("Location"))
	case again, wrongWords.Get().MatchString(said), saysNo.Get().MatchString(said):
		return &ordinary{a}, ""
	case status < 300:
		return nil, fmt.Sprintf("%s answers a wrong password with %d and no word of an error: whether guesses fail cannot be told", l.route(), status)
	}
	return nil, fmt.Sprintf("%s is answered with %d and no word of a name or a password: whether they were looked at cannot be told", l.route(), status)
}

// crawlForm says whether the answer shows the form again.
func crawlForm(l *login, a *answer) bool {
	return slices.ContainsFunc([]*check.Exchange{a.x, a.then}, func(x *check.Exchange) bool {
		return x != nil && x.Status < 400 && l.page != "" && l.again(x) != nil
	})
}

// judge says what an answer is, beside the ordinary one.
func (o *ordinary) judge(a *answer) verdict {
	switch {
	case a.err != nil:
		return failed
	case a.x == nil && a.page.Status >= 500 && !refusing(a.page.Status):
		return failed
	case a.x == nil:
		return refused // the page came before with its form, and does not now
	case a.x.Status == o.x.Status && o.sameRedirect(a):
		switch {
		case alike(o.answer, a):
			return judged
		case o.newLockWord(a):
			return refused
		}
		return unclear
	case a.x.Status != o.x.Status && refusing(a.x.Status), a.x.Status == http.StatusTooManyRequests:
		return refused
	case a.x.Status >= 500:
		return failed
	case o.newLockWord(a), location(a.x) != nil && !o.sameRedirect(a):
		return refused
	}
	return unclear
}

// refusing are the statuses of limiters, where the ordinary answer has another.
func refusing(status int) bool {
	return slices.Contains([]int{http.StatusForbidden, http.StatusLocked, http.StatusTooManyRequests, http.StatusServiceUnavailable, 420}, status)
}

func (o *ordinary) sameRedirect(a *answer) bool {
	was, is := location(o.x), location(a.x)
	if was == nil || is == nil {
		return was == is
	}
	return was.Host == is.Host && was.Path == is.Path
}

// newLockWord says whether the answer has a word of limiters that the ordinary one
// lacks.
func (o *ordinary) newLockWord(a *answer) bool {
	before := strings.ToLower(o.text())
	return slices.ContainsFunc(lockWords.Get().FindAllString(a.text(), 100), func(word string) bool {
		return !strings.Contains(before, strings.ToLower(word))
	})
}

// alike says whether two answers say the same but for the names that were tried. Both
// names leave both answers, so that a name which is a word of the page changes nothing.
func alike(a, b *answer) bool {
	same := func(x, y *check.Exchange) bool {
		return crawl.Alike(unnamed(x, a.name, b.name), unnamed(y, a.name, b.name))
	}
	return same(a.x, b.x) && (a.then == nil || b.then == nil || same(a.then, b.then))
}

// unnamed is the exchange with the names that were tried taken out of its body. Its
// status is compared elsewhere; as a page that is shown, its hidden fields do not count.
func unnamed(x *check.Exchange, names ...string) *check.Exchange {
	out := *x
	out.Status = http.StatusOK
	for _, name := range names {
		out.Body = []byte(withoutName(string(out.Body), name))
	}
	return &out
}

// withoutName takes a name out of a text, in each form in which an app may echo it.
func withoutName(text, name string) string {
	forms := []string{name, url.QueryEscape(name), html.EscapeString(name)}
	if quoted, err := json.Marshal(name); err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	for _, f := range forms {
		for _, form := range []string{f, strings.ToLower(f)} {
			text = strings.ReplaceAll(text, form, "NAME")
		}
	}
	return text
}

// says is an answer in a few words, for evidence.
func (a *answer) says() string {
	x := a.last()
	if x == nil {
		return fmt.Sprint(a.err)
	}
	said := fmt.Sprintf("%d %s", x.Status, http.StatusText(x.Status))
	if to := x.Header.Get("Location"); to != "" {
		said += " to " + to
	}
	if a.x == nil {
		said += " for the page with the form"
	}
	return strings.TrimSpace(said)
}

// evidence shows the exchange, with what was counted in front.
func (a *answer) evidence(counted string, headers ...string) check.Evidence {
	x := a.last()
	if x == nil {
		return check.Evidence{Kind: check.Packet, Where: "the login", Seen: counted}
	}
	e := x.Evidence(headers...)
	e.Seen = counted + "\n\n" + e.Seen
	if body := bytes.TrimSpace(x.Body); len(body) > 0 && len(body) < 400 {
		e.Seen += "\n\n" + strings.ToValidUTF8(string(body), "")
	}
	return e
}
