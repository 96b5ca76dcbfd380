package login

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
	"github.com/panoplysec/panoply/limit"
)

const practice = "brute-force"

// RuleStore is the Rule of an Attempt that is refused because the store is broken.
const RuleStore = "store"

// storeRetry is the wait that is told while the store is broken.
const storeRetry = time.Second

// maxCharges is the metrics of one attempt: three of the address, user-ip, user and global,
// and user for each other name.
const maxCharges = 6 + maxOthers

// An Attempt is one try to log in. It belongs to the request's goroutine.
type Attempt struct {
	// Allowed tells whether the password may be looked at. Under guard.Observe it is true
	// whatever the counts.
	Allowed bool
	// Rule is the policy that refuses: "user-ip", "ip", "ip-56", "ip-48", "user",
	// "device", "global", "key", or RuleStore.
	Rule string
	// Wait is how long the refusal lasts, or limit.Forever. It is about this user and this
	// address: tell it nobody else.
	Wait time.Duration
	// Known tells that the user has logged in on this device before.
	Known bool

	shield  *Shield
	ctx     context.Context
	request *http.Request
	mode    guard.Mode
	user    string // as it was normalized, behind its realm
	charged [maxCharges]limit.Op
	n       int
	pair    limit.Key
	settled bool
	// unproven: a success says nothing about user, since there was no password or the app
	// may have looked at another name.
	unproven bool
}

// A claim is who wants to log in.
type claim struct {
	realm, user string
	others      []string
	unproven    bool
	key         bool // an API key: there is no user
}

// name is what is counted of a user's name: the empty one is none.
func (s *Shield) name(realm, user string) string {
	if user != Unreadable {
		user = s.o.Normalize(user)
	}
	if realm == "" || user == "" {
		return user
	}
	return realm + "\x00" + user
}

// Attempt counts a try of user, as the client wrote it, before anything is known of the
// password. The caller then says Succeeded, Failed or Cancelled once; an Attempt of which
// nothing is said has failed. An empty user is counted by address alone.
//
// It waits for the store as long as that takes: see [limit.Shared].
func (s *Shield) Attempt(ctx context.Context, user string, r *http.Request) *Attempt {
	return s.attempt(ctx, claim{user: user}, r, s.o.Mode)
}

func (s *Shield) attempt(ctx context.Context, c claim, r *http.Request, mode guard.Mode) *Attempt {
	a := &Attempt{Allowed: true, shield: s, ctx: ctx, request: r, mode: mode}
	if mode == guard.Off {
		a.settled = true
		return a
	}
	a.user = s.name(c.realm, c.user)
	// What nobody can be sure of makes no device known, else one account's device would be
	// a way in to all others.
	a.unproven = c.unproven || len(c.others) > 0 || c.user == Unreadable
	client := clientip.Of(r)
	now := time.Now()
	nonce, known := "", false
	if !a.unproven {
		nonce, known = s.devices.known(r, client.Host, a.user, now)
	}
	if known {
		a.Known = true
		allowed := a.take(now, []limit.Op{s.op(s.rules.device, "device\x00"+a.user+"\x00"+nonce)})
		if allowed || a.Rule == RuleStore {
			return a.decided()
		}
		// Too many on this device: its cookie is worth no more than none.
		a.tell(guard.Noted, "device", "a known device is treated as a stranger")
		*a = Attempt{Allowed: true, shield: s, ctx: ctx, request: r, mode: mode, user: a.user}
	}
	a.stranger(now, client, c, s.o.IPCounts == nil || s.o.IPCounts(r))
	return a.decided()
}

// stranger counts an attempt from a device that is not known.
func (a *Attempt) stranger(now time.Time, client clientip.Client, c claim, ipCounts bool) {
	s := a.shield
	var buf [maxCharges]limit.Op
	if c.key {
		a.keyed(now, client.Prefix, ipCounts)
		return
	}
	byIP := s.addressOps(buf[:0], client.Prefix)
	if a.user != "" && client.Prefix.IsValid() {
		pair := s.pairOp(a.user, client.Prefix)
		a.pair = pair.Key
		byIP = append(byIP, pair)
	}
	ops := byIP
	if !ipCounts {
		ops = nil
	}
	ops = s.userOp(ops, a.user)
	for i, other := range c.others {
		if i < maxOthers {
			ops = s.userOp(ops, s.name(c.realm, other))
		}
	}
	global := s.op(s.rules.global, "global")
	if s.o.EnforceGlobal {
		ops = append(ops, global)
	}
	if !a.take(now, ops) {
		return
	}
	if !ipCounts {
		a.watch(now, byIP)
	}
	if !s.o.EnforceGlobal {
		a.watch(now, []limit.Op{global})
	}
}

