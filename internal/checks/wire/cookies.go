package wire

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

var cookiesRules = check.Rules{
	{ID: "cookies/secure", Title: "a cookie is also sent in clear: no Secure", Severity: check.Medium, CWE: 614, ASVS: []string{"3.3.1"}},
	{ID: "cookies/httponly", Title: "script can read a session cookie: no HttpOnly", Severity: check.Medium, CWE: 1004, ASVS: []string{"3.3.4"}},
	{ID: "cookies/httponly-other", Title: "script can read a cookie", Severity: check.Info, CWE: 1004, ASVS: []string{"3.3.4"}},
	{ID: "cookies/samesite", Title: "other sites' requests carry a session cookie in some browsers: no SameSite", Severity: check.Low, CWE: 1275, ASVS: []string{"3.3.2"}},
	{ID: "cookies/samesite-other", Title: "a cookie has no SameSite", Severity: check.Info, CWE: 1275, ASVS: []string{"3.3.2"}},
	{ID: "cookies/samesite-invalid", Title: "SameSite has a value that browsers ignore", Severity: check.Low, CWE: 1275, ASVS: []string{"3.3.2"}},
	{ID: "cookies/samesite-none", Title: "other sites' requests carry the cookie: SameSite=None", Severity: check.Info, CWE: 1275, ASVS: []string{"3.3.2"}},
	{ID: "cookies/default-name", Title: "a session cookie has a framework's default name", Severity: check.Low, CWE: 200, ASVS: []string{"13.4.6"}},
	{ID: "cookies/prefix", Title: "a cookie breaks the rule of its prefix, so browsers drop it", Severity: check.Medium, CWE: 1275, ASVS: []string{"3.3.1", "3.3.3"}},
	{ID: "cookies/domain", Title: "a cookie is for a domain that is not the host's, so browsers drop it", Severity: check.Low, CWE: 1275, ASVS: []string{"3.3.3"}},
	{ID: "cookies/domain-shared", Title: "a session cookie goes to every sibling host", Severity: check.Info, CWE: 1275, ASVS: []string{"3.3.3"}},
	{ID: "cookies/weak-secret", Title: "a session's signature can be forged: its secret is one that everybody tries", Severity: check.Critical, CWE: 1391, ASVS: []string{"13.3.1"},
		Why: "Whoever has the secret writes a session for any user, and needs no login.",
		Bad: "session({ secret: 'keyboard cat' })", Good: "session({ secret: process.env.SESSION_SECRET }), made by openssl rand -hex 32",
		Fix: check.Fix{
			Express: "session({ secret: [process.env.SESSION_SECRET, oldSecret] }) with a secret of openssl rand -hex 32; drop the old one when its sessions are over",
			Go:      "a random key of 32 bytes from a file or the environment, never from the source",
			Door:    "none: the app signs its sessions",
		}},
	{ID: "cookies/session-private", Title: "a cookie shows private data to whoever holds it", Severity: check.Medium, CWE: 315, ASVS: []string{"14.2.1"},
		Why: "A signature keeps data from being changed, not from being read.",
		Bad: "req.session.user = { mail: 'ann@shop.example' } with cookie-session", Good: "req.session.userId = 7",
		Fix: check.Fix{
			Express: "keep an id in the session and the data in the database, or use express-session with a store",
			Go:      "keep an id in the session and the data in the database", Door: "none: the app decides what it puts into its cookies",
		}},
	{ID: "cookies/token-readable", Title: "a token shows private data to whoever holds it", Severity: check.Info, CWE: 315, ASVS: []string{"14.2.1"},
		Why: "The signature of a token keeps its claims from being changed, not from being read.",
		Bad: "jwt.sign({ sub: 7, email: 'ann@shop.example' }, key)", Good: "jwt.sign({ sub: 7 }, key)"},
	{ID: "cookies/session-nested", Title: "a cookie carries objects, where the page allows small primitive values only", Severity: check.Low, CWE: 315, ASVS: []string{"3.3.5"},
		Bad: "req.session.cart = { items: […] } with cookie-session", Good: "req.session.cartId = 7",
		Fix: check.Fix{
			Express: "keep an id in the session and the object in the database, or use express-session with a store",
			Go:      "keep an id in the session and the object in the database", Door: "none: the app decides what it puts into its cookies",
		}},
	{ID: "cookies/size", Title: "the cookies are larger than 4093 bytes together, so browsers may drop some", Severity: check.Medium, ASVS: []string{"3.3.5"}},
	{ID: "cookies/lifetime", Title: "a session cookie is kept for more than a year", Severity: check.Info, CWE: 613, ASVS: []string{"7.3.2"}},
}

var cookiesCheck = check.Check{
	ID: "cookies", Practice: "cookies", Title: "Cookies have the flags that protect them",
	Why:      "A cookie without its flags can be read by script, sent in clear, or ridden by another site.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: cookiesRules, Run: runCookies,
	Bad:  "Set-Cookie: connect.sid=s%3A…; Path=/",
	Good: "Set-Cookie: __Host-sid=…; Path=/; Secure; HttpOnly; SameSite=Lax",
}

// maxCookies is the sum that every browser keeps for one host.
//
// Source: the Express page, "Use cookies securely".
const maxCookies = 4093

// cookiesTurn keeps this check's login apart from others.
const cookiesTurn = 7200

