package fix

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// What a folder asks for is followed inside of the folder alone: a package manager reads,
// and some write, wherever a manifest sends them.

// staysInside says what in the files that package managers resolve by leads out of the
// folder, or has a program run.
func (p *project) staysInside() error {
	for _, name := range sortedKeys(p.files) {
		var err error
		switch {
		case path.Base(name) == "package.json" && !json.Valid(unmarked(p.files[name])):
			// Of what we cannot read a package manager may read more: bun takes comments.
			delete(p.files, name)
		case path.Base(name) == "package.json":
			err = manifestInside(path.Dir(name), unmarked(p.files[name]))
		case name == workspaceFile:
			err = workspaceInside(tame(name, p.files[name]))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, key := range p.lock.Members() {
		if leadsOut(".", key) {
			return fmt.Errorf("%s: %q is outside of the folder, where fix does not follow", p.lock.File, key)
		}
	}
	for i := range p.lock.Packages {
		if at := &p.lock.Packages[i]; p.lock.Format != "yarn 1" && !strings.HasPrefix(p.lock.Format, "bun") && strings.HasPrefix(path.Clean(at.Key), "..") {
			return fmt.Errorf("%s:%d: %q is outside of the folder, where fix does not follow", p.lock.File, at.Line, at.Key)
		}
	}
	return nil
}

// manifestInside looks at all texts of the sections that ask for packages.
func manifestInside(dir string, text []byte) error {
	var all map[string]any
	if json.Unmarshal(text, &all) != nil {
		return nil // it is no object, and asks for nothing
	}
	for _, section := range []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides", "resolutions", "pnpm", "patchedDependencies", "catalog", "catalogs", "workspaces"} {
		if err := specsInside(dir, section, all[section], section == "workspaces"); err != nil {
			return err
		}
	}
	return nil
}

func specsInside(dir, at string, v any, globs bool) error {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			if err := specsInside(dir, at+"."+key, v[key], globs); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := specsInside(dir, at, e, globs); err != nil {
				return err
			}
		}
	case string:
		switch {
		case strings.HasPrefix(strings.TrimSpace(v), "exec:"):
			return fmt.Errorf("%s is %q, which is a program to run", at, v)
		case globs && (strings.Contains(v, "..") || leadsOut(dir, v)), !globs && leadsOut(dir, v):
			return fmt.Errorf("%s is %q, which is outside of the folder, where fix does not follow", at, v)
		}
	}
	return nil
}

var folderSpec = pattern.New(`^(?i:file|link|portal|workspace|patch):`)

// leadsOut says whether what is asked for is a place outside of the folder.
func leadsOut(dir, spec string) bool {
	spec = strings.TrimSpace(spec)
	at := folderSpec.Get().FindString(spec)
	place := spec[len(at):]
	if strings.EqualFold(at, "patch:") {
		_, place, _ = strings.Cut(place, "#")
		place = strings.TrimPrefix(place, "~/") // which is the root of the project
	}
	if plain, err := url.PathUnescape(place); err == nil {
		place = plain
	}
	place = strings.ReplaceAll(place, "\\", "/")
	if at == "" && strings.Contains(place, ":") && !(len(place) > 2 && place[1] == ':' && place[2] == '/') {
		return false // an address, or another name
	}
	if strings.HasPrefix(place, "/") || strings.HasPrefix(place, "~/") || len(place) > 1 && place[1] == ':' {
		return true
	}
	to := path.Join(dir, place)
	return to == ".." || strings.HasPrefix(to, "../")
}

// upwards is ".." as a part of a path, and what a YAML text may write for it.
var upwards = pattern.New(`(?i)(^|[^\w.])\.\.($|[^\w.])|\\(x2e|u002e|u0000002e)|(file|link|portal):[/~]|exec:|^\s*-\s*["']?[/~]`)

func workspaceInside(text []byte) error {
	for line := range strings.Lines(string(text)) {
		if upwards.Get().MatchString(strings.TrimRight(line, "\n")) {
			return fmt.Errorf("%q leads out of the folder, where fix does not follow", strings.TrimSpace(line))
		}
	}
	return nil
}
