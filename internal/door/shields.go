package door

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/shield"
)

// compileShields makes the guard of the shields of cfg.
func (d *Door) compileShields(cfg *config.Config, g *guards) (*shield.Guard, error) {
	return shield.New(shield.Options{
		Shields: cfg.ShieldOptions(), Mode: g.modes[nameShields], Sink: d.sink(nameShields), Deny: g.conceal.Deny,
		Converses: func(r *http.Request) bool {
			q := requestOf(r.Context())
			return q != nil && q.g.apps.converses(r)
		},
	})
}

// describeShields says which holes are shielded, and how.
func describeShields(cfg *config.Config) string {
	var all []string
	for i := range cfg.Shields {
		s := &cfg.Shields[i]
		switch {
		case s.Mode == guard.Off:
		case s.Mode == guard.Observe:
			all = append(all, s.ID+" (observed)")
		default:
			all = append(all, s.ID)
		}
	}
	if len(all) == 0 {
		return "none, for no hole of the application is shielded (panoply fix --interactive)"
	}
	more := ""
	if n := len(all) - maxNamed; n > 0 {
		all, more = all[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	return "requests that reach known holes are refused: " + strings.Join(all, ", ") + more
}

// maxNamed is how many shields a line names.
const maxNamed = 8
