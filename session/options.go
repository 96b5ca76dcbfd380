package session

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// DefaultName is the cookie's name: as little as OWASP asks, under the prefix with which
// browsers refuse it from sibling hosts, plain http and other paths.
const DefaultName = "__Host-id"

// InsecureName is the cookie's name under Options.InsecureCookie, where no prefix is kept.
const InsecureName = "id"

// DefaultMaxBytes is how long the JSON of a session's data may be.
const DefaultMaxBytes = 64 << 10

// Options configure a Manager. Keys and either Store or Sealed are required; the zero value
// of everything else is the safest useful one.
type Options struct {
	// Store keeps the sessions: NewMemory for tests and for one process, diskstore for
	// one machine, redisstore for many.
	Store Store
	// Sealed keeps each session in its own cookie instead, encrypted. Exactly one of
	// Store and Sealed is given.
	Sealed *Sealed
	// Keys are secrets of 32 random bytes or more. The first one signs and seals, all of
	// them verify and open; what an older one signed is signed anew when it comes by. To
	// change a key put the new one in front, and drop the old one after
	// Timeouts.Absolute.
	Keys [][]byte

	// Name is the cookie's name. Empty is DefaultName, or InsecureName.
	Name string
	// Path is the cookie's path. Empty is "/", which the prefix __Host- requires.
	Path string
	// Domain lets sibling hosts have the cookie too. Empty: this host alone, as the
	// prefix __Host- requires.
	Domain string
	// SameSite is Lax by default, or Strict. None lets other sites' pages use the
	// session; it wants CSRF protection that does not lean on the browser.
	SameSite http.SameSite
	// Partitioned gives the cookie to this site under each top-level site apart (CHIPS).
	Partitioned bool
	// Persistent keeps the cookie beyond the browser's session, until the session ends.
	// NIST SP 800-63B-4 advises against it.
	Persistent bool
	// InsecureCookie leaves Secure out, so that the session travels over plain http where
	// anybody on the way can take it. The reason is told once in an event.
	InsecureCookie string

	// Timeouts say when sessions end and when their ids change. See AAL1, AAL2, AAL3.
	Timeouts Timeouts
	// MaxPerUser is how many sessions a user may have at once; with one more the oldest
	// ends. Zero: any number. It needs a Store that is an Index.
	MaxPerUser int
	// MaxBytes bounds the JSON of the data, and the flash texts beside it. Zero is
	// DefaultMaxBytes; negative is refused. Of a sealed session Sealed.MaxBytes counts.
	MaxBytes int
	// InsecureAnonymousOnOutage lets requests pass as those of a visitor without session
	// while the store does not answer. What such a request writes makes a new session,
	// and the answer says 503 when that cannot be stored either. The reason is told once in an event. Empty: 503 for whoever's handler
	// asks for the session.
	InsecureAnonymousOnOutage string

	// Former has sessions that are taken over without a logout: a client that comes
	// without a cookie of ours, and with one of Former's, gets a session of ours with the
	// same data, and the former one is ended.
	Former Former
	// FormerToo keeps the former session beside ours, and writes changes into both, while
	// other programs still read it. Former is a MirroredFormer then. What those programs
	// change is not seen here.
	FormerToo bool
	// FormerUser returns the user of a session that is taken over, of its data; empty for
	// a visitor. Nil: sessions that are taken over are found by user from their next
	// Authenticate on.
	FormerUser func(data []byte) string

	// Sink receives the events; nil means guard.Log.
	Sink guard.Sink
}

// Effective returns the options with every default filled in, as New will use them.
func (o Options) Effective() Options {
	keys := make([][]byte, len(o.Keys))
	for i, k := range o.Keys {
		keys[i] = bytes.Clone(k)
	}
	o.Keys = keys
	if o.Name == "" {
		o.Name = DefaultName
		if o.InsecureCookie != "" {
			o.Name = InsecureName
		}
	}
	if o.Path == "" {
		o.Path = "/"
	}
	if o.SameSite == 0 || o.SameSite == http.SameSiteDefaultMode {
		o.SameSite = http.SameSiteLaxMode
	}
	o.Timeouts = o.Timeouts.effective()
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Sealed != nil {
		s := o.Sealed.effective()
		o.Sealed = &s
	}
	return o
}

