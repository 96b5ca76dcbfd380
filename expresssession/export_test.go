package expresssession

import (
	"errors"
	"math"
	"time"

	"github.com/panoplysec/panoply/internal/jsobject"
)

// SetClock makes the packages' dates those of f, and returns what undoes that.
func SetClock(f func() time.Time) func() {
	was := clock
	clock = f
	return func() { clock = was }
}

// ReadStored reads a stored session and returns what would be stored again.
func ReadStored(text []byte) (out []byte, err error) {
	q := &request{m: &Manager{}, sid: "x"}
	s, _, err := q.read(text)
	if err != nil {
		return nil, err
	}
	_ = s.cookie.touch(now())
	_, _ = s.cookie.attributes(nil)
	return s.JSON(), nil
}

// SetCookieMember does to the session's cookie what JavaScript can: anything.
func SetCookieMember(s *Session, name string, raw []byte) error {
	v := value{raw: raw}
	switch name {
	case "expires":
		s.cookie.setExpires(v, now())
	case "originalMaxAge":
		s.cookie.originalMaxAge = v
	case "sameSite":
		s.cookie.samesite = v
	case "domain":
		s.cookie.domainName = v
	default:
		return errors.New(name)
	}
	return nil
}

// StoredOf is a session as the peer's store is given it, from JSON whose cookie is as
// JavaScript has it in memory: a text in expires is a Date.
func StoredOf(text []byte) Stored {
	o, _ := jsobject.Parse(text)
	raw, _ := o.Get(cookieMember)
	out := Stored{JSON: text, Cookie: raw}
	c, _ := jsobject.Parse(raw)
	e, _ := c.Get("expires")
	if s, ok := (value{raw: e}).isString(); ok {
		if ms := parseDate(s); !math.IsNaN(ms) {
			out.Expires = time.UnixMilli(int64(ms))
		} else {
			out.NoDate = true
		}
	} else if n, ok := (value{raw: e}).isNumber(); ok {
		out.Expires = time.UnixMilli(int64(n))
	} else if (value{raw: e}).truthy() {
		out.NoDate = true
	}
	return out
}
