package cookie

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// setting is one Set-Cookie line under work.
type setting struct {
	c    SetCookie
	name string // the application's
	// foreign: the line could not be read and stays as it is.
	foreign bool
	// deletes: it removes the cookie. paired: its Keygrip partner is in the same answer.
	deletes, paired bool
	// script: read by scripts. session: a session cookie that is known as such.
	script, session bool
	// movable: it may have another name as far as its own words go.
	movable bool
	changed bool
}

// answer is the work on one answer.
type answer struct {
	g      *Guard
	ctx    context.Context
	id     string
	https  bool
	host   string
	path   string
	now    time.Time
	header http.Header
	set    []setting
}

// Outward mends and renames the Set-Cookie lines of an answer's header, and hands a
// client that is changing names its cookies. r is the request as the client sent it,
// not what Inward returned.
func (g *Guard) Outward(h http.Header, r *http.Request, status int) {
	g.outward(h, r, status, false)
}

func (g *Guard) outward(h http.Header, r *http.Request, status int, early bool) {
	lines := h["Set-Cookie"]
	brought := r.Header["Cookie"]
	mayCross := !early && g.names != nil && len(brought) > 0
	if len(lines) == 0 {
		if mayCross {
			if cross, _, _ := g.names.crossing(g.names.table.Load(), brought); cross != 0 {
				g.begin(h, r, early).cross(brought, status)
			}
		}
		return
	}
	a := g.begin(h, r, early)
	a.read(lines)
	if g.mode != guard.Off {
		for i := range a.set {
			a.mend(&a.set[i])
		}
	}
	if a.https && (g.names != nil || g.would) {
		for i := range a.set {
			a.rename(&a.set[i])
		}
	}
	a.write(lines)
	if g.mode != guard.Off {
		for i := range a.set {
			a.watch(&a.set[i])
		}
	}
	// The table may have learnt from this very answer.
	if mayCross {
		a.cross(brought, status)
	}
	if !early && g.mode != guard.Off {
		a.watchSum(brought)
	}
}

func (g *Guard) begin(h http.Header, r *http.Request, early bool) *answer {
	c := clientip.Of(r)
	host := c.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a := &answer{g: g, ctx: r.Context(), https: c.Scheme == "https", host: strings.ToLower(host),
		path: r.URL.Path, now: time.Now(), header: h}
	if !early { // an early answer runs beside the handler and must not touch the exchange
		a.id = hook.RequestID(a.ctx)
	}
	return a
}

// read parses the lines and finds out what each cookie is.
func (a *answer) read(lines []string) {
	g := a.g
	a.set = make([]setting, len(lines))
	signed := false
	for i, line := range lines {
		s := &a.set[i]
		c, err := ParseSetCookie(line)
		if err != nil {
			s.foreign = true
			continue
		}
		s.c, s.name, s.deletes = c, c.Name(), c.Deletes(a.now)
		signed = signed || strings.HasSuffix(s.name, ".sig")
		named := g.session[s.name]
		s.script = g.script[s.name] || !named && isToken(s.name)
		s.movable = s.name != "" && len(s.name) <= maxNameLen && !s.script && !hasPrefixName(s.name) &&
			!c.Has("Domain") && c.rootPath()
	}
	if signed {
		a.pair()
	}
	for i := range a.set {
		s := &a.set[i]
		s.session = g.session[s.name] || !s.foreign && !s.script &&
			(s.paired || isFramework(s.name) || looksSigned(s.c.Value()) || g.knows(s.name))
	}
}

// pair finds each cookie whose Keygrip signature is set beside it. Neither may change
// its name when the other may not, and what script reads is no session.
func (a *answer) pair() {
	at := make(map[string]int, len(a.set))
	for i := range a.set {
		if !a.set[i].foreign {
			at[a.set[i].name] = i
		}
	}
	for i := range a.set {
		sig := &a.set[i]
		base, ok := strings.CutSuffix(sig.name, ".sig")
		if !ok || base == "" || sig.foreign {
			continue
		}
		j, ok := at[base]
		if !ok {
			continue
		}
		value := &a.set[j]
		if value.script || sig.script {
			value.movable, sig.movable = false, false
			continue
		}
		value.paired, sig.paired = true, true
		value.movable = value.movable && sig.movable
		sig.movable = value.movable
	}
}

// knows tells whether the upstream was seen setting name as a session cookie.
func (g *Guard) knows(name string) bool {
	return g.names != nil && g.names.table.Load().inside(name) != nil
}

// mend adds what is missing, or tells it.
func (a *answer) mend(s *setting) {
	if s.foreign {
		return
	}
	if a.https && !s.c.Has("Secure") {
		a.add(s, "Secure", "", "secure-absent")
	}
	if v, _ := s.c.Attribute("SameSite"); canonicalSameSite(v) == "" && !a.g.cross[s.name] {
		a.add(s, "SameSite", "Lax", "samesite-absent")
	}
	if s.script || s.c.Has("HttpOnly") {
		return
	}
	if s.session {
		a.add(s, "HttpOnly", "", "httponly-absent")
		return
	}
	a.tell("httponly-absent", guard.WouldMend, s, "HttpOnly is missing; name the cookie under session or script")
}

func (a *answer) add(s *setting, attribute, value, rule string) {
	action := a.g.action()
	if action == guard.Mended {
		if err := s.c.SetAttribute(attribute, value); err != nil {
			a.tell(rule, guard.Failed, s, err.Error())
			return
		}
		s.changed = true
	}
	a.tell(rule, action, s, attribute+" was missing")
}

// rename gives a session cookie its name outside.
func (a *answer) rename(s *setting) {
	g := a.g
	if s.foreign || !s.session || isGeneric(s.name) && !s.paired && !g.knows(s.name) {
		return
	}
	if g.names == nil {
		if s.movable && !s.deletes {
			a.tell("default-name", guard.WouldMend, s, "the name tells the framework; would be renamed")
		}
		return
	}
	e := g.names.table.Load().inside(s.name)
	switch {
	case s.deletes:
		// Never a reason to learn: applications delete with every Domain and Path.
	case s.movable:
		if e = g.names.learn(s.name, &s.c, a.now); e == nil {
			a.tell("name-refused", guard.Noted, s, "no room to rename another cookie")
		}
	case e != nil && !e.Kept:
		g.names.keep(s.name)
		a.tell("name-kept", guard.Noted, s, "also set with a Domain or another Path; keeps its name")
		e = nil
	}
	if e == nil || !s.movable || g.restores(e) {
		return
	}
	// All three hold already after mend, but for a guard whose mends are off.
	if !s.c.Has("Secure") || s.c.SetName(e.outside) != nil {
		return
	}
	s.changed = true
	a.tell("default-name", guard.Mended, s, "renamed")
}

// write puts changed lines into the header, in a slice of its own: the old one may be
// shared by the application.
func (a *answer) write(lines []string) {
	var out []string
	for i := range a.set {
		if !a.set[i].changed {
			continue
		}
		if out == nil {
			out = append(make([]string, 0, len(lines)+2), lines...)
		}
		out[i] = a.set[i].c.String()
	}
	if out != nil {
		a.header["Set-Cookie"] = out
	}
}

func (a *answer) tell(rule string, action guard.Action, s *setting, what string) {
	name := s.name
	if name == "" {
		name = "(no name)"
	}
	a.g.tell(a.ctx, a.id, rule, action, name, what)
}
