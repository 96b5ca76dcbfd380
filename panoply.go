// Package panoply puts Panoply's guards around an [http.Handler] in the right order.
//
//	p, err := panoply.New(panoply.Options{})
//	if err != nil {
//		log.Fatal(err) // every problem at once
//	}
//	srv := p.Server(mux)
//	ln, err := p.Listen("tcp", ":443", tlspolicy.Intermediate(cert))
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(srv.Serve(ln))
//
// The zero Options give Helmet's headers, no banners, own error pages, mended cookies,
// refusal of what other sites make a browser send, request ids, a limit for each client, and
// an answer of our own for a handler that panics. Each guard is also a package of its own, to be used alone; this package has no
// logic beyond the order.
//
// It does not protect against what only the app can do right: queries made by joining
// strings, shell commands made from input, a session store in memory, vulnerable
// dependencies. panoply explain says so practice by practice.
package panoply

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/conceal"
	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/login"
)

// Options configure the guards. Each field is the Options of the package of its name;
// the zero value of each is its safest useful setting.
type Options struct {
	// Headers are Helmet's headers; see headers.FromHelmet for Helmet's own options.
	Headers headers.Options
	// Conceal removes banners and replaces error pages that tell too much.
	Conceal conceal.Options
	// Cookies mends Set-Cookie. Without a Rename.Key no cookie is renamed.
	Cookies cookie.Options
	// CSRF refuses requests that another site makes a visitor's browser send, with nothing
	// to name: see [csrf.Options] for origins to trust and routes to exempt. Tokens that
	// are bound to a session want a Guard of their own, within the session's Handler.
	CSRF csrf.Options
	// Login counts failed logins. Without Routes it is asked by hand: see
	// [Panoply.Login]. Without IPCounts and Trust, a peer on loopback or in a private
	// network that names a client of its own is taken for a proxy: what is counted by its
	// address is told and not refused.
	Login login.Options
	// Limit counts every request of a client. Without Policies it is 6,000 a minute: a
	// bound on floods, not on people. Behind a proxy that Trust does not name all clients
	// are one, so peers on loopback and in private networks are not counted then.
	Limit limit.Options
	// Trust says which proxies in front are believed. None by default: then the client
	// is the peer.
	Trust clientip.Options
	// Sink receives the events of every guard that has no Sink of its own. Nil logs
	// denials and failures to slog.Default.
	Sink guard.Sink
}

// Panoply is a set of guards. It is safe for concurrent use.
type Panoply struct {
	headers  *headers.Guard
	conceal  *conceal.Guard
	cookies  *cookie.Guard
	csrf     *csrf.Guard
	login    *login.Shield
	limit    *limit.Limiter
	resolver *clientip.Resolver
	sink     guard.Sink
}

