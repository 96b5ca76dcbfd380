// Package guard holds what Panoply's guards share: the [Mode] they run in, the
// [Event] they tell a [Sink], the [Denial] with which they refuse a request, and
// the [OptionError] with which New refuses a configuration.
//
// A guard is a value made once by New(Options) that wraps an [http.Handler]. It
// has no global state and is safe for concurrent use. This package protects
// against nothing by itself; it is the vocabulary.
package guard

import (
	"fmt"
	"net/http"
	"time"
)

// Mode says what a guard does with its decisions.
//
// The zero value is Enforce, the safest.
type Mode uint8

const (
	// Enforce decides, tells, and acts.
	Enforce Mode = iota
	// Observe decides and tells what it would have done, and lets pass.
	Observe
	// Off neither decides nor tells.
	Off
)

var modeNames = [...]string{Enforce: "enforce", Observe: "observe", Off: "off"}

// String returns "enforce", "observe" or "off".
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// MarshalText writes the mode's name; an unknown mode is an error.
func (m Mode) MarshalText() ([]byte, error) {
	if int(m) >= len(modeNames) {
		return nil, &OptionError{Package: "guard", Field: "Mode", Value: m.String(), Allowed: "enforce, observe, off"}
	}
	return []byte(modeNames[m]), nil
}

// UnmarshalText reads a mode's name, in lower case as String writes it.
func (m *Mode) UnmarshalText(text []byte) error {
	for i, name := range modeNames {
		if string(text) == name {
			*m = Mode(i)
			return nil
		}
	}
	return &OptionError{Package: "guard", Field: "Mode", Value: string(text), Allowed: "enforce, observe, off"}
}

// A Denial is a guard's refusal of one request. It is what a client's page may be
// made from, so it carries no cause: the cause is in the [Event] told beside it.
type Denial struct {
	// Practice is the practice's id, such as "csrf" (see panoply explain).
	Practice string
	// Rule names the rule within the practice, such as "cross-site-form".
	Rule string
	// Status is the HTTP status of the answer, 400 to 599.
	Status int
	// RetryAfter is the true wait before another attempt can succeed. Zero means
	// that waiting does not help. It is sent rounded up to whole seconds.
	RetryAfter time.Duration
	// ID is the request's id, for the page and the log. It may be empty where no
	// door or panoply.New gave one.
	ID string
}

// Error makes a Denial usable as an error. The text is fit for a client: it holds
// nothing that the request said.
func (d Denial) Error() string {
	return fmt.Sprintf("%s: refused by rule %s", d.Practice, d.Rule)
}

// Deny writes the answer for a denial. Guards call it at most once a request, and
// after it returns they do not call the next handler.
type Deny func(w http.ResponseWriter, r *http.Request, d Denial)

// PlainDeny answers with the status and its reason phrase as text/plain. It is what
// a guard uses when its Options name no Deny.
func PlainDeny(w http.ResponseWriter, r *http.Request, d Denial) {
	status := d.Status
	if status < 400 || status > 599 {
		status = http.StatusForbidden
	}
	SetRetryAfter(w.Header(), d.RetryAfter)
	http.Error(w, http.StatusText(status), status)
}

// SetRetryAfter sets Retry-After to wait, rounded up to whole seconds; zero and
// negative waits set nothing.
//
// Source: RFC 9110 section 10.2.3.
func SetRetryAfter(h http.Header, wait time.Duration) {
	if wait <= 0 {
		return
	}
	seconds := (wait + time.Second - 1) / time.Second
	h.Set("Retry-After", fmt.Sprint(int64(seconds)))
}
