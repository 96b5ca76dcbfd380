package audit

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/report/redact"
)

// checkForge notes what is wrong with the routes that a target names.
func checkForge(f check.Forge, field string, p *guard.Problems) {
	if len(f.Routes) > check.MaxForged {
		p.Add(field+".Routes", fmt.Sprint(len(f.Routes)), fmt.Sprintf("%d routes at most", check.MaxForged), "")
	}
	for i, route := range f.Routes[:min(len(f.Routes), check.MaxForged)] {
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, methodOf(route)) {
			p.Add(fmt.Sprintf("%s.Routes[%d]", field, i), redact.Line(route), `POST, PUT, PATCH or DELETE and a path, such as "POST /cart", or "GET /ws" for a WebSocket`, "")
		}
	}
	switch f.Format {
	case "", "form", "json":
	default:
		p.Add(field+".Format", redact.Line(f.Format), "form or json", "")
	}
	if _, err := url.ParseQuery(f.Fields); err != nil || unprintable(f.Fields) {
		p.Add(field+".Fields", redact.Line(f.Fields), `fields as in a query, such as "id=1&qty=2"`, "")
	}
	if len(f.Routes) == 0 && (f.Format != "" || f.Fields != "") {
		p.Add(field+".Routes", "", "a route to which Format and Fields belong", "")
	}
}
