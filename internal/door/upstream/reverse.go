package upstream

import (
	"context"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"github.com/panoplysec/panoply/internal/hook"
)

// A Reverse passes requests to one application by httputil.ReverseProxy over
// http.Transport. It is safe for concurrent use.
type Reverse struct {
	opts      Options
	proxy     httputil.ReverseProxy
	transport *http.Transport
	bare      hook.Func
}

// NewReverse checks the options and returns a Reverse. Nothing is connected yet.
func NewReverse(o Options) (*Reverse, error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	p := &Reverse{opts: o, bare: withoutGuess}
	p.transport = o.transport()
	p.proxy = httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		ModifyResponse: p.answered,
		ErrorHandler:   p.failed,
		Transport:      p.transport,
		BufferPool:     buffers{},
		FlushInterval:  100 * time.Millisecond,
		ErrorLog:       log.New(quiet{o.Logger}, "", 0),
	}
	return p, nil
}

// CloseIdle closes the connections that no request uses.
func (p *Reverse) CloseIdle() { p.transport.CloseIdleConnections() }

// passage is what the callbacks of one request share.
type passage struct {
	proxy  *Reverse
	hook   *hook.Exchange
	w      http.ResponseWriter
	in     *http.Request
	asked  time.Time
	told   bool      // when it took place
	socket *upgrader // nil: no handshake
	answer answerBody
}

// timed tells when the exchange took place. An answer that is then refused is told of once.
func (ex *passage) timed(status int) {
	if told := ex.proxy.opts.Timed; told != nil && !ex.told {
		ex.told = true
		told(ex.in, Timing{Address: ex.proxy.opts.Address, Scheme: ex.proxy.opts.Scheme, Asked: ex.asked, Answered: time.Now(), Status: status})
	}
}

type passageKey struct{}

func passageOf(ctx context.Context) *passage {
	ex, _ := ctx.Value(passageKey{}).(*passage)
	return ex
}

// ServeHTTP passes one request to the application and its answer back.
func (p *Reverse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, w, r := hook.Begin(w, r)
	defer x.End()
	x.On(hook.Headers, p.bare)
	ex := &passage{proxy: p, hook: x, w: w, in: r, asked: time.Now()}
	x.Set(passageKey{}, ex)
	if upgrading(r) && p.opts.Scheme != schemeH2C { // HTTP/2 knows no such switch
		uw := &upgrader{ResponseWriter: w, streams: p.opts.Streams, idle: p.opts.Idle}
		defer uw.end()
		ex.socket, w = uw, uw
	} else {
		delete(r.Header, "Upgrade")
		delete(r.Header, "Http2-Settings")
		if len(r.Header["Expect"]) > 0 {
			w = expecting{w}
		}
	}
	p.proxy.ServeHTTP(w, r)
}

// expecting keeps the application's own 100 from the client: the server says 100 by itself
// when the body is first read, which is what the application's 100 brings about, and one
// of the two would be a second.
type expecting struct{ http.ResponseWriter }

func (e expecting) WriteHeader(status int) {
	if status != http.StatusContinue {
		e.ResponseWriter.WriteHeader(status)
	}
}

func (e expecting) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (p *Reverse) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host, out.URL.User = p.opts.urlScheme(), p.opts.host(), nil
	out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy re-encodes what it cannot parse
	out.Host = pr.In.Host
	delete(out.Header, "X-Forwarded-Port") // ReverseProxy has taken out the others
	if p.opts.Forward != nil {
		own := http.Header{}
		p.opts.Forward(own, pr.In)
		maps.Copy(out.Header, own)
	}
	if len(pr.In.Trailer) > 0 {
		p.passTrailers(out, pr.In)
	}
}

// passTrailers lets the announced request trailers follow the body: they are known only
// when the body has ended, and ReverseProxy works on a copy made before.
func (p *Reverse) passTrailers(out, in *http.Request) {
	for name := range out.Trailer {
		if p.opts.KeepTrailer != nil && !p.opts.KeepTrailer(name) {
			delete(out.Trailer, name)
		}
	}
	if len(out.Trailer) > 0 && out.Body != nil {
		out.Body = &trailed{ReadCloser: out.Body, from: in.Trailer, to: out.Trailer}
	}
}

// buffers lends the copy buffers.
type buffers struct{}

func (buffers) Get() []byte { return bufferPool.Get().(*[bufferSize]byte)[:] }

func (buffers) Put(b []byte) { bufferPool.Put((*[bufferSize]byte)(b)) }

// quiet turns ReverseProxy's lines into debug records: what matters in them is told as
// a Failure.
type quiet struct{ *slog.Logger }

func (q quiet) Write(p []byte) (int, error) {
	q.Debug("upstream", "detail", strings.TrimSpace(string(p)))
	return len(p), nil
}
