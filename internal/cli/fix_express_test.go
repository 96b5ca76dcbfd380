package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
)

// A step that takes Express over a major version says which lines of the app that breaks.
func TestFixExpress(t *testing.T) {
	need.Program(t, "npm")
	dir, stored := t.TempDir(), t.TempDir()
	t.Setenv("HOME", t.TempDir())
	release := func(v string) string {
		return fmt.Sprintf(`%q: {"name": "express", "version": %q, "dist": {"tarball": "https://registry.example/express/-/express-%s.tgz", "integrity": "sha512-AAAA"}}`, v, v, v)
	}
	adv := filepath.Join(stored, "advisories.jsonl")
	for name, text := range map[string]string{
		filepath.Join(dir, "package.json"): "{\n  \"name\": \"shop\",\n  \"version\": \"1.0.0\",\n  \"dependencies\": {\n    \"express\": \"3.21.2\"\n  }\n}\n",
		filepath.Join(dir, "package-lock.json"): `{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
  "": {"name": "shop", "version": "1.0.0", "dependencies": {"express": "3.21.2"}},
  "node_modules/express": {"version": "3.21.2", "resolved": "https://registry.example/express/-/express-3.21.2.tgz"}
}}
`,
		filepath.Join(dir, "app.js"):          "const express = require('express')\nconst app = express()\napp.configure(function () { app.use(app.router) })\napp.get('/', (req, res) => res.send(404))\napp.listen(3000)\n",
		filepath.Join(stored, "express.json"): `{"name": "express", "dist-tags": {"latest": "4.20.0"}, "versions": {` + release("3.21.2") + ", " + release("4.20.0") + `}}`,
		adv:                                   advisory("GHSA-express", "express", `{"fixed": "4.20.0"}`),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base := []string{"fix", dir, "--advisories", adv, "--packuments", stored}
	code, out, errs := panoply(t, "", base...)
	if code != 1 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	for _, part := range []string{"bump, breaking (major)", "app.js:3  app.configure is gone since Express 4"} {
		if !strings.Contains(out, part) {
			t.Errorf("the plan has no %q:\n%s", part, out)
		}
	}
	// What only Express 5 has no more is not this plan's.
	if strings.Contains(out, "since Express 5") || strings.Contains(out, "app.js:4") {
		t.Errorf("the plan tells of Express 5:\n%s", out)
	}
	if _, out, _ = panoply(t, "", append(base, "--format", "json")...); !strings.Contains(out, `"api": "app.configure"`) || !strings.Contains(out, `"line": 3`) {
		t.Errorf("the plan in JSON has no removed API:\n%s", out)
	}
	if _, out, _ = panoply(t, "\n", append(base, "--interactive", "--answers")...); !strings.Contains(out, "app.js:3  app.configure is gone") {
		t.Errorf("the wizard tells no removed API:\n%s", out)
	}
}
