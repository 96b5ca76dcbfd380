package deps

import (
	"fmt"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/expressupgrade"
	"github.com/panoplysec/panoply/internal/jsast"
)

// removed notes what the app's source uses that a maintained Express has no more: one note
// for each API, with its lines. It is not a fault of its own, but the work that the fault
// stands for.
func (v *verdict) removed(major uint64) {
	if v.session.Folder == nil {
		return
	}
	project := jsast.Load(v.session.Folder)
	uses := map[string][]expressupgrade.Use{}
	var order []string
	for _, u := range expressupgrade.Find(project, int(major)) {
		if uses[u.API] == nil {
			order = append(order, u.API)
		}
		uses[u.API] = append(uses[u.API], u)
	}
	for _, api := range order {
		all := uses[api]
		var seen []check.Evidence
		var lines []string
		for _, u := range all[:min(len(all), maxWays)] {
			seen = append(seen, evidence(u.File, u.Line, u.Seen))
			lines = append(lines, fmt.Sprintf("%s:%d", u.File, u.Line))
		}
		more := ""
		if n := len(all) - len(lines); n > 0 {
			more = fmt.Sprintf(" and %d more lines", n)
		}
		f := versionsRules.Find("supported-versions/express-removed", api, seen...).
			Saying("%s is gone since Express %d: %s%s", api, all[0].Gone, strings.Join(lines, ", "), more)
		f.Fix.Express = "instead: " + all[0].Instead
		v.found = append(v.found, f)
	}
	if n := len(project.Unseen()); n > 0 {
		v.proof = append(v.proof, fmt.Sprintf("%d places of the source could not be read, and may use more of what is gone", n))
	}
}
