package source

import (
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

var (
	// acts are names of paths that change something: delete, delete-user, deleteUser,
	// and not deleted.
	acts = pattern.New(`(?:^|[/_-])(?:[Dd]elete|[Dd]estroy|[Rr]emove|[Rr]evoke|[Uu]nsubscribe|[Pp]urge|[Dd]eactivate|[Dd]isable|[Uu]nban|[Bb]an|[Pp]romote|[Dd]emote|[Rr]evert)(?:$|[/_-]|[A-Z])`)
	// capability are parameters that a link needs to know, so that no other site can
	// make it up.
	capability = pattern.New(`(?i):\w*(?:token|hash|code|key|sig|nonce|secret)`)
)

// onGet looks for routes that change something for a GET.
func (c *forgery) onGet(all []stop, creds []credential) {
	for j := range all {
		s := &all[j]
		logout := logoutPath.Get().MatchString(s.path)
		if !s.last || s.method != "GET" || s.unknown || capability.Get().MatchString(s.path) || !logout && !acts.Get().MatchString(s.path) {
			continue
		}
		by, ok := c.credential(all, creds, j)
		if !ok || c.bearerBefore(all, j) {
			continue
		}
		writes, page, seen := false, false, false
		for _, f := range funcsOf(s.value) {
			if x := c.facts[f]; x != nil {
				seen = true
				writes = writes || x.writes
				page = page || x.page
			}
		}
		if !writes && (page || !seen) {
			// It may only ask whether that is meant.
			continue
		}
		f := c.find("csrf/state-change-on-get", s.called(), s.layer.Pos, "%s changes something by %s, and any page can send a GET", s.called(), by.what)
		switch {
		case logout:
			f.Severity = check.Low
			f.Message = strings.Replace(f.Message, "changes something", "logs out", 1)
		case by.sameSite == strict:
			f.Severity = check.Low
			f.Message += "; SameSite=Strict keeps the cookie from other sites, but not from sites beside it in the same domain"
		}
		if f.Confidence = check.Firm; !writes {
			f.Confidence = check.Tentative
		}
	}
}
