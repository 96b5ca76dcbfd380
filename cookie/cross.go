package cookie

import (
	"hash/maphash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// cross moves the client's cookies to the other name: from the application's own to the
// name outside while migrating, back while restoring. What the upstream set itself in
// this answer counts; otherwise the value the client brought goes over as it is.
func (a *answer) cross(brought []string, status int) {
	if !a.https {
		return
	}
	g := a.g
	t := g.names.table.Load()
	crossing, outside, inside := g.names.crossing(t, brought)
	for _, e := range t.all {
		if crossing&e.bit == 0 {
			continue
		}
		back := g.restores(e)
		if !back && a.now.Sub(e.Since) >= g.migrate {
			continue
		}
		from, to, rule := e.Name, e.outside, "name-migrated"
		if back {
			from, to, rule = e.outside, e.Name, "name-restored"
		}
		value, _ := Lookup(brought, from)
		// A client that was restored already only has the other name left over.
		carry := !a.sets(e.Name) && outside&inside&e.bit == 0
		// A refusal is no word that the upstream knew the cookie, and an answer that a
		// shared cache may keep must not hold anybody's session.
		if carry && (status >= 400 || forSharedCaches(a.header) || !fits(to, value)) {
			continue
		}
		if !g.crossed.claim(maphash.String(g.seed, from+"="+value), a.now) && carry {
			continue
		}
		out := slices.Clone(a.header["Set-Cookie"])
		if carry {
			out = append(out, e.line(to, value))
			keepPrivate(a.header)
		}
		a.header["Set-Cookie"] = append(out, e.deletion(from))
		g.tell(a.ctx, a.id, rule, guard.Mended, e.Name, "the client's cookie changed names")
	}
}

// sets tells whether the upstream spoke about the cookie in this answer: set it,
// deleted it, or deleted the other half of its Keygrip pair.
func (a *answer) sets(name string) bool {
	base, isSig := strings.CutSuffix(name, ".sig")
	for i := range a.set {
		s := &a.set[i]
		if !s.movable {
			continue
		}
		if s.name == name || s.deletes && (s.name == name+".sig" || isSig && s.name == base) {
			return true
		}
	}
	return false
}

// line sets the cookie with what the upstream last gave it.
func (e *entry) line(name, value string) string {
	b := e.begin(name, value)
	if e.Lifetime > 0 {
		b = append(b, "; Max-Age="...)
		b = strconv.AppendInt(b, int64(e.Lifetime/time.Second), 10)
	}
	return string(b)
}

// deletion removes the cookie. It says SameSite as line does: where a browser takes one
// of the two it takes the other, and a prefix's rules hold for deletions too.
func (e *entry) deletion(name string) string {
	return string(append(e.begin(name, ""), "; Max-Age=0"...))
}

func (e *entry) begin(name, value string) []byte {
	b := make([]byte, 0, len(name)+len(value)+96)
	b = append(b, name...)
	b = append(b, '=')
	b = append(b, value...)
	b = append(b, "; Path=/; Secure; HttpOnly; SameSite="...)
	if e.SameSite == "" {
		b = append(b, "Lax"...)
	} else {
		b = append(b, e.SameSite...)
	}
	if e.Partitioned {
		b = append(b, "; Partitioned"...)
	}
	return b
}

// forSharedCaches tells whether the answer says that caches shared by users may keep it.
func forSharedCaches(h http.Header) bool {
	for _, line := range h["Cache-Control"] {
		if containsFold(line, "public") || containsFold(line, "s-maxage") {
			return true
		}
	}
	return len(h["Cdn-Cache-Control"]) > 0 || len(h["Surrogate-Control"]) > 0
}

// keepPrivate forbids shared caches to keep the answer, since it now holds a session.
//
// Source: RFC 9111 sections 5.2.2.7 and 7.3.
func keepPrivate(h http.Header) {
	for _, line := range h["Cache-Control"] {
		if containsFold(line, "private") && !containsFold(line, "private=") || containsFold(line, "no-store") {
			return
		}
	}
	h["Cache-Control"] = append(slices.Clone(h["Cache-Control"]), "private")
}

// crossed remembers for a moment which cookies went over, so that of several requests
// in flight none carries an old value over after another was given a new one. It is of
// fixed size: where two cookies share a place, the earlier is forgotten.
type crossed struct {
	mu    sync.Mutex
	cells [256]struct {
		sum  uint64
		when time.Time
	}
}

// inFlight is how long requests that carry the old name may still be answered.
const inFlight = 30 * time.Second

// claim tells whether the cookie may go over now, and notes that it does.
func (c *crossed) claim(sum uint64, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	cell := &c.cells[sum%uint64(len(c.cells))]
	if cell.sum == sum && now.Sub(cell.when) < inFlight {
		return false
	}
	cell.sum, cell.when = sum, now
	return true
}