func runCookies(ctx context.Context, s *check.Session) check.Result {
	all, err := pages(ctx, s)
	if len(all) == 0 {
		return check.NotProven(err.Error())
	}
	if s.Login != nil {
		// What a login sets is set on its way, and not again on the pages behind it.
		if _, way, err := s.Login.In(ctx, cookiesTurn, nil); err == nil {
			all = append(all, way...)
		}
	}
	names := cookieNames(all)
	last := make(map[string]setCookie)
	judged := make(map[string]bool)
	var found []check.Finding
	for _, x := range all {
		set := setCookies(x)
		for _, c := range set {
			last[c.name] = c
			if c.deletes() {
				continue
			}
			for _, f := range slices.Concat(judgeCookie(s, x, c, names), judgeSecret(x, c, set), judgeContents(x, c)) {
				// One finding a rule and cookie, however many pages set it.
				if key := f.ID + "\x00" + f.Subject; !judged[key] {
					judged[key] = true
					found = append(found, f)
				}
			}
		}
	}
	sum, kept, sessions := 0, 0, 0
	for _, c := range last {
		if c.deletes() {
			continue
		}
		sum += c.size()
		kept++
		// What the app keeps from script may be its session under a neutral name.
		if c.session() || cookieOwner(c.name, names) != "" || c.has("httponly") {
			sessions++
		}
	}
	if sum > maxCookies {
		found = append(found, cookiesRules.Find("cookies/size", "all", all[0].Evidence()).
			Saying("%d cookies are %d bytes together, more than %d", kept, sum, maxCookies))
	}
	if err != nil {
		return check.NotProven(err.Error(), found...)
	}
	if kept == 0 {
		return check.NotProven(fmt.Sprintf("no cookie was set in %s", answers(len(all))), found...)
	}
	if sessions == 0 {
		return check.NotProven(fmt.Sprintf("cookies in %s: %d, but none that looks like a session; a login may set one", answers(len(all)), kept), found...)
	}
	return check.Conclude(fmt.Sprintf("cookies in %s: %d, %d bytes together", answers(len(all)), kept, sum), found)
}

func judgeCookie(s *check.Session, x *check.Exchange, c setCookie, names map[string]bool) []check.Finding {
	var found []check.Finding
	session := c.session() || cookieOwner(c.name, names) != ""
	shown := shownCookie(x, c)
	add := func(id, format string, args ...any) {
		found = append(found, cookiesRules.Find(id, c.name, shown).Saying("the cookie "+c.name+" "+format, args...))
	}
	secure := c.has("secure")
	if !secure {
		add("cookies/secure", "has no Secure")
	}
	if !c.has("httponly") && !strings.HasSuffix(c.name, ".sig") {
		switch {
		case session:
			add("cookies/httponly", "has no HttpOnly")
		case !forScript.Get().MatchString(c.name):
			add("cookies/httponly-other", "has no HttpOnly")
		}
	}
	switch v := strings.ToLower(c.attributes["samesite"]); {
	case !c.has("samesite") && session:
		add("cookies/samesite", "has no SameSite")
	case !c.has("samesite"):
		add("cookies/samesite-other", "has no SameSite")
	case v == "none" && !secure:
		add("cookies/samesite-invalid", "has SameSite=None without Secure")
	case v == "none":
		add("cookies/samesite-none", "has SameSite=None")
	case v != "lax" && v != "strict":
		add("cookies/samesite-invalid", "has SameSite=%s", c.attributes["samesite"])
	}
	if owner := cookieOwner(c.name, names); owner != "" && session {
		add("cookies/default-name", "is %s's default name", owner)
	}
	lower := strings.ToLower(c.name)
	host := strings.HasPrefix(lower, "__host-")
	switch {
	case (host || strings.HasPrefix(lower, "__secure-")) && !secure,
		host && (c.attributes["domain"] != "" || c.attributes["path"] != "/"):
		add("cookies/prefix", "breaks the rule of its prefix")
	}
	found = append(found, judgeDomain(s, c, session, shown)...)
	if d, persistent := c.lifetime(time.Now()); persistent && session && d > 366*24*time.Hour {
		add("cookies/lifetime", "is kept for %d days", int(d.Hours()/24))
	}
	return found
}

// judgeDomain compares Domain with the host. Browsers drop a cookie for a domain that
// the host does not belong to.
func judgeDomain(s *check.Session, c setCookie, session bool, shown check.Evidence) []check.Finding {
	domain := strings.ToLower(strings.TrimPrefix(c.attributes["domain"], "."))
	host := strings.ToLower(s.URL.Hostname())
	switch {
	case domain == "":
		return nil
	case domain != host && !strings.HasSuffix(host, "."+domain):
		return []check.Finding{cookiesRules.Find("cookies/domain", c.name, shown).Saying("the cookie %s is for %s", c.name, domain)}
	case session:
		return []check.Finding{cookiesRules.Find("cookies/domain-shared", c.name, shown).Saying("the cookie %s goes to every host of %s", c.name, domain)}
	}
	return nil
}

// field writes the cookie for evidence. Its value is masked here already, so that it
// does not depend on the redactor alone.
func (c setCookie) field() string {
	text := c.name + "=…"
	for _, name := range []string{"domain", "path", "expires", "max-age", "samesite", "secure", "httponly", "partitioned"} {
		v, ok := c.attributes[name]
		if !ok {
			continue
		}
		text += "; " + name
		if v != "" {
			text += "=" + v
		}
	}
	return text
}
