package expresssession

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// A value is one of JavaScript's, as far as a cookie's members have them. Its JSON is raw;
// nil is undefined.
type value struct {
	raw  []byte
	date bool // a Date of ms
	ms   float64
}

var (
	undefined = value{}
	null      = value{raw: []byte("null")}
	yes       = value{raw: []byte("true")}
	no        = value{raw: []byte("false")}
)

func text(s string) value { return value{raw: jsobject.Quote(s)} }

func number(n float64) value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return value{raw: []byte("null"), ms: math.NaN(), date: false}
	}
	b, _ := jsobject.Stringify(n)
	return value{raw: b}
}

// date is new Date(ms): whole milliseconds, and none beyond 8.64e15.
func date(ms float64) value {
	if math.IsNaN(ms) || math.Abs(ms) > 8.64e15 {
		return value{raw: []byte("null"), date: true, ms: math.NaN()}
	}
	ms = math.Trunc(ms)
	t := time.UnixMilli(int64(ms)).UTC()
	layout := `"2006-01-02T15:04:05.000Z"`
	if y := t.Year(); y < 0 || y > 9999 {
		// JavaScript writes six digits and a sign. No cookie can have such a date.
		return value{raw: []byte("null"), date: true, ms: ms}
	}
	return value{raw: []byte(t.Format(layout)), date: true, ms: ms}
}

func (v value) isUndefined() bool { return v.raw == nil }

func (v value) isNull() bool { return string(v.raw) == "null" && !v.date && !math.IsNaN(v.ms) }

// nullish is == null.
func (v value) nullish() bool { return v.isUndefined() || v.isNull() }

// isNumber tells typeof v === 'number', and which.
func (v value) isNumber() (float64, bool) {
	if v.date || len(v.raw) == 0 {
		return 0, false
	}
	if math.IsNaN(v.ms) {
		return v.ms, true
	}
	if c := v.raw[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v.raw), 64)
	return n, err == nil || math.IsInf(n, 0)
}

func (v value) isString() (string, bool) {
	if v.date || len(v.raw) == 0 || v.raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(v.raw, &s)
	return s, err == nil
}

// truthy is JavaScript's.
func (v value) truthy() bool {
	switch {
	case v.date:
		return true
	case v.isUndefined(), v.isNull(), string(v.raw) == "false", string(v.raw) == `""`:
		return false
	}
	if n, ok := v.isNumber(); ok {
		return n != 0 && !math.IsNaN(n)
	}
	return true
}

// A cookieData is the peer's Cookie: what it stores with the session, and what the
// Set-Cookie is made of.
type cookieData struct {
	originalMaxAge, expires                                             value
	partitioned, priority, secure, httpOnly, domainName, path, samesite value
}

// errMaxAge is the peer's TypeError, on which it hangs.
var errMaxAge = errors.New("maxAge must be a number or Date")

func (c *cookieData) setExpires(v value, now float64) {
	c.expires = v
	c.originalMaxAge = c.maxAge(now)
}

func (c *cookieData) maxAge(now float64) value {
	if c.expires.date {
		return number(c.expires.ms - now)
	}
	return c.expires
}

func (c *cookieData) setMaxAge(v value, now float64) error {
	n, isNumber := v.isNumber()
	if v.truthy() && !isNumber && !v.date {
		return errMaxAge
	}
	if isNumber {
		v = date(now + n)
	}
	c.setExpires(v, now)
	return nil
}

// touch moves the expiry to a full life from now.
func (c *cookieData) touch(now float64) error { return c.setMaxAge(c.originalMaxAge, now) }

// cookieOf makes the cookie of a new session.
func cookieOf(o Cookie, now float64) cookieData {
	c := cookieData{httpOnly: yes, path: text(o.path()), expires: null, originalMaxAge: null}
	switch {
	case o.MaxAge != nil:
		_ = c.setMaxAge(number(float64(*o.MaxAge)/float64(time.Millisecond)), now)
	case !o.Expires.IsZero():
		c.setExpires(date(float64(o.Expires.UnixMilli())), now)
	}
	flag := func(to *value, f Flag) {
		switch f {
		case True:
			*to = yes
		case False:
			*to = no
		case Auto:
			*to = text(string(Auto))
		}
	}
	flag(&c.httpOnly, o.HTTPOnly)
	flag(&c.secure, o.Secure)
	flag(&c.partitioned, o.Partitioned)
	switch o.SameSite {
	case "":
	case "true", "false":
		flag(&c.samesite, Flag(o.SameSite))
	default:
		c.samesite = text(o.SameSite)
	}
	if o.Domain != "" {
		c.domainName = text(o.Domain)
	}
	if o.Priority != "" {
		c.priority = text(o.Priority)
	}
	return c
}

var errStoredCookie = errors.New("the stored session has no cookie that can be read")

