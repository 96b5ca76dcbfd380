package tlsscan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/panoplysec/panoply/internal/tlsscan/wire"
)

// A scan is one run against one server.
type scan struct {
	*budget
	o Options
	// name is the server name that is asked for, empty for none.
	name    string
	manner  manner
	control *wire.ClientHello
	// only2 says that of all hellos SSLv2's alone was accepted.
	only2 bool
	// contacted is the answer to the first hello, where it was accepted as it is.
	contacted *answer

	state struct {
		sync.Mutex
		noes    int // closes that a control right after showed to be a no
		shed    bool
		flaky   bool // a close or a silence was followed by an answer to the same hello
		missing []string
	}

	// What the probes saw; each field belongs to one probe, the mutex to the lists that
	// several add to.
	mu        sync.Mutex
	protocols map[wire.Version]*protocol
	ssl2      *wire.SSL2ServerHello
	served    []served
	findings  map[string]string
	notes     map[string]string
	skipped   map[string]string
	features  Features
	dhBits    []int
	fetched   fetched
	altSvc    []alternative
	dns       *DNS
	// no13 says that no handshake of TLS 1.3 comes to its end, whatever the hellos promise.
	no13    bool
	signing signing
	heard   witnesses
	// odd says that a hello with all oddities was answered.
	odd bool
	// kept and broken say that some handshake came to its end, and that one did not.
	kept, broken bool
	// kept13 says that one of TLS 1.3 did.
	kept13 bool
}

// Scan asks the server at addr, HOST:PORT, what it accepts. It returns an error for
// options that cannot be; a server that cannot be scanned is in the report. It makes at
// most Options.MaxConnections connections, and ends within 15 times Options.Timeout or
// with the context, whichever is first; what could not be asked by then is named.
//
// Safe for concurrent use. It sends no application data but one GET of "/".
func Scan(ctx context.Context, addr string, o Options) (*Report, error) {
	if err := o.check(addr); err != nil {
		return nil, err
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 15*o.Timeout)
	defer cancel()
	s := &scan{
		budget: &budget{addr: addr, most: o.MaxConnections, timeout: o.Timeout, slots: make(chan struct{}, o.Parallel)},
		o:      o, name: sni(o.ServerName),
		protocols: map[wire.Version]*protocol{}, findings: map[string]string{}, notes: map[string]string{}, skipped: map[string]string{},
	}
	s.features.Staple = "none"
	reachable := s.reach(ctx)
	if reachable {
		s.run(ctx)
	}
	r := s.report(reachable)
	r.Connections, r.Took = s.used(), time.Since(begin)
	if err := ctx.Err(); err != nil {
		r.Incomplete = append(r.Incomplete, "the time ran out")
	}
	return r, nil
}

// reach finds a hello that the server answers. Without any it says what is there
// instead.
func (s *scan) reach(ctx context.Context) bool {
	var last *answer
	for i, m := range manners {
		s.manner = m
		h := s.contact(s.name)
		a := s.once(ctx, h)
		if i == 0 && a.outcome == mute && ctx.Err() == nil {
			if a = s.unheard(ctx, h); a.outcome == accepted {
				h, m = s.control, s.manner
				i = slices.Index(manners, m)
			}
		}
		if a.outcome == accepted && last != nil && last.outcome == closed && s.takesAll(ctx) {
			return true
		}
		if a.outcome == accepted {
			s.control = h
			if i == 0 && a.hello.Version >= wire.TLS10 {
				s.contacted = a
			}
			if a.hello.Version == wire.SSL3 {
				s.manner = manner{} // the first hello did not offer so old a version: no fault
			} else if i > 0 {
				s.say(m.fault(), "the server fails at %v", m)
			}
			return true
		}
		if last == nil || a.outcome == refused {
			last = a
		}
		if a.outcome == mute || i > 0 && a.outcome == foreign || ctx.Err() != nil {
			break
		}
		var dial *net.OpError
		if a.outcome == broken && errors.As(a.err, &dial) && dial.Op == "dial" {
			s.incomplete(a.err)
			return false
		}
	}
	if last.outcome != mute && ctx.Err() == nil {
		if s.oldest(ctx) {
			return true
		}
	}
	if last.outcome == refused {
		// An alert is TLS, even when nothing was agreed on.
		s.say("target.no-handshake", "the server refuses every hello: %v", last.alert)
		s.incomplete(errors.New("no hello was accepted"))
		return true
	}
	switch last.outcome {
	case mute:
		s.say("target.silent", "the server accepts connections and says nothing")
	default:
		s.say("target.not-tls", "the address does not speak TLS: %v", last.err)
	}
	return false
}

