// Package audit proves practices: it runs checks against an app's source and address
// and says of each of the fifteen practices whether it is proved, broken, or not proven,
// with the evidence, the layer that provides or breaks it, a command to see it again,
// and the fix.
//
//	report, err := audit.Run(ctx, []check.Target{{URL: "https://shop.example"}}, standard.Checks(), audit.Options{})
//
// In a Go test of an app of one's own, [Test] does the same to a handler.
//
// The same problem, seen in the source and on the wire, is one finding with both
// evidences. What the source lacks and the wire has is a note: what stands in front
// provides it.
//
// What it does not do: it proves what it saw, on the pages that its crawl saw. It sends
// no form and nothing that is meant to change something, unless Options.Active permits
// it and the host proves control; it logs in only where a target says how. A practice
// that no check covers yet, or that could not be looked at, is reported as not proven
// and never as passed.
//
// Everything the target says is hostile: bodies are read up to 1 MiB and remembered up
// to 16 MiB together, heads are read up to 64 KiB, redirects are followed only to the
// same origin and ten times at most, every request and the whole run have a deadline,
// and a target that lets three requests in a row time out is asked no more. An audited
// folder is data: nothing in it is run, expanded, or followed out of it.
package audit

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/guard"
)

// The bounds that hold when Options name none.
const (
	DefaultTimeout        = 2 * time.Minute
	DefaultRequestTimeout = 10 * time.Second
	DefaultRate           = 50
	DefaultLoopbackRate   = 500
	DefaultParallel       = 4
	DefaultRequests       = 2000
	DefaultPages          = 300
)

// MarkHeader is the request header that carries [Options].Mark.
const MarkHeader = "X-Panoply-Audit"

// Options bound a run. The zero value is ready to use.
type Options struct {
	// Timeout ends the whole run; what was not told by then is not proven. Zero means
	// DefaultTimeout; negative is refused.
	Timeout time.Duration
	// RequestTimeout ends one request, body included. Zero means
	// DefaultRequestTimeout; negative is refused.
	RequestTimeout time.Duration
	// Rate is how many requests a second go to one host at most, over all targets.
	// Zero means DefaultRate, and DefaultLoopbackRate for an address of this machine;
	// negative is refused.
	Rate int
	// Parallel is how many requests are open to one host at a time. Zero means
	// DefaultParallel; negative is refused.
	Parallel int
	// Requests is how many requests one target gets at most. Zero means
	// DefaultRequests; negative is refused.
	Requests int
	// Pages is how many pages the crawl of one target asks for at most. Zero means
	// DefaultPages; negative is refused. The crawl is made only when a check asks.
	Pages int
	// Roots are trusted beside the system's, such as a local CA's.
	Roots []*x509.Certificate
	// Active permits probes that could change something, on loopback addresses and on
	// hosts that prove with ControlKey that the caller controls them; see package
	// internal/proof. On others such checks are not proven, with the reason.
	Active bool
	// ControlKey is the key that the host holds too. With a key, loopback addresses
	// must prove it as well: a tunnel can end there.
	ControlKey []byte
	// Mark is sent in the header X-Panoply-Audit of every request, so that the host can
	// tell them. Empty means no such header.
	Mark string
	// ListSent fills Report.Sent; active runs always do.
	ListSent bool
	// Record is told of every exchange of the run in a stable order after its end, such
	// as for a HAR file. What it is given lacks the credentials of the targets and has
	// not passed the redactor otherwise. It may be nil.
	Record func(*check.Exchange)
	// Scorer is the version of MDN's HTTP Observatory that grades: "v6" (default) or
	// "v4".
	Scorer string
	// Idle is how long a recorded login is left unused to see whether it ends by itself.
	// Zero means not at all; it must be shorter than Timeout, and negative is refused.
	Idle time.Duration
	// Ignores leave findings out; see [Ignore].
	Ignores []Ignore
	// Shields mark findings that the door stands before; see [Shield].
	Shields []Shield
	// Baseline is an earlier report to compare with; nil for none.
	Baseline *Baseline
	// TrustProject takes comments in the audited source at their word even beside a
	// baseline. Without it, a comment ignores nothing that the baseline does not know
	// as ignored: whoever changes the code must not be the one who excuses it.
	TrustProject bool
	// Progress is told of each check as it ends, one call at a time. It may be nil.
	Progress func(done, all int, what string)
}

