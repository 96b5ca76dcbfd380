package deps_test

import (
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit/check"
)

// What gulp-load-plugins loads is written in package.json alone.
func TestGathered(t *testing.T) {
	for file, want := range map[string]check.Reach{"require('gulp-load-plugins')()": check.NotKnown, "require('gulp')": check.Never} {
		ownCache(t)
		fsys := fstest.MapFS{
			"package.json":      {Data: []byte(`{"devDependencies":{"gulp-sass":"1","gulp-load-plugins":"2"}}`)},
			"package-lock.json": {Data: []byte(lockOf(`"node_modules/gulp-sass":{"version":"1.0.0"},"node_modules/gulp-load-plugins":{"version":"2.0.0"}`))},
			"gulpfile.js":       {Data: []byte(file)},
		}
		r := runOn("dependencies", &check.Session{Folder: fsys, Target: check.Target{Advisories: advisoriesOfAll(t, fsys)}})
		found := false
		for _, f := range r.Findings {
			if d := f.Dependency; d != nil && d.Name == "gulp-sass" {
				if found = true; d.Reachability.Label != want {
					t.Errorf("%s: gulp-sass is %s (%s), want %s", file, d.Reachability.Label, d.Reachability.Reason, want)
				}
			}
		}
		if !found {
			t.Errorf("%s: findings = %+v, want one of gulp-sass", file, r.Findings)
		}
	}
}
