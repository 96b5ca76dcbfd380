package source_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/source"
)

// FuzzChecks holds for any bytes as an app, a manifest and a Dockerfile: every check
// ends, tells the same twice, gives a reason, and points at lines that are there.
func FuzzChecks(f *testing.F) {
	filepath.WalkDir("testdata", func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if text, err := os.ReadFile(path); err == nil {
				f.Add(text)
			}
		}
		return nil
	})
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			t.Skip("long inputs take long and find nothing that short ones do not")
		}
		folder := fstest.MapFS{}
		for _, name := range []string{"app.js", "package.json", "Dockerfile", "ecosystem.config.js"} {
			folder[name] = &fstest.MapFile{Data: text}
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, c := range source.Checks() {
			r := c.Run(context.Background(), &check.Session{Folder: folder})
			if again := c.Run(context.Background(), &check.Session{Folder: folder}); fmt.Sprint(again) != fmt.Sprint(r) {
				t.Fatalf("%s tells %v and then %v", c.ID, r, again)
			}
			if r.Reason == "" {
				t.Fatalf("%s = %+v, want a reason", c.ID, r)
			}
			for _, x := range r.Findings {
				if l := x.Evidence[0].Line; l < 1 || l > lines {
					t.Fatalf("%s points at line %d of %d", x.ID, l, lines)
				}
			}
		}
	})
}
