package door

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/door/accesslog"
	"github.com/panoplysec/panoply/internal/door/bounds"
	"github.com/panoplysec/panoply/internal/door/ledger"
	"github.com/panoplysec/panoply/internal/door/logins"
	"github.com/panoplysec/panoply/internal/door/metrics"
	"github.com/panoplysec/panoply/internal/door/tracing"
	"github.com/panoplysec/panoply/internal/door/upstream"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/internal/proof"
)

const (
	// nameBounds is the ledger's name for the door's own limits.
	nameBounds = "bounds"
	// stackRule is conceal's rule for a stack trace on the wire.
	stackRule = "stack"
)

// maxEvents is how many events of one request its log line names.
const maxEvents = 8

// request is what the door notes of one request for its log line.
type request struct {
	g     *generation
	id    string
	start time.Time
	w     http.ResponseWriter // the server's

	mu       sync.Mutex // a 1xx tells its events on another goroutine
	events   []guard.Event
	few      [2]guard.Event // where events begins: most requests have no more
	refused  refused        // the last event by which it was refused
	failure  upstream.Failure
	upgraded bool
	forwards bool // the peer named a client of its own

	body   *bounds.Reader // nil without
	timing upstream.Timing
	span   tracing.Span
	traced bool // span was found
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	q, _ := ctx.Value(requestKey{}).(*request)
	return q
}

func (q *request) note(name string, e guard.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.Action == guard.Denied {
		q.refused = refused{name, e}
	}
	if q.events == nil {
		q.events = q.few[:0]
	}
	verdict := e.Action == guard.Denied || e.Action == guard.WouldDeny // these are counted
	if len(q.events) < maxEvents || verdict && len(q.events) < 2*maxEvents {
		q.events = append(q.events, e)
	}
}

func (q *request) fail(f upstream.Failure) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failure = f
}

// begin is the outermost step: id, log, recover, bounds on the body. Which serves the
// rest is asked of the generation at hand, so a request runs under one configuration.
func (d *Door) begin(which func(*generation) http.Handler) http.Handler {
	recovered, recorded, leaving := d.recovered, hook.Func(d.recorded), hook.Func(d.leaving)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.inFlight.Add(1)
		defer d.inFlight.Add(-1)
		q := &request{g: d.current.Load(), start: time.Now(), w: w}
		if r.Body != nil && r.Body != http.NoBody {
			// The application may answer before it has read; without this net/http
			// would read the rest first.
			if r.ProtoMajor == 1 {
				_ = http.NewResponseController(w).EnableFullDuplex()
			}
			limits := q.g.body
			if q.g.apps.converses(r) {
				limits = q.g.stream
			}
			body := bounds.Watch(w, r.Body, limits)
			defer body.Done()
			q.body = body
			own := *r // the server keeps looking at its own
			own.Body = body
			r = &own
		}
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.Set(requestKey{}, q)
		q.id = hook.RequestID(r.Context())
		x.OnPanic(recovered)
		x.On(hook.Headers, leaving)
		x.On(hook.Record, recorded)
		for _, n := range q.g.seen {
			n.Add(1)
		}
		which(q.g).ServeHTTP(w, r)
	})
}

// chain is a request's way from the guards that only register to the application.
func (d *Door) chain(g *generation) http.Handler {
	h := d.protected(g, g.app)
	h = g.guards.shields.Handler(h) // it sees what the application is about to
	h = g.guards.cookies.Handler(h)
	if g.guards.lift != nil {
		h = g.guards.lift.Handler(h) // it works on the names that clients see
	}
	h = g.guards.csrf.Handler(g.guards.tokens.Handler(h))
	h = d.own(g, h)
	h = g.guards.sanity.Handler(h)
	h = g.stripped(g.guards.client.Handler(h)) // sanity asks it for the host behind a proxy
	h = d.bounded(g, h)
	h = d.withoutLocalHSTS(g, h)
	return g.guards.headers.Handler(g.guards.conceal.Handler(h))
}

// own answers the door's own addresses.
func (d *Door) own(g *generation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case d.reports.Owns(r):
			d.reports.ServeHTTP(w, r)
		case r.URL.Path == proof.Path:
			d.proof(w, r)
		case g.ownsContact(r):
			g.contact(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// stripped takes out what an untrusted peer says for others.
func (g *generation) stripped(next http.Handler) http.Handler {
	client := g.guards.client
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := requestOf(r.Context()); q != nil {
			q.forwards = logins.Names(r.Header)
		}
		client.Strip(r)
		next.ServeHTTP(w, r)
	})
}

// bounded refuses a head or a declared body that is too large.
func (d *Door) bounded(g *generation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case bounds.HeadSize(r) > g.headMax:
			d.refuse(w, r, http.StatusRequestHeaderFieldsTooLarge, "head-too-large", fmt.Sprintf("a head of %d bytes, at most %d (bounds.head_bytes)", bounds.HeadSize(r), g.headMax))
		case g.body.Max > 0 && r.ContentLength > g.body.Max:
			d.refuse(w, r, http.StatusRequestEntityTooLarge, "body-too-large", fmt.Sprintf("a body of %d bytes, at most %d (bounds.body_max)", r.ContentLength, g.body.Max))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuse answers for the door itself and closes the connection: what the client still
// sends is not worth reading.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, status int, rule, shape string) {
	q := requestOf(r.Context())
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	d.sink(nameBounds)(r.Context(), guard.Event{Practice: "errors", Rule: rule, Action: guard.Denied, Request: q.id, Detail: shape})
	q.g.guards.conceal.Page(w, r, status)
}

