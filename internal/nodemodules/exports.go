package nodemodules

import (
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/jsrefs"
)

// conditions say which branches of exports and imports count.
type conditions struct {
	// imports and requires are by which syntax a module is asked for; both where a tool
	// may make one of the other.
	imports, requires bool
	// bundled says that somebody else than Node may choose: a bundler, another runtime, or
	// Node with --conditions.
	bundled bool
}

type answer uint8

const (
	no answer = iota
	maybe
	yes
)

func (c conditions) holds(name string) answer {
	switch {
	case name == "default":
		return yes
	case name == "import" && c.imports, name == "require" && c.requires:
		if c.imports && c.requires {
			return maybe
		}
		return yes
	case name == "import", name == "require", name == "types", strings.HasPrefix(name, "types@"):
		return no
	case name == "node" && !c.bundled:
		return yes
	case c.bundled, name == "module-sync", name == "node-addons":
		return maybe // by the version of Node, and its options
	}
	return no
}

// conditionsOf are those under which a file asks for a module. esm says that the file can
// be nothing else than a module of ECMAScript, and script that nothing compiles it.
func conditionsOf(how jsrefs.How, esm, script, bundled bool) conditions {
	c := conditions{imports: how != jsrefs.Require, requires: how == jsrefs.Require, bundled: bundled}
	if how == jsrefs.Import && !esm || how == jsrefs.Dynamic && !esm && !script {
		c.requires = true
	}
	return c
}

// A pick is what exports or imports name: files of the package, or modules. Several are
// those that one of several conditions chooses.
type pick struct {
	names []string
	// told says that the search is over: by a name, or by null.
	told bool
	// wrong says that what is written there is none of what may be.
	wrong bool
}

// target reads a target, in the place of whose stars comes star. own says that bare names
// of modules may be targets.
func (c conditions) target(v value, star string, pattern, own bool) (p pick) {
	switch v.kind {
	case null:
		return pick{told: true}
	case text:
		t := v.text
		if !strings.HasPrefix(t, "./") {
			if !own || t == "" || strings.HasPrefix(t, "../") || strings.HasPrefix(t, "/") {
				return pick{wrong: true}
			}
		} else if !plain(t[2:]) {
			return pick{wrong: true}
		}
		if pattern {
			if !plain(star) && strings.HasPrefix(t, "./") {
				return pick{wrong: true}
			}
			t = strings.ReplaceAll(t, "*", star)
		}
		return pick{names: []string{t}, told: true}
	case array:
		for _, item := range v.items {
			next := c.target(item, star, pattern, own)
			p.names, p.wrong = append(p.names, next.names...), p.wrong || next.wrong
			p.told = p.told || next.told
			if len(next.names) > 0 && !c.bundled {
				break
			}
		}
		p.told = p.told || len(v.items) == 0
		return p
	case object:
		for i, key := range v.keys {
			holds := c.holds(key)
			if holds == no {
				continue
			}
			next := c.target(v.items[i], star, pattern, own)
			p.names, p.wrong = append(p.names, next.names...), p.wrong || next.wrong
			if holds == yes && (next.told || next.wrong) {
				p.told = true
				return p
			}
		}
		return p
	}
	return pick{wrong: true}
}

// plain says that a path leads neither upwards nor into a node_modules.
func plain(at string) bool {
	for part := range strings.SplitSeq(strings.ReplaceAll(at, `\`, "/"), "/") {
		switch strings.ToLower(part) {
		case ".", "..", modules, "%2e", "%2e%2e", ".%2e", "%2e.":
			return false
		}
	}
	return true
}

// exported are the files that exports name for "." or "./sub".
func (c conditions) exported(exports value, sub string) pick {
	dotted := 0
	for _, key := range exports.keys {
		if strings.HasPrefix(key, ".") {
			dotted++
		}
	}
	switch {
	case dotted > 0 && dotted < len(exports.keys):
		return pick{wrong: true}
	case dotted > 0:
		return c.matching(exports, sub, false)
	case sub == ".":
		return c.target(exports, "", false, false)
	}
	return pick{}
}

// matching finds a key of exports or imports, or the pattern that is closest.
func (c conditions) matching(of value, name string, own bool) pick {
	if v, ok := of.get(name); ok && !strings.Contains(name, "*") && !strings.HasSuffix(name, "/") {
		return c.target(v, "", false, own)
	}
	best, at := "", -1
	for i, key := range of.keys {
		before, after, star := strings.Cut(key, "*")
		if !star && strings.HasSuffix(key, "/") && c.bundled {
			before, star = key, true // a folder, as Node had them before its version 17
		}
		if !star || strings.Contains(after, "*") || !strings.HasPrefix(name, before) || name == before {
			continue
		}
		if after != "" && (!strings.HasSuffix(name, after) || len(name) < len(key)) {
			continue
		}
		if at < 0 || closer(key, best) {
			best, at = key, i
		}
	}
	if at < 0 {
		return pick{}
	}
	before, after, star := strings.Cut(best, "*")
	rest := strings.TrimSuffix(strings.TrimPrefix(name, before), after)
	if !star {
		return c.folder(of.items[at], rest)
	}
	return c.target(of.items[at], rest, true, own)
}

// folder is a target of the old form that ends in a slash.
func (c conditions) folder(v value, rest string) pick {
	p := c.target(v, "", false, false)
	p.names = slices.Clone(p.names)
	for i := range p.names {
		p.names[i] += rest
	}
	return p
}

// closer is Node's order of patterns: the longer part before the star counts, then the
// longer pattern.
func closer(a, b string) bool {
	i, j := strings.IndexByte(a+"*", '*'), strings.IndexByte(b+"*", '*')
	if i != j {
		return i > j
	}
	return len(a) > len(b)
}
