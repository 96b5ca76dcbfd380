package session

import (
	"time"

	"github.com/panoplysec/panoply/guard"
)

// The timeouts of the zero value: of an application of middling worth, by OWASP's words.
const (
	DefaultIdle     = 30 * time.Minute
	DefaultAbsolute = 12 * time.Hour
	DefaultRenewal  = time.Hour
	DefaultGrace    = 30 * time.Second
)

// maxTimeout keeps sums of times far from overflow, and labels in 32 bits of seconds.
const maxTimeout = 10 * 365 * 24 * time.Hour

// Timeouts say when a session ends. They hold on the server; the cookie's own life is not
// what enforces them.
//
// Practice: sessions. Sources: OWASP Session Management Cheat Sheet (expiration), NIST
// SP 800-63B-4 section 5.
type Timeouts struct {
	// Idle is how long a session may go unused; a request counts when its handler looked
	// at the session. Zero is DefaultIdle, or Absolute when that is shorter; negative: no
	// such end. It is kept to within a tenth, so that reading does not mean writing.
	Idle time.Duration
	// Absolute is how long a session lives at most, however much it is used, from its
	// making or its last Authenticate. Zero is DefaultAbsolute. There is always an end.
	Absolute time.Duration
	// Renewal is after how long a session in use gets a new id. Zero is DefaultRenewal;
	// negative: only Regenerate and Authenticate change it.
	Renewal time.Duration
	// Grace is how long the id of before is still good for requests that were under way.
	// Zero is DefaultGrace; negative: not at all. At most five minutes.
	Grace time.Duration
}

// AAL1 are the timeouts of NIST SP 800-63B-4 for assurance level 1: reauthentication
// within 30 days, no end of idleness asked for.
func AAL1() Timeouts { return Timeouts{Idle: -1, Absolute: 30 * 24 * time.Hour} }

// AAL2 are those of level 2: within 24 hours, and after an hour unused.
func AAL2() Timeouts { return Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour} }

// AAL3 are those of level 3: within 12 hours, and after 15 minutes unused.
func AAL3() Timeouts { return Timeouts{Idle: 15 * time.Minute, Absolute: 12 * time.Hour} }

// effective fills in the defaults.
func (t Timeouts) effective() Timeouts {
	if t.Absolute == 0 {
		t.Absolute = DefaultAbsolute
	}
	switch {
	case t.Idle == 0:
		t.Idle = min(DefaultIdle, t.Absolute)
	case t.Idle < 0:
		t.Idle = t.Absolute
	}
	if t.Renewal == 0 {
		t.Renewal = DefaultRenewal
	}
	if t.Grace == 0 {
		t.Grace = DefaultGrace
	}
	return t
}

func (t Timeouts) problems(p *guard.Problems) {
	if t.Absolute < 0 || t.Absolute > maxTimeout || t.Absolute > 0 && t.Absolute < time.Second {
		p.Add("Timeouts.Absolute", t.Absolute.String(), "one second to ten years", "every session ends")
		return
	}
	e := t.effective()
	if t.Idle > 0 && t.Idle < time.Second || t.Idle > e.Absolute {
		p.Add("Timeouts.Idle", t.Idle.String(), "one second to Absolute ("+e.Absolute.String()+")", "")
	}
	if t.Renewal > 0 && t.Renewal < time.Second || t.Renewal > maxTimeout {
		p.Add("Timeouts.Renewal", t.Renewal.String(), "one second to ten years", "")
	}
	if t.Grace > 5*time.Minute {
		p.Add("Timeouts.Grace", t.Grace.String(), "at most 5m", "an old id is as good as the new one for that long")
	}
}
