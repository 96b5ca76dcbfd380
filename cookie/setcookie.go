package cookie

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrControl is returned for text that holds a control character other than tab.
// Browsers drop such a cookie whole.
var ErrControl = errors.New("cookie: control character in Set-Cookie")

// ErrUnfit is returned for a name, value or attribute that would not be read back as
// given: it holds ';', has white space at its ends, or the name holds '='.
var ErrUnfit = errors.New("cookie: text does not fit into Set-Cookie")

// A SetCookie is one Set-Cookie line, read as browsers read it. Whatever is not changed
// through its methods keeps its bytes: unknown attributes, order, case, white space.
// The zero value is an empty line. It is not safe for concurrent use when changed.
//
// Source: RFC 6265bis section 5.6.
type SetCookie struct {
	pair  string   // what stands before the first ';'
	attrs []string // each piece after a ';', with its white space
}

// ParseSetCookie reads one Set-Cookie line. The only error is [ErrControl].
func ParseSetCookie(line string) (SetCookie, error) {
	if hasControl(line) {
		return SetCookie{}, ErrControl
	}
	pair, rest, more := strings.Cut(line, ";")
	c := SetCookie{pair: pair}
	if more {
		c.attrs = strings.Split(rest, ";")
	}
	return c, nil
}

// String returns the line.
func (c *SetCookie) String() string {
	if len(c.attrs) == 0 {
		return c.pair
	}
	return c.pair + ";" + strings.Join(c.attrs, ";")
}

// Name returns the cookie's name. It is empty for a line without '=', which browsers
// take as a value without a name.
func (c *SetCookie) Name() string {
	if name, _, ok := splitPair(c.pair); ok {
		return name
	}
	return ""
}

// Value returns the raw value.
func (c *SetCookie) Value() string {
	if _, value, ok := splitPair(c.pair); ok {
		return value
	}
	return trim(c.pair)
}

// SetName changes the name and nothing else. It returns [ErrUnfit] or [ErrControl] and
// changes nothing when the name cannot stand there.
func (c *SetCookie) SetName(name string) error {
	if hasControl(name) {
		return ErrControl
	}
	if name == "" || !fits(name, "") {
		return ErrUnfit
	}
	old, value, ok := splitPair(c.pair)
	if !ok {
		c.pair = name + "=" + c.pair
		return nil
	}
	c.pair = replacePair(c.pair, old, value, name, value)
	return nil
}

// Attribute returns the value of an attribute, trimmed, and whether it is there. Names
// of attributes are matched in any case; of several the last counts, as in browsers.
func (c *SetCookie) Attribute(name string) (value string, ok bool) {
	if i := c.find(name); i >= 0 {
		_, value, _ = strings.Cut(c.attrs[i], "=")
		return trim(value), true
	}
	return "", false
}

// Has tells whether the attribute is there, with or without a value.
func (c *SetCookie) Has(name string) bool { return c.find(name) >= 0 }

func (c *SetCookie) find(name string) int {
	for i := len(c.attrs) - 1; i >= 0; i-- {
		n, _, _ := strings.Cut(c.attrs[i], "=")
		if strings.EqualFold(trim(n), name) {
			return i
		}
	}
	return -1
}

// SetAttribute gives an attribute a value: the one that counts when it is there, in the
// spelling it has, else a new one at the end. An empty value writes the bare name, as
// Secure and HttpOnly are written. It returns [ErrUnfit] or [ErrControl] and changes
// nothing when name or value cannot stand there.
func (c *SetCookie) SetAttribute(name, value string) error {
	if hasControl(name) || hasControl(value) {
		return ErrControl
	}
	if name == "" || !fits(name, value) {
		return ErrUnfit
	}
	if i := c.find(name); i >= 0 {
		n, old, _ := strings.Cut(c.attrs[i], "=")
		switch {
		case trim(old) == value:
		case value == "":
			c.attrs[i] = strings.TrimRight(n, " \t")
		default:
			c.attrs[i] = n + "=" + value
		}
		return nil
	}
	piece := " " + name
	if value != "" {
		piece += "=" + value
	}
	// A line that ends in ';' has a blank last piece: fill it.
	if n := len(c.attrs); n > 0 && trim(c.attrs[n-1]) == "" {
		c.attrs[n-1] = piece
		return nil
	}
	c.attrs = append(c.attrs, piece)
	return nil
}

// Expiry returns how long the cookie lives from now on, and whether it outlives the
// browser's session. Max-Age wins over Expires; what browsers cannot read they ignore.
// A lifetime of zero or less deletes the cookie.
//
// Source: RFC 6265 sections 5.2.1, 5.2.2 and 5.3 step 3.
func (c *SetCookie) Expiry(now time.Time) (lifetime time.Duration, persistent bool) {
	if v, ok := c.Attribute("Max-Age"); ok {
		if d, ok := parseMaxAge(v); ok {
			return d, true
		}
	}
	if v, ok := c.Attribute("Expires"); ok {
		if t, ok := parseExpires(v); ok {
			return t.Sub(now), true
		}
	}
	return 0, false
}

// Deletes tells whether the line removes the cookie.
func (c *SetCookie) Deletes(now time.Time) bool {
	d, persistent := c.Expiry(now)
	return persistent && d <= 0
}

func parseMaxAge(v string) (time.Duration, bool) {
	digits := strings.TrimPrefix(v, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	const most = 1 << 33 // seconds; 272 years still fit a Duration
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case v[0] == '-' || n < 0:
		return 0, true
	case err != nil || n > most:
		n = most
	}
	return time.Duration(n) * time.Second, true
}

// expiresLayouts are the forms that servers write beyond those of RFC 9110: PHP's and
// the two-digit year of Netscape.
var expiresLayouts = [...]string{
	"Mon, 02-Jan-2006 15:04:05 MST",
	"Mon, 02-Jan-06 15:04:05 MST",
	"Mon, 2 Jan 2006 15:04:05 MST",
}

func parseExpires(v string) (time.Time, bool) {
	if t, err := http.ParseTime(v); err == nil {
		return t, true
	}
	for _, layout := range expiresLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// rootPath tells whether the cookie is for the whole host by its own words. Without a
// Path starting in '/', browsers take the folder of the page, which may differ.
func (c *SetCookie) rootPath() bool {
	path, _ := c.Attribute("Path")
	return path == "/"
}
