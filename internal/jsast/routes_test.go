package jsast_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/jsast"
)

// tableOf writes the routes one a line, as routes.want has them.
func tableOf(p *jsast.Project) string {
	var b strings.Builder
	routes, unclear := p.Routes()
	for _, r := range routes {
		fmt.Fprintf(&b, "%s %s %s:%d", r.Method, r.Path, r.File, r.Line)
		if r.Maybe {
			b.WriteString(" maybe")
		}
		b.WriteByte('\n')
	}
	if unclear > 0 {
		fmt.Fprintf(&b, "unclear %d\n", unclear)
	}
	return b.String()
}

func apps(t *testing.T) []string {
	t.Helper()
	wants, err := filepath.Glob("testdata/*/routes.want")
	if err != nil || len(wants) < 6 {
		t.Fatalf("Glob() = %v, %v, want at least six apps", wants, err)
	}
	for i := range wants {
		wants[i] = filepath.Dir(wants[i])
	}
	return wants
}

func TestRoutes(t *testing.T) {
	for _, dir := range apps(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join(dir, "routes.want"))
			if err != nil {
				t.Fatal(err)
			}
			p := jsast.Load(os.DirFS(dir))
			if got := tableOf(p); got != string(want) {
				t.Errorf("Routes() =\n%swant\n%s", got, want)
			}
			for _, s := range p.Skipped {
				t.Logf("skipped %s:%d %s", s.File, s.Line, s.Reason)
				if filepath.Base(dir) != "dynamic" {
					t.Errorf("Skipped has %+v, want nothing", s)
				}
			}
		})
	}
}
