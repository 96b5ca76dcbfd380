package upstream

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/door/wire"
	"github.com/panoplysec/panoply/internal/hook"
)

const (
	// continueWait is how long the application may think about Expect: 100-continue.
	continueWait = time.Second
	// maxInterim bounds the 1xx answers before the final one.
	maxInterim = 64
)

// An exchange is one request and its answer. It is used again for another, so nothing may
// hold on to it.
type exchange struct {
	p    *Proxy
	hook *hook.Exchange
	w    http.ResponseWriter
	in   *http.Request

	c    *conn
	out  []byte            // the request's head, and after it a body that fits
	lent *[bufferSize]byte // where out lies, until the answer has begun
	head head
	body body

	// The request.
	fields    []leaving
	own       http.Header // fields of the door's own
	drop      []string
	length    int64 // of the body; -1 unknown
	streams   bool  // the body does not lie in out
	expect    bool  // and is sent when the application wants it
	upgrading bool
	trailer   []string
	up        upload

	asked time.Time // first

	// The wait.
	mu       sync.Mutex // stage, with the read deadline of forHead
	stage    stage
	deadline time.Time // for the head
	watching bool
	stop     func() bool // ends the watch for the client

	// The answer.
	ended   *eventStream
	prompt  bool // every piece is flushed
	pending bool // something waits to be flushed
	waiting time.Time
	brief   bool // the read at hand ends for the sake of a flush
	now     time.Time
	waited  bool      // now is from before a read
	armed   time.Time // the client's write deadline
	renewed time.Time // the application's read deadline
}

// ServeHTTP passes one request to the application and its answer back.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, w, r := hook.Begin(w, r)
	defer h.End()
	h.On(hook.Headers, p.bare)
	x, _ := p.exchanges.Get().(*exchange)
	if x == nil {
		x = &exchange{p: p, own: http.Header{}}
		x.up.done = make(chan struct{}, 1)
	}
	x.hook, x.w, x.in = h, w, r
	x.serve()
	// Not after a panic: what it left behind is not looked into.
	x.reset()
	p.exchanges.Put(x)
}

// reset forgets the request, but keeps what can be used again.
func (x *exchange) reset() {
	x.sent()
	clear(x.fields)
	clear(x.head.fields)
	clear(x.body.trailers)
	clear(x.own)
	*x = exchange{
		p: x.p, own: x.own, fields: x.fields[:0], drop: x.drop[:0],
		head: head{fields: x.head.fields[:0], ends: x.head.ends[:0], drop: x.head.drop[:0], announced: x.head.announced[:0]},
		body: body{trailers: x.body.trailers[:0]},
		up:   upload{done: x.up.done},
	}
}

func (x *exchange) serve() {
	defer x.leave()
	x.p.budget.earn()
	if f, ok := x.prepare(); !ok {
		x.p.opts.fail(x.w, x.in, f)
		return
	}
	for again := false; ; again = true {
		err := x.ask(again)
		if err == nil {
			x.relay()
			return
		}
		if !again && x.again(err) {
			continue
		}
		f := x.failure(err)
		x.timed(0, time.Now())
		x.p.opts.fail(x.w, x.in, f)
		return
	}
}

// timed tells when the exchange took place.
func (x *exchange) timed(status int, now time.Time) {
	if told := x.p.opts.Timed; told != nil {
		told(x.in, Timing{Address: x.p.opts.Address, Scheme: x.p.opts.Scheme, Asked: x.asked, Answered: now, Status: status})
	}
}

// leave lets go of the connection and of the request's body, however the exchange ended.
func (x *exchange) leave() {
	x.release(false)
	x.join()
}

// release ends the watch and gives the connection back, or up.
func (x *exchange) release(reuse bool) {
	if x.stop != nil && !x.stop() {
		reuse = false // the client left, and the watch has closed the connection
	}
	x.stop = nil
	c := x.c
	if c == nil {
		return
	}
	x.c = nil
	if reuse {
		x.p.pool.put(c, x.head.keep)
		return
	}
	c.waits = nil
	c.close()
}

// prepare makes the request's head. A body that fits behind it is read now: it leaves
// with the head in one piece, a client that sends it slowly holds no connection, and the
// request can be sent again.
func (x *exchange) prepare() (Failure, bool) {
	r := x.in
	x.length = r.ContentLength
	if r.Body == nil || r.Body == http.NoBody {
		x.length = 0
	}
	x.upgrading = x.length == 0 && upgrading(r)
	if x.length < 0 {
		x.trailer = nil
		for name := range r.Trailer {
			if mayTrail(name) && wire.IsToken(name) && (x.p.opts.KeepTrailer == nil || x.p.opts.KeepTrailer(name)) {
				x.trailer = append(x.trailer, name)
			}
		}
		slices.Sort(x.trailer)
	}
	x.lent = bufferPool.Get().(*[bufferSize]byte)
	var err error
	if x.out, err = x.appendHead(x.lent[:0]); err != nil {
		return classify(err), false
	}
	if x.length == 0 {
		if r.Body != nil && r.Body != http.NoBody {
			// HTTP/2 can say that there is no body and send one.
			if n, err := io.ReadFull(r.Body, make([]byte, 1)); n > 0 {
				return bodyFailure(errTooLong, nil), false
			} else if err != io.EOF {
				return bodyFailure(err, r.Context().Err()), false
			}
		}
		return Failure{}, true
	}
	x.expect = len(r.Header["Expect"]) > 0
	n := len(x.out)
	if x.length < 0 || x.expect || int64(cap(x.out)-n) < x.length {
		x.streams = true
		return Failure{}, true
	}
	x.out = x.out[:n+int(x.length)]
	if _, err := io.ReadFull(r.Body, x.out[n:]); err != nil {
		return bodyFailure(err, r.Context().Err()), false
	}
	return Failure{}, true
}

