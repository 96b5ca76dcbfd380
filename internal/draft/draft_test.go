package draft_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
)

func load(t *testing.T, text []byte) *config.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(name, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

func TestBytes(t *testing.T) {
	var d draft.Draft
	d.Note("made by hand")
	d.Set("log.queries", draft.Plain("true").By("b:2"))
	d.Set("upstream", draft.Text(":3000").By("a\n:1"))
	d.Suggest("sites", draft.Texts("shop.example"))
	d.Add("login.routes", draft.Value{From: "c:3"}.With("route", draft.Text("POST /login")).With("observe", draft.Plain("true")))
	d.Set("headers.helmet", draft.Value{}.With("contentSecurityPolicy", draft.Value{}.With("directives", draft.Value{}.With("script-src", draft.Texts("'self'", "a$b")))))
	d.Set("upstreams", draft.Texts("later"))
	want := `# made by hand

upstream: ":3000" # a?:1
upstreams:
  - later
# sites:
#   - shop.example
headers:
  helmet:
    contentSecurityPolicy:
      directives:
        script-src:
          - "'self'"
          - "a$$b"
login:
  routes:
    - route: "POST /login" # c:3
      observe: true
log:
  queries: true # b:2
`
	if got := string(d.Bytes()); got != want {
		t.Errorf("Bytes = \n%s\nwant\n%s", got, want)
	}
}

// Each key is there once, and as comments say the defaults, uncommenting changes nothing.
func TestFull(t *testing.T) {
	var d draft.Draft
	d.Set("upstream", draft.Text(":3000"))
	text := string(d.Full())
	before := load(t, []byte(text)).Effective()
	for _, k := range config.Keys() {
		name := k.Path[strings.LastIndexByte(k.Path, '.')+1:]
		if !strings.Contains(text, name+":") {
			t.Errorf("%s is not in\n%s", k.Path, text)
		}
	}
	var live strings.Builder
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.HasPrefix(key, "# ") && value != "" && !strings.HasPrefix(value, "#") {
			line = strings.Replace(line, "# ", "", 1)
		}
		live.WriteString(line)
	}
	after := load(t, []byte(live.String())).Effective()
	if len(before) != len(after) {
		t.Fatalf("%d values in force, and %d once the defaults are uncommented", len(before), len(after))
	}
	for i := range before {
		if before[i].Path != after[i].Path || before[i].Value != after[i].Value {
			t.Errorf("%v became %v", before[i], after[i])
		}
	}
}

// Whatever a text holds, it is read as it was, and stays on its line.
func FuzzText(f *testing.F) {
	for _, s := range []string{"a", "", "a\nb: c", "\x1b[2J", "${HOME}", "\u009b", "\xff", "#x", "- a", "{{a}}", "'", `"\`, "\u202e", "true", "\U0001f600\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var d draft.Draft
		d.Note(s)
		d.Set("upstream", draft.Text(":1").By(s))
		d.Set("headers.helmet", draft.Value{}.With("a", draft.Text(s).By(s)).With(s+" ", draft.Plain("1")))
		text := d.Bytes()
		if strings.Count(string(text), "\n") != 7 {
			t.Errorf("%q made\n%s", s, text)
		}
		want := string([]rune(s))
		if got := string(load(t, text).Headers.Helmet.JSON); !strings.Contains(got, `{"a":`) || !sameJSON(got, want) {
			t.Errorf("%q was read as %s", s, got)
		}
	})
}

// sameJSON reports whether document is {"a": text, "text ": 1}.
func sameJSON(document, text string) bool {
	var got map[string]any
	return json.Unmarshal([]byte(document), &got) == nil && got["a"] == text && got[text+" "] != nil
}
