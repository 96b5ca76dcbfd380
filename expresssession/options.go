package expresssession

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// DefaultName is the name of the cookie. It tells that Express is behind it; both sides
// must have another to change it, or the door's cookie guard renames it on the way.
const DefaultName = "connect.sid"

// Mode says whose side to be on where the peer's way is unsafe: see the package.
type Mode uint8

const (
	// Strict keeps the wire formats and mends the rest.
	Strict Mode = iota
	// Compat does what express-session does.
	Compat
)

// A Flag is an option that may be absent, which is its zero value.
type Flag string

const (
	True  Flag = "true"
	False Flag = "false"
	// Auto is true for a request that came by https: for Cookie.Secure.
	Auto Flag = "auto"
)

// Options are those of express-session, by their names, except where said.
type Options struct {
	// Mode is Strict or Compat.
	Mode Mode
	// Secret are the secrets: the first signs, all verify. At least one, none empty. Each
	// is used as it is, as Node uses the UTF-8 of a string.
	Secret [][]byte
	// Name is the cookie's. Empty is DefaultName.
	Name string
	// Store keeps the sessions. Required; NewMemoryStore makes the peer's default.
	Store Store
	// GenID makes ids. Nil is the peer's: 24 random bytes in base64url. With an error the
	// session is not stored and gets no cookie. In Strict an id has 16 characters or more.
	GenID func(*http.Request) (string, error)
	// Resave stores sessions that nobody has changed. It undoes other requests' changes
	// and logouts. Compat only. Note that the peer's default, when absent, is true.
	Resave bool
	// Rolling sends the cookie with every answer.
	Rolling bool
	// SaveUninitialized stores new sessions that nobody has changed. Compat only. The
	// peer's default, when absent, is true.
	SaveUninitialized bool
	// Unset says what becomes of the stored session after Unset: "keep" (the default) or
	// "destroy".
	Unset string
	// Proxy says what tells that the client came by https, beside TLS: True, the first
	// element of X-Forwarded-Proto whoever sent it; False, nothing; absent, what package
	// clientip found, as the peer takes Express's req.secure.
	Proxy Flag
	// Cookie are the cookie's attributes.
	Cookie Cookie
	// CookieFunc makes them for each request, in place of Cookie. What it returns is
	// checked when it is used: in Compat wrong attributes mean no cookie, as with the peer;
	// in Strict the answer is 503.
	CookieFunc func(*http.Request) Cookie
	// Error answers a request whose session could not be loaded, in Compat: what the peer
	// passes to next. Nil is 500. The error is for the log, not for the client.
	Error func(w http.ResponseWriter, r *http.Request, err error)
	// Sink receives what happens to sessions. Nil is guard.Log. Ids are in it as keyed
	// hashes only.
	Sink guard.Sink
}

// A Cookie is the peer's cookie option. The zero value is {path: "/", httpOnly: true}, and
// in Strict secure: true and sameSite: "lax" as well.
type Cookie struct {
	// MaxAge is how long the session and its cookie live from each use on, to the
	// millisecond. Nil: as long as the browser runs, and in ConnectRedis for its TTL. It
	// is sent as Expires, as the peer does. Zero and less mean in the past.
	MaxAge *time.Duration
	// Expires is when they end. The zero time is none. Not together with MaxAge: with the
	// peer, the one written last counts.
	Expires time.Time
	// Secure restricts the cookie to https: True, False, Auto (as the request that makes
	// the session came). With True and a request by http the session is stored and no
	// cookie is sent.
	Secure Flag
	// HTTPOnly keeps the cookie from scripts. Absent is True.
	HTTPOnly Flag
	// SameSite is "strict", "lax", "none", "true" (strict), "false" (not sent), or "auto":
	// none for a request that came by https, else lax.
	SameSite string
	// Path is where the cookie is for, and where sessions are: elsewhere From returns nil.
	// Nil is "/". Empty sends no Path.
	Path *string
	// Domain is the host that the cookie is also for, with those below it. Empty: the own
	// host only.
	Domain string
	// Partitioned keeps it apart for each site that embeds this one (CHIPS).
	Partitioned Flag
	// Priority is "low", "medium" or "high", for Chromium.
	Priority string
}

// Effective returns the options with every default in its place.
func (o Options) Effective() Options {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Unset == "" {
		o.Unset = "keep"
	}
	if o.Mode == Strict {
		o.Cookie = o.Cookie.strict()
	}
	return o
}

func (c Cookie) strict() Cookie {
	if c.Secure == "" {
		c.Secure = True
	}
	if c.SameSite == "" {
		c.SameSite = "lax"
	}
	return c
}

