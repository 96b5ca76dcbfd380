package lockfile_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/panoplysec/panoply/internal/lockfile"
)

// What asks about every package of a large lockfile does not go through all of it each time.
func TestManyDirectDependencies(t *testing.T) {
	const many = 20_000
	var needs, entries, yarn strings.Builder
	for i := range many {
		fmt.Fprintf(&needs, `%q: "1.0.0", `, fmt.Sprint("p", i))
		fmt.Fprintf(&entries, ",\n%q: {\"version\": \"1.0.0\"}", fmt.Sprint("node_modules/p", i))
		fmt.Fprintf(&yarn, "\np%d@1.0.0:\n  version \"1.0.0\"\n", i)
	}
	manifest := `{"dependencies": {` + strings.TrimSuffix(needs.String(), ", ") + `}}`
	for name, text := range map[string]string{
		"package-lock.json": `{"lockfileVersion": 3, "packages": {"": ` + manifest + entries.String() + `}}`,
		"yarn.lock":         "# yarn lockfile v1\n" + yarn.String(),
	} {
		found := lockfile.Read(fstest.MapFS{"package.json": {Data: []byte(manifest)}, name: {Data: []byte(text)}})
		if len(found.Errors) > 0 || len(found.Locks) != 1 || len(found.Locks[0].Packages) != many {
			t.Fatalf("%s: %v", name, found.Errors)
		}
		l := found.Locks[0]
		start := time.Now()
		for i := range l.Packages {
			at, ok := l.Direct(l.Packages[i].Name)
			if got := l.Installed(".", l.Packages[i].Name); !ok || at != i || len(got) != 1 || got[0] != i {
				t.Fatalf("%s: %s is %d and %v, want %d", name, l.Packages[i].Name, at, got, i)
			}
			if users := l.Users(i); len(users) != 1 || users[0] != -1 || len(l.Ways(i, 3)) != 1 {
				t.Fatalf("%s: the users of %s are %v, want the app", name, l.Packages[i].Name, users)
			}
		}
		// Going through all of it 20,000 times takes many times as long.
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: asking about each of %d packages took %v", name, many, took)
		}
	}
}
