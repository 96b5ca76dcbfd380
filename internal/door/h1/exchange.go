package h1

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"
)

// exchange is a request and its answer, and what of them is reused for the next request
// on the connection.
type exchange struct {
	c      *conn
	ctx    reqContext
	req    *http.Request
	blank  http.Request // with nothing but the context
	url    url.URL
	header http.Header
	values []string // the header's
	head   head
	body   *body // nil: none
	w      response
	broken bool // the handler panicked, and 500 was sent
}

// fieldsKept is how many fields a head may have had for its map and lists to be used again.
const fieldsKept = 64

func (c *conn) exchange() *exchange {
	if c.x == nil {
		c.x = c.fresh()
	}
	x := c.x
	*x.req = x.blank
	clear(x.header)
	x.url = url.URL{}
	r := x.req
	r.URL, r.Header, r.Body = &x.url, x.header, http.NoBody
	r.RemoteAddr, r.TLS = c.remote, c.tls
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	x.body = nil
	x.w.begin(x)
	return x
}

// fresh makes an exchange that has seen no request.
func (c *conn) fresh() *exchange {
	x := &exchange{c: c, header: http.Header{}}
	x.ctx.base, x.ctx.c = c.base, c
	x.req = x.blank.WithContext(&x.ctx)
	x.blank = *x.req
	x.w.header = http.Header{}
	return x
}

// begin makes the request of the head in the buffer.
func (x *exchange) begin(n int) (framing, *fault) {
	c := x.c
	b := c.buf[c.r : c.r+n]
	if bad := x.head.parse(b); bad != nil {
		return framing{}, bad
	}
	s := string(b)
	c.r += n
	fr, bad := x.head.fill(x.req, s, &x.values)
	if bad != nil {
		return fr, bad
	}
	if fr.length != 0 {
		x.body = &body{c: c, x: x, left: max(fr.length, 0), chunked: fr.chunked, expect: fr.expect, trailer: x.req.Trailer}
		x.req.Body = x.body
		if fr.chunked || int64(c.w-c.r) < fr.length {
			c.unarm()
		}
	} else {
		x.ctx.whole = true
	}
	x.w.frame(fr)
	return fr, nil
}

// refuse answers what is no request.
func (x *exchange) refuse(bad *fault) {
	c, r := x.c, x.req
	if r.Method == "" {
		// What went wrong may be in a later line than the first.
		if line, _, ok := bytes.Cut(c.buf[c.r:c.w], []byte("\r\n")); ok {
			var h head
			if h.requestLine(line) == nil {
				r.Method, r.RequestURI = string(line[:h.method.to]), string(line[h.target.from:h.target.to])
				_ = setURL(r) // the fault is known
			}
		}
	}
	clear(x.header)
	r.Trailer, r.TransferEncoding, r.ContentLength, r.Body, r.Close = nil, nil, 0, http.NoBody, true
	x.body = nil
	x.w.frame(framing{close: true})
	x.answer(bad)
	x.over()
}

// answer calls Refuse, which may panic like any handler.
func (x *exchange) answer(bad *fault) {
	defer func() {
		if v := recover(); v != nil {
			x.panicked(v)
		}
	}()
	x.w.closing = true
	if x.c.s.Refuse == nil {
		x.w.WriteHeader(bad.status)
	} else {
		x.c.s.Refuse(&x.w, x.req, bad.status, bad.rule)
	}
	if !x.c.taken {
		_ = x.w.finish()
	}
}

// run calls the handler and settles what comes after it. It tells whether the connection
// may carry another request.
func (x *exchange) run(fr framing) bool {
	c := x.c
	if !x.handle() {
		short := x.w.mode == toClose
		x.over()
		switch {
		case x.broken:
			c.linger()
		case short && !c.taken:
			c.abort()
		}
		return false
	}
	if c.taken {
		x.over()
		return false
	}
	err := x.w.finish()
	keep := err == nil && !x.w.closing
	rest := x.settleBody(keep)
	keep = keep && !rest
	x.over()
	if !keep && err == nil && (rest || c.w > c.r) {
		c.linger()
	}
	return keep
}

// handle tells whether the handler has returned, and not panicked.
func (x *exchange) handle() (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			x.panicked(v)
			if v != http.ErrAbortHandler && !x.w.committed && !x.c.taken {
				x.w.reset()
				x.answer(&fault{http.StatusInternalServerError, "panic"})
				x.settleBody(false)
				x.broken = true
			}
		}
	}()
	x.c.s.Handler.ServeHTTP(&x.w, x.req)
	return true
}

func (x *exchange) panicked(v any) {
	if v == http.ErrAbortHandler {
		return
	}
	x.c.s.Logger.Error("h1: panic in a handler", "remote", x.c.remote, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}

// settleBody ends the reading of the body and tells whether some of it is still to come.
// With keep it looks for its end.
func (x *exchange) settleBody(keep bool) (rest bool) {
	b := x.body
	if b == nil {
		return false
	}
	b.closed.Store(true)
	if !b.mu.TryLock() {
		// Somebody still reads: only cutting the read short ends that.
		_ = x.c.rwc.SetReadDeadline(past)
		x.c.readDirty.Store(true)
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.ended.Load() {
		return false
	}
	if !keep || b.err != nil {
		return true
	}
	x.c.arm(time.Now().Add(drainTime))
	return !b.drain()
}

// over makes the exchange ready for the next request, or leaves it to whoever still
// holds something of it.
func (x *exchange) over() {
	c := x.c
	held := x.ctx.end()
	if !c.taken {
		c.watch.stop(c)
	}
	if x.req.MultipartForm != nil {
		_ = x.req.MultipartForm.RemoveAll()
	}
	c.writeStale = c.writeStale || c.writeDirty.Swap(false)
	x.w.done = true
	if held || c.s.Poison {
		fresh := &exchange{}
		if !c.taken {
			fresh = c.renew(x)
		}
		if c.s.Poison {
			x.poison()
		}
		c.x = fresh
		return
	}
	x.ctx.reuse()
	if len(x.head.fields) > fieldsKept {
		x.header, x.values, x.head.fields = http.Header{}, nil, nil
	}
	if len(x.w.header) > fieldsKept {
		x.w.header = http.Header{}
	}
}

// renew makes an exchange that shares nothing with x but buffers.
func (c *conn) renew(x *exchange) *exchange {
	next := c.fresh()
	if len(x.head.fields) <= fieldsKept {
		next.head, x.head = x.head, head{}
	}
	next.w.out, next.w.pending, next.w.order = x.w.out, x.w.pending, x.w.order
	next.w.lentOut, next.w.lentPending = x.w.lentOut, x.w.lentPending
	next.w.now, next.w.done = x.w.now, true
	x.w.out, x.w.pending, x.w.order, x.w.lentOut, x.w.lentPending = nil, nil, nil, nil, nil
	return next
}

var errPoison = errors.New("h1: used after the handler has returned")

// poison overwrites what no handler may keep.
func (x *exchange) poison() {
	const mark = "poisoned"
	for i := range x.values {
		x.values[i] = mark
	}
	for name := range x.header {
		delete(x.header, name)
	}
	x.header["Poisoned"] = []string{mark}
	for name := range x.w.header {
		delete(x.w.header, name)
	}
	x.w.header["Poisoned"] = []string{mark}
	x.url = url.URL{Scheme: mark, Path: mark}
	*x.req = http.Request{Method: mark, URL: &x.url, Host: mark, Header: x.header, Body: http.NoBody, RequestURI: mark, RemoteAddr: mark}
	x.w.err = errPoison
}
