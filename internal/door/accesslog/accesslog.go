// Package accesslog writes the door's access log: one line of JSON a request.
//
//	w, err := accesslog.Open(accesslog.Sink{Out: os.Stdout})
//	…
//	log := accesslog.New(w, accesslog.Options{})
//	log.Write(&accesslog.Line{…})
//
// Lines are made by appending to a buffer that is used again, and leave through a
// [Writer], which never makes a request wait.
//
// It is also the one redactor: whatever of a request is to be logged goes through
// [Target] and [Word], or through the lines' own fields. Query values, values of path
// parameters, a user before the host, cookies, header values and bodies are never logged,
// unless the operator asked for query values by name; User-Agent and X-Request-Id are the
// two header values that are. Paths are, so an application that puts secrets into paths has
// them here.
//
// docs/observability.md lists the fields. FuzzLine holds that a line is one line, is JSON
// to encoding/json, and decodes to what went in.
package accesslog

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/jsontext"
)

const (
	maxHost  = 255
	maxAgent = 512
	maxCause = 512
)

// Options configures a Log.
type Options struct {
	// Queries writes query values too. They often are secrets.
	Queries bool
}

// A Log writes lines to one writer. It is safe for concurrent use when the writer is.
type Log struct {
	out  io.Writer
	opts Options
}

// New returns a Log; a nil writer writes nothing. Each line is one call of Write.
func New(out io.Writer, o Options) *Log { return &Log{out, o} }

// A Line is one request with what became of it.
type Line struct {
	Request *http.Request
	ID      string
	// Trace is the W3C trace id; zero for none.
	Trace [16]byte
	// Site is the configured site that was asked for; empty for none.
	Site   string
	Client netip.Addr // whom clientip resolved
	Peer   netip.Addr // the connection's other end
	Status int        // 0: the connection was cut before an answer
	In     int64      // bytes of the request's body that were read
	Out    int64      // bytes of the answer's body
	End    time.Time
	// Duration is from the request's head to the end of its answer.
	Duration time.Duration
	// Upstream is where the application was asked; empty when it was not. UpstreamTime is
	// from there to its answer's head, or to the failure.
	Upstream     string
	UpstreamTime time.Duration
	Events       []guard.Event
	// Failure is the fixed reason of a failed exchange with the application, and Cause
	// its text for the operator.
	Failure string
	Cause   error
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// maxBuffer is the largest buffer that is kept.
const maxBuffer = 16 << 10

// Write writes the line with level INFO, or WARN for a failure. It keeps nothing of it.
func (l *Log) Write(line *Line) {
	if l.out == nil {
		return
	}
	p := buffers.Get().(*[]byte)
	b := l.append((*p)[:0], line)
	_, _ = l.out.Write(b) // a Writer counts and tells what it could not take
	if *p = b; cap(b) <= maxBuffer {
		buffers.Put(p)
	}
}

func (l *Log) append(b []byte, line *Line) []byte {
	r := line.Request
	b = append(b, `{"ts":"`...)
	b = appendTime(b, line.End)
	if line.Failure == "" {
		b = append(b, `","level":"INFO","msg":"request","request_id":`...)
	} else {
		b = append(b, `","level":"WARN","msg":"request","request_id":`...)
	}
	b = jsontext.Append(b, line.ID, maxWord)
	if line.Trace != ([16]byte{}) {
		b = append(b, `,"trace_id":"`...)
		b = jsontext.Hex(b, line.Trace[:])
		b = append(b, '"')
	}
	b = text(b, `,"site":`, line.Site, maxHost)
	b = addr(b, `,"client_ip":"`, line.Client)
	b = addr(b, `,"peer_ip":"`, line.Peer)
	b = append(b, `,"method":`...)
	b = jsontext.Append(b, Word(r.Method), maxWord)
	b = append(b, `,"host":`...)
	b = jsontext.Append(b, hostOf(r), maxHost)
	b = l.uri(append(b, `,"uri":`...), r)
	b = append(b, `,"proto":`...)
	b = jsontext.Append(b, r.Proto, maxWord)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(line.Status), 10)
	b = strconv.AppendInt(append(b, `,"bytes_in":`...), line.In, 10)
	b = strconv.AppendInt(append(b, `,"bytes_out":`...), line.Out, 10)
	b = appendMillis(append(b, `,"duration_ms":`...), line.Duration)
	if line.Upstream != "" {
		b = text(b, `,"upstream_addr":`, line.Upstream, maxHost)
		b = appendMillis(append(b, `,"upstream_ms":`...), line.UpstreamTime)
	}
	b = secured(b, r.TLS)
	b = told(b, line.Events)
	if line.Failure != "" {
		b = text(b, `,"failure":`, line.Failure, maxWord)
		if line.Cause != nil {
			b = text(b, `,"cause":`, line.Cause.Error(), maxCause)
		}
	}
	if theirs := r.Header["X-Request-Id"]; len(theirs) > 0 {
		b = text(b, `,"client_request_id":`, Word(theirs[0]), maxWord)
	}
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		b = text(b, `,"user_agent":`, agent[0], maxAgent)
	}
	return append(b, '}', '\n')
}

