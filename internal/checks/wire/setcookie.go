package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A setCookie is one Set-Cookie field, read as browsers do: nothing is refused, of an
// attribute given twice the last counts.
//
// Source: RFC 6265bis section 5.6.
type setCookie struct {
	name, value string
	attributes  map[string]string
}

func setCookies(x *check.Exchange) []setCookie {
	var all []setCookie
	for _, field := range x.Header.Values("Set-Cookie") {
		all = append(all, parseSetCookie(field))
	}
	return all
}

func parseSetCookie(field string) setCookie {
	pair, rest, _ := strings.Cut(field, ";")
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		name, value = "", pair
	}
	c := setCookie{name: strings.TrimSpace(name), value: strings.TrimSpace(value), attributes: make(map[string]string)}
	for part := range strings.SplitSeq(rest, ";") {
		key, val, _ := strings.Cut(part, "=")
		if key = strings.ToLower(strings.TrimSpace(key)); key != "" {
			c.attributes[key] = strings.TrimSpace(val)
		}
	}
	return c
}

func (c setCookie) has(attribute string) bool { _, ok := c.attributes[attribute]; return ok }

// lifetime is how long a browser keeps the cookie: 0 until it closes. Max-Age wins
// over Expires.
func (c setCookie) lifetime(now time.Time) (d time.Duration, persistent bool) {
	if v, ok := c.attributes["max-age"]; ok {
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			return time.Duration(n) * time.Second, true
		}
	}
	if v, ok := c.attributes["expires"]; ok {
		if t, err := http.ParseTime(strings.ReplaceAll(v, "-", " ")); err == nil {
			return t.Sub(now), true
		}
	}
	return 0, false
}

// deletes says that the field removes the cookie; then its flags protect nothing.
func (c setCookie) deletes() bool {
	d, persistent := c.lifetime(time.Now())
	return persistent && d <= 0
}

// size is what browsers count: name and value.
func (c setCookie) size() int { return len(c.name) + len(c.value) }

var (
	sessionName = pattern.New(`(?i)sess|(^|[^a-z])s?sid($|[^a-z])|auth|token|jwt|login|logged|remember|(^|[^a-z])sso($|[^a-z])`)
	forScript   = pattern.New(`(?i)csrf|xsrf`)
	jwtValue    = pattern.New(`^eyJ[\w-]{8,}\.[\w-]+\.[\w-]*$`)
)

// session says that the cookie looks as if it let its bearer in: by name, by the form
// of a signed session id, or by being a token. A cookie meant for script, as against
// forged requests, is none.
func (c setCookie) session() bool {
	switch {
	case strings.HasSuffix(c.name, ".sig"):
		return false
	case strings.HasPrefix(c.value, "s%3A"), strings.HasPrefix(c.value, "s:"), jwtValue.Get().MatchString(c.value):
		return true
	case forScript.Get().MatchString(c.name):
		return false
	case cookieOwner(c.name, nil) != "":
		return true
	}
	return sessionName.Get().MatchString(c.name)
}