func (o Options) problems() error {
	p := guard.Problems{Package: "expresssession"}
	if o.Mode > Compat {
		p.Add("Mode", fmt.Sprint(o.Mode), "Strict or Compat", "")
	}
	if len(o.Secret) == 0 {
		p.Add("Secret", "", "one or more secrets", "the secret of the Express app")
	}
	for i, s := range o.Secret {
		if len(s) == 0 {
			p.Add(fmt.Sprintf("Secret[%d]", i), "", "not empty", "")
		}
		for j := range i {
			if bytes.Equal(s, o.Secret[j]) {
				p.Add(fmt.Sprintf("Secret[%d]", i), fmt.Sprint(len(s), " bytes"), "different from every other", fmt.Sprintf("it is Secret[%d]", j))
				break
			}
		}
	}
	if o.Name != "" && !token(o.Name) {
		p.Add("Name", o.Name, "a token of RFC 9110", "the peer would store sessions and send no cookie")
	}
	if o.Store == nil {
		p.Add("Store", "", "a Store", "NewMemoryStore, or ConnectRedis of redisstore's KV")
	} else if c, ok := o.Store.(interface{ problems(*guard.Problems) }); ok {
		c.problems(&p)
	}
	switch o.Unset {
	case "", "keep", "destroy":
	default:
		p.Add("Unset", o.Unset, `"keep" or "destroy"`, "")
	}
	switch o.Proxy {
	case "", True, False:
	default:
		p.Add("Proxy", string(o.Proxy), "True, False or absent", "")
	}
	if o.Mode == Strict && o.Resave {
		p.Add("Resave", "true", "false", "it undoes logouts and other requests' changes; Compat has it")
	}
	if o.Mode == Strict && o.SaveUninitialized {
		p.Add("SaveUninitialized", "true", "false", "it stores a session for each visitor; Compat has it")
	}
	if o.CookieFunc == nil {
		o.Cookie.problems(&p, o.Mode, o.Effective().Name)
	}
	return p.Err()
}

func (c Cookie) problems(p *guard.Problems, mode Mode, name string) {
	if c.MaxAge != nil && !c.Expires.IsZero() {
		p.Add("Cookie.Expires", c.Expires.String(), "absent with MaxAge", "with the peer the one written last counts: keep that one")
	}
	if c.MaxAge != nil && (*c.MaxAge > maxAge || *c.MaxAge < -maxAge) {
		p.Add("Cookie.MaxAge", c.MaxAge.String(), "within a hundred years", "")
	}
	flag := func(field string, f Flag, auto bool) {
		switch {
		case f == "", f == True, f == False, auto && f == Auto:
		case auto:
			p.Add("Cookie."+field, string(f), "True, False, Auto or absent", "")
		default:
			p.Add("Cookie."+field, string(f), "True, False or absent", "")
		}
	}
	flag("Secure", c.Secure, true)
	flag("HTTPOnly", c.HTTPOnly, false)
	flag("Partitioned", c.Partitioned, false)
	switch strings.ToLower(c.SameSite) {
	case "", "strict", "lax", "none", "true", "false", "auto":
	default:
		p.Add("Cookie.SameSite", c.SameSite, `"strict", "lax", "none", "true", "false" or "auto"`, "")
	}
	path := c.path()
	if path != "" && (path[0] != '/' || !plainPath(path)) {
		p.Add("Cookie.Path", path, "a path that begins in / of printable ASCII without ;, < and space", "no request would have a session")
	}
	if c.Domain != "" && !domain(c.Domain) {
		p.Add("Cookie.Domain", c.Domain, "a host name: letters, digits and hyphens between dots", "the peer would store sessions and send no cookie")
	}
	switch strings.ToLower(c.Priority) {
	case "", "low", "medium", "high":
	default:
		p.Add("Cookie.Priority", c.Priority, `"low", "medium" or "high"`, "")
	}
	if mode == Strict {
		c.strictProblems(p, name)
	}
}

// strictProblems are what browsers drop, and what is weak.
func (c Cookie) strictProblems(p *guard.Problems, name string) {
	c = c.strict()
	if c.Secure == False {
		p.Add("Cookie.Secure", "false", "True, Auto or absent", "Compat has it")
	}
	if c.HTTPOnly == False {
		p.Add("Cookie.HTTPOnly", "false", "True or absent", "scripts could read the session; Compat has it")
	}
	if c.SameSite == "false" {
		p.Add("Cookie.SameSite", "false", `"strict", "lax", "none" or "auto"`, "Compat has it")
	}
	if strings.EqualFold(c.SameSite, "none") && c.Secure != True {
		p.Add("Cookie.SameSite", c.SameSite, "with Secure True", "browsers drop it")
	}
	if c.Partitioned == True && c.Secure != True {
		p.Add("Cookie.Partitioned", "true", "with Secure True", "browsers drop it")
	}
	if strings.HasPrefix(name, "__Host-") && (c.Domain != "" || c.path() != "/" || c.Secure != True) {
		p.Add("Name", name, "with Secure True, Path / and no Domain", "browsers drop a __Host- cookie else")
	}
	if strings.HasPrefix(name, "__Secure-") && c.Secure != True {
		p.Add("Name", name, "with Secure True", "browsers drop a __Secure- cookie else")
	}
}

const maxAge = 100 * 365 * 24 * time.Hour

func (c Cookie) path() string {
	if c.Path == nil {
		return "/"
	}
	return *c.Path
}

func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// plainPath tells whether the cookie package would write the path, and a request's path
// could begin with it.
func plainPath(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ';' || c == '<' {
			return false
		}
	}
	return true
}

// domain is the cookie package's rule: labels of letters, digits and inner hyphens, of 63
// bytes at most, with one dot in front or none.
func domain(s string) bool {
	for label := range strings.SplitSeq(strings.TrimPrefix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' {
				return false
			}
		}
	}
	return true
}
