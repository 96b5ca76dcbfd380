package deps

import (
	"slices"
	"time"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/lockfile"
)

// judged tells whether there is anybody to ask about a lockfile's packages.
func (v *verdict) judged(l *lockfile.Lock) bool {
	known := v.db != nil && v.db.Meta.Ecosystems[string(l.Ecosystem)] > 0
	asked := v.session.Target.Registry != nil && l.Ecosystem == lockfile.NPM
	switch {
	case known || asked:
		return true
	case v.db != nil:
		v.doubt("%s: the advisories know nothing of %s", l.File, l.Ecosystem)
	case v.session.Target.Registry != nil:
		v.doubt("%s: registries are asked about packages of npm alone, and %v", l.File, v.why)
	}
	return false
}

// stale notes that newer advisories are missing.
func (v *verdict) stale(now time.Time) {
	age := now.Sub(v.db.Meta.Newest)
	if age <= StaleAfter || v.db.Meta.Newest.IsZero() {
		return
	}
	note := dependenciesRules.Find("dependencies/stale-advisories", "advisories", evidence(v.file(), 1, v.advisories(now)))
	mend := "panoply db update"
	if v.db.Meta.Fetched == nil {
		mend = "fetch newer ones; panoply db update does, where --advisories names none"
	}
	note.Fix = check.Fix{Express: mend, Go: mend}
	v.found = append(v.found, note.In(check.Locked).Saying("The newest advisory is %d days old", int(age.Hours()/24)))
}

// restsOn adds how old the advisories are that panoply db update has fetched: where the
// practice is broken no reason says it. Who named advisories knows them.
func (v *verdict) restsOn(now time.Time) {
	if v.db.Meta.Fetched != nil && slices.ContainsFunc(v.found, func(f check.Finding) bool { return f.Severity > check.Info }) {
		note := dependenciesRules.Find("dependencies/advisories", "advisories", evidence(v.file(), 1, v.db.Meta.Source))
		v.found = append(v.found, note.In(check.Locked).Saying("Looked up in %s", v.advisories(now)))
	}
}