// unheard asks a server that said nothing to the first hello again, and in simpler
// manners beside that, for it may be those that it hears. It leaves the manner and the
// hello that were answered, if any, in s.
func (s *scan) unheard(ctx context.Context, first *wire.ClientHello) *answer {
	hellos, answers := make([]*wire.ClientHello, len(manners)), make([]*answer, len(manners))
	var probes []func(context.Context)
	for i, m := range manners {
		s.manner = m
		if hellos[i] = first; i > 0 {
			hellos[i] = s.contact(s.name)
		}
		probes = append(probes, func(ctx context.Context) { answers[i] = s.once(ctx, hellos[i]) })
	}
	s.manner = manner{}
	s.together(ctx, probes...)
	for i, a := range answers {
		if a.outcome != accepted {
			continue
		}
		if s.manner, s.control = manners[i], hellos[i]; i == 0 {
			s.wavers()
		}
		return a
	}
	return answers[0]
}

// takesAll asks with the whole hello again where the server hung up at it, and then took
// a simpler one: it may hang up at times whatever it is asked.
func (s *scan) takesAll(ctx context.Context) bool {
	simpler := s.manner
	s.manner = manner{}
	for range 4 {
		h := s.contact(s.name)
		if a := s.once(ctx, h); a.outcome == accepted {
			s.control, s.contacted = h, a
			s.wavers()
			return true
		}
	}
	s.manner = simpler
	return false
}

// oldest tries what no newer hello shows: TLS 1.0 and SSLv3 by themselves, and SSLv2.
func (s *scan) oldest(ctx context.Context) bool {
	s.manner = manner{}
	for _, v := range []wire.Version{wire.TLS10, wire.SSL3} {
		h := s.legacy(v, wire.SuitesFor(v), wire.Curves12())
		if s.once(ctx, h).outcome != accepted {
			continue
		}
		if s.control = h; v == wire.TLS10 {
			s.say("tls.version-intolerant", "the server speaks %v and fails at hellos that name newer versions", v)
		}
		return true
	}
	hello, err := s.askSSL2(ctx)
	s.ssl2, s.only2 = hello, err == nil
	return err == nil
}

func (s *scan) run(ctx context.Context) {
	s.enumerate(ctx)
	s.chains()
	whole := func(ctx context.Context) { s.moderns(ctx); s.nameless(ctx) } // the second asks for what the first did not see
	s.together(ctx, whole, s.session12, s.fallback, s.vulnerable, s.primes, s.preference, s.quic, s.askDNS)
	s.together(ctx, s.signatures, s.tolerance, s.announced)
	s.otherNames(ctx)
	s.looks(ctx)
	s.fetchRevocation(ctx)
	if s.state.shed && s.ssl2 == nil {
		// It may have hung up for other reasons than the hello, before that was known.
		s.ssl2, _ = s.askSSL2(ctx)
	}
	s.several()
	s.doubts()
}

// together runs probes side by side; the budget bounds how many connections that makes.
func (s *scan) together(ctx context.Context, probes ...func(context.Context)) {
	var wg sync.WaitGroup
	for _, p := range probes {
		wg.Go(func() { p(ctx) })
	}
	wg.Wait()
}

