package wire

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
	"github.com/panoplysec/panoply/internal/weaksecret"
)

// judgeSecret tells a session that anybody can forge: its signature was made with a
// secret that everybody tries.
func judgeSecret(x *check.Exchange, c setCookie, all []setCookie) []check.Finding {
	secret, ok := weaksecret.OfSession(c.value)
	how := "express-session"
	if !ok {
		if i := slices.IndexFunc(all, func(o setCookie) bool { return o.name == c.name+".sig" }); i >= 0 {
			secret, ok = weaksecret.OfKeygrip(c.name, c.value, all[i].value)
			how = "its .sig cookie"
		}
	}
	if !ok {
		secret, ok = weaksecret.OfToken(c.value)
		how = "a JSON Web Token"
	}
	if !ok {
		return nil
	}
	f := cookiesRules.Find("cookies/weak-secret", c.name, shownCookie(x, c))
	return []check.Finding{f.Saying("the cookie %s is signed (%s) with the secret %q, which everybody tries", c.name, how, secret)}
}

// shownCookie is evidence of a cookie without its value.
func shownCookie(x *check.Exchange, c setCookie) check.Evidence {
	return check.Evidence{Where: x.Evidence().Where, Command: x.Command(), Seen: "Set-Cookie: " + c.field()}
}

var (
	mail    = pattern.New(`\A[^@\s"<>]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\z`)
	private = pattern.New(`(?i)pass(?:word|wd|phrase)?$|secret|token|api[_-]?key|credit|card|iban|ssn|birth|phone|address$|hash$|salt$`)
)

// A content is what can be read in a cookie, by anybody who holds it.
type content struct {
	nested  []string
	private []string
}

// decoded reads the JSON of a cookie-session cookie or of a token's payload.
func decoded(value string) (map[string]any, bool) {
	text := value
	if jwtValue.Get().MatchString(value) {
		text = strings.Split(value, ".")[1]
	}
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "%3D", "", "%2B", "+", "%2F", "/").Replace(text), "=")
	if len(text) < 4 || len(text) > 2*maxCookies {
		return nil, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil {
		return nil, false
	}
	return object, true
}

// look collects the names of members that are objects and of those that look private.
func (c *content) look(object map[string]any, above string, depth int) {
	for name, v := range object {
		where := above + name
		switch v := v.(type) {
		case map[string]any:
			if len(v) > 0 && where != "flash" {
				c.nested = append(c.nested, where)
			}
			if depth < 8 {
				c.look(v, where+".", depth+1)
			}
		case []any:
			for _, item := range v {
				if o, ok := item.(map[string]any); ok && depth < 8 {
					c.nested = append(c.nested, where)
					c.look(o, where+"[].", depth+1)
					break
				}
			}
		case string:
			if mail.Get().MatchString(v) || len(v) >= 6 && private.Get().MatchString(name) && !forScript.Get().MatchString(name) || jwtValue.Get().MatchString(v) {
				c.private = append(c.private, where)
			}
		}
	}
}

// judgeContents judges a cookie that carries its session's data.
//
// Source: the Express page, "Use cookies securely": only small data, encoded as
// primitive values, and nothing that must be kept secure or obscure.
func judgeContents(x *check.Exchange, c setCookie) []check.Finding {
	object, ok := decoded(c.value)
	if !ok {
		return nil
	}
	var seen content
	seen.look(object, "", 0)
	var found []check.Finding
	add := func(id string, names []string, format string) {
		slices.Sort(names)
		names = slices.Compact(names)
		if len(names) > 5 {
			names = append(names[:5:5], "…")
		}
		found = append(found, cookiesRules.Find(id, c.name, shownCookie(x, c)).Saying(format, c.name, strings.Join(names, ", ")))
	}
	token := jwtValue.Get().MatchString(c.value)
	switch {
	case len(seen.private) > 0 && token:
		add("cookies/token-readable", seen.private, "the token in the cookie %s can be read by whoever holds it, and has %s")
	case len(seen.private) > 0:
		add("cookies/session-private", seen.private, "the cookie %s can be read by whoever holds it, and has %s")
	}
	if len(seen.nested) > 0 && !token {
		add("cookies/session-nested", seen.nested, "the cookie %s carries objects: %s")
	}
	return found
}
