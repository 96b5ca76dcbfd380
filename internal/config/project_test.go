package config_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

func TestReadProject(t *testing.T) {
	t.Setenv("SECRET", "s3cret")
	for _, tt := range []struct {
		name, text string
		want       config.Project
		err        string
	}{
		{"empty", "", config.Project{URL: "https://localhost:8443", Plain: "localhost:8080"}, ""},
		{"public", "upstream: 127.0.0.1:3000\nlisten: 0.0.0.0:443\nredirect: 0.0.0.0:80\nsites: [shop.example]\naudit: {production: true}\n",
			config.Project{URL: "https://shop.example", Upstream: "127.0.0.1:3000", Plain: "shop.example:80", Production: true}, ""},
		{"variables stay words", "upstream: ${SECRET}\nsites: ['${SECRET}.evil.example']\nlisten: :443\nredirect: off\n",
			config.Project{URL: "https://${SECRET}.evil.example", Upstream: "${SECRET}"}, ""},
		{"files are not opened", "tls: {certificates: [{cert: /etc/shadow, key: /etc/shadow}]}\nstate: /root\naudit: {key: /etc/shadow}\nredirect: off\n",
			config.Project{URL: "https://localhost:8443"}, ""},
		{"what it does not know", "unknown: 1\nheaders: {mode: nonsense}\nredirect: off\n", config.Project{URL: "https://localhost:8443"}, ""},
		{"not a mapping", "- a\n- b\n", config.Project{URL: "https://localhost:8443", Plain: "localhost:8080"}, ""},
		{"half an ignore", "ignore:\n  - id: headers/csp-absent\n", config.Project{}, "reason"},
		{"no day", "ignore:\n  - {id: a, scope: '*', reason: r, until: forever}\n", config.Project{}, "2026-12-31"},
		{"an anchor", "upstream: &a x\n", config.Project{}, "anchors"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := config.ReadProject("panoply.yaml", []byte(tt.text))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("ReadProject() = %v, want %q", err, tt.err)
			}
			if got.URL != tt.want.URL || got.Upstream != tt.want.Upstream || got.Plain != tt.want.Plain || got.Production != tt.want.Production {
				t.Errorf("ReadProject() = %+v, want %+v", got, tt.want)
			}
		})
	}
	got, err := config.ReadProject("panoply.yaml", []byte("upstream: :3000\nignore:\n  - id: headers/csp-absent\n    scope: /legacy/*\n    reason: goes in spring\n    until: 2026-12-31\n  - {id: cookies, scope: '*', reason: r, until: 2027-01-01}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Ignore) != 2 || got.Ignore[0].Scope != "/legacy/*" || got.Ignore[0].Until != "2026-12-31" || got.Lines[0] != 3 || got.Lines[1] != 7 {
		t.Errorf("Ignore = %+v at lines %v, want two, at 3 and 7", got.Ignore, got.Lines)
	}
}

func FuzzReadProject(f *testing.F) {
	f.Add("upstream: :3000\nsites: [a]\nignore: [{id: a, scope: b, reason: c, until: 2026-01-01}]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := config.ReadProject("p", []byte(text))
		if err == nil && len(p.Ignore) != len(p.Lines) {
			t.Errorf("%d entries with %d lines", len(p.Ignore), len(p.Lines))
		}
	})
}
