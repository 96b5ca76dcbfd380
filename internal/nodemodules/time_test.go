package nodemodules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/nodemodules"
)

// One file with very many names of one package with very many exports is given up.
func TestTimeOfOneFile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the whole of MaxTime")
	}
	t.Parallel()
	var code, exports strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&code, "require('b/%d');", i)
	}
	for i := range 60_000 {
		fmt.Fprintf(&exports, `"./%d*":"./x.js",`, i)
	}
	began := time.Now()
	tree := follow(map[string]string{
		"node_modules/a/package.json": `{"name":"a"}`, "node_modules/a/index.js": code.String(),
		"node_modules/b/package.json": `{"name":"b","exports":{` + exports.String() + `"./z":"./z.js"}}`,
	}, nodemodules.Options{}, nodemodules.Root{Name: "a"})
	if took := time.Since(began); tree.Cut == "" || took > 6*nodemodules.MaxTime {
		t.Errorf("cut %q after %s, want after %s", tree.Cut, took, nodemodules.MaxTime)
	}
}