// cookieFrom reads the cookie of a stored session: what is in it counts, over today's
// options.
func cookieFrom(stored []byte, ok bool, now float64) (cookieData, error) {
	c := cookieData{httpOnly: yes, path: text("/"), expires: null, originalMaxAge: null}
	v := value{raw: stored}
	if !ok || v.isNull() {
		return c, errStoredCookie
	}
	o, isObject := jsobject.Parse(stored)
	if !isObject && stored[0] != '[' {
		if v.truthy() {
			return c, errStoredCookie
		}
		c.originalMaxAge = undefined
		return c, nil
	}
	for _, m := range o {
		v := value{raw: m.Value}
		switch m.Name {
		case "originalMaxAge":
			c.originalMaxAge = v
		case "maxAge":
			if err := c.setMaxAge(v, now); err != nil {
				return c, err
			}
		case "expires":
			c.setExpires(v, now)
		case "partitioned":
			c.partitioned = v
		case "priority":
			c.priority = v
		case "secure":
			c.secure = v
		case "httpOnly":
			c.httpOnly = v
		case "domain":
			c.domainName = v
		case "path":
			c.path = v
		case "sameSite":
			c.samesite = v
		}
	}
	if raw, ok := o.Get("expires"); ok {
		if s, ok := (value{raw: raw}).isString(); ok {
			c.setExpires(date(parseDate(s)), now)
		}
	}
	c.originalMaxAge = undefined
	if raw, ok := o.Get("originalMaxAge"); ok {
		c.originalMaxAge = value{raw: raw}
	}
	return c, nil
}

// dateLayouts are forms of dates that writers of sessions use, beside RFC 3339.
var dateLayouts = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", time.RFC1123, time.RFC1123Z,
	"Mon Jan 02 2006 15:04:05 GMT-0700", "Mon, 2 Jan 2006 15:04:05 MST",
}

// parseDate is Date.parse for what is written into sessions; NaN for the rest.
func parseDate(s string) float64 {
	s, _, _ = strings.Cut(s, " (") // as in "GMT+0100 (Central European Time)"
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return float64(t.UnixMilli())
		}
	}
	return math.NaN()
}

// appendTo writes the cookie as the peer's toJSON does.
func (c *cookieData) appendTo(b []byte) []byte {
	b = append(b, '{')
	first := true
	for _, m := range [...]struct {
		name string
		v    *value
	}{
		{`"originalMaxAge":`, &c.originalMaxAge}, {`"partitioned":`, &c.partitioned}, {`"priority":`, &c.priority},
		{`"expires":`, &c.expires}, {`"secure":`, &c.secure}, {`"httpOnly":`, &c.httpOnly},
		{`"domain":`, &c.domainName}, {`"path":`, &c.path}, {`"sameSite":`, &c.samesite},
	} {
		if m.v.isUndefined() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(b, m.name...), m.v.raw...)
	}
	return append(b, '}')
}

// An AttributeError says which attribute keeps a cookie from being sent, in the peer's
// words.
type AttributeError struct{ Attribute string }

func (e *AttributeError) Error() string { return "option " + e.Attribute + " is invalid" }

// attributes writes what follows the pair in Set-Cookie, as the npm package cookie 0.7
// does. A zero value with an error is no cookie at all.
func (c *cookieData) attributes(b []byte) ([]byte, error) {
	if c.domainName.truthy() {
		s, ok := c.domainName.isString()
		if !ok || !domain(s) {
			return b, &AttributeError{"domain"}
		}
		b = append(append(b, "; Domain="...), s...)
	}
	if c.path.truthy() {
		s, ok := c.path.isString()
		if !ok || !pathValue(s) {
			return b, &AttributeError{"path"}
		}
		b = append(append(b, "; Path="...), s...)
	}
	if c.expires.truthy() {
		if !c.expires.date || math.IsNaN(c.expires.ms) {
			return b, &AttributeError{"expires"}
		}
		b = append(b, "; Expires="...)
		b = time.UnixMilli(int64(c.expires.ms)).UTC().AppendFormat(b, "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	if c.httpOnly.truthy() {
		b = append(b, "; HttpOnly"...)
	}
	if c.secure.truthy() {
		b = append(b, "; Secure"...)
	}
	if c.partitioned.truthy() {
		b = append(b, "; Partitioned"...)
	}
	if c.priority.truthy() {
		s, _ := c.priority.isString()
		switch strings.ToLower(s) {
		case "low":
			b = append(b, "; Priority=Low"...)
		case "medium":
			b = append(b, "; Priority=Medium"...)
		case "high":
			b = append(b, "; Priority=High"...)
		default:
			return b, &AttributeError{"priority"}
		}
	}
	if c.samesite.truthy() {
		s, _ := c.samesite.isString()
		if string(c.samesite.raw) == "true" {
			s = "strict"
		}
		switch strings.ToLower(s) {
		case "strict":
			b = append(b, "; SameSite=Strict"...)
		case "lax":
			b = append(b, "; SameSite=Lax"...)
		case "none":
			b = append(b, "; SameSite=None"...)
		default:
			return b, &AttributeError{"sameSite"}
		}
	}
	return b, nil
}

// pathValue is the cookie package's rule for a Path.
func pathValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == ';' || c == '<' {
			return false
		}
	}
	return true
}
