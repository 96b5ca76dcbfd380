package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/fix"
)

// shieldsOf are the shields that a configuration says to put before holes.
func shieldsOf(name string, p config.Project) []audit.Shield {
	var all []audit.Shield
	for i, s := range p.Shields {
		all = append(all, audit.Shield{ID: s.ID, Reason: s.Reason, Until: s.Until, Mode: s.Mode.String(), By: fmt.Sprintf("%s:%d", filepath.ToSlash(name), p.ShieldLines[i])})
	}
	return all
}

// shieldedBy is the shield that is about a finding of fix; nil for none.
func shieldedBy(all []audit.Shield, x *fix.Finding) *audit.Shield {
	f := check.Finding{Dependency: x.Dependency()}
	if i := slices.IndexFunc(all, func(s audit.Shield) bool { return s.Covers(&f) }); i >= 0 {
		return &all[i]
	}
	return nil
}

// shieldText says what the door does about a finding that is left, or could do.
func (r *fixRun) shieldText(b *strings.Builder, l *fix.Left) {
	if by := shieldedBy(r.shields, &l.Finding); by != nil {
		fmt.Fprintf(b, "    shield in %s (%s), until %s\n", by.By, by.Mode, by.Until)
		return
	}
	switch s := l.Shield; {
	case s == nil:
	case s.Offered():
		fmt.Fprintf(b, "    shield available, which %s it: %s\n", s.Effect, s.Why)
	case s.Effect == "closed":
		fmt.Fprintf(b, "    no shield is needed behind a door: %s\n", s.Why)
	default:
		fmt.Fprintf(b, "    no shield can stand before it: %s\n", s.Why)
	}
}