// legacies are the versions that end in a ServerHelloDone, newest first.
var legacies = []wire.Version{wire.TLS12, wire.TLS11, wire.TLS10, wire.SSL3}

func (s *scan) enumerate(ctx context.Context) {
	probes := []func(context.Context){
		func(ctx context.Context) { s.keep(s.enumerate13(ctx)) },
		func(ctx context.Context) {
			if s.ssl2 == nil {
				s.ssl2, _ = s.askSSL2(ctx)
			}
		},
	}
	for _, v := range legacies {
		if v == wire.TLS11 || v == wire.TLS10 {
			continue
		}
		probes = append(probes, func(ctx context.Context) {
			p := s.enumerateLegacy(ctx, v, nil)
			if v == wire.TLS12 {
				s.enumerateGroups(ctx, p, curveOfKey(p))
			}
			s.keep(p)
		})
	}
	s.together(ctx, append(probes, s.enumerateOlder)...)
}

// enumerateOlder is for TLS 1.1 and 1.0. A server that has no version as old as 1.1 says
// just that, and need not be asked for 1.0.
func (s *scan) enumerateOlder(ctx context.Context) {
	var first *answer
	if s.manner.block == 0 {
		first = s.ask(ctx, s.legacy(wire.TLS11, offered(wire.TLS11), wire.Curves12()))
		if first.outcome == refused && first.alert.Description == wire.AlertProtocolVersion {
			return
		}
	}
	s.together(ctx,
		func(ctx context.Context) { s.keep(s.enumerateLegacy(ctx, wire.TLS11, first)) },
		func(ctx context.Context) { s.keep(s.enumerateLegacy(ctx, wire.TLS10, nil)) })
}

func (s *scan) keep(p *protocol) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.unasked != 0 {
		s.notes["tls.unasked-suite"] = fmt.Sprintf("in %v the server chose %v, which was not offered", p.version, p.unasked)
	}
	if len(p.suites) > 0 {
		s.protocols[p.version] = p
	}
}

// newest returns the newest version of TLS 1.2 and before, or nil.
func (s *scan) newest() *protocol {
	for _, v := range legacies {
		if p := s.protocols[v]; p != nil {
			return p
		}
	}
	return nil
}

// say notes a finding; the first word on it stays.
func (s *scan) say(finding, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.findings[finding]; !ok {
		s.findings[finding] = fmt.Sprintf(format, args...)
	}
}

func (s *scan) note(name, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.notes[name]; !ok {
		s.notes[name] = fmt.Sprintf(format, args...)
	}
}

// skip notes what was not tested.
func (s *scan) skip(what, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.skipped[what]; !ok {
		s.skipped[what] = why
	}
}

// closeMeansNo is true after a few closes that were surely answers, unless the server
// was seen to shed load.
func (s *scan) closeMeansNo() bool {
	s.state.Lock()
	defer s.state.Unlock()
	return s.state.noes >= 3 && !s.state.shed && !s.state.flaky
}

func (s *scan) confirmNo() {
	s.state.Lock()
	defer s.state.Unlock()
	s.state.noes++
}

// wavers notes that the server answered a hello at which it hung up before.
func (s *scan) wavers() {
	s.state.Lock()
	defer s.state.Unlock()
	s.state.flaky = true
}

// shedding notes that the server refused a hello that it accepted before.
func (s *scan) shedding() {
	s.state.Lock()
	defer s.state.Unlock()
	s.state.shed = true
}

// incomplete notes that something could not be found out.
func (s *scan) incomplete(err error) {
	s.state.Lock()
	defer s.state.Unlock()
	text := "a probe stayed without an answer"
	if err != nil {
		text += ": " + err.Error()
	}
	if len(s.state.missing) < 8 && !has(s.state.missing, text) {
		s.state.missing = append(s.state.missing, text)
	}
}
