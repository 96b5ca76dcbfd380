package headers

import (
	"errors"
	"math/bits"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// guardKey finds the guards of one exchange; an exchange made further in, as behind
// http.TimeoutHandler, has its own.
type guardKey struct{ x *hook.Exchange }

// nested is a guard inside others.
type nested struct {
	g     *Guard
	outer any // *Guard or *nested
}

// Handler sets the headers on what next answers, when the answer's header leaves. When
// the sources of a policy cannot be made for a request, the answer becomes a 500 with a
// policy that allows nothing, and an event tells the cause.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g.mode == guard.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		key := guardKey{x}
		if outer := x.Value(key); outer != nil {
			x.Set(key, &nested{g, outer})
		} else {
			x.Set(key, g)
			x.On(hook.Headers, g.onAnswer)
		}
		if g.mode == guard.Enforce {
			g.begin(w.Header(), x)
		}
		next.ServeHTTP(w, r)
	})
}

// begin makes room for the values that Helmet would set before the handler runs.
func (g *Guard) begin(h http.Header, x *hook.Exchange) {
	if g.nonce {
		csp.AttachNonce(x)
	}
	if len(h) == 0 {
		return
	}
	g.present(h)
	for _, key := range g.early {
		delete(h, key)
	}
}

// answer is the phase function of the outermost guard: it runs its inner ones first.
func (g *Guard) answer(a *hook.Answer) {
	if a.Kind != hook.Final {
		return
	}
	x, _ := a.Request.Context().(*hook.Exchange)
	each := a.Value(guardKey{x})
	for {
		switch at := each.(type) {
		case *nested:
			at.g.treat(a)
			each = at.outer
		case *Guard:
			at.treat(a)
			return
		default:
			return
		}
	}
}

// treat lets one guard act on an answer.
func (g *Guard) treat(a *hook.Answer) {
	if g.mode == guard.Observe {
		g.tellWould(a.Request, a.Header, a.Status)
		return
	}
	err := g.Apply(a.Header, a.Request, a.Status)
	if err == nil {
		return
	}
	ctx := a.Request.Context()
	g.sink.Tell(ctx, guard.Event{Practice: practice, Rule: "policy-failed", Action: guard.Failed, Request: hook.RequestID(ctx), Err: err})
	a.Replace(http.StatusInternalServerError, []byte("Internal Server Error\n"))
	a.Header["Content-Type"] = []string{"text/plain; charset=utf-8"}
	a.Header[cspName] = []string{"default-src 'none'"}
	g.write(a.Header, a.Request, g.present(a.Header), false)
}

// Apply merges the headers into h, the header of an answer to r with that status, as it
// is about to be sent. It is what Handler does, for who writes the answer himself; a
// nonce then needs csp.WithNonce before. An error says that the sources of a policy
// could not be made; h is then unchanged and the answer should not be sent. Apply acts
// whatever the Mode.
//
// The values it puts into h are shared: append to them and replace them freely, but do
// not assign to their elements.
func (g *Guard) Apply(h http.Header, r *http.Request, status int) error {
	present := g.present(h)
	document := g.documents && isDocument(h, status)
	framed := false
	if g.frameBit != 0 && len(h[cspName]) > 0 {
		framed = saysFrameAncestors(h[cspName])
	}
	var enforced, observed []string
	var err1, err2 error
	if g.enforced.due(status, document, present) {
		enforced, err1 = g.enforced.text(h, r)
	}
	if g.observed.due(status, document, present) {
		observed, err2 = g.observed.text(h, r)
	}
	if err1 != nil || err2 != nil {
		return errors.Join(err1, err2)
	}
	if enforced != nil {
		g.enforced.put(h, enforced)
	}
	if observed != nil || document && len(g.reported) > 0 {
		g.report(h, r, present, document, observed)
	}
	if framed {
		present |= g.frameBit
	}
	g.write(h, r, present, true)
	return nil
}

// put sets the policy, or adds it to the app's.
func (p *policy) put(h http.Header, value []string) {
	if app := h[p.key]; p.add && len(app) > 0 {
		value = append(app[:len(app):len(app)], value...)
	}
	h[p.key] = value
}

// write sets what needs no policy to be made, and removes the banner.
func (g *Guard) write(h http.Header, r *http.Request, present uint32, tell bool) {
	for i := range g.rows {
		if row := &g.rows[i]; row.replace || present&row.bit == 0 {
			h[row.key] = row.value
		}
	}
	if g.hsts != nil && (g.hsts.replace || present&g.hsts.bit == 0) {
		if age := g.hsts.maxAge(r); age >= time.Second || age < 0 {
			h[g.hsts.key] = g.hsts.text(age)
		}
	}
	if present&g.poweredBit != 0 {
		delete(h, g.powered)
	}
	if tell && g.corp != "" && present&g.corpBit == 0 {
		g.tellResource(r)
	}
}

// present tells which of the guard's headers h has, and brings those written in another
// letter case into the canonical one, so that none is sent twice.
func (g *Guard) present(h http.Header) uint32 {
	var mask uint32
	var odd bool
	for key := range h {
		if len(key) >= len(g.byLength) {
			continue
		}
		for left := g.byLength[len(key)]; left != 0; left &= left - 1 {
			at := bits.TrailingZeros32(left)
			if key == g.watched[at] {
				mask |= 1 << at
				break
			}
			if strings.EqualFold(key, g.watched[at]) {
				mask |= 1 << at
				odd = true
				break
			}
		}
	}
	if odd {
		g.canonical(h)
	}
	return mask
}

func (g *Guard) canonical(h http.Header) {
	for key, values := range h {
		for _, want := range g.watched {
			if key != want && strings.EqualFold(key, want) {
				have := h[want]
				h[want] = append(have[:len(have):len(have)], values...)
				delete(h, key)
			}
		}
	}
}
