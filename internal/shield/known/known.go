// Package known is a table of known holes of npm packages that requests reach, and of the
// shield that stands before each, or why none can.
//
//	row, ok := known.For("ejs", []string{"GHSA-phwq-j96m-2c2q", "CVE-2022-29078"}, nil)
//	if ok && row.Effect == known.Closes {
//		fmt.Println(row.Refuse)
//	}
//
// A row says that it closes a hole only where no request that reaches it passes, given that
// the request comes through the door and as package shield reads it. Otherwise it narrows:
// the usual attack is stopped, and the hole stays. Which versions have the hole the advisory
// says, not this table. The tests of internal/compat attack the real packages of some rows.
package known

import (
	"slices"

	"github.com/panoplysec/panoply/internal/shield"
)

// An Effect is how much a shield does.
type Effect uint8

const (
	// Narrows: the known attack is stopped, others may not be.
	Narrows Effect = iota
	// Closes: nothing that reaches the hole passes.
	Closes
	// Closed: the door refuses it without a shield.
	Closed
	// Cannot: what reaches the hole does not differ from what an app has to get.
	Cannot
)

// String returns "narrows", "closes", "closed" or "cannot".
func (e Effect) String() string { return [...]string{"narrows", "closes", "closed", "cannot"}[e] }

// A Row is a hole, or several of a kind.
type Row struct {
	// IDs are the names of the advisories, GHSA or CVE; empty for all of Packages.
	IDs []string
	// Packages are names of npm.
	Packages []string
	Effect   Effect
	// Why says what the shield does to the hole, or why none does: half a sentence.
	Why string
	// Only and Refuse are the shield's; empty for Closed and Cannot.
	Only, Refuse []shield.Condition
}

// For returns the row of a hole by the names of its advisory and the package, or else one
// for the weaknesses (CWE-1321) that it is of, which never closes.
func For(name string, ids, weaknesses []string) (Row, bool) {
	for _, named := range []bool{true, false} {
		for _, r := range rows {
			if !slices.Contains(r.Packages, name) || len(r.IDs) > 0 != named {
				continue
			}
			if !named || slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(r.IDs, id) }) {
				return r, true
			}
		}
	}
	for _, g := range general {
		if slices.ContainsFunc(weaknesses, func(w string) bool { return slices.Contains(g.IDs, w) }) {
			return g, true
		}
	}
	return Row{}, false
}

// Rows returns the table. The caller may change the result.
func Rows() []Row { return slices.Clone(rows) }

// general are rows for weaknesses, whose ids stand in IDs.
var general = []Row{
	{IDs: []string{"CWE-1321", "CWE-915"}, Why: "names that lead to a prototype are refused in queries, forms and JSON; a path that comes as a value is not seen", Refuse: pollution},
	{IDs: []string{"CWE-22", "CWE-23", "CWE-24", "CWE-29"}, Why: "paths that climb are refused by the door anyway; here values and file names that climb are, too", Refuse: climbing},
	{IDs: []string{"CWE-943"}, Why: "operators of MongoDB are refused as names", Refuse: operators},
	{IDs: []string{"CWE-601"}, Why: "values that begin like an address of another host are refused", Refuse: elsewhere},
	{IDs: []string{"CWE-1333", "CWE-400", "CWE-407", "CWE-770", "CWE-674"}, Why: "long values and deep nesting are refused; which text is slow is not known here", Refuse: lengths},
}
