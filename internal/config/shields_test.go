package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/config"
)

const someShields = `upstream: :3000
shields:
  - id: CVE-2022-29078
    reason: the upgrade waits for the new templates
    until: 2026-12-31
    refuse:
      - {in: field, name: "settings.view options"}
  - id: our-search
    reason: slow
    until: 2020-01-31
    mode: observe
    routes: ["GET /search"]
    only: [{in: header, name: Accept}]
    refuse: [{in: query, name: q, longer: 100, unlike: "^[a-z$$]+$"}]
    look: 2048
`

func TestShields(t *testing.T) {
	cfg, problems := load(t, someShields, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	o := cfg.ShieldOptions()
	if len(o) != 2 || o[0].Refuse[0].Name != "settings.view options" || o[1].Mode != guard.Observe || o[1].Refuse[0].Unlike != "^[a-z$]+$" || o[1].Look != 2048 || o[1].Only[0].In != "header" {
		t.Errorf("ShieldOptions = %+v", o)
	}
	again, problems := load(t, string(cfg.YAML()), nil)
	if problems != "" || len(again.Shields) != 2 || again.ShieldOptions()[1].Refuse[0].Unlike != "^[a-z$]+$" {
		t.Errorf("what YAML writes reads as %+v, %v", again.Shields, problems)
	}
	over := cfg.OverdueShields(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC))
	if len(over) != 1 || !strings.Contains(over[0], "our-search") || !strings.Contains(over[0], "stays in force") {
		t.Errorf("OverdueShields = %q, want the second", over)
	}
	if over := cfg.OverdueShields(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); len(over) != 2 {
		t.Errorf("OverdueShields a day later = %q, want both", over)
	}

	p, err := config.ReadProject("panoply.yaml", []byte(someShields))
	if err != nil || len(p.Shields) != 2 || p.ShieldLines[0] != 3 || p.ShieldLines[1] != 8 {
		t.Errorf("ReadProject = %+v at %v, %v", p.Shields, p.ShieldLines, err)
	}
	for name, change := range map[string][2]string{
		"a wrong key":       {"routes:", "roots:"},
		"a wrong condition": {"in: query", "in: quary"},
		"no reason":         {"reason: slow", `reason: ""`},
	} {
		if p, err := config.ReadProject("panoply.yaml", []byte(strings.Replace(someShields, change[0], change[1], 1))); err != nil || len(p.Shields) != 0 {
			t.Errorf("%s: %+v, %v, want no shields: the door does not start", name, p.Shields, err)
		}
	}
}

func TestShieldsRefused(t *testing.T) {
	_, problems := load(t, `upstream: :3000
shields:
  - id: "a b"
    reason: " "
    until: soon
    routes: [search]
    look: 3
  - id: c
    reason: r
    until: 2026-12-31
    only: [{in: json, name: a}]
    refuse:
      - {in: quary, name: a}
      - {in: query, matches: "("}
  - {id: c, reason: r, until: 2026-12-31, refuse: [{in: query, name: a}], pattern: x}
`, nil)
	for _, want := range []string{
		`panoply.yaml:3:9: shields[0].id: is "a b"`, "shields[0].reason: ", "shields[0].until: ", "shields[0].routes[0]: ", "shields[0].look: ", "shields[0].refuse: ",
		"shields[1].only[0].in: ", `panoply.yaml:13:14: shields[1].refuse[0].in: is "quary", must be one of path, segment, header`, "shields[1].refuse[1].matches: ",
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems = %s\nwant one with %q", problems, want)
		}
	}
	if _, problems := load(t, "upstream: :3000\nshields:\n  - {id: c, pattern: x}\n", nil); !strings.Contains(problems, "shields[0].pattern: unknown key") {
		t.Errorf("an unknown key: %s", problems)
	}
}
