package upstream

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/door/wire"
)

const (
	// maxHead bounds an answer's head in bytes. Node's own limit for requests is 16 KiB.
	maxHead = 1 << 20
	// maxFields bounds its lines.
	maxFields = 10_000
	// maxAnnounced bounds the names in Trailer.
	maxAnnounced = 100
)

// A head is an answer's status line and fields. Its strings are pieces of one copy of the
// head, so that they may outlive the connection's buffer.
type head struct {
	status int
	minor  byte // HTTP/1.minor: 0 or 1
	fields []field

	length    int64 // Content-Length; -1 without
	chunked   bool
	both      bool          // Content-Length and Transfer-Encoding
	close     bool          // the connection ends with this answer
	keep      time.Duration // how long the application keeps an idle connection; 0 untold
	upgrade   string        // the protocol switched to
	drop      []string      // names that Connection lists
	announced []string      // names that Trailer lists

	ends []int // of the lines, before their CRLF
}

// readHead reads one head. Lines are looked at as they come: an answer that is not
// HTTP/1.1 is refused then, not when its sender has said all or the time is up.
func (c *conn) readHead(h *head) error {
	h.ends = h.ends[:0]
	at, start := 0, 0 // in unread: where to look on, and where the line begins
	for {
		b := c.unread()
		for {
			i := bytes.IndexByte(b[at:], '\n')
			if i < 0 {
				at = len(b)
				break
			}
			end := at + i - 1
			if end < start || b[end] != '\r' {
				return answerError("a line of the head ends without CR")
			}
			at = end + 2
			if at > maxHead {
				return errHeadTooLarge
			}
			if end == start {
				if len(h.ends) == 0 {
					return answerError("begins with an empty line")
				}
				text := string(b[:at])
				c.r += at
				return h.parse(text)
			}
			if len(h.ends) == 0 {
				if _, _, ok := statusLine(string(b[start:end])); !ok {
					return answerError("the status line is not HTTP/1.1")
				}
			} else if len(h.ends) > maxFields {
				return errHeadTooLarge
			}
			h.ends = append(h.ends, end)
			start = at
		}
		if len(b) > maxHead {
			return errHeadTooLarge
		}
		if err := c.fill(); err != nil {
			if err == io.EOF && len(c.unread()) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

// statusLine takes "HTTP/1.1 200 OK" apart. Servers leave the second space out when they
// have no reason to tell.
//
// Source: RFC 9112 section 4.
func statusLine(line string) (status int, minor byte, ok bool) {
	const version = "HTTP/1."
	if len(line) < len("HTTP/1.1 200") || line[:len(version)] != version || line[8] != ' ' {
		return 0, 0, false
	}
	if minor = line[7] - '0'; minor > 1 {
		return 0, 0, false
	}
	for _, c := range []byte(line[9:12]) {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		status = 10*status + int(c-'0')
	}
	rest := line[12:]
	if rest != "" && rest[0] != ' ' {
		return 0, 0, false
	}
	return status, minor, status >= 100 && wire.IsValue(rest)
}

// parse reads the lines of text that ends tells.
func (h *head) parse(text string) error {
	var ok bool
	if h.status, h.minor, ok = statusLine(text[:h.ends[0]]); !ok {
		return answerError("the status line is not HTTP/1.1")
	}
	h.fields, h.drop, h.announced = h.fields[:0], h.drop[:0], h.announced[:0]
	h.length, h.chunked, h.both, h.upgrade, h.keep = -1, false, false, "", 0
	h.close = h.minor == 0
	coded, first := false, ""
	for i, end := range h.ends[1:] {
		f, err := parseField(text[h.ends[i]+2 : end])
		if err != nil {
			return err
		}
		switch f.name {
		case "Content-Length":
			n, ok := wire.Length(f.value)
			if !ok {
				return answerError("a Content-Length that is no number")
			}
			if h.length >= 0 {
				if f.value != first {
					return answerError("two different Content-Length")
				}
				continue // said twice, passed on once
			}
			h.length, first = n, f.value
		case "Transfer-Encoding":
			if coded || !wire.EqualFold(f.value, "chunked") {
				return answerError("a transfer coding other than chunked")
			}
			coded = true
		case "Connection":
			h.close = h.close || wire.HasToken([]string{f.value}, "close")
			h.drop = named(h.drop, f.value)
		case "Keep-Alive":
			h.keep = keepAlive(f.value)
		case "Trailer":
			if h.announce(f.value); len(h.announced) > maxAnnounced {
				return answerError("announces more trailers than make sense")
			}
		case "Upgrade":
			h.upgrade = f.value
		}
		h.fields = append(h.fields, f)
	}
	slices.Sort(h.drop)
	if coded {
		if h.minor == 0 {
			return answerError("a transfer coding in HTTP/1.0")
		}
		// The coding wins over a length, which then describes nothing, and the connection
		// ends: whoever disagrees about the answer's end gets no next one (RFC 9112
		// section 6.3).
		h.both = h.length >= 0
		h.chunked, h.length = true, -1
		h.close = h.close || h.both
	}
	return nil
}

// keepAlive reads "timeout=5", as Node, Apache and others say it.
func keepAlive(value string) time.Duration {
	for one := range strings.SplitSeq(value, ",") {
		name, seconds, _ := strings.Cut(wire.Trim(one), "=")
		if n, ok := wire.Length(seconds); ok && n < 1<<20 && wire.EqualFold(name, "timeout") {
			return time.Duration(n) * time.Second
		}
	}
	return 0
}

func (h *head) announce(list string) {
	for name := range strings.SplitSeq(list, ",") {
		name = http.CanonicalHeaderKey(wire.Trim(name))
		if len(h.announced) <= maxAnnounced && wire.IsToken(name) && mayTrail(name) && !slices.Contains(h.announced, name) {
			h.announced = append(h.announced, name)
		}
	}
}

// mayTrail tells whether a field may follow a body. What frames or routes a message may
// not (RFC 9110 section 6.5.1).
func mayTrail(name string) bool {
	return !hop(name) && name != "Content-Length" && name != "Host"
}

// copyTo adds the fields that go on to the client.
func (h *head) copyTo(to http.Header) {
	values := make([]string, 0, len(h.fields))
	for _, f := range h.fields {
		if hop(f.name) || h.both && f.name == "Content-Length" || listed(h.drop, f.name) {
			continue
		}
		if before, ok := to[f.name]; ok {
			to[f.name] = append(before, f.value)
			continue
		}
		values = append(values, f.value)
		n := len(values)
		to[f.name] = values[n-1 : n : n] // a later append must not reach the next one's
	}
}
