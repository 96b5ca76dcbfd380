package hook

import (
	"math"
	"net/http"
	"strconv"
)

// A Phase is a step of the answer's way out. Phases run in the order given here.
type Phase uint8

const (
	// Judge looks at what the app answered, before anything is changed.
	Judge Phase = iota
	// Commit saves state; it may replace the answer when saving fails.
	Commit
	// Cookies mends and renames Set-Cookie.
	Cookies
	// Conceal removes banners and replaces error pages.
	Conceal
	// Headers adds what belongs on every answer.
	Headers
	// Record runs once when the handler has returned and all is sent. It may read
	// the Answer and change nothing.
	Record

	phases
)

// Kind says which part of an answer a phase function is looking at.
type Kind uint8

const (
	// Final is the header of the answer itself, status 200 and above.
	Final Kind = iota
	// Informational is a 1xx answer that precedes the final one, and a 101, which
	// reaches the phases through Apply.
	Informational
	// Trailer is the set of fields that follow the body. Names are those of the
	// fields themselves, without http.TrailerPrefix.
	Trailer
)

// Func acts on an answer in the phase it was registered for. It must not keep a.
type Func func(a *Answer)

// An Answer is what the phases see and may change.
type Answer struct {
	// Kind is the part at hand.
	Kind Kind

	replaced bool
	peekMax  int32

	// Status is the HTTP status about to be sent. Change it through Replace.
	Status int
	// Header is the header about to be sent, or the trailer fields.
	Header http.Header
	// Request is the request as the registering guard's owner saw it; its context
	// carries what guards have set.
	Request *http.Request
	// Written is the count of body bytes sent so far; whole in phase Record.
	Written int64
	// Err is the first error of writing to the client, in phase Record.
	Err error

	x    *Exchange
	body []byte
	peek PeekFunc
}

// PeekFunc looks at the first bytes of a body that Peek held back. It must not keep
// body. Whole says that these bytes are all of it.
type PeekFunc func(a *Answer, body []byte, whole bool)

// Replace swaps the answer for status and body. It drops the fields that described
// the old body; the caller sets Content-Type before or after. Writes of the handler
// that follow are swallowed. It does nothing for a 1xx or a trailer.
func (a *Answer) Replace(status int, body []byte) {
	if a.Kind != Final {
		return
	}
	a.Status, a.body, a.replaced = status, body, true
	for _, name := range [...]string{"Content-Encoding", "Content-Length", "Content-Range", "Content-Md5",
		"Digest", "Content-Digest", "Repr-Digest", "Etag", "Last-Modified", "Accept-Ranges", "Trailer", "Transfer-Encoding"} {
		delete(a.Header, name)
	}
	if bodyAllowed(status) {
		a.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
}

// Replaced tells whether the answer's body has been replaced.
func (a *Answer) Replaced() bool { return a.replaced }

// Peek holds the answer back until n bytes of its body are there or it has ended,
// then calls f once and goes on with the phases; f may call Replace. While held, a
// Flush of the handler waits too. A later phase may Peek again, and sees the same bytes
// from the first. A second Peek in one phase is ignored, as is one once the answer was
// replaced, for an answer without a body (HEAD, 204, 304), for a 1xx and for a trailer,
// and it then returns false.
func (a *Answer) Peek(n int, f PeekFunc) bool {
	if a.Kind != Final || a.x == nil || a.peek != nil || a.replaced || n <= 0 || a.Request.Method == http.MethodHead || !bodyAllowed(a.Status) {
		return false
	}
	a.peekMax, a.peek = int32(min(n, math.MaxInt32)), f
	return true
}

// Value returns what Exchange.Set stored under key for this request, or what the
// request's context holds.
func (a *Answer) Value(key any) any {
	if a.x != nil {
		return a.x.Value(key)
	}
	return a.Request.Context().Value(key)
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
