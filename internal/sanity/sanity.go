// Package sanity is the step that every request passes before anything is decided
// about it: a host that is served, a plain method, one target, one framing, and a path
// that stays below the root. What it refuses has no correct sender.
//
//	step, err := sanity.New(sanity.Options{Hosts: []string{"shop.example"}})
//	…
//	handler = step.Handler(handler)
//
// There are two levels. [Step.Check] refuses only what no correct client sends: an app
// may well have "%2F" in a parameter, or ";" or "//". Such a path is ambiguous, in that
// servers disagree on what it names; it passes, but [Route.Match] never takes it for an
// exempted route, and [Route.MayReach] counts every way to read it. So a guard asks
// Match where a match lets something by, and MayReach where it protects.
//
// # What it does not protect against
//
// It sees what the server left of the request. net/http takes the length away when
// Transfer-Encoding is there too, ignores Transfer-Encoding in HTTP/1.0, collapses equal
// Content-Lengths, accepts a bare LF and folded lines, and drops the Host beside an
// absolute-form target: it forwards none of that, but it tells nobody either. Parameters,
// bodies and the meaning of an unambiguous path are the concern of others. [Route] does
// not look at headers by which some apps let a client override the method.
//
// Sources: RFC 9110 sections 7.2, 7.4, 9.1 and 15.5.20; RFC 9112 sections 3 and 6; RFC
// 3986 sections 3.3 and 5.2.4. Practice: proxy-trust.
package sanity

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// practice is the row under which the step tells: what reaches the app is what the
// guards before it have judged.
const practice = "proxy-trust"

// A Refusal is what Check found wrong with a request. It holds nothing of the request
// itself.
type Refusal struct {
	// Status is 400, or 405 for TRACE and CONNECT, 421 for a host that is not served,
	// 501 for a method that nobody knows.
	Status int
	// Rule names what is wrong; one of the Rule constants.
	Rule string
}

// The rules of a Refusal.
const (
	RuleUnknownHost   = "unknown-host"   // Host is not served here
	RuleMissingHost   = "missing-host"   // no Host at all
	RuleMalformedHost = "malformed-host" // Host is no host name
	RuleHostMismatch  = "host-mismatch"  // two places name different hosts
	RuleMethod        = "method"         // no plain method
	RuleTarget        = "target"         // a form of target that fits no request
	RulePathControl   = "path-control"   // a control byte or an encoded NUL
	RulePathBackslash = "path-backslash" // a backslash that is not encoded
	RulePathEscape    = "path-escape"    // "%" without two hexadecimal digits
	RulePathClimbs    = "path-climbs"    // ".." above the root
	RuleFraming       = "framing"        // lengths that contradict each other
	RuleHeader        = "header"         // a control byte in a header
)

// Error names the rule.
func (e *Refusal) Error() string {
	return fmt.Sprintf("request refused with %d by rule %s", e.Status, e.Rule)
}

// field is what of the request is wrong.
func (e *Refusal) field() string {
	switch e.Rule {
	case RuleUnknownHost, RuleMissingHost, RuleMalformedHost, RuleHostMismatch:
		return "Host"
	case RulePathControl, RulePathBackslash, RulePathEscape, RulePathClimbs:
		return "path"
	case RuleMethod, RuleTarget:
		return e.Rule
	}
	return ""
}

// Options configure the step.
type Options struct {
	// Hosts are the names and addresses served, without port: "shop.example",
	// "*.shop.example" for every name below it, "192.0.2.1", "::1". Letters are
	// compared without case, and a trailing dot is ignored. The port of a Host header
	// is not compared.
	Hosts []string
	// Loopback serves localhost, every name below it, 127.0.0.0/8 and ::1 as well.
	// Without it and without Hosts nothing could be served, and New fails.
	Loopback bool
	// Host tells which host the client asked for, where a trusted proxy in front
	// changes Host: the Host of a clientip.Client. Nil means r.Host. It must be safe
	// for concurrent use.
	Host func(*http.Request) string
	// Mode is Enforce, Observe or Off.
	Mode guard.Mode
	// Sink is told of each refusal; nil means guard.Log.
	Sink guard.Sink
	// Deny answers a refusal; nil means guard.PlainDeny. Allow is set before it is
	// called for a 405.
	Deny guard.Deny
}

// A Step checks requests by its Options. It is made by [New] and safe for concurrent
// use.
type Step struct {
	hosts hosts
	host  func(*http.Request) string
	mode  guard.Mode
	sink  guard.Sink
	deny  guard.Deny
}

// New returns the step, or every problem of o at once as joined
// *[guard.OptionError]s.
func New(o Options) (*Step, error) {
	problems := guard.Problems{Package: "sanity"}
	s := &Step{host: o.Host, mode: o.Mode, sink: o.Sink, deny: o.Deny}
	s.hosts = newHosts(o.Hosts, o.Loopback, &problems)
	if o.Mode > guard.Off {
		problems.Add("Mode", o.Mode.String(), "enforce, observe or off", "")
	}
	if s.deny == nil {
		s.deny = guard.PlainDeny
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// allow is sent with a 405: what every server knows, as the app's own methods are not
// known here.
const allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// Handler refuses what [Step.Check] refuses, and hands on the rest with two mends: an
// offer to upgrade to h2c is taken out, since nobody behind may speak another protocol
// on this connection, and a path with bytes that should have been encoded is encoded,
// where net/url would decode and re-encode all of it, "%2F" to "/" included.
//
// OPTIONS * asks about this server, and is answered here with an empty 200.
func (s *Step) Handler(next http.Handler) http.Handler {
	if s.mode == guard.Off {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.check(r); err != nil {
			if s.mode == guard.Enforce {
				s.refuse(w, r, err)
				return
			}
			s.tell(r, err.Rule, guard.WouldDeny, err)
		}
		if offersH2C(r.Header) {
			if s.mode == guard.Enforce {
				dropH2C(r.Header)
				s.tell(r, "h2c-upgrade", guard.Mended, nil)
			} else {
				s.tell(r, "h2c-upgrade", guard.WouldMend, nil)
			}
		}
		if s.mode == guard.Enforce && r.RequestURI == "*" {
			w.Header()["Content-Length"] = []string{"0"}
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, encoded(r))
	})
}

func (s *Step) refuse(w http.ResponseWriter, r *http.Request, err *Refusal) {
	s.tell(r, err.Rule, guard.Denied, err)
	if err.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
	}
	if err.Rule == RuleFraming && r.ProtoMajor == 1 {
		// Where this request ends is in doubt, so nothing more is read here.
		w.Header().Set("Connection", "close")
	}
	s.deny(w, r, guard.Denial{Practice: practice, Rule: err.Rule, Status: err.Status, ID: hook.RequestID(r.Context())})
}

func (s *Step) tell(r *http.Request, rule string, action guard.Action, err *Refusal) {
	e := guard.Event{Practice: practice, Rule: rule, Action: action, Request: hook.RequestID(r.Context())}
	if err != nil {
		e.Err, e.Field = err, err.field()
	}
	s.sink.Tell(r.Context(), e)
}

// encoded returns r, or a copy of r whose RawPath net/url takes as it is.
func encoded(r *http.Request) *http.Request {
	raw, changed := encodePath(r.URL.RawPath)
	if !changed {
		return r
	}
	u := new(url.URL)
	*u = *r.URL
	u.RawPath = raw
	r = r.WithContext(r.Context())
	r.URL = u
	return r
}
