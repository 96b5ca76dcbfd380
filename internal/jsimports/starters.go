package jsimports

import (
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// starting says that a file which is no JavaScript may tell what starts.
func starting(base string) bool {
	low := strings.ToLower(base)
	switch low {
	case "containerfile", "procfile", "serverless.yml", "serverless.yaml", "template.yaml", "template.yml", "index.html",
		"ecosystem.json", "pm2.json", "processes.json", "process.json", "nodemon.json":
		return true
	}
	return strings.HasPrefix(low, "dockerfile") || strings.HasSuffix(low, ".dockerfile") ||
		(strings.HasPrefix(low, "docker-compose") || strings.HasPrefix(low, "compose.")) && (strings.HasSuffix(low, ".yml") || strings.HasSuffix(low, ".yaml"))
}

// testTool says that a file configures what tests or looks at the source, by its name.
func testTool(base string) bool {
	name := strings.TrimPrefix(base, ".")
	for _, tool := range []string{"jest", "vitest", "playwright", "cypress", "karma", "wdio", "ava", "mocha", "nyc", "c8", "eslint", "prettier", "stylelint", "commitlint", "lint-staged"} {
		if rest, ok := strings.CutPrefix(name, tool); ok && (strings.HasPrefix(rest, ".con") || strings.HasPrefix(rest, "rc.") || strings.HasPrefix(rest, ".setup.")) {
			return true
		}
	}
	return false
}

var (
	scriptTag = regexp.MustCompile(`(?i)<script[^>]*\ssrc\s*=\s*["']([^"']+)["']`)
	handler   = regexp.MustCompile(`(?i)^\s*-?\s*(handler|codeuri):\s*["']?([^"'\s#]+)`)
	plugin    = regexp.MustCompile(`^\s*-\s*["']?([@\w./-]+)["']?\s*(#.*)?$`)
	composed  = regexp.MustCompile(`^\s*(command|entrypoint):\s*(.+)$`)
)

// starter reads what a container, a platform or a page starts.
func (w *walker) starter(name string) {
	in, err := w.read(name, maxManifest)
	if err != nil {
		return
	}
	dir, low := path.Dir(name), strings.ToLower(path.Base(name))
	switch {
	case low == "index.html":
		for _, m := range scriptTag.FindAllStringSubmatch(in, -1) {
			w.start(dir, strings.TrimPrefix(m[1], "/"))
		}
	case strings.HasSuffix(low, ".json"):
		w.processes(name, in)
	case strings.HasPrefix(low, "serverless") || strings.HasPrefix(low, "template"):
		w.functions(name, in)
	case strings.HasSuffix(low, ".yml") || strings.HasSuffix(low, ".yaml"):
		for i, line := range strings.Split(in, "\n") {
			if m := composed.FindStringSubmatch(line); m != nil {
				w.command(dir, m[2], Place{name, i + 1}, false)
			}
		}
	default:
		w.container(name, in)
	}
}

// start makes an entry point of a file, where it is one.
func (w *walker) start(dir, word string) bool {
	name := w.started(dir, word)
	if name != "" {
		w.starts = append(w.starts, name)
	}
	return name != ""
}

// container reads a Dockerfile or a Procfile.
func (w *walker) container(name, in string) {
	lines := strings.Split(in, "\n")
	for i := 0; i < len(lines); i++ {
		at := Place{name, i + 1}
		line := strings.TrimSpace(lines[i])
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(lines[i])
		}
		key, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(key) {
		case "CMD", "ENTRYPOINT":
			w.command(path.Dir(name), rest, at, false)
		case "HEALTHCHECK":
			if _, cmd, ok := strings.Cut(rest, "CMD "); ok {
				w.command(path.Dir(name), cmd, at, false)
			}
		case "ENV":
			w.command(path.Dir(name), strings.Replace(rest, "NODE_OPTIONS ", "NODE_OPTIONS=", 1), at, false)
		default:
			if strings.HasSuffix(key, ":") {
				w.command(path.Dir(name), rest, at, false)
			}
		}
	}
}

