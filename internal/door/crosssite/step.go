package crosssite

import (
	"errors"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/login"
)

// RuleLogin is told of a form of another site that would log its visitor in as somebody
// else, where nothing else is ambient.
const RuleLogin = "login"

// maxLook is how much of a body is read to see what it is.
const maxLook = login.DefaultMaxBody

// Options configure a Step.
type Options struct {
	// Guard decides; its Mode, Sink and Deny are set from those below.
	Guard csrf.Options
	// Mode, Sink and Deny are as in csrf.Options.
	Mode guard.Mode
	Sink guard.Sink
	Deny guard.Deny
	// All refuses everything that the guard does, in place of forms with a credential only.
	All bool
	// Memory is what was learnt. Required.
	Memory *Memory
	// Session tells a session cookie. Required.
	Session func(name, value string) bool
	// CrossSite names cookies that are meant to come along when another site posts here.
	CrossSite []string
	// Login tells requests that log in, by their route. Required.
	Login func(*http.Request) bool
}

// A Step is one configuration of what is done. It is safe for concurrent use.
type Step struct {
	o         Options
	guard     *csrf.Guard
	crossSite map[string]struct{}
	learn     hook.Func
	vary      hook.Func
}

// New makes a Step, or tells every problem of Options.Guard.
func New(o Options) (*Step, error) {
	o.Guard.Mode, o.Guard.Sink, o.Guard.Deny = guard.Enforce, o.Sink, o.Deny
	if o.Deny == nil {
		o.Deny = guard.PlainDeny
	}
	g, err := csrf.New(o.Guard)
	if err != nil {
		return nil, err
	}
	s := &Step{o: o, guard: g, crossSite: map[string]struct{}{}}
	for _, name := range o.CrossSite {
		s.crossSite[name] = struct{}{}
	}
	s.learn, s.vary = o.Memory.answered, vary
	return s, nil
}

// Warnings are those of the guard's options.
func (s *Step) Warnings() []string { return s.guard.Warnings() }

// Handler refuses what other sites make a visitor's browser send.
func (s *Step) Handler(next http.Handler) http.Handler {
	if s.o.Mode == guard.Off {
		return next
	}
	s.o.Memory.counts(s.guard)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		if s.o.Guard.Isolate {
			x.On(hook.Headers, s.vary)
		}
		var refused *csrf.Refusal
		if errors.As(s.guard.Check(r), &refused) && s.refuse(w, r, refused) {
			return // nothing is learnt from what grant says in the application's place
		}
		x.On(hook.Judge, s.learn)
		next.ServeHTTP(w, r)
	})
}

type verdict uint8

const (
	pass verdict = iota
	observe
	deny
)

// judge looks once more at what the guard refuses. The rule is that of the refusal, unless
// there is a better one.
func (s *Step) judge(r *http.Request, refused *csrf.Refusal) (verdict, string) {
	rule := refused.Rule
	switch rule {
	case csrf.RuleIsolation, csrf.RuleTokenMissing, csrf.RuleTokenInvalid, csrf.RuleBindingFailed:
		return deny, rule // the file asks for it
	}
	if bearer(r) || s.approved(r) {
		return pass, rule
	}
	ambient := s.ambient(r)
	if !ambient {
		if !s.logsIn(r) {
			return pass, rule
		}
		rule = RuleLogin
	}
	if s.o.All || ambient && s.firstDay(r, rule) {
		return deny, rule
	}
	return observe, rule
}

// firstDay tells what no correct application expects: a form of another site with a
// credential.
func (s *Step) firstDay(r *http.Request, rule string) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || !csrf.Simple(r) {
		return false
	}
	switch rule {
	case csrf.RuleCrossSite:
		return true
	case csrf.RuleForeignOrigin, csrf.RuleForeignReferer:
		// The browser does not say whether it is a sibling, which may be meant.
		return !sameSite(csrf.Source(r), hostOf(r))
	}
	return false
}

// refuse tells what is refused, or would be, and answers where it is.
func (s *Step) refuse(w http.ResponseWriter, r *http.Request, refused *csrf.Refusal) bool {
	verdict, rule := s.judge(r, refused)
	if verdict == pass {
		return false
	}
	enforced := verdict == deny && s.o.Mode == guard.Enforce && !s.guard.Observes(r)
	e := guard.Event{
		Practice: "csrf", Rule: rule, Action: guard.WouldDeny, Err: refused, Field: refused.Field(),
		Request: hook.RequestID(r.Context()), Detail: csrf.Describe(r),
	}
	if enforced {
		e.Action = guard.Denied
	}
	if rule == csrf.RuleBindingFailed {
		e.Action = guard.Failed
	}
	s.o.Memory.note(r, rule, enforced)
	s.o.Sink.Tell(r.Context(), e)
	if !enforced {
		return false
	}
	s.o.Memory.grant(w.Header(), r)
	s.o.Deny(w, r, guard.Denial{Practice: "csrf", Rule: rule, Status: refused.Status, ID: e.Request})
	return true
}

// approved tells whether the application lets the request's origin read with credentials.
func (s *Step) approved(r *http.Request) bool {
	origin := r.Header["Origin"]
	return len(origin) == 1 && s.o.Memory.approves(hostOf(r), origin[0])
}

// ambient is csrf.Ambient without the cookies that hold no session, and are meant for other
// sites or for counting.
func (s *Step) ambient(r *http.Request) bool {
	if !csrf.Ambient(r) {
		return false
	}
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return true
	}
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if name == "" && value == "" {
				continue
			}
			_, meant := s.crossSite[name]
			if s.o.Session(name, value) || !meant && !measures(name) && !s.o.Memory.meant(name) {
				return true
			}
		}
	}
	// What else is ambient counts without the cookies.
	bare := *r
	bare.Header = http.Header{"Authorization": r.Header["Authorization"]}
	return csrf.Ambient(&bare)
}

// logsIn tells a request that makes its client somebody: by its route, or by a password.
func (s *Step) logsIn(r *http.Request) bool {
	if s.o.Login(r) {
		return true
	}
	if r.Method != http.MethodPost || !csrf.FormContent(r) {
		return false
	}
	c, ok := login.Read(r, "", "", maxLook)
	return ok && c.Password
}

// bearer tells a token that a script has to add, for which a browser asks the application
// before it sends anything to another origin.
func bearer(r *http.Request) bool {
	auth := r.Header["Authorization"]
	if len(auth) != 1 {
		return false
	}
	scheme, token, ok := strings.Cut(strings.TrimSpace(auth[0]), " ")
	return ok && token != "" && strings.EqualFold(scheme, "Bearer")
}

// hostOf is the host that the client asked for.
func hostOf(r *http.Request) string { return clientip.Of(r).Host }

func vary(a *hook.Answer) {
	if a.Kind == hook.Final {
		a.Header.Add("Vary", "Sec-Fetch-Site")
	}
}
