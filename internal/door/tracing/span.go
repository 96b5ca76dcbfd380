package tracing

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/door/jsontext"
)

// A Span is a request's place in a trace. It holds nothing of the request.
type Span struct {
	// Trace is the trace's id.
	Trace [16]byte
	// Sampled tells whether it is recorded, and asks the application to record.
	Sampled bool

	server, client [8]byte // the spans that the door records
	parent         [8]byte // zero for none
	foreign        bool    // the parent is a stranger's word
}

// Begin finds a request's place. Theirs is what its traceparent said, if known. A trusted
// proxy's trace is continued as it is. Anybody else's keeps its id, so that what a browser
// records and what happens here are found together, but whether it is recorded is decided
// here and by a number of ours: neither the flag nor an id that was chosen with care makes
// the door record more than it would.
//
// Source: Trace Context section 6 (denial of service, information exposure); sampler:
// OpenTelemetry's ParentBased and TraceIdRatioBased.
func (t *Tracer) Begin(theirs Parent, known, trusted bool) Span {
	s := Span{server: id8(), client: id8()}
	chance := rand.Uint64()
	if known {
		s.Trace, s.parent, s.foreign = theirs.Trace, theirs.Span, !trusted
	} else {
		s.Trace = id16()
	}
	if known && trusted && t.opts.Sampler.ParentBased {
		s.Sampled = theirs.Sampled
		return s
	}
	if !s.foreign {
		chance = 0
		for _, b := range s.Trace[8:] { // the same for all who see this trace
			chance = chance<<8 | uint64(b)
		}
	}
	s.Sampled = chance>>1 < t.threshold
	return s
}

// threshold is below how much of 2^63 a trace is recorded.
func threshold(ratio float64) uint64 {
	if ratio >= 1 {
		return 1 << 63
	}
	return uint64(ratio * float64(1<<63))
}

func id8() (id [8]byte) {
	for id == [8]byte{} {
		put(id[:], rand.Uint64())
	}
	return id
}

func id16() (id [16]byte) {
	for id == [16]byte{} {
		put(id[:8], rand.Uint64())
		put(id[8:], rand.Uint64())
	}
	return id
}

func put(b []byte, n uint64) {
	for i := range b {
		b[i] = byte(n >> (56 - 8*i))
	}
}

// Traceparent is the field for the application: its parent is the span of the exchange.
func (s *Span) Traceparent() string {
	var buf [parentLen]byte
	b := append(buf[:0], "00-"...)
	b = append(jsontext.Hex(b, s.Trace[:]), '-')
	b = append(jsontext.Hex(b, s.client[:]), "-00"...)
	if s.Sampled {
		b[len(b)-1] = '1'
	}
	return string(b)
}

// Continued tells that a trusted proxy's trace goes on, and so may its tracestate.
func (s *Span) Continued() bool { return s.parent != [8]byte{} && !s.foreign }

// A Request is what is recorded of one. Nothing of it is held on to.
type Request struct {
	Method, Scheme, Path, Query string // Query as it may be logged, with its question mark; empty for none
	Host                        string // that was asked for, with a port or without
	Proto                       string // HTTP/1.1
	Agent                       string
	TLS                         string // version, such as 1.3; empty for none
	Client, Peer                netip.Addr
	ID                          string
	Site                        string
	Start, End                  time.Time
	Status                      int // 0: the connection was cut
	In, Out                     int64
	// Failure is the fixed reason of a failed exchange, and Ours tells that the client was
	// not the cause.
	Failure string
	Ours    bool
	// Action, Practice and Rule are those of the gravest event.
	Action, Practice, Rule string
	// Upstream is where the application was asked, host:port or the path of a socket; empty
	// when it was not.
	Upstream       string
	UpstreamScheme string // https, or else http
	Asked          time.Time
	UpstreamStatus int // 0: no answer
}

const (
	maxText  = 512
	maxAttrs = 24

	kindServer = 2
	kindClient = 3
)

// attr is an attribute; text is empty for a number.
type attr struct {
	key, text string
	number    int64
	isNumber  bool
}

// span is one to be encoded.
type span struct {
	trace      [16]byte
	id, parent [8]byte
	flags      uint32
	name       string
	kind       byte
	start, end time.Time
	attrs      []attr
	failed     bool
}

// The bits of a span's flags above the eight of traceparent.
//
// Source: opentelemetry-proto, SpanFlags.
const (
	flagSampled   = 0x001
	flagKnowsFrom = 0x100
	flagRemote    = 0x200
)

// methods are those that semantic conventions know.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "CONNECT": true, "OPTIONS": true, "TRACE": true, "PATCH": true,
}

