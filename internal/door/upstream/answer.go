package upstream

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/panoplysec/panoply/internal/door/wire"
)

// interim passes a 1xx on. The application's own 100 is not passed when the client asked
// for one: the server says it by itself when the body is first read, and a second would
// be one too many.
func (x *exchange) interim() {
	status := x.head.status
	if status == http.StatusContinue && len(x.in.Header["Expect"]) > 0 || !x.in.ProtoAtLeast(1, 1) {
		return
	}
	h := x.w.Header()
	x.head.copyTo(h)
	x.w.WriteHeader(status)
	clear(h)
}

// relay passes the answer on whose head has been read.
func (x *exchange) relay() {
	x.sent()
	status, h := x.head.status, x.w.Header()
	x.now = time.Now()
	x.timed(status, x.now)
	if status == http.StatusSwitchingProtocols {
		x.upgrade()
		return
	}
	x.head.copyTo(h)
	if x.p.opts.Seen != nil {
		x.p.opts.Seen(x.in, status, h)
	}
	x.body.begin(x.c, x.in.Method, &x.head)
	if x.body.framing == noBody && x.in.Method != http.MethodHead {
		// A 204 has none, and HTTP/2 clients wait for the body that a 304 speaks of.
		delete(h, "Content-Length")
		// Who announces a body where none can be may send it, when another asks here.
		x.head.close = x.head.close || status == http.StatusNoContent && (x.head.chunked || x.head.length > 0)
	}
	if x.body.framing == byChunks && len(x.head.announced) > 0 {
		h["Trailer"] = []string{strings.Join(x.head.announced, ", ")}
	}
	cut := x.cut()
	if cut && x.in.ProtoMajor == 1 {
		h["Connection"] = []string{"close"}
	}
	x.mu.Lock()
	x.stage = forBody
	x.mu.Unlock()
	media := mediaType(h)
	x.prompt = x.body.framing == byChunks || x.body.framing == byClose || media == "text/event-stream" || strings.HasPrefix(media, "application/grpc")
	if media == "text/event-stream" && !x.body.ended {
		x.ended = &eventStream{close: x.c.net.Close}
		x.p.opts.Streams.add(x.ended)
		defer x.p.opts.Streams.remove(x.ended)
	}
	x.arm(x.now)
	x.waiting, x.pending = x.now, true
	x.w.WriteHeader(status)
	whole := x.copyDown()
	x.trailers(h)
	if cut {
		x.flush() // what the body's end still costs is not the answer's time
	}
	x.join()
	x.release(whole && !x.head.close && x.body.framing != byClose && !x.up.failed && !x.cut() && x.c != nil && len(x.c.unread()) == 0)
}

func mediaType(h http.Header) string {
	values := h["Content-Type"]
	if len(values) == 0 {
		return ""
	}
	media, _, _ := strings.Cut(values[0], ";")
	return strings.ToLower(wire.Trim(media))
}

// copyDown passes the body on. Whole says that all of it came; an answer that breaks off
// ends the client's connection.
func (x *exchange) copyDown() (whole bool) {
	for {
		p, err := x.body.next()
		if x.waited {
			x.waited, x.now = false, time.Now()
		}
		if x.now.Sub(x.armed) > x.slack() {
			x.arm(x.now)
		}
		if err == io.EOF {
			return true
		}
		if err != nil {
			if x.ended != nil && (x.ended.ended.Load() || timedOut(err)) {
				return false // an event stream may end at any time, and its client comes back
			}
			x.broken(err)
			panic(http.ErrAbortHandler)
		}
		if !x.pending {
			x.waiting, x.pending = x.now, true
		}
		if _, err := x.w.Write(p); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// arm gives the client time to take what comes next.
func (x *exchange) arm(now time.Time) {
	x.armed = now
	_ = http.NewResponseController(x.w).SetWriteDeadline(now.Add(x.p.opts.Idle))
}

func (x *exchange) flush() {
	x.pending = false
	_ = http.NewResponseController(x.w).Flush()
}

// trailers passes on what followed the body: by name what was announced, and by net/http's
// prefix what was not. The latter needs an answer in chunks, which a flush brings about.
func (x *exchange) trailers(h http.Header) {
	if x.body.framing != byChunks || len(x.body.trailers) == 0 {
		return
	}
	x.flush()
	for _, name := range x.head.announced {
		delete(h, name) // the field of this name that has left
	}
	for _, f := range x.body.trailers {
		name := http.TrailerPrefix + f.name
		for _, announced := range x.head.announced {
			if announced == f.name {
				name = f.name
			}
		}
		h[name] = append(h[name], f.value)
	}
}

// broken tells of an answer that broke off.
func (x *exchange) broken(err error) {
	f := x.failure(err)
	switch f.Reason {
	case ResponseTimeout:
		f.Reason = Silent
	case Closed, BadAnswer, HeadTooLarge:
		f.Reason = Truncated
	}
	f.Status = 0
	if told := x.p.opts.Broken; told != nil {
		told(x.in, f)
	}
}

// An eventStream is one that a drain may end. It is apart from the exchange, which may
// serve another request by the time it is called.
type eventStream struct {
	close func() error
	ended atomic.Bool
}

func (s *eventStream) end() {
	s.ended.Store(true)
	_ = s.close()
}
