package cookiesession

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

const (
	// DefaultName is the cookie's name.
	DefaultName = "session"
	// DefaultMaxBytes is what a session's two cookies take at most: what browsers of old
	// kept for a whole site, less one attribute.
	DefaultMaxBytes = cookie.MaxSum
)

// Mode says whose side to be on where the peer's way is unsafe: see the package.
type Mode uint8

const (
	// Strict keeps the wire format and mends the rest.
	Strict Mode = iota
	// Compat does what cookie-session does.
	Compat
)

// A Flag is an option that may be absent, which is its zero value.
type Flag string

const (
	True  Flag = "true"
	False Flag = "false"
)

// Options are those of cookie-session, by their names, except where said.
type Options struct {
	// Mode is Strict or Compat.
	Mode Mode
	// Name is the cookie's. Empty is DefaultName.
	Name string
	// Keys are the keys: the first signs, all verify, with HMAC-SHA-1.
	Keys [][]byte
	// Secret is one key, where Keys are absent.
	Secret []byte
	// Keygrip signs, in place of Keys: for another algorithm.
	Keygrip *cookie.Keygrip
	// Signed is True unless it says False, which takes anybody's session. Compat only.
	Signed Flag
	// Overwrite removes cookies of the same name that the answer has already. Absent is
	// True.
	Overwrite Flag
	// Cookie are the cookies' attributes.
	Cookie
	// MaxBytes bounds both Set-Cookie lines together, in Strict. Zero is DefaultMaxBytes,
	// which is also the most.
	MaxBytes int
	// Sink receives what happens to sessions. Nil is guard.Log. No value is in it.
	Sink guard.Sink
}

// Cookie are the attributes of both cookies.
type Cookie struct {
	// MaxAge is how long they live, to the millisecond. Nil, and zero as with the peer: as
	// long as the browser runs. It is sent as expires, with each change of the session.
	MaxAge *time.Duration
	// Expires is when they end, where MaxAge says nothing. The zero time is none.
	Expires time.Time
	// Path is what they are for. Nil is "/". Empty sends none.
	Path *string
	// Domain is the host that they are also for. Empty: the own host only.
	Domain string
	// Secure restricts them to https. Absent is True for a request that came by https and
	// False for another; in Strict, True.
	Secure Flag
	// HTTPOnly keeps them from scripts. Absent is True.
	HTTPOnly Flag
	// SameSite is "strict", "lax", "none" or "true" (strict). Empty and "false" send none;
	// in Strict, empty is "lax".
	SameSite string
	// Priority is "low", "medium" or "high", for Chromium.
	Priority string
	// Partitioned keeps them apart for each site that embeds this one (CHIPS).
	Partitioned Flag
}

