package jsimports

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// preloads are the options with which Node loads a module before the app, and runs those
// behind which tools expect a command.
var (
	preloads = []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "--preload"}
	runs     = []string{"--exec", "-x", "--"}
)

// runners run the command that follows them, managers do so after some words of their own,
// and ran are commands of packages with other names.
var (
	runners  = []string{"npx", "bunx", "pnpx", "env", "exec", "cross-env", "cross-env-shell"}
	managers = []string{"npm", "yarn", "pnpm", "bun"}
	orders   = []string{"exec", "x", "dlx", "node"}
	ran      = map[string]string{
		"tsc": "typescript", "ng": "@angular/cli", "vue-cli-service": "@vue/cli-service", "sequelize": "sequelize-cli", "babel": "@babel/cli",
		"babel-node": "@babel/node", "playwright": "@playwright/test", "nest": "@nestjs/cli", "swc": "@swc/cli", "webpack": "webpack-cli", "r.js": "requirejs",
		"remix": "@remix-run/dev", "remix-serve": "@remix-run/serve", "react-router-serve": "@react-router/serve", "fastify": "fastify-cli", "sls": "serverless",
	}
)

// maxCommand is how deep commands may stand within the texts of others.
const maxCommand = 4

// command reads a line of a shell: files that it starts, packages that it loads, and
// tools that it runs.
func (w *walker) command(dir, line string, at Place, test bool) {
	w.commands(dir, line, at, test, 0)
}

func (w *walker) commands(dir, line string, at Place, test bool, depth int) {
	for _, words := range shellWords(line) {
		w.simple(dir, words, at, test, depth)
	}
}

// simple reads one command.
func (w *walker) simple(dir string, words []string, at Place, test bool, depth int) {
	first, managed, load := true, false, false
	for _, word := range words {
		option, value, joined := strings.Cut(word, "=")
		switch {
		case word == "":
			continue
		case load:
			w.load(dir, word, at, test)
			load = false
			continue
		case joined && first && !strings.HasPrefix(word, "-"):
			if option == "NODE_OPTIONS" {
				w.simple(dir, append([]string{"node"}, strings.Fields(value)...), at, test, depth)
			}
			continue // a variable
		case joined && slices.Contains(preloads, option):
			w.load(dir, value, at, test)
			continue
		case slices.Contains(preloads, word):
			load = true
			continue
		case word == "-C", option == "--conditions":
			w.conditions = w.conditions || !test
			continue
		case slices.Contains(runs, word), managed && slices.Contains(orders, word), first && slices.Contains(runners, word):
			first = true
			w.run(word, at, test)
			continue
		case strings.ContainsAny(word, " \t"):
			// A command within a text: sh -c "node app.js".
			if depth < maxCommand {
				w.commands(dir, word, at, test, depth+1)
			}
			continue
		case strings.HasPrefix(word, "-"):
			continue
		}
		switch name := w.started(dir, word); {
		case name != "" && !strings.HasPrefix(word, "@"):
			if f := w.files[name]; !test && !f.test {
				w.starts = append(w.starts, name)
			}
		case first || managed:
			word = strings.TrimPrefix(strings.TrimPrefix(word, "./"), "node_modules/.bin/")
			w.run(word, at, test)
		}
		managed = first && slices.Contains(managers, word)
		first = false
	}
}

// run notes a command that may be a package's.
func (w *walker) run(word string, at Place, test bool) {
	w.preloaded = append(w.preloaded, preload{name: word, at: at, test: test})
	if other := ran[word]; other != "" {
		w.preloaded = append(w.preloaded, preload{name: other, at: at, test: test})
	}
}

// started is the file that a command starts: in a container it may lie in another folder,
// and what a compiler will write is found by what it is made of.
func (w *walker) started(dir, word string) string {
	if name := w.find(path.Join(dir, word)); name != "" {
		return name
	}
	if rest := strings.TrimPrefix(word, "/"); rest != word {
		for rest != "" {
			if name := w.find(path.Join(dir, rest)); name != "" {
				return name
			}
			_, rest, _ = strings.Cut(rest, "/")
		}
		return ""
	}
	clean := path.Clean(word)
	if out, rest, ok := strings.Cut(clean, "/"); ok && (slices.Contains(built, out) || out == "lib") {
		rest = strings.TrimSuffix(rest, path.Ext(rest))
		for _, from := range []string{rest, path.Join("src", rest)} {
			if name := w.find(path.Join(dir, from)); name != "" {
				return name
			}
		}
	}
	return ""
}

// load is a module that a command line names for Node.
func (w *walker) load(dir, name string, at Place, test bool) {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/") {
		if found := w.started(dir, name); found != "" && !test {
			w.starts = append(w.starts, found)
		}
		return
	}
	if pkg := jsrefs.Package(name); pkg != "" {
		w.preloaded = append(w.preloaded, preload{pkg, name, at, test})
	}
}

// shellWords splits a line into commands, and these into words without their quotes. The
// form of containers, ["node", "app.js"], is one command.
func shellWords(line string) [][]string {
	var list []string
	if in := strings.TrimSpace(line); strings.HasPrefix(in, "[") && json.Unmarshal([]byte(in), &list) == nil {
		return [][]string{list}
	}
	var all [][]string
	var words []string
	var word strings.Builder
	open := false
	end := func() {
		if word.Len() > 0 || open {
			words = append(words, word.String())
			word.Reset()
			open = false
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			if i++; line[i] != '\n' {
				word.WriteByte(line[i])
			}
		case c == '\'' || c == '"':
			open = true
			for i++; i < len(line) && line[i] != c; i++ {
				if line[i] == '\\' && c == '"' && i+1 < len(line) {
					i++
				}
				word.WriteByte(line[i])
			}
		case strings.IndexByte("&|;()\n", c) >= 0:
			end()
			if len(words) > 0 {
				all, words = append(all, words), nil
			}
		case c == ' ' || c == '\t' || c == '\r':
			end()
		default:
			word.WriteByte(c)
		}
	}
	if end(); len(words) > 0 {
		all = append(all, words)
	}
	return all
}