// sent gives the request's buffer back: a stream may go on for hours without it.
func (x *exchange) sent() {
	if x.lent != nil {
		bufferPool.Put(x.lent)
	}
	x.lent, x.out = nil, nil
}

// ask sends the request and reads the answer's head.
func (x *exchange) ask(fresh bool) error {
	x.now = time.Now()
	if !fresh {
		x.asked = x.now
	}
	if err := x.connect(fresh); err != nil {
		return err
	}
	now := x.now
	x.c.waits = x
	x.stage, x.watching = forHead, false
	x.deadline = now.Add(x.p.opts.Response)
	_ = x.c.net.SetDeadline(now.Add(min(patience, x.p.opts.Response)))
	if err := x.write(x.out); err != nil {
		if x.streams || timedOut(err) {
			return err
		}
		x.up.failed = true // the application may have said no and closed: it is asked
	}
	if x.streams {
		x.watch()
		if x.expect {
			if final, err := x.invited(); final || err != nil {
				return err
			}
		}
		x.send()
	}
	for interim := 0; ; interim++ {
		if err := x.c.readHead(&x.head); err != nil {
			return err
		}
		switch s := x.head.status; {
		case s == http.StatusSwitchingProtocols && !(x.upgrading && wire.EqualFold(x.head.upgrade, "websocket")):
			return answerError("switches to a protocol that was not asked for")
		case s >= 200 || s == http.StatusSwitchingProtocols:
			return nil
		case interim >= maxInterim:
			return answerError("more 1xx answers than make sense")
		}
		x.interim()
	}
}

func (x *exchange) connect(fresh bool) error {
	if !fresh {
		if x.c = x.p.pool.get(x.now); x.c != nil {
			return nil
		}
	}
	c, err := x.p.dial(x.in.Context(), "tcp", x.p.host)
	if err != nil {
		return err
	}
	x.c = newConn(c)
	x.now = time.Now() // to connect has a time of its own
	return nil
}

// write sends b, past the patience if it must.
func (x *exchange) write(b []byte) error {
	for {
		n, err := x.c.net.Write(b)
		if err == nil {
			return nil
		}
		if b = b[n:]; !timedOut(err) || !x.late() {
			return err
		}
	}
}

// invited waits for the application to want the body. Final says that it answered
// instead, which leaves the body unsent.
func (x *exchange) invited() (final bool, err error) {
	x.stage = forContinue
	_ = x.c.net.SetReadDeadline(time.Now().Add(continueWait))
	for interim := 0; ; interim++ {
		err := x.c.readHead(&x.head)
		switch {
		case err != nil && timedOut(err) && len(x.c.unread()) == 0:
			x.stage = forHead
			return false, nil // it does not know the expectation
		case err != nil:
			return false, err
		case x.head.status == http.StatusContinue:
			x.stage = forHead
			return false, nil
		case x.head.status >= 200:
			return true, nil
		case x.head.status == http.StatusSwitchingProtocols:
			return false, answerError("switches to a protocol that was not asked for")
		case interim >= maxInterim:
			return false, answerError("more 1xx answers than make sense")
		}
		x.interim()
	}
}

// again tells whether the request may be sent on another connection: nothing of an answer
// was seen on one that had served before, which the application may just have closed.
func (x *exchange) again(err error) bool {
	c := x.c
	if c == nil || !c.reused || len(c.unread()) > 0 || x.head.status != 0 || timedOut(err) || x.up.begun || x.in.Context().Err() != nil {
		return false
	}
	if _, wrong := errors.AsType[answerError](err); wrong || !idempotent(x.in.Method) || !x.p.budget.spend() {
		return false
	}
	x.p.opts.Logger.Debug("upstream: sent again on a new connection", "err", err)
	x.release(false)
	x.up.failed = false
	return true
}

// failure says why there is no answer.
func (x *exchange) failure(err error) Failure {
	gone := x.in.Context().Err() // before join, whose end of a read may look like it
	if x.cut() && x.in.ProtoMajor == 1 {
		x.w.Header()["Connection"] = []string{"close"}
	}
	x.release(false)
	x.join()
	if x.up.err != nil {
		return bodyFailure(x.up.err, gone)
	}
	if x.up.stuck {
		return Failure{http.StatusGatewayTimeout, ResponseTimeout, err}
	}
	if gone != nil {
		return Failure{0, ClientGone, gone}
	}
	return classify(err)
}

// bodyFailure says what was wrong with the request's body. Gone is why the client is, if
// it is.
func bodyFailure(err, gone error) Failure {
	f := Failure{http.StatusBadRequest, BodyBad, err}
	if gone != nil {
		f = Failure{0, ClientGone, gone}
	}
	return blame(f, err)
}
