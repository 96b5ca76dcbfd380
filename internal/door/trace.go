package door

import (
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/door/accesslog"
	"github.com/panoplysec/panoply/internal/door/tracing"
)

// openTracer makes the tracer that the environment asks for, if any. It starts nothing.
func (d *Door) openTracer() error {
	if d.opts.LookupEnv == nil {
		return nil
	}
	o, on, err := tracing.FromEnv(d.opts.LookupEnv)
	if err != nil || !on {
		return err
	}
	o.Tell = d.spansLost
	d.tracer, err = tracing.New(o)
	return err
}

func (d *Door) spansLost(err error, lost uint64) {
	if err != nil {
		d.log.Warn("traces cannot be sent; spans are lost", "collector", d.tracer.Endpoint(), "err", err)
		return
	}
	d.log.Info("traces are sent again", "collector", d.tracer.Endpoint(), "lost", lost)
}

// span returns the request's place in its trace, which is found once: when the application
// is asked, or when all is over.
func (d *Door) span(q *request, r *http.Request) *tracing.Span {
	if !q.traced {
		q.traced = true
		theirs, known := tracing.ParseParent(r.Header["Traceparent"])
		q.span = d.tracer.Begin(theirs, known, clientip.Of(r).Trusted)
	}
	return &q.span
}

// trace tells the application its place in the trace. What else there is to say of a trace
// is passed on from trusted proxies only.
func (d *Door) trace(out http.Header, in *http.Request) {
	q := requestOf(in.Context())
	if q == nil {
		return
	}
	s := d.span(q, in)
	out["Traceparent"] = []string{s.Traceparent()}
	if state := in.Header["Tracestate"]; len(state) > 0 && (!s.Continued() || !tracing.ValidState(state)) {
		out["Tracestate"] = nil // a field without a line
	}
}

// traceID is the one of the log line: that which is recorded, or, where nothing is, the one
// that the client brought.
func (d *Door) traceID(q *request, r *http.Request) [16]byte {
	if d.tracer != nil {
		return d.span(q, r).Trace
	}
	theirs, _ := tracing.ParseParent(r.Header["Traceparent"])
	return theirs.Trace
}

// traced records a request that is over.
func (d *Door) traced(q *request, line *accesslog.Line, client *clientip.Client) {
	if !q.span.Sampled {
		return
	}
	r := line.Request
	path, query, found := strings.Cut(accesslog.Target(r, q.g.cfg.Log.Queries), "?")
	if found {
		query = "?" + query
	}
	one := tracing.Request{
		Method: r.Method, Scheme: client.Scheme, Path: path, Query: query, Host: client.Host, Proto: r.Proto, Agent: r.UserAgent(),
		Client: line.Client, Peer: line.Peer, ID: line.ID, Site: line.Site, Start: q.start, End: line.End, Status: line.Status,
		In: line.In, Out: line.Out, Failure: line.Failure, Ours: q.failure.Reason != "" && q.failure.Ours(),
		Upstream: line.Upstream, UpstreamScheme: q.timing.Scheme, Asked: q.timing.Asked, UpstreamStatus: q.timing.Status,
	}
	if r.TLS != nil {
		one.TLS = accesslog.TLSVersion(r.TLS.Version)
	}
	if e := accesslog.Gravest(line.Events); e != nil {
		one.Action, one.Practice, one.Rule = e.Action.String(), e.Practice, e.Rule
	}
	d.tracer.End(&q.span, &one)
}
