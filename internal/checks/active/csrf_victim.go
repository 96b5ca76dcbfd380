package active

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// ambient are the lines of credentials that browsers send along whoever made the
// request: cookies, and what they asked for a password for.
func ambient(lines string) string {
	var out []string
	for line := range strings.SplitSeq(lines, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		scheme, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(value)), " ")
		if strings.EqualFold(name, "Cookie") || strings.EqualFold(name, "Authorization") && slices.Contains([]string{"basic", "digest", "negotiate", "ntlm"}, scheme) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func cookiesOf(x *check.Exchange) []*http.Cookie {
	var all []*http.Cookie
	for _, line := range x.Header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// A victim is a browser that has been on the site.
type victim struct {
	// user says that it is the one who is logged in.
	user bool
	jar  check.Cookies
	set  []*http.Cookie
	// given are lines of credentials.
	given string
	page  *check.Exchange
	form  *check.Form
}

// take keeps the cookies of an answer.
func (v *victim) take(x *check.Exchange) {
	keep(v.jar, x)
	v.set = append(v.set, cookiesOf(x)...)
}

// lines are what the browser sends along by itself. A cookie that was given stays.
func (v *victim) lines() []string {
	jar := maps.Clone(v.jar)
	var out []string
	for line := range strings.SplitSeq(v.given, "\n") {
		if value, ok := strings.CutPrefix(line, "Cookie: "); ok {
			for name, value := range pairsOf(value) {
				jar[name] = value
			}
		} else if line != "" {
			out = append(out, line)
		}
	}
	if header := jar.Header(); header != "" {
		out = append(out, header)
	}
	return out
}

// gave says whether the cookie is one of the credentials.
func (v *victim) gave(name string) bool {
	for line := range strings.SplitSeq(v.given, "\n") {
		value, _ := strings.CutPrefix(line, "Cookie: ")
		for given := range pairsOf(value) {
			if given == name {
				return true
			}
		}
	}
	return false
}

// pairsOf are the cookies of a header's value.
func pairsOf(value string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for part := range strings.SplitSeq(value, ";") {
			if name, value, ok := strings.Cut(strings.TrimSpace(part), "="); ok && !yield(name, value) {
				return
			}
		}
	}
}

var sessionNames = pattern.New(`(?i)sess|sid\b|auth|login|token|remember|jwt|user`)

// held says that every cookie that may be a session's says SameSite=Lax or Strict. Of a
// cookie that was given, and that the site has not set since, nobody knows.
func (v *victim) held() bool {
	last := make(map[string]*http.Cookie)
	for _, c := range v.set {
		last[c.Name] = c
	}
	for line := range strings.SplitSeq(v.given, "\n") {
		value, cookies := strings.CutPrefix(line, "Cookie: ")
		if line != "" && !cookies {
			return false // a password that the browser keeps
		}
		for name := range pairsOf(value) {
			if last[name] == nil {
				return false
			}
		}
	}
	session := func(c *http.Cookie) bool { return sessionNames.Get().MatchString(c.Name) || len(c.Value) >= 16 }
	some := false
	for _, c := range last {
		some = some || session(c)
	}
	for _, c := range last {
		if (session(c) || !some) && c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode {
			return false
		}
	}
	return len(last) > 0
}
