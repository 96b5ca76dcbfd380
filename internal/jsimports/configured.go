package jsimports

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// configuring says that a file of data tells a tool what to load.
func configuring(base string) bool {
	stem := strings.TrimSuffix(base, path.Ext(base))
	switch path.Ext(base) {
	case ".json", ".jsonc", ".yml", ".yaml":
	default:
		stem = base // .babelrc
		if strings.Count(base, ".") != 1 {
			return false
		}
	}
	return strings.HasPrefix(base, ".") && strings.HasSuffix(stem, "rc") || path.Ext(base) == ".json" && strings.HasSuffix(stem, ".config") ||
		slices.Contains([]string{"angular.json", "nest-cli.json", "project.json", "workspace.json", "app.json", "tsconfig.json"}, base)
}

// told are the fields of a package.json in which no tool looks for packages to load.
var told = []string{
	"name", "version", "description", "keywords", "homepage", "bugs", "license", "licenses", "author", "contributors", "maintainers", "funding", "files", "exports",
	"main", "module", "browser", "types", "typings", "typesVersions", "bin", "man", "directories", "repository", "scripts", "config", "dependencies", "devDependencies",
	"peerDependencies", "peerDependenciesMeta", "bundleDependencies", "bundledDependencies", "optionalDependencies", "dependenciesMeta", "overrides", "resolutions",
	"engines", "os", "cpu", "private", "publishConfig", "workspaces", "type", "imports", "packageManager", "sideEffects", "browserslist", "volta", "pnpm", "trustedDependencies",
}

// maxTexts bounds the texts of one value that are looked up in their file.
const maxTexts = 500

// values are the texts of JSON, and the scalars of YAML.
var values = regexp.MustCompile(`"([^"\s]+)"|(?m:(?:^\s*-|:)\s+["']?([^\s"'#,\[\]{}]+)["']?\s*$)`)

// configured notes the packages that a tool's configuration names, by the short names too
// that tools have for them.
func (w *walker) configured(name, in string) {
	for i, line := range strings.Split(in, "\n") {
		for _, m := range values.FindAllStringSubmatch(line, -1) {
			w.name(m[1]+m[2], Place{name, i + 1})
		}
	}
}

// name notes a package of which a text of data has the name.
func (w *walker) name(t string, at Place) {
	t = strings.TrimPrefix(t, "plugin:")
	pkg := jsrefs.Package(t)
	if pkg == "" || len(pkg) > 214 {
		return
	}
	names := []string{pkg}
	scope, bare, scoped := strings.Cut(pkg, "/")
	if !scoped {
		scope, bare = "", pkg
	} else {
		scope += "/"
	}
	for _, before := range []string{"preset-", "plugin-", "babel-preset-", "babel-plugin-", "eslint-config-", "eslint-plugin-", "stylelint-config-", "postcss-"} {
		if names = append(names, scope+before+bare); strings.HasPrefix(pkg, "@") && !scoped {
			names = append(names, pkg+"/"+strings.TrimSuffix(before, "-"))
		}
	}
	for _, n := range names {
		w.named = append(w.named, preload{name: n, at: at})
	}
}

// fields notes what the fields of a package.json name that are a tool's.
func (w *walker) fields(name string, m *manifest, others []any) {
	for _, v := range others {
		all := texts(v, 0)
		for _, t := range all[:min(len(all), maxTexts)] {
			w.name(t, Place{name, lineOf(m.text, t)})
		}
		if len(all) > maxTexts {
			w.doubt(name, "has more than %d texts in one field", maxTexts)
		}
	}
}
