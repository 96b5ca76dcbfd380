package learn_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/learn"
)

// Whatever stands in a folder, what is learnt of it is a configuration.
func FuzzFolder(f *testing.F) {
	for _, dir := range []string{"commonjs", "esm", "workspace"} {
		manifest, err := os.ReadFile("testdata/" + dir + "/package.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(manifest, []byte("app.listen(3000)"), []byte("ENV PORT=1\n"))
	}
	source, err := os.ReadFile("testdata/commonjs/server.js")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"scripts":{"start":"PORT=0 node a.js"}}`), source, []byte("web: PORT=70000\n- 80:99999\nPORT: 0\n"))
	f.Fuzz(func(t *testing.T, manifest, source, lines []byte) {
		files := fstest.MapFS{"package.json": {Data: manifest}, "server.js": {Data: source}}
		for _, name := range []string{"Dockerfile", "Procfile", "compose.yaml", ".env", "pnpm-workspace.yaml"} {
			files[name] = &fstest.MapFile{Data: lines}
		}
		text := learn.Folder(files).Full()
		loads(t, text)
		if strings.ContainsFunc(string(text), func(c rune) bool { return c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 }) {
			t.Errorf("%q", text)
		}
	})
}