// text appends a member unless it is empty.
func text(b []byte, name, value string, limit int) []byte {
	if value == "" {
		return b
	}
	return jsontext.Append(append(b, name...), value, limit)
}

// addr appends a member whose name ends in the opening quote.
func addr(b []byte, name string, a netip.Addr) []byte {
	if !a.IsValid() {
		return b
	}
	// A zone is the system's own name of an interface, and no address of ours has one.
	return append(a.WithZone("").AppendTo(append(b, name...)), '"')
}

func (l *Log) uri(b []byte, r *http.Request) []byte {
	t := target{b: append(b, '"'), left: maxTarget, escaped: true}
	t.of(r, l.opts.Queries)
	return append(t.b, '"')
}

func secured(b []byte, state *tls.ConnectionState) []byte {
	if state == nil {
		return b
	}
	b = append(b, `,"tls":{"version":"`...)
	b = append(b, TLSVersion(state.Version)...)
	b = append(b, `","cipher":`...)
	b = jsontext.Append(b, cipherName(state.CipherSuite), maxWord)
	return append(b, '}')
}

// TLSVersion is "1.3" or "1.2", the versions that there are here.
func TLSVersion(version uint16) string {
	switch version {
	case tls.VersionTLS13:
		return "1.3"
	case tls.VersionTLS12:
		return "1.2"
	}
	return "?"
}

// cipherNames are kept because tls.CipherSuiteName makes a list of all each time.
var cipherNames = func() map[uint16]string {
	names := map[uint16]string{}
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		names[c.ID] = c.Name
	}
	return names
}()

func cipherName(id uint16) string {
	if name, ok := cipherNames[id]; ok {
		return name
	}
	return tls.CipherSuiteName(id)
}

// gravity orders the actions: what was refused tells more than what was mended.
var gravity = [...]int{guard.Passed: 0, guard.Noted: 1, guard.WouldMend: 2, guard.Mended: 3, guard.WouldDeny: 4, guard.Failed: 5, guard.Denied: 6}

// Gravest returns the event that tells most of what became of a request; nil for none.
func Gravest(events []guard.Event) *guard.Event {
	var top *guard.Event
	for i := range events {
		if e := &events[i]; top == nil || gravity[e.Action] > gravity[top.Action] {
			top = e
		}
	}
	return top
}

// told appends the gravest event, and all where there are several.
func told(b []byte, events []guard.Event) []byte {
	e := Gravest(events)
	if e == nil {
		return b
	}
	b = text(b, `,"action":`, e.Action.String(), maxWord)
	b = text(b, `,"practice":`, e.Practice, maxWord)
	b = text(b, `,"rule":`, e.Rule, maxWord)
	if len(events) == 1 {
		return b
	}
	b = append(b, `,"events":[`...)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		e := &events[i]
		b = append(b, '"')
		b = append(jsontext.Escape(b, e.Practice), '/')
		b = append(jsontext.Escape(b, e.Rule), '/')
		b = append(b, e.Action.String()...)
		b = append(b, '"')
	}
	return append(b, ']')
}