// functions reads the handlers and plugins of serverless.yml and of AWS SAM.
func (w *walker) functions(name, in string) {
	dir := path.Dir(name)
	code := []string{""}
	lines := strings.Split(in, "\n")
	for _, line := range lines {
		if m := handler.FindStringSubmatch(line); m != nil && strings.EqualFold(m[1], "codeuri") {
			code = append(code, m[2])
		}
	}
	plugins := false
	for i, line := range lines {
		if m := handler.FindStringSubmatch(line); m != nil && strings.EqualFold(m[1], "handler") {
			file := strings.TrimSuffix(m[2], path.Ext(m[2])) // what follows is the function
			for _, below := range code {
				w.start(dir, path.Join(below, file))
			}
		}
		if m := plugin.FindStringSubmatch(line); m != nil && plugins {
			w.load(dir, m[1], Place{name, i + 1}, false)
		} else if strings.TrimSpace(line) != "" {
			plugins = strings.HasPrefix(line, "plugins:")
		}
	}
}

// processes reads the JSON of PM2 and nodemon: each text may be a command.
func (w *walker) processes(name, in string) {
	var v any
	if json.Unmarshal([]byte(plainJSON(in)), &v) != nil {
		return
	}
	all := texts(v, 0)
	for _, t := range all[:min(len(all), maxTexts)] {
		w.command(path.Dir(name), t, Place{name, lineOf(in, t)}, false)
	}
}

// managed reads the texts of PM2's ecosystem file, which are files and options.
func (w *walker) managed() {
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		if stem, _, _ := strings.Cut(path.Base(name), "."); stem != "ecosystem" {
			continue
		}
		f := w.files[name]
		for _, t := range slices.Sorted(maps.Keys(f.Texts)) {
			w.command(path.Dir(name), t, Place{name, f.Texts[t]}, false)
		}
	}
}

// frameworks are the files that a framework starts by their place, by the package of it:
// folders end in a slash, and other names may have any ending of a script.
var frameworks = map[string][]string{
	"next":               {"pages/", "app/", "src/pages/", "src/app/", "middleware", "src/middleware", "proxy", "src/proxy", "instrumentation", "src/instrumentation", "instrumentation-client", "mdx-components"},
	"nuxt":               {"app", "error", "app/", "pages/", "components/", "layouts/", "middleware/", "plugins/", "server/", "composables/", "utils/", "modules/"},
	"@sveltejs/kit":      {"src/routes/", "src/params/", "src/hooks", "src/hooks.server", "src/hooks.client", "src/service-worker"},
	"astro":              {"src/pages/", "src/middleware", "src/content/config", "src/content.config", "src/actions/"},
	"@remix-run/react":   {"app/root", "app/routes", "app/routes/", "app/entry.client", "app/entry.server"},
	"react-router":       {"app/root", "app/routes", "app/routes/", "app/entry.client", "app/entry.server"},
	"gatsby":             {"src/pages/", "src/templates/", "src/api/", "gatsby-node", "gatsby-browser", "gatsby-ssr"},
	"@docusaurus/core":   {"src/pages/", "src/theme/", "sidebars"},
	"expo-router":        {"app/", "src/app/"},
	"react-scripts":      {"src/index", "src/setupProxy"},
	"@nestjs/core":       {"src/main"},
	"sails":              {"api/", "config/", "tasks/"},
	"@strapi/strapi":     {"config/", "src/"},
	"egg":                {"app/", "config/", "agent"},
	"@adonisjs/core":     {"bin/", "start/", "config/", "app/", "providers/", "ace"},
	"fastify-cli":        {"routes/", "plugins/", "src/routes/", "src/plugins/"},
	"@fastify/autoload":  {"routes/", "plugins/", "src/routes/", "src/plugins/"},
	"moleculer":          {"services/", "src/services/"},
	"nitropack":          {"routes/", "api/", "server/", "plugins/", "middleware/"},
	"h3":                 {"server/"},
	"firebase-functions": {"functions/index", "functions/src/index"},
	"@vercel/node":       {"api/"},
	"@netlify/functions": {"netlify/functions/", "functions/"},
}

// framework enters what the frameworks start that a package.json asks for.
func (w *walker) framework(f *folder) {
	for name := range f.needs {
		for _, at := range frameworks[name] {
			full := path.Join(f.dir, at)
			if strings.HasSuffix(at, "/") {
				w.below(full)
			} else if found := w.find(full); found != "" {
				w.starts = append(w.starts, found)
			}
		}
	}
}
