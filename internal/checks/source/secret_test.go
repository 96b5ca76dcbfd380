package source_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/source"
)

// TestSecretsAreNotShown holds that no finding of any check repeats what signs cookies,
// also where it shares a line with something else.
func TestSecretsAreNotShown(t *testing.T) {
	s := &check.Session{Folder: fstest.MapFS{"app.js": {Data: []byte(
		"const app = require('express')(); app.use(require('express-session')({ secret: ['Xq7-first', \"Xq7-second\"] })); app.use(require('cookie-parser')(`Xq7-third`)); app.get('/', (req, res) => res.end()); app.listen(1)",
	)}}}
	seen := 0
	for _, c := range source.Checks() {
		for _, f := range c.Run(context.Background(), s).Findings {
			seen++
			if text := fmt.Sprintf("%+v", f); strings.Contains(text, "Xq7") {
				t.Errorf("%s shows the secret: %s", f.ID, text)
			}
		}
	}
	if seen < 8 {
		t.Errorf("findings = %d, want many on this line", seen)
	}
}
