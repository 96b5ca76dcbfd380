package cookie

import (
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/hook"
)

// practice is the id under which the guard tells.
const practice = "cookies"

// A Guard mends and renames the cookies that pass it. It is safe for concurrent use.
type Guard struct {
	mode    guard.Mode
	sink    guard.Sink
	session map[string]bool
	script  map[string]bool
	cross   map[string]bool
	// names is nil when nothing is renamed and nothing restored.
	names *names
	// would tells renaming without doing it.
	would    bool
	migrate  time.Duration
	seed     maphash.Seed
	crossed  crossed
	seen     []Seen // what was given, for when names is nil
	onAnswer hook.Func
}

// New makes a guard. The error joins one [guard.OptionError] for each wrong option.
func New(o Options) (*Guard, error) {
	if err := o.problems(); err != nil {
		return nil, err
	}
	o = o.Effective()
	g := &Guard{
		mode: o.Mode, sink: o.Sink, session: set(o.Session), script: set(o.Script), cross: set(o.CrossSite),
		would:   o.Mode == guard.Observe && !o.Rename.Off && !o.Rename.Restore,
		migrate: o.Rename.Migrate, seed: maphash.MakeSeed(), seen: o.Seen,
	}
	if !o.Rename.Off && (o.Mode == guard.Enforce || o.Rename.Restore) {
		g.names = newNames(o)
	}
	// While nothing is renamed, clients get the old names again: their time starts anew.
	for i := range g.seen {
		g.seen[i].Since = time.Time{}
	}
	g.onAnswer = g.answered
	return g, nil
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// Seen returns what the guard knows of the upstream's session cookies, sorted by name,
// for the Options.Seen of the next guard. It is safe to call at any time.
func (g *Guard) Seen() []Seen {
	if g.names == nil {
		return slices.Clone(g.seen)
	}
	return g.names.table.Load().seen()
}

// Adopt takes over session cookies that this guard does not know yet, as another one has
// found them meanwhile: the guard of before, whose requests are still under way when this
// one takes its place, hands out names that clients bring here. OnSeen is not called. It is
// safe to call at any time, but not from this guard's own OnSeen.
func (g *Guard) Adopt(seen []Seen) {
	if g.names != nil {
		g.names.adopt(seen)
	}
}

// requestOf is the key under which a guard keeps the request as the client sent it.
type requestOf struct{ g *Guard }

// Handler lets next see its own cookie names and mends what it sets, in hook.Cookies.
// The client's scheme and host are those of [clientip.Of], so a door that trusts a
// proxy wraps this in clientip's Handler.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g.mode == guard.Off && g.names == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, w, r := hook.Begin(w, r)
		defer x.End()
		x.Set(requestOf{g}, r)
		x.On(hook.Cookies, g.onAnswer)
		next.ServeHTTP(w, g.Inward(r))
	})
}

func (g *Guard) answered(a *hook.Answer) {
	r, ok := a.Value(requestOf{g}).(*http.Request)
	if !ok {
		r = a.Request
	}
	switch {
	case a.Kind == hook.Final || a.Status == http.StatusSwitchingProtocols:
		g.Outward(a.Header, r, a.Status)
	case a.Kind == hook.Informational:
		// A Go handler's early answer carries the header of its final one, so the lines
		// stay; no name may leak from them either. Browsers read none of them.
		g.outward(a.Header, r, a.Status, true)
	default:
		g.trailer(a.Header, r)
	}
}

// trailer removes Set-Cookie, which has no place there (RFC 9110 section 6.5.1).
func (g *Guard) trailer(h http.Header, r *http.Request) {
	if _, ok := h["Set-Cookie"]; !ok || g.mode == guard.Off {
		return
	}
	if g.mode == guard.Enforce {
		delete(h, "Set-Cookie")
	}
	g.tell(r.Context(), hook.RequestID(r.Context()), "trailer", g.action(), "", "Set-Cookie in a trailer")
}

// Inward returns the request that the application is to see: renamed cookies under its
// own names, and its own names from outside dropped once they are no longer accepted.
// It returns r itself when nothing changes, else a copy; r is left as it is.
func (g *Guard) Inward(r *http.Request) *http.Request {
	lines := r.Header["Cookie"]
	if g.names == nil || len(lines) == 0 {
		return r
	}
	g.names.recogniseAll(lines)
	t := g.names.table.Load()
	if len(t.all) == 0 {
		return r
	}
	outside, inside := t.held(lines)
	if outside|inside == 0 || clientip.Of(r).Scheme != "https" {
		return r
	}
	var drop uint64 // of those that came under the application's own name
	var stale uint64
	for _, e := range t.all {
		switch {
		case inside&e.bit == 0:
		case g.restores(e):
			// The restored cookie is the current one.
			stale |= outside & e.bit
		case outside&e.bit != 0 || time.Since(e.Since) >= g.migrate:
			drop |= e.bit
		}
	}
	if outside|drop == 0 {
		return r
	}
	header, changed := Rewrite(lines, func(name, value string) (string, string, bool) {
		e := t.by[name]
		switch {
		case e == nil:
			return name, value, true
		case e.outside == name:
			return e.Name, value, stale&e.bit == 0
		}
		return name, value, drop&e.bit == 0
	})
	if !changed {
		return r
	}
	copied := new(http.Request)
	*copied = *r
	copied.Header = maps.Clone(r.Header)
	if header == "" {
		delete(copied.Header, "Cookie")
	} else {
		copied.Header["Cookie"] = []string{header}
	}
	for _, e := range t.all {
		if drop&e.bit != 0 {
			g.tell(r.Context(), hook.RequestID(r.Context()), "old-name", guard.Mended, e.Name, "dropped from the request")
		}
	}
	return copied
}

// restores tells whether an entry goes back to the application's own name.
func (g *Guard) restores(e *entry) bool { return g.names.restoring || e.Kept }

// action is what became of something that the mode decides about.
func (g *Guard) action() guard.Action {
	if g.mode == guard.Enforce {
		return guard.Mended
	}
	return guard.WouldMend
}

// tell sends one event about the cookie called name, which may be empty.
func (g *Guard) tell(ctx context.Context, id, rule string, action guard.Action, name, what string) {
	if g.sink == nil && !slog.Default().Enabled(ctx, action.Level()) {
		return
	}
	if name != "" {
		what = printable(name) + ": " + what
	}
	g.sink.Tell(ctx, guard.Event{Practice: practice, Rule: rule, Action: action, Request: id, Detail: what})
}

// printable is a cookie's name for a person: short, and quoted when it is no plain text.
func printable(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most] + "…"
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f {
			return strconv.QuoteToASCII(name)
		}
	}
	return name
}
