package wire

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// StrictTransport judges one field for one host, which no loopback server can be.
func StrictTransport(host, field string, secure, public bool) string {
	for _, id := range strictTransports(host, secure, public, field) {
		return id
	}
	return ""
}

// StrictTransports judges the fields of several pages of a public host.
func StrictTransports(host string, fields ...string) []string {
	return strictTransports(host, true, true, fields...)
}

func strictTransports(host string, secure, public bool, fields ...string) []string {
	h := headersJudge{tally: tally{rules: headersRules}, session: &check.Session{URL: &url.URL{Scheme: "https", Host: host}}}
	for _, field := range fields {
		x := &check.Exchange{Status: 200, Header: http.Header{}, Public: public}
		if field != "" {
			x.Header.Set("Strict-Transport-Security", field)
		}
		if secure {
			x.TLS = new(tls.ConnectionState)
		}
		h.pages = append(h.pages, check.Page{Exchange: x, Class: check.Document})
	}
	h.transport()
	var ids []string
	for _, f := range h.findings() {
		ids = append(ids, f.ID)
	}
	return ids
}

// SetCookie reads a field and tells its name, value, and whether it deletes and whether
// it looks like a session.
func SetCookie(field string) (name, value string, deletes, session bool) {
	c := parseSetCookie(field)
	return c.name, c.value, c.deletes(), c.session()
}

// Policy reads one policy.
func Policy(text string) map[string][]string { return parsePolicy(text) }

// Mistakes reads one policy and tells what browsers ignore in it.
func Mistakes(text string) []string {
	var all []string
	for _, m := range policyMistakes(text) {
		all = append(all, m.text)
	}
	return all
}

// A Reference is an address that a page names, and where.
type Reference struct {
	Address  string
	From, To int
}

// References reads what a page loads.
func References(page string) []Reference {
	var all []Reference
	for _, r := range references(strings.NewReader(page)) {
		all = append(all, Reference{r.address, r.from, r.to})
	}
	return all
}

// Caching tells whether shared caches may give an answer to others, also after a request
// with Authorization, and whether they have to ask each time.
func Caching(h http.Header) (shared, authorized, revalidated bool) {
	c := cachingOf(h)
	return c.shared(false), c.shared(true), c.revalidated()
}

// JudgeIDs judges the ids of several visitors.
func JudgeIDs(ids []string) (string, bool) { return judgeIDs(ids) }

// LogoutNotes judges the answers that a logout got.
func LogoutNotes(l check.Login) []check.Finding {
	j := cachingJudge{tally: tally{rules: cachingRules}, session: &check.Session{Login: l}}
	j.logout(context.Background())
	return j.findings()
}
