package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

// FuzzLoad holds three properties: no text makes Load panic; a refusal names a line; and
// what was taken is valid, and survives being written and read again.
func FuzzLoad(f *testing.F) {
	sample, err := os.ReadFile("testdata/panoply.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(sample), "", "#", "a: 1", "upstream: :1", "sites:\n- a.localhost\n- b", "headers:\n  helmet: {a: \"\\u0007$$\", b: [1e3, 0o7, -.inf]}",
		"errors: {4: x}", "listen: ${A:-localhost:1}", "- [", "? a\n: b", "a: |\n  x\n y", "\"\\x00\": 1", "headers: {helmet: {? : 1}}", "listen: >-\n  localhost:1",
		"headers: {helmet: {\"a\": 'b', 1: 2, ~: 3, true: 4}}", "cookies: {session: [a,a]}", "a:\n\t- b", "...", "--- >\n", "%TAG", "listen: \"\xc2\x85\"", "bounds: {body_max: 9223372036854775807}",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Setenv("HOME", dir)
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), config.FileName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path, func(name string) (string, bool) { return name, len(name) > 3 })
		if err != nil {
			problems := config.Problems(err)
			if len(problems) == 0 || cfg != nil {
				t.Fatalf("Load = %v, %v, want problems alone", cfg, err)
			}
			for _, p := range problems {
				if p.Origin.File != path || p.Origin.Line < 1 || p.Origin.Column < 1 || p.Text == "" || strings.ContainsAny(p.Error(), "\n\x1b") {
					t.Errorf("Load(%q): %q, want a line, and the problem on one line", text, p)
				}
			}
			return
		}
		if err := cfg.Validate(); err != nil {
			t.Errorf("Load took %q, which Validate refuses: %v", text, err)
		}
		if cfg.Headers.Helmet != nil && !json.Valid(cfg.Headers.Helmet.JSON) {
			t.Errorf("Helmet = %s, want JSON", cfg.Headers.Helmet.JSON)
		}
		if err := sameAgain(t.TempDir(), cfg); err != nil {
			t.Errorf("of %q: %v", text, err)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"7d", "1d12h", "0s", "5m0s", "-3h", "106751d", "1d-1h", "d", "9223372036854775807ns", "1.5h", "106751d23h47m16.854775807s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second config.Duration
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := second.UnmarshalText([]byte(first.String())); err != nil || second != first {
			t.Errorf("%q is %d and writes %q, which reads back as %d, %v", text, first, first, second, err)
		}
	})
}
