package lookalike_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/lockfile"
	"github.com/panoplysec/panoply/internal/lookalike"
)

func ExampleNPM() {
	m, ok := lookalike.NPM("expresss")
	fmt.Println(ok, "expresss "+m.How)
	_, ok = lookalike.NPM("express")
	fmt.Println(ok)
	// Output:
	// true expresss has one letter more than express
	// false
}

func TestNPM(t *testing.T) {
	for name, want := range map[string]string{
		// Attacks of the past.
		"crossenv": "cross-env", "cross-env.js": "cross-env", "mongose": "mongoose", "electorn": "electron", "loadyaml": "load-yaml-file",
		"lodashs": "lodash", "discordi.js": "discord.js", "twilio-npm": "twilio", "noblox.js-proxy": "noblox.js", "browserift": "browserify",
		"gruntcli": "grunt-cli", "babelcli": "babel-cli", "ffmepg": "ffmpeg", "node-opensl": "openssl", "nodesass": "node-sass",
		"@typescript_eslinter/eslint": "@typescript-eslint/eslint-plugin", "types-node": "@types/node", "shadowsock": "shadowsocks",
		// Of no list, by the rules.
		"expres": "express", "exprees": "express", "expresss": "express", "axois": "axios", "Express": "express", "body_parser": "body-parser",
		"bodyparser": "body-parser", "c0lors": "colors", "lodаsh": "lodash", "web-pack": "webpack", "node-mongoose": "mongoose", "dotenvjs": "dotenv",
		"typescript-js": "typescript", "@typescript-esIint/parser": "@typescript-eslint/parser", "@babeI/core": "", "@angularr/core": "@angular/core", "types-express": "@types/express",
		// Nothing.
		"express": "", "preact": "", "color": "", "colors": "", "md5": "", "md4": "", "ms": "", "qs": "", "ws": "", "babel-core": "", "lodash.merge": "",
		"@my-company/express": "", "express-4": "", "my-own-app-server": "", "d3-scale": "", "es6-promise": "", "es5-promise": "", "left-pad": "",
	} {
		m, ok := lookalike.NPM(name)
		if m.Of != want || ok != (want != "") {
			t.Errorf("NPM(%q) = %+v, want %q", name, m, want)
		}
	}
}

func TestGo(t *testing.T) {
	for path, want := range map[string]string{
		"github.com/boltdb-go/bolt": "github.com/boltdb/bolt", "github.com/siruspen/logrus": "github.com/sirupsen/logrus", "github.com/utfave/cli/v2": "github.com/urfave/cli",
		"github.com/gin-gonlc/gin": "github.com/gin-gonic/gin", "github.com/gorila/mux": "github.com/gorilla/mux", "github.com/go-chi/chi/v5": "", "github.com/Sirupsen/logrus": "",
		"github.com/google/uuid": "", "github.com/gofrs/uuid/v5": "", "golang.org/x/crypto": "", "golang.org/x/image": "", "example.test/x": "", "github.com/me/logrus": "",
		"golang.orgg/x/crypto": "golang.org/x/crypto", "gopkg.in/yaml.v2": "", "gopkg.in/yaml.v3": "", "github.com/aws/aws-cdk-go/awscdk/v2": "", "x": "",
	} {
		m, ok := lookalike.Go(path)
		if m.Of != want || ok != (want != "") {
			t.Errorf("Go(%q) = %+v, want %q", path, m, want)
		}
	}
}

// No name of the lists imitates another, and no package of a real lockfile does.
func TestNoFalseAlarms(t *testing.T) {
	text, err := os.ReadFile("npm.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(text)) {
		if name = strings.TrimSpace(name); name != "" && name[0] != '#' {
			if m, ok := lookalike.NPM(name); ok && !m.Attack {
				t.Errorf("%s of the list %s", name, m.How)
			}
		}
	}
	locks := 0
	for _, dir := range []string{"../lockfile/testdata/vectors", "../lockfile/testdata/shop"} {
		dirs, err := fs.ReadDir(os.DirFS(dir), ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			for _, l := range lockfile.Read(os.DirFS(filepath.Join(dir, d.Name()))).Locks {
				locks++
				for _, p := range l.Packages {
					if m, ok := lookalike.NPM(p.Name); ok {
						t.Errorf("%s of %s %s", p.Name, d.Name(), m.How)
					}
				}
			}
		}
	}
	if locks < 19 {
		t.Errorf("%d lockfiles, want those of the vectors and the shop", locks)
	}
	for _, name := range []string{"../../go.mod"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for word := range strings.FieldsSeq(string(text)) {
			if m, ok := lookalike.Go(word); ok {
				t.Errorf("%s of %s %s", word, name, m.How)
			}
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("@a/b")
	f.Add("github.com//v2")
	f.Fuzz(func(t *testing.T, name string) {
		if m, ok := lookalike.NPM(name); ok && (m.Of == "" || m.Of == name || m.How == "") {
			t.Errorf("NPM(%q) = %+v", name, m)
		}
		if m, ok := lookalike.Go(name); ok && (m.Of == "" || m.Of == name || m.How == "") {
			t.Errorf("Go(%q) = %+v", name, m)
		}
	})
}
