package hook

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// An Exchange is one request's way through the guards: the wrapped writer, the
// context node and the Answer, in one allocation. It is kept within 512 bytes, up to which
// the allocator is a good deal faster with what holds pointers.
type Exchange struct {
	context.Context // the request's own; the Exchange is the context of the request it begins

	w    Writer
	last Answer
	r    *http.Request

	funcs  [8]Func
	phases [8]Phase // of funcs
	more   *[]entry // nil: none beyond funcs

	// Values are set by the request's goroutine and read by any that holds a context
	// derived from it (the transport's, say), so a slot is written once and then
	// published.
	setting sync.Mutex
	slotN   atomic.Int32
	n       int16 // of funcs
	depth   int16 // of Begin
	slots   [6]slot
	spill   atomic.Pointer[spilled]

	onHijack func(*Exchange) error
	onPanic  func(w http.ResponseWriter, r *http.Request, value any, stack []byte)
}

type entry struct {
	phase Phase
	f     Func
}

type slot struct{ key, value any }

// spilled holds what does not fit the slots, newest first.
type spilled struct {
	slot
	next *spilled
}

// exchangeKey finds the innermost exchange through any context derived from it.
type exchangeKey struct{}

// Begin returns the request's exchange, with the writer and request to pass on. The
// first call for a request makes them; calls further in find the exchange through
// Unwrap, so a foreign wrapper between two guards keeps its place. Each Begin is
// paired with one deferred End.
func Begin(w http.ResponseWriter, r *http.Request) (*Exchange, http.ResponseWriter, *http.Request) {
	if x := find(w); x != nil {
		x.depth++
		return x, w, r
	}
	x := &Exchange{Context: r.Context(), depth: 1}
	x.w.x, x.w.inner = x, w
	r = r.WithContext(x)
	x.r = r
	return x, &x.w, r
}

// find looks for an exchange of this very answer: a writer that only stands for it
// (a recorder, http.TimeoutHandler's) does not unwrap and gets its own.
func find(w http.ResponseWriter) *Exchange {
	for {
		switch t := w.(type) {
		case *Writer:
			return t.x
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}

// On registers f for phase p. Within a phase the functions run in the order
// registered, which is the order of wrapping, outermost first. A registration after the
// header has left takes part in trailers and Record only.
func (x *Exchange) On(p Phase, f Func) {
	if int(x.n) < len(x.funcs) {
		x.funcs[x.n], x.phases[x.n] = f, p
		x.n++
		return
	}
	if x.more == nil {
		x.more = new([]entry)
	}
	*x.more = append(*x.more, entry{p, f})
}

// Set stores a value for this request, to be found by the request's context without
// another context node. A later Set of the same key wins. Set and Value are safe for
// concurrent use.
func (x *Exchange) Set(key, value any) {
	x.setting.Lock()
	defer x.setting.Unlock()
	if n := x.slotN.Load(); int(n) < len(x.slots) {
		x.slots[n] = slot{key, value}
		x.slotN.Store(n + 1)
		return
	}
	x.spill.Store(&spilled{slot{key, value}, x.spill.Load()})
}

// Value implements context.Context.
func (x *Exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	for s := x.spill.Load(); s != nil; s = s.next {
		if s.key == key {
			return s.value
		}
	}
	for i := x.slotN.Load() - 1; i >= 0; i-- {
		if x.slots[i].key == key {
			return x.slots[i].value
		}
	}
	return x.Context.Value(key)
}

// With sets a value for r: in its exchange when r's context is one, else in a new
// context node. It returns the request to pass on.
func With(r *http.Request, key, value any) *http.Request {
	if x, ok := r.Context().(*Exchange); ok {
		x.Set(key, value)
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), key, value))
}

// OnPanic makes the exchange recover a panic of the handler. When the header has not
// left, f is called to write the answer, phases included; when it has, the connection
// is aborted after f was told with a writer that swallows. Only the owner's call
// counts; http.ErrAbortHandler is never recovered.
func (x *Exchange) OnPanic(f func(w http.ResponseWriter, r *http.Request, value any, stack []byte)) {
	if x.depth == 1 {
		x.onPanic = f
	}
}

// OnHijack registers f to be called when the handler asks for the connection, before it
// gets it: an error refuses. It is for guards whose work would be lost, since no phase
// sees what is written to a hijacked connection. All that are registered are asked.
func (x *Exchange) OnHijack(f func(*Exchange) error) {
	if before := x.onHijack; before != nil {
		x.onHijack = func(x *Exchange) error { return errors.Join(before(x), f(x)) }
		return
	}
	x.onHijack = f
}

// Sent tells whether the final header has left or the connection was hijacked.
func (x *Exchange) Sent() bool { return x.w.state >= sent }

// Apply runs the phases up to Headers on a header that somebody else will write, such
// as the 101 of a proxy. Peek and Replace do nothing there. Nothing else is sent by
// this exchange afterwards than what the caller hijacks for.
func (x *Exchange) Apply(status int, h http.Header) {
	a := Answer{Kind: Informational, Status: status, Header: h, Request: x.r}
	x.run(Judge, &a)
}

// End finishes the answer when called by the owner, by defer; for a guard further in
// it only closes its Begin. It must be deferred directly, so that it sees a panic.
func (x *Exchange) End() {
	x.depth--
	if x.depth > 0 {
		return
	}
	// A panic in flight must not be answered with an empty 200, and recover is the
	// only way to see one.
	if value := recover(); value != nil {
		x.recovered(value)
		return
	}
	x.w.finish()
	x.record()
}

func (x *Exchange) recovered(value any) {
	if value == http.ErrAbortHandler || x.onPanic == nil {
		x.record()
		panic(value)
	}
	stack := debug.Stack()
	switch x.w.state {
	case open, held:
		x.w.reset()
		x.onPanic(&x.w, x.r, value, stack)
		x.w.finish()
		x.record()
	case hijacked:
		x.onPanic(discard{}, x.r, value, stack)
		x.record()
	default:
		x.onPanic(discard{}, x.r, value, stack)
		x.record()
		// Part of an answer is out: only a cut connection tells the client.
		panic(http.ErrAbortHandler)
	}
}

func (x *Exchange) record() {
	a := &x.last
	a.Written, a.Err = x.w.written, x.w.err
	if a.Request == nil {
		a.Request, a.x, a.Header = x.r, x, x.w.inner.Header()
	}
	x.runPhase(Record, a)
}

// run calls the functions of phases from..Headers and stops where one asks to Peek.
// It returns the phase to go on with, or phases when done.
func (x *Exchange) run(from Phase, a *Answer) Phase {
	for p := from; p < Record; p++ {
		x.runPhase(p, a)
		if a.peek != nil && a.Kind == Final {
			return p + 1
		}
	}
	return phases
}

func (x *Exchange) runPhase(p Phase, a *Answer) {
	for i := range x.n {
		if x.phases[i] == p {
			x.funcs[i](a)
		}
	}
	if x.more == nil {
		return
	}
	for _, e := range *x.more {
		if e.phase == p {
			e.f(a)
		}
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
