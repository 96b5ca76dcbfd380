package upstream

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// idleConnTimeout stays below the 5 s after which Node closes an idle connection.
const idleConnTimeout = 4 * time.Second

// maxIdle bounds the idle connections.
const maxIdle = 1024

// Options configures a Proxy or a Reverse. Zero durations take the default named.
type Options struct {
	// Address is the application's host:port. The host "localhost" is both loopback
	// addresses. With the Network "unix" it is the absolute path of a socket.
	Address string
	// Network is "tcp" (default) or "unix".
	Network string
	// Scheme is "http" (default, and all that New takes), "https", or "h2c", which is HTTP/2
	// without TLS. Over https it is HTTP/2 where the application offers that.
	Scheme string
	// TLS is for https. Nil, or its zero value, trusts who the system trusts for the host of
	// Address. One that does not verify is refused.
	TLS *tls.Config
	// Connect is the time to connect; default 5 s.
	Connect time.Duration
	// Response is the time from the request's end to the answer's head; default 60 s.
	Response time.Duration
	// Idle is how long a WebSocket, a stream or a stuck transfer may be silent;
	// default 5 min.
	Idle time.Duration
	// Forward writes the fields that tell the application who is asking, into an empty
	// header that it must not keep; they win over the request's of the same name. What the
	// request says in Forwarded, X-Forwarded-For, -Host, -Port and -Proto never goes on.
	// Nil writes none.
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
	// Timed is told of every exchange once: before Seen when the answer's head is there,
	// before Fail when there will be none. It may be nil.
	Timed func(r *http.Request, t Timing)
	// Streams tracks what outlives a drain; nil makes one of its own.
	Streams *Streams
	// Logger is told, at debug level, of requests that a Proxy has sent again and of what
	// ReverseProxy has to say; nil discards.
	Logger *slog.Logger
}

// settle checks the options and fills in what is left to us.
func (o *Options) settle() error {
	problems := guard.Problems{Package: "upstream"}
	o.settleTarget(&problems)
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
		return err
	}
	if o.Streams == nil {
		o.Streams = NewStreams()
	}
	if o.Logger == nil {
		o.Logger = o.logger()
	}
	return nil
}

func (o *Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// A Proxy passes requests to one application by an exchange of our own. It is safe for
// concurrent use.
type Proxy struct {
	opts      Options
	host      string
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	bare      hook.Func
	pool      pool
	budget    budget
	exchanges sync.Pool
}

// New checks the options and returns a Proxy. Nothing is connected yet.
func New(o Options) (*Proxy, error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	if o.Scheme != "" && o.Scheme != "http" {
		return nil, &guard.OptionError{Package: "upstream", Field: "Scheme", Value: o.Scheme, Allowed: "http", Hint: "NewReverse speaks it"}
	}
	p := &Proxy{opts: o, host: o.host(), bare: withoutGuess, dial: o.dialer()}
	p.pool.most, p.pool.keep = maxIdle, idleConnTimeout
	p.budget.tenths.Store(maxBudget)
	return p, nil
}

// Host returns the application's host:port.
func (p *Proxy) Host() string { return p.host }

// CloseIdle closes the connections that no request uses.
func (p *Proxy) CloseIdle() { p.pool.closeAll() }

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

// Base returns the application's address as a URL, for probes and messages.
func (p *Proxy) Base() *url.URL { return &url.URL{Scheme: "http", Host: p.host} }
