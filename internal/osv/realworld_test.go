package osv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/osv"
)

// The shapes that the archives of GitHub, of OpenSSF's malicious packages and of Go have.
const shapes = `{"id":"GHSA-open","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"sheet"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0.10.0"}]}],"database_specific":{"last_known_affected_version_range":"< 0.20.2"}}]}
{"id":"GHSA-upto","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"upto"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"database_specific":{"last_known_affected_version_range":"<= 3.2"}},{"package":{"ecosystem":"npm","name":"upto"},"ranges":[{"type":"SEMVER","events":[{"introduced":"5.0.0"},{"fixed":"5.1.0"}]}],"database_specific":{"last_known_affected_version_range":"< 1.0.0"}}]}
{"id":"GHSA-odd","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"sheet"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"database_specific":{"last_known_affected_version_range":"= 1 of them"}}]}
{"id":"MAL-2026-1","modified":"2026-01-01T00:00:00Z","summary":"Malicious code in evil (npm)","affected":[{"package":{"ecosystem":"npm","name":"evil"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],"versions":["1.0.0"],"database_specific":{"cwes":[{"cweId":"CWE-506"}],"severity":{"not":"a word"}}}]}
{"id":"MAL-2026-2","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"bare"}}]}
{"id":"X-later","modified":"2026-01-01T00:00:00Z","withdrawn":"9999-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm:registry","name":"later"},"versions":["1.0.0"]}]}
{"id":"X-unread","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"two"},"ranges":[{"type":"SEMVER","events":[{"introduced":"latest"}]}]}]}
{"id":"X-read","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"two"},"versions":["1.0.0","a branch"]}]}
{"id":"GO-2026-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"example.test/m/v2"},"ranges":[{"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"2.3.0"}]}]}]}
{"id":"GO-2026-2","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"example.test/m"},"ranges":[{"type":"GIT","repo":"https://example.test/m","events":[{"introduced":"0"},{"fixed":"abc"}]},{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"3.0.0+incompatible"}]}]}]}
`

func TestShapesOfTheRealArchives(t *testing.T) {
	db := open(t, file(t, "a.jsonl", shapes))
	for _, c := range []struct{ ecosystem, name, version, want string }{
		{"npm", "sheet", "0.20.1", "GHSA-open unknown []; GHSA-odd unknown []"},
		{"npm", "sheet", "0.20.2", "GHSA-odd unknown []"},
		{"npm", "sheet", "0.9.0", "GHSA-odd unknown []"},
		{"npm", "upto", "3.2.0", "GHSA-upto unknown []"},
		{"npm", "upto", "3.2.1", ""},
		{"npm", "upto", "5.0.1", "GHSA-upto unknown [5.1.0]"},
		{"npm", "evil", "7.0.0", "MAL-2026-1 critical []"},
		{"npm", "bare", "0.0.1", "MAL-2026-2 critical []"},
		{"npm", "later", "1.0.0", "X-later unknown []"},
		{"npm", "two", "1.0.0", "X-read unknown []; an error"},
		{"npm", "two", "a branch", "X-read unknown []; an error"},
		{"Go", "example.test/m/v2", "2.2.9", "GO-2026-1 unknown [2.3.0]"},
		{"Go", "example.test/m/v2", "2.3.0", ""},
		{"Go", "example.test/m", "2.0.0+incompatible", "GO-2026-2 unknown [3.0.0+incompatible]"},
		{"Go", "example.test/m", "3.0.0+incompatible", ""},
	} {
		hits, err := db.Match(c.ecosystem, c.name, c.version)
		var got []string
		for _, h := range hits {
			got = append(got, fmt.Sprintf("%s %s %v", h.ID, h.Level, h.Fixed))
		}
		if err != nil {
			got = append(got, "an error")
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("Match(%s, %s, %s) = %v, want %s", c.ecosystem, c.name, c.version, got, c.want)
		}
	}
	for name, want := range map[string]string{"sheet": ">=0.10.0 <0.20.2", "upto": "<=3.2 || >=5.0.0 <5.1.0", "bare": "*"} {
		for line := range strings.Lines(shapes) {
			if r, err := osv.Parse([]byte(line)); err == nil && r.ID != "GHSA-odd" && strings.Contains(line, `"`+name+`"`) {
				if got := r.Span("npm", name); got != want {
					t.Errorf("Span(%s) = %q, want %q", name, got, want)
				}
			}
		}
	}
}

func TestOpenGoesThroughLinks(t *testing.T) {
	folder, cache := t.TempDir(), t.TempDir()
	real := file(t, "a.jsonl", shapes)
	if err := os.Symlink(real, filepath.Join(folder, "a.jsonl")); err != nil {
		t.Skip("there are no links here:", err)
	}
	link := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	records := func() int {
		db, err := osv.Open(link, cache)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return db.Meta.Records
	}
	if n := records(); n != 10 {
		t.Errorf("through links there are %d records, want 10", n)
	}
	if err := os.WriteFile(real, []byte(shapes[:strings.Index(shapes, "\n")]), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := records(); n != 1 {
		t.Errorf("after a change behind the link there are %d records, want 1", n)
	}
}

func TestOpenWaitsForNoPipe(t *testing.T) {
	for _, name := range []string{"a.jsonl", "a.osv", "a.zip"} {
		path := filepath.Join(t.TempDir(), name)
		mkfifo(t, path)
		done := make(chan error, 1)
		go func() { _, err := osv.Open(path, ""); done <- err }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("Open(%s) of a pipe: no error", name)
			}
		case <-time.After(time.Minute):
			t.Fatalf("Open(%s) waits for a pipe", name)
		}
	}
}
