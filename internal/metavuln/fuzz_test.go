package metavuln_test

import (
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/metavuln"
)

// FuzzJudge holds that foreign documents neither panic nor run for ever, and that what is
// told of a name is under its advisory or by another that is told.
func FuzzJudge(f *testing.F) {
	lock := `{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"^1.0.0"}},"node_modules/a":{"version":"1.0.0","dependencies":{"b":"^1.0.0"}},"node_modules/b":{"version":"1.0.0"}}}`
	f.Add([]byte(lock), []byte(`{"name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"dependencies":{"b":"^1.0.0"}}}}`), []byte(`{"name":"b","versions":{"1.0.0":{},"1.0.1-beta":{"deprecated":true},"2.0.0":{"bundleDependencies":true}}}`), "<=1.0.0")
	f.Fuzz(func(t *testing.T, lock, a, b []byte, span string) {
		found := lockfile.Read(fstest.MapFS{"package-lock.json": {Data: lock}})
		if len(found.Locks) == 0 {
			return
		}
		tree := found.Locks[0].NPMTree(nil)
		vulns, err := metavuln.Judge(tree, []*metavuln.Advisory{{ID: "T", Name: "b", Severity: "high", Range: span}},
			metavuln.Folder(fstest.MapFS{"a.json": {Data: a}, "b.json": {Data: b}}))
		if err != nil {
			return
		}
		told := map[string]bool{}
		for _, v := range vulns {
			told[v.Name] = true
		}
		for _, v := range vulns {
			for _, via := range v.Via {
				if !told[via] {
					t.Errorf("%s is by %s, which is not told", v.Name, via)
				}
			}
			if len(v.Nodes) == 0 || len(v.Via)+len(v.Advisories) == 0 {
				t.Errorf("%+v is nowhere, or by nothing", v)
			}
		}
	})
}