type attrs struct {
	list [maxAttrs]attr
	n    int
}

func (a *attrs) text(key, value string) {
	if value == "" || a.n == maxAttrs {
		return
	}
	value, _ = jsontext.Cut(value, maxText)
	a.list[a.n] = attr{key: key, text: value}
	a.n++
}

func (a *attrs) number(key string, value int64) {
	if a.n == maxAttrs {
		return
	}
	a.list[a.n] = attr{key: key, number: value, isNumber: true}
	a.n++
}

func (a *attrs) addr(key string, value netip.Addr) {
	if value.IsValid() {
		a.text(key, value.String())
	}
}

// place adds the host and port of "host:port".
func (a *attrs) place(hostport string) {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && strings.IndexByte(hostport[i:], ']') < 0 {
		host, port = hostport[:i], hostport[i+1:]
	}
	a.text("server.address", strings.Trim(host, "[]"))
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		a.number("server.port", int64(n))
	}
}

func (a *attrs) method(method string) (name string) {
	if methods[method] {
		a.text("http.request.method", method)
		return method
	}
	a.text("http.request.method", "_OTHER")
	a.text("http.request.method_original", method)
	return "HTTP"
}

func (a *attrs) status(status int) {
	if status != 0 {
		a.number("http.response.status_code", int64(status))
	}
}

// serverSpan is the request's own.
func (r *Request) serverSpan(s *Span, a *attrs) span {
	name := a.method(r.Method)
	a.text("url.scheme", r.Scheme)
	a.text("url.path", r.Path)
	a.text("url.query", strings.TrimPrefix(r.Query, "?"))
	a.place(r.Host)
	a.addr("client.address", r.Client)
	a.addr("network.peer.address", r.Peer)
	_, version, _ := strings.Cut(r.Proto, "/")
	a.text("network.protocol.version", strings.TrimSuffix(version, ".0"))
	a.text("tls.protocol.version", r.TLS)
	a.text("user_agent.original", r.Agent)
	a.status(r.Status)
	a.number("http.request.body.size", r.In)
	a.number("http.response.body.size", r.Out)
	failed := r.Status >= 500 || r.Failure != "" && r.Ours
	switch {
	case failed && r.Failure != "":
		a.text("error.type", r.Failure)
	case failed:
		a.text("error.type", strconv.Itoa(r.Status))
	}
	a.text("panoply.request_id", r.ID)
	a.text("panoply.site", r.Site)
	a.text("panoply.action", r.Action)
	a.text("panoply.practice", r.Practice)
	a.text("panoply.rule", r.Rule)
	flags := uint32(flagSampled)
	if s.parent != [8]byte{} {
		flags |= flagKnowsFrom | flagRemote
		if s.foreign {
			a.text("panoply.parent", "untrusted")
		}
	}
	return span{trace: s.Trace, id: s.server, parent: s.parent, flags: flags, name: name, kind: kindServer,
		start: r.Start, end: r.End, attrs: a.list[:a.n], failed: failed}
}

// clientSpan is that of the exchange with the application.
func (r *Request) clientSpan(s *Span, a *attrs) span {
	name := a.method(r.Method)
	a.place(r.Upstream)
	a.text("url.full", r.asked())
	a.status(r.UpstreamStatus)
	failed := r.UpstreamStatus == 0 || r.UpstreamStatus >= 400
	switch {
	case r.Failure != "" && (r.UpstreamStatus == 0 || r.Ours):
		a.text("error.type", r.Failure)
		failed = true
	case failed && r.UpstreamStatus != 0:
		a.text("error.type", strconv.Itoa(r.UpstreamStatus))
	}
	return span{trace: s.Trace, id: s.client, parent: s.server, flags: flagSampled | flagKnowsFrom, name: name, kind: kindClient,
		start: r.Asked, end: r.End, attrs: a.list[:a.n], failed: failed}
}

// asked is the address at the application, with what of the query may be recorded.
func (r *Request) asked() string {
	scheme, host := "http://", r.Upstream
	if r.UpstreamScheme == "https" {
		scheme = "https://"
	}
	if strings.HasPrefix(host, "/") {
		host = "localhost" // what a request through a socket says
	}
	return scheme + host + r.Path + r.Query
}

// nanos is t in Unix nanoseconds; 0 for a time before 1970.
func nanos(t time.Time) uint64 {
	n := t.UnixNano()
	if t.IsZero() || n < 0 || t.Year() > 2261 {
		return 0
	}
	return uint64(min(n, math.MaxInt64))
}