// problems returns every problem of o, joined.
func (o Options) problems() error {
	p := guard.Problems{Package: "session"}
	switch {
	case o.Store == nil && o.Sealed == nil:
		p.Add("Store", "nil", "a Store, or Sealed", "session.NewMemory(session.MemoryOptions{}) for one process")
	case o.Store != nil && o.Sealed != nil:
		p.Add("Sealed", "given", "nil beside a Store", "a session lives in one place")
	}
	if _, ok := o.Former.(MirroredFormer); o.FormerToo && !ok {
		p.Add("FormerToo", "true", "with a Former that is a MirroredFormer", "cookiesession's sessions cannot be written without a cookie")
	}
	if o.Former == nil && o.FormerUser != nil {
		p.Add("FormerUser", "given", "nil without Former", "")
	}
	if o.Sealed != nil {
		o.Sealed.problems(&p)
		if o.InsecureAnonymousOnOutage != "" && o.Sealed.Ended == nil {
			p.Add("InsecureAnonymousOnOutage", o.InsecureAnonymousOnOutage, "empty where no store is asked", "")
		}
	}
	if len(o.Keys) == 0 {
		p.Add("Keys", "none", "one secret or more of 32 random bytes", "")
	}
	for i, k := range o.Keys {
		field := fmt.Sprintf("Keys[%d]", i)
		if len(k) < minKey {
			p.Add(field, strconv.Itoa(len(k))+" bytes", "32 random bytes or more", "openssl rand 32")
		} else if bytes.Count(k, k[:1]) == len(k) {
			p.Add(field, "one byte over and over", "32 random bytes or more", "openssl rand 32")
		}
		if slices.ContainsFunc(o.Keys[:i], func(e []byte) bool { return bytes.Equal(e, k) }) {
			p.Add(field, strconv.Itoa(len(k))+" bytes", "each key once", "")
		}
	}
	o.cookieProblems(&p)
	o.Timeouts.problems(&p)
	if o.MaxPerUser < 0 {
		p.Add("MaxPerUser", strconv.Itoa(o.MaxPerUser), "zero or more", "")
	} else if _, ok := o.Store.(Index); o.MaxPerUser > 0 && !ok {
		p.Add("MaxPerUser", strconv.Itoa(o.MaxPerUser), "zero without a Store that is an Index", "")
	}
	if o.MaxBytes < 0 || o.MaxBytes > 16<<20 {
		p.Add("MaxBytes", strconv.Itoa(o.MaxBytes), "at most 16 MiB", "")
	}
	return p.Err()
}

// cookieProblems refuses what browsers would drop without a word.
//
// Source: RFC 6265bis section 5.7.
func (o Options) cookieProblems(p *guard.Problems) {
	e := o.Effective()
	secure := o.InsecureCookie == ""
	if !isToken(e.Name) || len(e.Name) > 64 {
		p.Add("Name", e.Name, "a token (RFC 9110 section 5.6.2) of at most 64 characters", "")
	}
	host, secured := hasPrefix(e.Name, "__Host-"), hasPrefix(e.Name, "__Secure-") || hasPrefix(e.Name, "__Http-")
	if (host || secured) && !secure {
		p.Add("Name", e.Name, "a name without prefix while InsecureCookie is set", "browsers drop it")
	}
	if host && o.Domain != "" {
		p.Add("Domain", o.Domain, "empty under the prefix __Host-", "name the cookie __Secure-… to share it with sibling hosts")
	}
	if host && e.Path != "/" {
		p.Add("Path", e.Path, "/ under the prefix __Host-", "name the cookie __Secure-… to bind it to a path")
	}
	if !strings.HasPrefix(e.Path, "/") || !isAttribute(e.Path) {
		p.Add("Path", e.Path, "a path that begins with / and holds no ; nor control character", "")
	}
	if o.Domain != "" && !isDomain(o.Domain) {
		p.Add("Domain", o.Domain, "a host name in ASCII", "")
	}
	switch e.SameSite {
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		if !secure {
			p.Add("SameSite", "None", "Lax or Strict while InsecureCookie is set", "browsers drop it")
		}
	default:
		p.Add("SameSite", strconv.Itoa(int(e.SameSite)), "http.SameSiteLaxMode, StrictMode or NoneMode", "")
	}
	if o.Partitioned && !secure {
		p.Add("Partitioned", "true", "false while InsecureCookie is set", "browsers drop it")
	}
}

func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

func isAttribute(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f || c == ';' {
			return false
		}
	}
	return true
}

// isDomain takes host names of letters, digits and hyphens, as browsers match them.
func isDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
				return false
			}
		}
	}
	return true
}

// attributes is what follows name and value in Set-Cookie.
func (o *Options) attributes() string {
	b := "; Path=" + o.Path
	if o.Domain != "" {
		b += "; Domain=" + o.Domain
	}
	if o.InsecureCookie == "" {
		b += "; Secure"
	}
	b += "; HttpOnly; SameSite="
	switch o.SameSite {
	case http.SameSiteStrictMode:
		b += "Strict"
	case http.SameSiteNoneMode:
		b += "None"
	default:
		b += "Lax"
	}
	if o.Partitioned {
		b += "; Partitioned"
	}
	return b
}
