package upstream

import (
	"context"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// idleConnTimeout stays below the 5 s after which Node closes an idle connection.
const idleConnTimeout = 4 * time.Second

// maxHeaderBytes bounds an answer's head. Node's own limit for requests is 16 KiB.
const maxHeaderBytes = 1 << 20

// Options configures a Proxy. Zero durations take the default named.
type Options struct {
	// Address is the application's host:port, which speaks plain HTTP. The host
	// "localhost" is both loopback addresses.
	Address string
	// Connect is the time to connect; default 5 s.
	Connect time.Duration
	// Response is the time from the request's end to the answer's head; default 60 s.
	Response time.Duration
	// Idle is how long a WebSocket, a stream or a stuck transfer may be silent;
	// default 5 min.
	Idle time.Duration
	// Forward writes the fields that tell the application who is asking; nil writes
	// none. The header is the outgoing one, without X-Forwarded-For, -Host, -Proto and
	// Forwarded of the incoming.
	Forward func(out http.Header, in *http.Request)
	// KeepTrailer says which request trailers pass; nil passes all announced.
	KeepTrailer func(name string) bool
	// Fail answers for a failed exchange; nil answers with the bare status.
	Fail func(w http.ResponseWriter, r *http.Request, f Failure)
	// Broken is told of a failure after the answer's head has left. It may be nil.
	Broken func(r *http.Request, f Failure)
	// Seen is told of every final answer before the guards change it. It may be nil,
	// and must not keep or change what it is given.
	Seen func(r *http.Request, status int, h http.Header)
	// Streams tracks what outlives a drain; nil makes one of its own.
	Streams *Streams
	// Logger takes what ReverseProxy has to say; nil discards.
	Logger *slog.Logger
}

// A Proxy passes requests to one application. It is safe for concurrent use.
type Proxy struct {
	opts      Options
	host      string // as in the URL
	proxy     httputil.ReverseProxy
	transport *http.Transport
	bare      hook.Func
}

// New checks the options and returns a Proxy. Nothing is connected yet.
func New(o Options) (*Proxy, error) {
	problems := guard.Problems{Package: "upstream"}
	if host, port, err := net.SplitHostPort(o.Address); err != nil || host == "" || port == "" {
		problems.Add("Address", o.Address, "host:port", "")
	}
	for _, d := range []struct {
		field string
		value *time.Duration
		usual time.Duration
	}{
		{"Connect", &o.Connect, 5 * time.Second},
		{"Response", &o.Response, 60 * time.Second},
		{"Idle", &o.Idle, 5 * time.Minute},
	} {
		if *d.value < 0 {
			problems.Add(d.field, d.value.String(), "zero or a positive duration", "")
		} else if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	if o.Streams == nil {
		o.Streams = NewStreams()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Proxy{opts: o, host: o.Address, bare: withoutGuess}
	p.transport = &http.Transport{
		DialContext:            dialer(o.Connect),
		DisableCompression:     true, // the answer's coding is between client and application
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        idleConnTimeout,
		ResponseHeaderTimeout:  o.Response,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		WriteBufferSize:        8 << 10,
		ReadBufferSize:         8 << 10,
	}
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

// Host returns the application's host:port.
func (p *Proxy) Host() string { return p.host }

// CloseIdle closes the connections that no request uses.
func (p *Proxy) CloseIdle() { p.transport.CloseIdleConnections() }

// exchange is what the callbacks of one request share.
type exchange struct {
	proxy  *Proxy
	hook   *hook.Exchange
	w      http.ResponseWriter
	in     *http.Request
	answer answerBody
}

type exchangeKey struct{}

func of(ctx context.Context) *exchange {
	ex, _ := ctx.Value(exchangeKey{}).(*exchange)
	return ex
}

// ServeHTTP passes one request to the application and its answer back.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, w, r := hook.Begin(w, r)
	defer x.End()
	x.On(hook.Headers, p.bare)
	ex := &exchange{proxy: p, hook: x, w: w, in: r}
	x.Set(exchangeKey{}, ex)
	if upgrading(r) {
		uw := &upgrader{ResponseWriter: w, streams: p.opts.Streams, idle: p.opts.Idle}
		defer uw.end()
		w = uw
	} else if len(r.Header["Expect"]) > 0 {
		w = expecting{w}
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

// upgrading tells a WebSocket handshake. Any other protocol switch (h2c above all, which
// would tunnel requests past the guards) is taken out of the request.
func upgrading(r *http.Request) bool {
	if len(r.Header["Upgrade"]) == 0 {
		return false
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && len(r.Header["Upgrade"]) == 1 {
		return true
	}
	delete(r.Header, "Upgrade")
	delete(r.Header, "Http2-Settings")
	return false
}

func (p *Proxy) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host, out.URL.User = "http", p.host, nil
	out.URL.RawQuery = pr.In.URL.RawQuery // ReverseProxy re-encodes what it cannot parse
	out.Host = pr.In.Host
	if p.opts.Forward != nil {
		p.opts.Forward(out.Header, pr.In)
	}
	if len(pr.In.Trailer) > 0 {
		p.passTrailers(out, pr.In)
	}
}

// passTrailers lets the announced request trailers follow the body: they are known only
// when the body has ended, and ReverseProxy works on a copy made before.
func (p *Proxy) passTrailers(out, in *http.Request) {
	for name := range out.Trailer {
		if p.opts.KeepTrailer != nil && !p.opts.KeepTrailer(name) {
			delete(out.Trailer, name)
		}
	}
	if len(out.Trailer) > 0 && out.Body != nil {
		out.Body = &trailed{ReadCloser: out.Body, from: in.Trailer, to: out.Trailer}
	}
}

// withoutGuess keeps net/http from adding a Content-Type that the application did not
// send: a key without values stops the guess.
func withoutGuess(a *hook.Answer) {
	if a.Kind != hook.Final {
		return
	}
	if _, ok := a.Header["Content-Type"]; !ok {
		a.Header["Content-Type"] = nil
	}
}

// buffers lends the copy buffers.
type buffers struct{}

const bufferSize = 32 << 10

var bufferPool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func (buffers) Get() []byte { return bufferPool.Get().(*[bufferSize]byte)[:] }

func (buffers) Put(b []byte) { bufferPool.Put((*[bufferSize]byte)(b)) }

// quiet turns ReverseProxy's lines into debug records: what matters in them is told as
// a Failure.
type quiet struct{ *slog.Logger }

func (q quiet) Write(p []byte) (int, error) {
	q.Debug("upstream", "detail", strings.TrimSpace(string(p)))
	return len(p), nil
}

// Base returns the application's address as a URL, for probes and messages.
func (p *Proxy) Base() *url.URL { return &url.URL{Scheme: "http", Host: p.host} }