// keyed counts an attempt with an API key.
func (a *Attempt) keyed(now time.Time, prefix netip.Prefix, ipCounts bool) {
	if !prefix.IsValid() {
		return
	}
	ops := []limit.Op{a.shield.op(a.shield.rules.key, "key\x00"+prefix.String())}
	if !ipCounts {
		a.watch(now, ops)
		return
	}
	a.take(now, ops)
}

// op takes one point of a subject. Its tag is that of all, since one decision asks several
// subjects.
func (s *Shield) op(r *limit.Rule, subject string) limit.Op {
	return limit.Op{Rule: r, Key: r.KeyAt(s.tag, s.hasher.Subject(subject)), Points: 1}
}

// userOp adds the metric of a name, once.
func (s *Shield) userOp(ops []limit.Op, name string) []limit.Op {
	if name == "" {
		return ops
	}
	op := s.op(s.rules.user, "user\x00"+name)
	for i := range ops {
		if ops[i].Key == op.Key {
			return ops // the same after all
		}
	}
	return append(ops, op)
}

func (s *Shield) pairOp(name string, prefix netip.Prefix) limit.Op {
	return s.op(s.rules.userIP, "pair\x00"+prefix.String()+"\x00"+name)
}

// addressOps are the metrics of an address: for IPv6 of the networks around it, too.
func (s *Shield) addressOps(ops []limit.Op, prefix netip.Prefix) []limit.Op {
	if !prefix.IsValid() {
		return ops
	}
	for i, bits := range [...]int{prefix.Bits(), 56, 48} {
		if i > 0 && prefix.Addr().Is4() {
			break
		}
		around, err := prefix.Addr().Prefix(bits)
		if err != nil {
			break
		}
		ops = append(ops, s.op(s.rules.ip[i], "ip\x00"+around.String()))
	}
	return ops
}

// take charges ops, all or none.
func (a *Attempt) take(now time.Time, ops []limit.Op) bool {
	if len(ops) == 0 {
		return true
	}
	a.aside(ops)
	var results [maxCharges]limit.Result
	if err := a.shield.store.Decide(a.ctx, now, ops, results[:len(ops)]); err != nil {
		// A login that nobody counts is open to guessing: refuse.
		a.Allowed, a.Rule, a.Wait = false, RuleStore, storeRetry
		a.shield.o.Sink.Tell(a.ctx, a.event(guard.Failed, RuleStore, "", err))
		return false
	}
	i := limit.Deciding(results[:len(ops)])
	for j := range ops {
		if results[j].Started {
			a.tell(guard.Noted, ops[j].Rule.Policy.Name, "blocked for "+lasting(results[j].Reset))
		}
	}
	if !results[i].Allowed {
		a.Allowed, a.Rule, a.Wait = false, ops[i].Rule.Policy.Name, results[i].Wait
		return false
	}
	a.n += copy(a.charged[a.n:], ops)
	return true
}

// asideKey sets what is counted at a route that only observes apart.
const asideKey = 0x9e3779b97f4a7c15

// aside keeps a route that observes away from the counts of those that are enforced: what
// answers there as a login does need not be one. Its failures would lock users out, and its
// successes would forget what an attacker has failed at the login itself.
func (a *Attempt) aside(ops []limit.Op) {
	if a.mode == a.shield.o.Mode {
		return
	}
	for i := range ops {
		ops[i].Key.ID ^= asideKey
	}
}

// watch charges ops that are only told.
func (a *Attempt) watch(now time.Time, ops []limit.Op) {
	a.aside(ops)
	for i := range ops {
		var result [1]limit.Result
		if err := a.shield.store.Decide(a.ctx, now, ops[i:i+1], result[:]); err != nil {
			return // nothing rests on it
		}
		if !result[0].Allowed {
			a.tell(guard.WouldDeny, ops[i].Rule.Policy.Name, "")
			continue
		}
		a.n += copy(a.charged[a.n:], ops[i:i+1])
	}
}

