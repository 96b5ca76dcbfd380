// Package standard is the explicit list of the checks that panoply audit runs.
//
//	report, err := audit.Run(ctx, targets, standard.Checks(), audit.Options{})
//
// It protects against nothing by itself.
package standard

import (
	"slices"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/active"
	"github.com/panoplysec/panoply/internal/checks/deps"
	"github.com/panoplysec/panoply/internal/checks/source"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// Checks returns every check there is: those of the wire in the order of the practices,
// then those of the source and of the lockfile, then those that attack where that is
// permitted. The caller
// may change the result, to leave checks out or to add own ones.
func Checks() []check.Check {
	return slices.Concat(wire.Checks(), source.Checks(), deps.Checks(), active.Checks())
}
