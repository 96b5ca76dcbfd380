package audit

import (
	"time"

	"github.com/panoplysec/panoply/audit/check"
)

// Covers says whether an entry is about a finding, and has not expired at a time. Whose
// word the entry is, the caller has to ask.
func (i *Ignore) Covers(f *check.Finding, at time.Time) bool { return !i.expired(at) && i.covers(f) }
