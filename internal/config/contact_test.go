package config_test

import (
	"strings"
	"testing"
)

func TestContact(t *testing.T) {
	cfg, problems := load(t, "contact: [\"mailto:a@b.example\", \"https://b.example/security\", \"tel:+1-201-555-0123\"]\n", nil)
	if problems != "" || len(cfg.Contact) != 3 {
		t.Fatalf("Load = %v, %s", cfg, problems)
	}
	_, problems = load(t, "contact: [a@b.example, \"http://b.example\", nobody, \"mailto:a b\", \"\"]\n", nil)
	for _, want := range []string{"contact[0]: is \"a@b.example\", must be an address with its scheme; write mailto:a@b.example", "contact[1]", "contact[2]", "contact[3]", "contact[4]"} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems = %s, want one with %s", problems, want)
		}
	}
}
