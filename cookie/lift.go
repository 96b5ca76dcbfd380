package cookie

import (
	"slices"
	"strings"
)

// IsSession tells whether a cookie that a client brings, or is handed, is one that the
// guard knows as a session cookie: by its name outside or inside, by Options.Session, by
// the shape of its value, or as a framework's. It is for guards that work on what this one
// has found.
func (g *Guard) IsSession(name, value string) bool {
	own := g.Own(name)
	switch {
	case g.session[own]:
		return true
	case g.script[own] || isToken(own):
		return false
	}
	return own != name || isFramework(own) || looksSigned(value) || g.knows(own)
}

// Own returns the application's own name of a cookie that clients know as name; name
// itself when it has no other.
func (g *Guard) Own(name string) string {
	if g.names != nil && strings.HasPrefix(name, namePrefix) {
		g.names.recognise(name)
		if e := g.names.table.Load().by[name]; e != nil && e.outside == name {
			return e.Name
		}
	}
	return name
}

// Attributes returns the attributes with which a client holds a renamed session cookie, as
// they follow the pair in Set-Cookie, without an expiry. It is false for any other cookie:
// its attributes are known only while it is set.
func (g *Guard) Attributes(name string) (string, bool) {
	if g.names == nil {
		return "", false
	}
	e := g.names.table.Load().by[name]
	if e == nil || e.Kept {
		return "", false
	}
	return strings.TrimPrefix(string(e.begin("", "")), "="), true
}

// KeepFromSharedCaches forbids shared caches to keep an answer that now holds a session. It
// is false, and changes nothing, where the answer says that they may.
func KeepFromSharedCaches(h map[string][]string) bool {
	if forSharedCaches(h) {
		return false
	}
	keepPrivate(h)
	return true
}

// LooksSigned tells whether a raw value has the shape of express-session's: s:, an id and
// a signature.
func LooksSigned(raw string) bool { return looksSigned(raw) }

// KeygripPairs returns those of the names that stand in the list together with their
// signature: both of each pair.
func KeygripPairs(names []string) []string {
	var out []string
	for _, name := range names {
		if slices.Contains(names, name+".sig") {
			out = append(out, name, name+".sig")
		}
	}
	return out
}
