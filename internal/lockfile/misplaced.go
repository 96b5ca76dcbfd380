package lockfile

import "strings"

// misplaced finds an entry of a package where none belongs: in a field of another entry, or
// beside all of them. Whoever reads only where entries belong passes over what a damaged or
// a forged file has elsewhere. It is the line of the entry, 0 for none.
func misplaced(v *value) int {
	for i := range v.members {
		m := &v.members[i]
		if m.kind == dict && (entryLike(&m.value) || strings.Contains(m.key, "node_modules/")) {
			return int(m.line)
		}
		if line := misplaced(&m.value); line > 0 {
			return line
		}
	}
	return 0
}

// entryLike says that a map tells what an entry tells: a version or a place, and a sum.
func entryLike(v *value) bool {
	place, sum := v.get("resolved").str()+v.get("resolution").str(), v.get("integrity").str()
	return v.get("version").kind == scalar && (strings.Contains(place, ":") || strings.HasPrefix(sum, "sha") || v.get("requires").kind == dict) ||
		v.get("resolution").get("integrity").kind == scalar
}

// elsewhere is misplaced for all members of a map but those of the names.
func elsewhere(v *value, names ...string) int {
	for i := range v.dict() {
		m := &v.members[i]
		known := false
		for _, name := range names {
			known = known || m.key == name
		}
		if known {
			continue
		}
		one := value{kind: dict, members: v.members[i : i+1]}
		if line := misplaced(&one); line > 0 {
			return line
		}
	}
	return 0
}

func astray(file string, line int) error {
	return &Error{file, line, "has the entry of a package where none belongs"}
}
