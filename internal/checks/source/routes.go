package source

import (
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
)

// Routes returns the route table of the app in the session's folder, for the crawl. The
// folder is read once for it and all checks.
func Routes(s *check.Session) []jsast.Route {
	routes, _ := look(s).project.Routes()
	return routes
}