// New makes the guards. Its error joins every problem of every guard; see
// [guard.OptionErrors].
func New(o Options) (*Panoply, error) {
	for _, sink := range []*guard.Sink{&o.Headers.Sink, &o.Conceal.Sink, &o.Cookies.Sink, &o.CSRF.Sink, &o.Login.Sink, &o.Limit.Sink} {
		if *sink == nil {
			*sink = o.Sink
		}
	}
	if len(o.Cookies.Rename.Key) == 0 {
		// A name made from no key would be the same everywhere: a fingerprint of ours.
		o.Cookies.Rename.Off = true
	}
	p := &Panoply{sink: o.Sink}
	var problems guard.Problems
	var err error
	p.headers, err = headers.New(o.Headers)
	problems.Note(err)
	p.conceal, err = conceal.New(o.Conceal)
	problems.Note(err)
	p.cookies, err = cookie.New(o.Cookies)
	problems.Note(err)
	p.resolver, err = clientip.New(o.Trust)
	problems.Note(err)
	if p.conceal != nil {
		if o.CSRF.Deny == nil {
			o.CSRF.Deny = p.conceal.Deny
		}
		if o.Login.Deny == nil {
			o.Login.Deny = p.conceal.Deny
		}
		if o.Limit.Deny == nil {
			o.Limit.Deny = p.conceal.Deny
		}
	}
	if o.Login.IPCounts == nil && len(o.Trust.Proxies) == 0 {
		o.Login.IPCounts = ownAddress
	}
	p.csrf, err = csrf.New(o.CSRF)
	problems.Note(err)
	p.login, err = login.New(o.Login)
	problems.Note(err)
	p.limit, err = limit.New(perClient(o.Limit, len(o.Trust.Proxies) > 0))
	problems.Note(err)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// DefaultLimit is what one client may ask where Options.Limit has no Policies.
var DefaultLimit = limit.Policy{Name: "client", Algorithm: limit.GCRA, Points: 6000, Duration: time.Minute}

// perClient fills in what Options.Limit leaves open.
func perClient(o limit.Options, proxied bool) limit.Options {
	if len(o.Policies) > 0 {
		return o
	}
	o.Policies = []limit.Policy{DefaultLimit}
	if o.Fields == limit.StandardFields {
		o.Fields = limit.NoFields // nobody has to pace to a bound on floods
	}
	if o.By == nil && o.Cost == nil && !proxied {
		o.Cost = func(r *http.Request) int64 {
			if nextDoor(r) {
				return 0
			}
			return 1
		}
	}
	return o
}

// nextDoor tells whether the peer is on this machine or in its network, as a proxy is, or
// unknown.
func nextDoor(r *http.Request) bool {
	a := clientip.Of(r).Addr
	return !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// ownAddress tells whether a request's address is that of its client: a proxy that nobody
// named has one for all of them, and would have all refused for the failures of one.
func ownAddress(r *http.Request) bool {
	if !nextDoor(r) {
		return true
	}
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	return true
}

// Login is the shield of Options.Login, for handlers that ask it by hand.
func (p *Panoply) Login() *login.Shield { return p.login }

// Handler wraps next in the guards. Behind a server other than [Panoply.Server] you
// choose the time limits, and without [Panoply.Listen] the TLS policy: see there.
func (p *Panoply) Handler(next http.Handler) http.Handler {
	guarded := p.headers.Handler(p.conceal.Handler(p.resolver.Handler(p.limit.Handler(p.csrf.Handler(p.cookies.Handler(p.login.Handler(next)))))))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.OnPanic(p.recovered)
		guarded.ServeHTTP(w, r)
	})
}

// recovered answers for a handler that panicked: the cause goes to the sink, our own
// page to the client.
func (p *Panoply) recovered(w http.ResponseWriter, r *http.Request, value any, stack []byte) {
	p.sink.Tell(r.Context(), guard.Event{
		Practice: "errors", Rule: "panic", Action: guard.Failed,
		Request: hook.RequestID(r.Context()), Err: fmt.Errorf("panic: %v", value), Detail: string(stack),
	})
	p.conceal.Page(w, r, http.StatusInternalServerError)
}

// The bounds of Server.
const (
	// HeadTimeout is how long a client may take to send a request's head.
	HeadTimeout = 10 * time.Second
	// IdleTimeout is how long a connection may wait for its next request.
	IdleTimeout = 60 * time.Second
	// MaxHeadBytes is how long a request's head may be.
	MaxHeadBytes = 64 << 10
)

// Server returns an [http.Server] for h with the guards around it and with limits:
// net/http's own zero value has none. HeadTimeout, IdleTimeout and MaxHeadBytes are set;
// a body may take as long as it needs. Change what you like before Serve.
func (p *Panoply) Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           p.Handler(h),
		ReadHeaderTimeout: HeadTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeadBytes,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
		// OPTIONS * would otherwise be answered before the guards see it.
		DisableGeneralOptionsHandler: true,
	}
}

// Listen announces on an address of network "tcp", "tcp4" or "tcp6" and secures each
// connection with policy, such as tlspolicy.Intermediate(cert). It adds HTTP/2 and
// HTTP/1.1 to the policy's NextProtos when it names none. Without Listen, the server
// runs with Go's own TLS defaults, which offer more than Mozilla's profiles allow.
func (p *Panoply) Listen(network, addr string, policy *tls.Config) (net.Listener, error) {
	if policy == nil || (len(policy.Certificates) == 0 && policy.GetCertificate == nil && policy.GetConfigForClient == nil) {
		return nil, &guard.OptionError{Package: "panoply", Field: "Listen policy", Allowed: "a TLS configuration with a certificate", Hint: "tlspolicy.Intermediate(cert)"}
	}
	if len(policy.NextProtos) == 0 {
		policy = policy.Clone()
		policy.NextProtos = []string{"h2", "http/1.1"}
	}
	ln, err := net.Listen(network, addr)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, policy), nil
}

// RequestID returns the id of the request that ctx belongs to: 32 hexadecimal digits,
// as on its error page and in its events. Outside a guarded request it is empty.
func RequestID(ctx context.Context) string { return hook.RequestID(ctx) }