// decided tells of a refusal, and lifts it where the Shield only observes.
func (a *Attempt) decided() *Attempt {
	if a.Allowed {
		return a
	}
	a.settled = true
	if a.mode == guard.Observe {
		a.tell(guard.WouldDeny, a.Rule, "")
		a.Allowed, a.settled = true, false
		return a
	}
	a.tell(guard.Denied, a.Rule, "")
	return a
}

// Deny answers a refused attempt with 429 and Retry-After, or 503 where the store is
// broken: the same for every user, there or not.
func (a *Attempt) Deny(w http.ResponseWriter, r *http.Request) {
	d := guard.Denial{Practice: practice, Rule: "login", Status: http.StatusTooManyRequests, ID: hook.RequestID(r.Context())}
	if a.Wait != limit.Forever {
		d.RetryAfter = a.Wait
	}
	if a.Rule == RuleStore {
		d.Status = http.StatusServiceUnavailable
	}
	a.shield.o.Deny(w, r, d)
}

// Failed says that the password was wrong. The attempt stays counted.
func (a *Attempt) Failed() { a.settled = true }

// Succeeded says that the user is in: what was counted for this attempt is given back, the
// failures of this user from this address are forgotten, and the device is known from now
// on. It sets a cookie, so it has to come before the header is written; under
// guard.Observe it sets none.
func (a *Attempt) Succeeded(w http.ResponseWriter) { a.succeed(w.Header()) }

func (a *Attempt) succeed(h http.Header) {
	if a.settled {
		return
	}
	a.giveBack()
	if a.unproven {
		return
	}
	if a.pair != (limit.Key{}) && !a.Known {
		pair := []limit.Op{{Key: a.pair}}
		a.aside(pair)
		if _, err := a.shield.store.Delete(a.within(), pair[0].Key); err != nil {
			a.shield.o.Sink.Tell(a.ctx, a.event(guard.Failed, "user-ip", "failures could not be forgotten", err))
		}
	}
	if a.mode == guard.Enforce { // a guard that observes changes no answer
		a.shield.devices.remember(h, a.request, a.user)
	}
}

// Cancelled says that nothing was found out about the password, as when the app itself
// failed: the attempt is given back.
func (a *Attempt) Cancelled() {
	if !a.settled {
		a.giveBack()
	}
}

// undecided gives an attempt back of which an app that is broken has said nothing: not
// where the client has gone, since it may learn the outcome in another way, and only as
// often as rules.undecided allow, since it may be a wrong password that breaks the app.
func (a *Attempt) undecided() {
	if a.settled {
		return
	}
	a.settled = true
	if a.ctx.Err() != nil {
		return
	}
	s := a.shield
	var ops []limit.Op
	if a.user != "" {
		ops = append(ops, s.op(s.rules.undecided[0], "user\x00"+a.user))
	}
	if prefix := clientip.Of(a.request).Prefix; prefix.IsValid() {
		ops = append(ops, s.op(s.rules.undecided[1], "ip\x00"+prefix.String()))
	}
	if len(ops) > 0 {
		a.aside(ops)
		results := make([]limit.Result, len(ops))
		if err := s.store.Decide(a.within(), time.Now(), ops, results); err != nil || !limit.Allowed(results) {
			return
		}
	}
	a.giveBack()
}

// within is a context for what has to be said although the client may have gone.
func (a *Attempt) within() context.Context { return context.WithoutCancel(a.ctx) }

func (a *Attempt) giveBack() {
	a.settled = true
	ops := a.charged[:a.n]
	if len(ops) == 0 {
		return
	}
	for i := range ops {
		ops[i].Verb, ops[i].Points = limit.Add, -1
	}
	var results [maxCharges]limit.Result
	if err := a.shield.store.Decide(a.within(), time.Now(), ops, results[:len(ops)]); err != nil {
		a.shield.o.Sink.Tell(a.ctx, a.event(guard.Failed, RuleStore, "an attempt could not be given back", err))
	}
}

func (a *Attempt) tell(action guard.Action, rule, detail string) {
	a.shield.o.Sink.Tell(a.ctx, a.event(action, rule, detail, nil))
}

func (a *Attempt) event(action guard.Action, rule, detail string, err error) guard.Event {
	return guard.Event{Practice: practice, Rule: rule, Action: action, Request: hook.RequestID(a.ctx), Detail: detail, Err: err}
}

func lasting(d time.Duration) string {
	if d == limit.Forever {
		return "ever"
	}
	return d.Round(time.Second).String()
}
