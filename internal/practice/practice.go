// Package practice is the spine of Panoply: one row for each practice of the Express
// page "Production Best Practices: Security", with who enforces it, what checks it,
// what the door can do about it, and the fix for Express, for Go and at the door.
//
// panoply explain, docs/practices, the audit's report and the demo's table all come
// from this table. It names packages and checks and imports neither; a test in
// internal/cli, which sees both sides, holds the names true.
package practice

// Severity is how bad a broken practice is, unless a finding says otherwise.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// Door says what the door can do about a practice without a change in the app.
type Door string

const (
	// Yes: behind the door the practice holds.
	Yes Door = "yes"
	// Partly: the door shields some of it; DoorNote says what is left.
	Partly Door = "partly"
	// Cannot: only the app or its dependencies can mend it.
	Cannot Door = "cannot"
)

// A Practice is one row.
type Practice struct {
	// ID is stable, lower case, as used in findings, events and exemptions.
	ID string
	// Title is what the page says, in a few words.
	Title string
	// Why is one sentence.
	Why string
	// Section is the heading of the page it stands under.
	Section string
	// Severity is that of the practice being absent.
	Severity Severity
	// Enforcers are import paths below the module, such as "headers". A row may have none
	// where the door cannot help and only another version of somebody's package mends it.
	Enforcers []string
	// Checks are ids of the audit's checks.
	Checks []string
	// Door and DoorNote are the column "at the door".
	Door     Door
	DoorNote string
	// FixExpress, FixGo and FixDoor are the mend in each place, a line or a snippet.
	FixExpress string
	FixGo      string
	FixDoor    string
	// Pending is what is not built yet; empty when the row is whole. A pending row is
	// reported as "not proven", never as passed.
	Pending string
}

// All returns the table in the page's order. The caller may change the result.
func All() []Practice {
	all := make([]Practice, len(table))
	copy(all, table)
	return all
}

// ByID finds a row.
func ByID(id string) (Practice, bool) {
	for _, p := range table {
		if p.ID == id {
			return p, true
		}
	}
	return Practice{}, false
}

// IDs returns the ids in the page's order.
func IDs() []string {
	ids := make([]string, len(table))
	for i, p := range table {
		ids[i] = p.ID
	}
	return ids
}
