package upstream

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// watchFrom is the length from which an answer's silence is watched. A shorter one
// arrives whole or not at all.
const watchFrom = 64 << 10

var errSilent = errors.New("upstream: the answer stopped in the middle")

// answered is ReverseProxy's ModifyResponse: for 101 too, not for other 1xx.
func (p *Reverse) answered(res *http.Response) error {
	ex := passageOf(res.Request.Context())
	ex.timed(res.StatusCode)
	if p.opts.Seen != nil {
		p.opts.Seen(ex.in, res.StatusCode, res.Header)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		if !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
			return answerError("switches to a protocol that was not asked for")
		}
		if ex.socket == nil {
			return answerError("switches to a protocol that was not asked for")
		}
		ex.socket.app = res.Body
		// ReverseProxy writes this header itself; no phase would see it.
		ex.hook.Apply(res.StatusCode, res.Header)
		return nil
	}
	if res.StatusCode < 200 || res.StatusCode > 999 {
		return answerError("status out of range")
	}
	b := &ex.answer
	b.ex, b.inner, b.left = ex, res.Body, res.ContentLength
	b.arm(time.Now())
	if res.ContentLength < 0 || res.ContentLength > watchFrom {
		b.stream = isEventStream(res.Header)
		b.watch(p.opts.Idle)
		if b.stream {
			b.streams = p.opts.Streams
			b.streams.add(b)
		}
	}
	res.Body = b
	return nil
}

func isEventStream(h http.Header) bool {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/event-stream")
}

// answerBody is an answer's body on its way to the client. Reading it renews the
// client's write deadline, since each read is followed by a write; for a long body a
// timer watches that the application goes on talking.
type answerBody struct {
	ex    *passage
	inner io.ReadCloser
	left  int64 // bytes to come; -1 unknown
	armed time.Time

	idle    time.Duration
	stream  bool
	streams *Streams
	timer   *time.Timer
	waiting atomic.Int64 // when the read at hand began, in Unix ns; 0 while none
	ended   atomic.Bool  // by us
}

func (b *answerBody) Read(p []byte) (int, error) {
	now := time.Now()
	if b.timer != nil {
		b.waiting.Store(now.UnixNano())
	}
	n, err := b.inner.Read(p)
	if b.timer != nil {
		b.waiting.Store(0)
		now = time.Now()
	}
	if now.Sub(b.armed) > min(rearm, b.ex.proxy.opts.Idle/4) {
		b.arm(now)
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if b.ended.Load() {
		if b.stream {
			return n, io.EOF // an event stream may end at any time, and its client comes back
		}
		err = errSilent
	}
	b.broken(err)
	return n, err
}

// arm gives the client time to take what comes next.
func (b *answerBody) arm(now time.Time) {
	b.armed = now
	_ = http.NewResponseController(b.ex.w).SetWriteDeadline(now.Add(b.ex.proxy.opts.Idle))
}

func (b *answerBody) broken(err error) {
	f := classifyTransport(err)
	switch {
	case f.Reason == ClientGone:
	case errors.Is(err, errSilent):
		f.Reason = Silent
	default:
		f.Reason = Truncated
	}
	f.Status = 0
	if told := b.ex.proxy.opts.Broken; told != nil {
		told(b.ex.in, f)
	}
}

// watch starts the timer that ends a silent answer.
func (b *answerBody) watch(idle time.Duration) {
	b.idle = idle
	b.timer = time.AfterFunc(time.Hour, b.look)
	b.timer.Reset(idle) // look uses the field: start only when it is set
}

func (b *answerBody) look() {
	since := b.waiting.Load()
	if since == 0 { // the client is slow, not the application: the write deadline's business
		b.timer.Reset(b.idle)
		return
	}
	if quiet := time.Since(time.Unix(0, since)); quiet < b.idle {
		b.timer.Reset(b.idle - quiet)
		return
	}
	b.end()
}

// end wakes the read at hand.
func (b *answerBody) end() {
	if b.ended.CompareAndSwap(false, true) {
		_ = b.inner.Close()
	}
}

func (b *answerBody) Close() error {
	if b.timer != nil {
		b.timer.Stop()
	}
	if b.streams != nil {
		b.streams.remove(b)
	}
	if b.ended.Swap(true) {
		return nil
	}
	return b.inner.Close()
}

// trailed copies the announced trailers of a request when its body has ended, and only
// those: a sender may append others.
type trailed struct {
	io.ReadCloser
	from, to http.Header
}

func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err == io.EOF {
		for name := range t.to {
			t.to[name] = t.from[name]
		}
	}
	return n, err
}