// withoutLocalHSTS keeps an application's own Strict-Transport-Security from hosts that
// must not have it: on localhost it would lock the other ports out of plain HTTP.
func (d *Door) withoutLocalHSTS(g *generation, next http.Handler) http.Handler {
	drop := hook.Func(func(a *hook.Answer) {
		if _, ok := a.Header["Strict-Transport-Security"]; !ok {
			return
		}
		host, _, _ := splitHost(a.Request.Host)
		if len(g.cfg.TLS.Certificates) == 0 || neverHSTS(host) {
			delete(a.Header, "Strict-Transport-Security")
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		if g.guards.modes[nameHeaders] == guard.Enforce {
			x.On(hook.Conceal, drop)
		}
		next.ServeHTTP(w, r)
	})
}

// failed is upstream's Fail.
func (d *Door) failed(w http.ResponseWriter, r *http.Request, f upstream.Failure) {
	q := requestOf(r.Context())
	q.fail(f)
	q.g.guards.conceal.Page(w, r, f.Status)
}

// broken is upstream's Broken: nothing can be answered any more.
func (d *Door) broken(r *http.Request, f upstream.Failure) {
	requestOf(r.Context()).fail(f)
}

// answered is upstream's Seen.
func (d *Door) answered(r *http.Request, status int, h http.Header) {
	d.kinds.Answer(r, status, h)
	if status == http.StatusSwitchingProtocols {
		requestOf(r.Context()).upgraded = true // same goroutine as recorded
	}
	if clientip.Of(r).Scheme == "https" {
		d.watch.Answer(r, status, h)
	}
}

// timed is upstream's Timed.
func (d *Door) timed(r *http.Request, t upstream.Timing) { requestOf(r.Context()).timing = t }

// leaving says that the connection ends where another door has taken over, and gives the
// client time to take what is about to be written, whoever answers: one
// that never reads would else hold its connection for ever. The way to the application
// renews the time for as long as its answer moves.
func (d *Door) leaving(a *hook.Answer) {
	if q, _ := a.Value(requestKey{}).(*request); q != nil && a.Kind != hook.Trailer {
		if d.heir.Load() != nil && a.Kind == hook.Final {
			a.Header.Set("Connection", "close") // HTTP/2 too: net/http makes a GOAWAY of it
		}
		idle := time.Duration(q.g.cfg.Bounds.StreamIdle)
		_ = http.NewResponseController(q.w).SetWriteDeadline(time.Now().Add(idle))
	}
}

// recovered answers for a panic: the cause goes to the log, our own page to the client.
func (d *Door) recovered(w http.ResponseWriter, r *http.Request, value any, stack []byte) {
	q := requestOf(r.Context())
	d.log.Error("panic in the door; please report it", "request", q.id, "panic", ledger.Clean(fmt.Sprint(value), 512), "stack", string(stack))
	q.fail(upstream.Failure{Status: http.StatusInternalServerError, Reason: "panic", Err: fmt.Errorf("panic: %v", value)})
	q.g.guards.conceal.Page(w, r, http.StatusInternalServerError)
}

// recorded writes the log line and the metrics when all is over.
func (d *Door) recorded(a *hook.Answer) {
	q, _ := a.Value(requestKey{}).(*request)
	if q == nil {
		return
	}
	now := time.Now()
	r, client := a.Request, clientip.Of(a.Request)
	site := q.g.sites.of(client.Host)
	q.mu.Lock()
	line := accesslog.Line{
		Request: r, ID: q.id, Client: client.Addr, Status: a.Status, Out: a.Written, End: now, Duration: now.Sub(q.start), Events: q.events,
		Failure: string(q.failure.Reason), Cause: q.failure.Err, Upstream: q.timing.Address,
	}
	q.mu.Unlock()
	line.Peer, _ = peerOf(r)
	if line.Status == 0 && q.upgraded {
		line.Status = http.StatusSwitchingProtocols // no phase saw it leave
	}
	if line.Failure == "" && a.Err != nil {
		line.Failure, line.Cause = string(upstream.ClientGone), a.Err
	}
	if site != nil {
		line.Site = site.Name()
	}
	if q.body != nil {
		line.In = q.body.Total()
	}
	if line.Upstream != "" {
		line.UpstreamTime = q.timing.Answered.Sub(q.timing.Asked)
	}
	line.Trace = d.traceID(q, r)
	d.count(q, &line, site)
	q.g.access.Write(&line)
	d.traced(q, &line, &client)
	d.remember(q, &line)
}

// count counts a request that is over, and the verdicts on it.
func (d *Door) count(q *request, line *accesslog.Line, site *metrics.Site) {
	d.metrics.Done(site, line.Request.Method, line.Status, line.Duration, line.Failure)
	for i := range line.Events {
		switch e := &line.Events[i]; e.Action {
		case guard.Denied:
			d.metrics.Blocked(site, e.Practice, e.Rule, true)
		case guard.WouldDeny:
			d.metrics.Blocked(site, e.Practice, e.Rule, false)
		}
	}
	if q.refused.guard == nameLogin {
		d.metrics.Login(site, "blocked")
	}
}

// sink is where the guard called name tells: the counts, the log line of the request,
// and the hard checks. What is denied or fails is also logged by itself.
func (d *Door) sink(name string) guard.Sink {
	return func(ctx context.Context, e guard.Event) {
		d.ledger.Note(name, e)
		if e.Rule == stackRule {
			d.watch.Stack()
		}
		if q := requestOf(ctx); q != nil {
			q.note(name, e)
		}
		if e.Action == guard.Failed {
			d.log.LogAttrs(ctx, e.Action.Level(), "guard failed", e.LogValue().Group()...)
		}
	}
}

// reported counts one CSP report.
func (d *Door) reported(directive string) {
	d.metrics.Report(directive)
	d.ledger.Note(nameHeaders, guard.Event{Practice: nameHeaders, Rule: "csp-report " + directive, Action: guard.WouldDeny})
}