// Run runs the checks side by side against the targets and reports all practices. The
// error is about the arguments: a target that cannot be reached is in the report, with
// its practices not proven. When ctx ends, Run returns soon with what was told so far.
func Run(ctx context.Context, targets []check.Target, checks []check.Check, o Options) (*Report, error) {
	problems := guard.Problems{Package: "audit"}
	o.Ignores = slices.Clone(o.Ignores)
	o.check(&problems)
	sessions := make([]*session, len(targets))
	for i, t := range targets {
		sessions[i] = newSession(t, fmt.Sprintf("targets[%d]", i), &problems)
	}
	if len(targets) == 0 {
		problems.Add("targets", "", "at least one address or folder", "")
	}
	checkList(checks, &problems)
	var roots *x509.CertPool
	if slices.ContainsFunc(sessions, func(s *session) bool { return s.url != nil }) {
		// Reading the system's takes longer than all that a folder is asked.
		var err error
		roots, err = pool(o.Roots)
		problems.Note(err)
	}
	defer func() {
		for _, s := range sessions {
			s.close()
		}
	}()
	if err := problems.Err(); err != nil {
		return nil, err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	budgets := make(map[string]*budget)
	for _, s := range sessions {
		s.open(ctx, o, roots, budgets)
	}
	jobs := plan(sessions, checks)
	run(ctx, jobs, o)
	r := newReport(sessions, jobs, o)
	r.Duration = time.Since(start)
	return r, nil
}

func (o *Options) check(p *guard.Problems) {
	for _, d := range []struct {
		field string
		value *time.Duration
		unset time.Duration
	}{{"Timeout", &o.Timeout, DefaultTimeout}, {"RequestTimeout", &o.RequestTimeout, DefaultRequestTimeout}} {
		if *d.value < 0 {
			p.Add(d.field, d.value.String(), "a duration above 0", "0 means "+d.unset.String())
		}
		if *d.value == 0 {
			*d.value = d.unset
		}
	}
	for _, n := range []struct {
		field string
		value *int
		unset int
	}{{"Rate", &o.Rate, 0}, {"Parallel", &o.Parallel, DefaultParallel}, {"Requests", &o.Requests, DefaultRequests}, {"Pages", &o.Pages, DefaultPages}} {
		if *n.value < 0 {
			p.Add(n.field, fmt.Sprint(*n.value), "a number above 0", "0 means the default")
		}
		if *n.value == 0 {
			*n.value = n.unset
		}
	}
	if o.Idle < 0 || o.Idle >= o.Timeout && o.Timeout > 0 {
		p.Add("Idle", o.Idle.String(), "a duration from 0 to less than Timeout", "")
	}
	if o.Scorer == "" {
		o.Scorer = "v6"
	}
	if o.Scorer != "v6" && o.Scorer != "v4" {
		p.Add("Scorer", o.Scorer, "v6 or v4", "")
	}
	if strings.ContainsFunc(o.Mark, func(r rune) bool { return r < ' ' || r > '~' }) {
		p.Add("Mark", "…", "printable ASCII", "")
	}
	for i := range o.Ignores {
		o.Ignores[i].check(fmt.Sprintf("Ignores[%d]", i), p)
	}
}

// rate is the requests a second to one host.
func (o *Options) rate(loopback bool) int {
	switch {
	case o.Rate != 0:
		return o.Rate
	case loopback:
		return DefaultLoopbackRate
	}
	return DefaultRate
}

func checkList(checks []check.Check, p *guard.Problems) {
	seen := make(map[string]bool)
	for i, c := range checks {
		field := fmt.Sprintf("checks[%d]", i)
		if c.ID == "" || c.Run == nil || seen[c.ID] {
			p.Add(field, c.ID, "a check with an id of its own and a Run", "")
		}
		if !slices.Contains(practiceIDs, c.Practice) {
			p.Add(field+".Practice", c.Practice, "one of "+strings.Join(practiceIDs, ", "), "")
		}
		seen[c.ID] = true
	}
}

func pool(extra []*x509.Certificate) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		if len(extra) == 0 {
			return nil, fmt.Errorf("audit: reading the system's root certificates: %w", err)
		}
		roots = x509.NewCertPool()
	}
	for _, c := range extra {
		roots.AddCert(c)
	}
	return roots, nil
}

// parseAddress reads an upstream as host:port or as an http(s) URL.
func parseAddress(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		if strings.HasPrefix(s, ":") {
			s = "127.0.0.1" + s
		}
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("no http address")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// A job is one check on one session, with its result.
type job struct {
	session *session
	check   *check.Check
	// alone says that the job asks the upstream, to tell the layers apart.
	alone bool
	// covers says that its proof holds for what the source lacks.
	covers bool
	result check.Result
}

func plan(sessions []*session, checks []check.Check) []*job {
	var jobs []*job
	for _, s := range sessions {
		for i := range checks {
			c := &checks[i]
			jobs = append(jobs, &job{session: s, check: c})
			if c.Alone && s.behind != nil {
				jobs = append(jobs, &job{session: s.behind, check: c, alone: true})
			}
		}
	}
	return jobs
}

// run runs the jobs side by side, and then, one after the other, those that are active:
// what they provoke, such as a refusal of every later request, must neither be taken for
// the app's usual answer nor disturb the next.
func run(ctx context.Context, jobs []*job, o Options) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	one := func(j *job) {
		j.result = j.run(ctx)
		if o.Progress != nil {
			mu.Lock()
			defer mu.Unlock()
			done++
			o.Progress(done, len(jobs), j.check.ID)
		}
	}
	for _, j := range jobs {
		if j.check.Needs&check.Active == 0 {
			wg.Go(func() { one(j) })
		}
	}
	wg.Wait()
	for _, j := range jobs {
		if j.check.Needs&check.Active != 0 {
			one(j)
		}
	}
}

// run runs one check and holds it to its contract: no panic, no proof with a broken
// finding, no silence.
func (j *job) run(ctx context.Context) (r check.Result) {
	if missing := j.missing(); missing == check.Active && j.session.options.Active {
		return check.NotProven(j.session.passive.Error())
	} else if missing != 0 {
		return check.NotProven("needs " + missing.String())
	}
	defer func() {
		if v := recover(); v != nil {
			r = check.NotProven(fmt.Sprintf("the check failed: %v", v))
		}
	}()
	r = j.check.Run(ctx, j.session.public)
	switch r.Status {
	case check.Proved:
		r.Status = check.Conclude("", r.Findings).Status
		return r
	case check.Unproven:
		if r.Reason == "" {
			r.Reason = "the check gave no reason"
		}
		r.Status, r.Partial = check.NotProven("", r.Findings...).Status, true
		return r
	case check.Broken:
		return r
	}
	return check.NotProven("the check gave no answer", r.Findings...)
}

// missing is what the check needs and the target does not offer.
func (j *job) missing() check.Need {
	var have check.Need
	if j.session.url != nil {
		have |= check.Wire
	}
	if j.session.target.Folder != "" {
		have |= check.Source | check.Lockfile
	}
	if j.session.public.Active {
		have |= check.Active
	}
	return j.check.Needs &^ have
}
