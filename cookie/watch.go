package cookie

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// MaxLine is the size in bytes of one cookie, attributes included, that every browser
// keeps.
//
// Source: RFC 6265 section 6.1.
const MaxLine = 4096

// MaxSum is the size in bytes of all cookies of one host, names and values, that every
// browser keeps.
//
// Practice: cookies (the page's advice on cookie sessions).
const MaxSum = 4093

// MaxAge is the longest lifetime that browsers grant.
//
// Source: RFC 6265bis section 5.5.
const MaxAge = 400 * 24 * time.Hour

// watch tells what the guard sees and cannot mend without breaking the application. It
// looks at the line as it leaves.
func (a *answer) watch(s *setting) {
	if s.foreign {
		a.g.tell(a.ctx, a.id, "unreadable", guard.Noted, "", "a Set-Cookie line holds a control character; browsers drop it")
		return
	}
	if n := len(s.c.String()); n > MaxLine {
		a.tell("size", guard.Noted, s, strconv.Itoa(n)+" bytes; browsers keep "+strconv.Itoa(MaxLine))
	}
	a.watchPrefix(s)
	if s.deletes {
		return
	}
	if v, _ := s.c.Attribute("SameSite"); canonicalSameSite(v) == "None" && !s.c.Has("Secure") {
		a.tell("samesite-none", guard.Noted, s, "SameSite=None without Secure; browsers drop it")
	}
	if v, ok := s.c.Attribute("Domain"); ok {
		a.watchDomain(s, strings.ToLower(strings.TrimPrefix(v, ".")))
	}
	if v, _ := s.c.Attribute("Path"); strings.HasPrefix(v, "/") && !pathMatches(a.path, v) {
		a.tell("path", guard.Noted, s, "Path does not cover the page that sets it")
	}
	if d, persistent := s.c.Expiry(a.now); persistent && d > MaxAge {
		a.tell("expiry", guard.Noted, s, "lives "+strconv.Itoa(int(d/(24*time.Hour)))+" days; browsers grant 400")
	}
}

// watchPrefix holds a name to the rules that browsers hold it to.
//
// Source: RFC 6265bis section 5.7, steps 20 and 21.
func (a *answer) watchPrefix(s *setting) {
	name := s.c.Name()
	host := prefixed(name, "__host-")
	if !host && !prefixed(name, "__secure-") {
		return
	}
	switch {
	case !a.https:
		a.tell("prefix", guard.Noted, s, "a prefix over plain http; browsers drop it")
	case !s.c.Has("Secure"):
		a.tell("prefix", guard.Noted, s, "a prefix without Secure; browsers drop it")
	case host && s.c.Has("Domain"):
		a.tell("prefix", guard.Noted, s, "__Host- with a Domain; browsers drop it")
	case host && !s.c.rootPath():
		a.tell("prefix", guard.Noted, s, "__Host- without Path=/; browsers drop it")
	}
}

func (a *answer) watchDomain(s *setting, domain string) {
	switch {
	case domain == "" || domain == a.host:
	case isAddress(a.host) || !strings.HasSuffix(a.host, "."+domain):
		a.tell("domain", guard.Noted, s, "Domain is not of this host; browsers drop it")
	case !strings.Contains(domain, "."):
		a.tell("domain", guard.Noted, s, "Domain is a whole top-level domain; browsers drop it")
	default:
		a.tell("domain", guard.Noted, s, "Domain is wider than the host: sibling hosts read and set it")
	}
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// pathMatches tells whether a page's path lies under a cookie's Path.
//
// Source: RFC 6265 section 5.1.4.
func pathMatches(page, path string) bool {
	rest, ok := strings.CutPrefix(page, path)
	return ok && (rest == "" || strings.HasSuffix(path, "/") || rest[0] == '/')
}

// watchSum tells when the cookies that the client will send after this answer are more
// than browsers keep for one host. It needs no memory: the client has just sent all the
// others.
func (a *answer) watchSum(lines []string) {
	out := a.header["Set-Cookie"]
	most := 0
	for _, line := range lines {
		most += len(line)
	}
	for _, line := range out {
		most += len(line)
	}
	if most <= MaxSum {
		return
	}
	sizes := map[string]int{}
	for name, value := range Pairs(lines) {
		sizes[name] += len(name) + len(value)
	}
	for _, line := range out {
		c, err := ParseSetCookie(line)
		if err != nil {
			continue
		}
		if name := c.Name(); c.Deletes(a.now) {
			delete(sizes, name)
		} else {
			sizes[name] = len(name) + len(c.Value())
		}
	}
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	if sum > MaxSum {
		a.g.tell(a.ctx, a.id, "sum", guard.Noted, "",
			strconv.Itoa(sum)+" bytes of cookies for "+printable(a.host)+"; browsers keep "+strconv.Itoa(MaxSum))
	}
}
