package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/jsast"
	"github.com/panoplysec/panoply/internal/pattern"
)

var (
	shellMode  = pattern.New(`\bNODE_ENV=["']?([A-Za-z_]+)`)
	dockerMode = pattern.New(`(?i)^\s*ENV\s+(?:.*\s)?NODE_ENV(?:=|\s+)["']?([A-Za-z_]+)`)
	dockerFrom = pattern.New(`(?i)^\s*FROM\s`)
	moduleMode = pattern.New(`\bNODE_ENV["']?\s*[:=]\s*["']([A-Za-z_]+)`)
)

// environment looks at where the process is started: whoever starts it without
// NODE_ENV=production gets Express's pages for developers. What says nothing of it may
// be started with it all the same.
func (v *verdict) environment() {
	for _, s := range v.app.project.Sets {
		if s.Target == "process.env.NODE_ENV" && s.Value.Kind == jsast.String && s.Value.Text != "production" && !s.Maybe {
			v.find("errors/development", "NODE_ENV", s.Pos, "NODE_ENV is set to %s", s.Value.Text)
		}
	}
	v.script()
	v.docker()
	for _, name := range []string{"ecosystem.config.js", "ecosystem.config.cjs", "ecosystem.json"} {
		text := v.app.read(name)
		// PM2 keeps a block or an app for each environment, and picks when it starts.
		if bytes.Contains(text, []byte("production")) {
			continue
		}
		v.lines(name, text, func(_ int, line string) string { return mode(moduleMode, line) })
	}
}

// read reads a small file of the folder; empty when there is none.
func (a *app) read(name string) []byte {
	// A pipe of that name would never end.
	if info, err := fs.Stat(a.folder, name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := a.folder.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil
	}
	return text
}

func mode(p pattern.Pattern, line string) string {
	if m := p.Get().FindStringSubmatch(line); m != nil && m[1] != "production" {
		return m[1]
	}
	return ""
}

// lines reports every line in which look finds a mode that is not production.
func (v *verdict) lines(name string, text []byte, look func(number int, line string) string) {
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		if m := look(n, s.Text()); m != "" {
			v.mode(name, n, s.Text(), m)
		}
	}
}

func (v *verdict) mode(name string, line int, text, mode string) {
	f := v.rules.Find("errors/development", "NODE_ENV", check.SourceLine(name, line, strings.ToValidUTF8(strings.TrimSpace(text), "?")))
	v.found = append(v.found, f.Saying("%s starts the app with NODE_ENV=%s", name, mode))
}

// script looks at the start script of package.json.
func (v *verdict) script() {
	text := v.app.read("package.json")
	var manifest struct{ Scripts map[string]any }
	if json.Unmarshal(text, &manifest) != nil {
		return
	}
	start, _ := manifest.Scripts["start"].(string)
	if mode(shellMode, start) == "" {
		return
	}
	v.lines("package.json", text, func(_ int, line string) string {
		if key, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && key == `"start"` {
			return mode(shellMode, line)
		}
		return ""
	})
}

// docker looks at the last stage of a Dockerfile, where the last word counts.
func (v *verdict) docker() {
	number, said, found := 0, "", ""
	v.lines("Dockerfile", v.app.read("Dockerfile"), func(n int, line string) string {
		if dockerFrom.Get().MatchString(line) {
			number, found = 0, ""
		}
		if m := dockerMode.Get().FindStringSubmatch(line); m != nil {
			number, said, found = n, line, m[1]
		}
		return ""
	})
	if number > 0 && found != "production" {
		v.mode("Dockerfile", number, said, found)
	}
}
