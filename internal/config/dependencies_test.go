package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/config"
)

func TestDependencies(t *testing.T) {
	cfg, problems := load(t, "dependencies: {lockfile: app/package-lock.json, webhook: \"http://127.0.0.1:9/x\"}\n", nil)
	if problems != "" || !strings.HasSuffix(cfg.Dependencies.Lockfile, filepath.FromSlash("app/package-lock.json")) || cfg.Dependencies.Every != config.Duration(24*time.Hour) {
		t.Fatalf("Load = %+v, %s, want a lockfile that need not be there", cfg.Dependencies, problems)
	}
	for text, want := range map[string]string{
		"{lockfile: package.json}":                                        "dependencies.lockfile: is ",
		"{lockfile: go.mod, every: 30s}":                                  "must be from 1m to 30d",
		"{lockfile: go.mod, every: 31d}":                                  "must be from 1m to 30d",
		"{lockfile: go.mod, webhook: \"http://hook.example/s3cret\"}":     "dependencies.webhook: must be https",
		"{lockfile: go.mod, webhook: \"https://u:s3cret@hook.example/\"}": "without a user",
		"{lockfile: go.mod, webhook: \"s3cret\"}":                         "dependencies.webhook: is no address",
		"{webhook: \"https://hook.example\"}":                             "dependencies.webhook: has no effect without",
		"{advisories: all.zip}":                                           "dependencies.advisories: has no effect without",
	} {
		if _, problems := load(t, "dependencies: "+text+"\n", nil); !strings.Contains(problems, want) || strings.Contains(problems, "s3cret") {
			t.Errorf("%s: problems = %s, want %q and no secret", text, problems, want)
		}
	}
}