// Effective returns the options with every default in its place.
func (o Options) Effective() Options {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
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

func (o Options) problems() (*cookie.Keygrip, error) {
	p := guard.Problems{Package: "cookiesession"}
	if o.Mode > Compat {
		p.Add("Mode", fmt.Sprint(o.Mode), "Strict or Compat", "")
	}
	if o.Name != "" && (!plain(o.Name) || strings.ContainsAny(o.Name, ";=") || strings.Trim(o.Name, " \t") != o.Name) {
		p.Add("Name", o.Name, "text without control characters, ; and =, and without white space at its ends", "the peer would send no cookie, or not find it again")
	} else if o.Mode == Strict && strings.ContainsFunc(o.Name, noToken) {
		p.Add("Name", o.Name, "a token of RFC 9110", "")
	}
	ring, field := o.Keys, "Keys"
	if len(ring) == 0 && len(o.Secret) > 0 {
		ring, field = [][]byte{o.Secret}, "Secret"
	}
	if o.Mode == Strict && len(o.Keys) > 0 && len(o.Secret) > 0 {
		p.Add("Secret", fmt.Sprint(len(o.Secret), " bytes"), "absent with Keys", "the peer ignores it then")
	}
	empty := false
	for i, k := range ring {
		at := field
		if field == "Keys" {
			at = fmt.Sprintf("Keys[%d]", i)
		}
		if len(k) == 0 {
			empty = true
			p.Add(at, "", "not empty", "anybody could sign; is its environment variable set?")
		}
		for j := range i {
			if bytes.Equal(k, ring[j]) {
				p.Add(at, fmt.Sprint(len(k), " bytes"), "different from every other", fmt.Sprintf("it is Keys[%d]", j))
				break
			}
		}
	}
	grip := o.Keygrip
	switch {
	case grip != nil && len(ring) > 0:
		p.Add(field, fmt.Sprint(len(ring), " keys"), "absent with Keygrip", "it has keys of its own")
	case empty:
	case grip == nil && len(ring) > 0:
		var err error
		if grip, err = cookie.NewKeygrip(cookie.KeygripOptions{Keys: ring}); err != nil {
			p.Note(err)
		}
	case grip == nil && o.Signed != False:
		p.Add("Keys", "", "one or more keys", "the keys of the Express app")
	}
	flag := func(field string, f Flag) {
		if f != "" && f != True && f != False {
			p.Add(field, string(f), "True, False or absent", "")
		}
	}
	flag("Signed", o.Signed)
	flag("Overwrite", o.Overwrite)
	if o.Mode == Strict && o.Signed == False {
		p.Add("Signed", "false", "True or absent", "anybody could be anybody; Compat has it")
	}
	if o.MaxBytes < 0 || o.MaxBytes > DefaultMaxBytes {
		p.Add("MaxBytes", strconv.Itoa(o.MaxBytes), fmt.Sprintf("zero to %d", DefaultMaxBytes), "browsers drop more")
	}
	o.Cookie.problems(&p, o.Mode, o.Effective().Name)
	return grip, p.Err()
}

func (c Cookie) problems(p *guard.Problems, mode Mode, name string) {
	if c.MaxAge != nil && (*c.MaxAge > maxAge || *c.MaxAge < -maxAge) {
		p.Add("MaxAge", c.MaxAge.String(), "within a hundred years", "")
	}
	for _, f := range [...]struct {
		field string
		f     Flag
	}{{"Secure", c.Secure}, {"HTTPOnly", c.HTTPOnly}, {"Partitioned", c.Partitioned}} {
		if f.f != "" && f.f != True && f.f != False {
			p.Add(f.field, string(f.f), "True, False or absent", "")
		}
	}
	if !plain(c.path()) {
		p.Add("Path", c.path(), "text without control characters", "the peer would send no cookie")
	}
	if !plain(c.Domain) {
		p.Add("Domain", c.Domain, "text without control characters", "the peer would send no cookie")
	}
	switch strings.ToLower(c.SameSite) {
	case "", "strict", "lax", "none", "true", "false":
	default:
		p.Add("SameSite", c.SameSite, `"strict", "lax", "none", "true" or "false"`, "the peer would send no cookie")
	}
	switch strings.ToLower(c.Priority) {
	case "", "low", "medium", "high":
	default:
		p.Add("Priority", c.Priority, `"low", "medium" or "high"`, "the peer would send no cookie")
	}
	if mode == Strict {
		c.strictProblems(p, name)
	}
}

// strictProblems are what browsers drop or misread, and what is weak.
func (c Cookie) strictProblems(p *guard.Problems, name string) {
	c = c.strict()
	if c.Secure == False {
		p.Add("Secure", "false", "True or absent", "Compat has it")
	}
	if c.HTTPOnly == False {
		p.Add("HTTPOnly", "false", "True or absent", "scripts could take the session; Compat has it")
	}
	if c.MaxAge != nil && *c.MaxAge < 0 {
		p.Add("MaxAge", c.MaxAge.String(), "zero or more", "browsers drop the cookie at once; Unset ends a session")
	}
	if c.MaxAge != nil && *c.MaxAge != 0 && !c.Expires.IsZero() {
		p.Add("Expires", c.Expires.String(), "absent with MaxAge", "the peer ignores it then")
	}
	if strings.EqualFold(c.SameSite, "false") {
		p.Add("SameSite", "false", `"strict", "lax" or "none"`, "Compat has it")
	}
	if path := c.path(); path != "" && (path[0] != '/' || strings.ContainsAny(path, "; ") || strings.IndexFunc(path, beyondASCII) >= 0) {
		p.Add("Path", path, "a path that begins in / of printable ASCII without ; and space", "")
	}
	if c.Domain != "" && !isDomain(c.Domain) {
		p.Add("Domain", c.Domain, "a host name: letters, digits and hyphens between dots", "browsers drop the cookie else")
	}
	// Browsers know the prefix in any case (RFC 6265bis section 4.1.3).
	if len(name) >= len("__Host-") && strings.EqualFold(name[:len("__Host-")], "__Host-") && (c.Domain != "" || c.path() != "/") {
		p.Add("Name", name, "with Path / and no Domain", "browsers drop a __Host- cookie else")
	}
}

func beyondASCII(r rune) bool { return r >= 0x7f }

// noToken tells what RFC 9110 section 5.6.2 keeps out of a token.
func noToken(r rune) bool {
	return r <= ' ' || beyondASCII(r) || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
}

// isDomain takes labels of letters, digits and inner hyphens, with one dot in front or
// none.
func isDomain(s string) bool {
	for label := range strings.SplitSeq(strings.TrimPrefix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

const maxAge = 100 * 365 * 24 * time.Hour

func (c Cookie) path() string {
	if c.Path == nil {
		return "/"
	}
	return *c.Path
}

// plain is the rule of the package cookies for what may stand in a header. Text beyond
// Latin-1 it refuses and Go writes as UTF-8.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// line writes a Set-Cookie line as the package cookies does.
func (c Cookie) line(name, value string, secure bool, now time.Time) string {
	b := make([]byte, 0, len(name)+len(value)+96)
	b = append(append(append(b, name...), '='), value...)
	if path := c.path(); path != "" {
		b = append(append(b, "; path="...), path...)
	}
	expires := c.Expires
	if c.MaxAge != nil && *c.MaxAge != 0 {
		expires = now.Add(*c.MaxAge)
	}
	if value == "" {
		expires = epoch
	}
	if !expires.IsZero() {
		b = append(b, "; expires="...)
		b = expires.UTC().AppendFormat(b, http.TimeFormat)
	}
	if c.Domain != "" {
		b = append(append(b, "; domain="...), c.Domain...)
	}
	if c.Priority != "" {
		b = append(append(b, "; priority="...), strings.ToLower(c.Priority)...)
	}
	switch s := strings.ToLower(c.SameSite); s {
	case "", "false":
	case "true":
		b = append(b, "; samesite=strict"...)
	default:
		b = append(append(b, "; samesite="...), s...)
	}
	if c.Secure == True || c.Secure == "" && secure {
		b = append(b, "; secure"...)
	}
	if c.HTTPOnly != False {
		b = append(b, "; httponly"...)
	}
	if c.Partitioned == True {
		b = append(b, "; partitioned"...)
	}
	return string(b)
}
