package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/panoplysec/panoply/internal/config"
)

func TestEffective(t *testing.T) {
	cfg, problems := load(t, "upstream: :3000\nsites: [localhost]\nheaders: {helmet: {a: $$x, b: [true, null, 1.5]}}\nerrors: {4xx: panoply.yaml}\n", nil,
		config.Flag{Path: "listen", Name: "--listen", Values: []string{"127.0.0.1:9443"}})
	if problems != "" {
		t.Fatal(problems)
	}
	got := make(map[string]config.Setting)
	for _, s := range cfg.Effective() {
		if s.Origin.File != "" {
			s.Origin.File = filepath.Base(s.Origin.File)
		}
		got[s.Path] = s
	}
	for path, want := range map[string]string{
		"upstream":            `":3000" panoply.yaml:1`,
		"listen":              `"127.0.0.1:9443" --listen`,
		"sites":               `[localhost] panoply.yaml:2`,
		"tls.policy":          `intermediate default`,
		"tls.certificates":    `[] default`,
		"headers.mode":        `enforce default`,
		"headers.helmet":      `{"a":"$$x","b":[true,null,1.5]} panoply.yaml:3`,
		"bounds.head_timeout": `10s default`,
		"log.queries":         `false default`,
	} {
		if text := got[path].Value + " " + got[path].Origin.String(); text != want {
			t.Errorf("Effective()[%s] = %s, want %s", path, text, want)
		}
	}
	if s := got["errors.4xx"]; !strings.Contains(s.Value, "panoply.yaml") || s.Origin.Line != 4 {
		t.Errorf("Effective()[errors.4xx] = %+v, want the file and line 4", s)
	}
}

// What YAML writes, Load reads back to the same configuration.
func TestYAMLRoundTrip(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	first, err := config.Load("testdata/panoply.yaml", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if err := sameAgain(t.TempDir(), first); err != nil {
		t.Error(err)
	}
}

// sameAgain writes the configuration out and loads it from there.
func sameAgain(dir string, first *config.Config) error {
	path := filepath.Join(dir, config.FileName)
	if err := os.WriteFile(path, first.YAML(), 0o600); err != nil {
		return err
	}
	second, err := config.Load(path, nil)
	if err != nil {
		return fmt.Errorf("YAML() wrote what Load refuses: %w\n%s", err, first.YAML())
	}
	a, b := reflect.ValueOf(first).Elem(), reflect.ValueOf(second).Elem()
	for i := range a.NumField() {
		if f := a.Type().Field(i); f.IsExported() {
			one, two := a.Field(i).Interface(), b.Field(i).Interface()
			if !reflect.DeepEqual(one, two) && fmt.Sprintf("%+v", one) != fmt.Sprintf("%+v", two) {
				return fmt.Errorf("%s was %+v, is %+v\n%s", f.Name, one, two, first.YAML())
			}
		}
	}
	if first.Headers.Helmet != nil && string(first.Headers.Helmet.JSON) != string(second.Headers.Helmet.JSON) {
		return fmt.Errorf("helmet was %s, is %s", first.Headers.Helmet.JSON, second.Headers.Helmet.JSON)
	}
	return nil
}

// What a file hides in escapes shows as escapes, and is the same when it is read again.
func TestHiddenTextShows(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, config.FileName)
	text := `contact: ["mailto:a@b.example"]
upstream: :3000
state: "/tmp/\u009b2J\u202e\U0001F512\U000e0041"
headers: {helmet: {"\u009bk": "\u0085\u200b\u202e"}}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(cfg.YAML())
	for _, s := range cfg.Effective() {
		shown += s.Value + "\n"
	}
	for _, c := range shown {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("%U is written as it is: %q", c, shown)
			break
		}
	}
	if !strings.Contains(shown, "\U0001F512") {
		t.Errorf("what shows is written as it is: %q", shown)
	}
	if err := sameAgain(t.TempDir(), cfg); err != nil {
		t.Error(err)
	}
}
