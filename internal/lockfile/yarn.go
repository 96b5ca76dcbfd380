package lockfile

import (
	"fmt"
	"strconv"
	"strings"
)

// readYarn reads a yarn.lock of either kind.
func readYarn(file, text string, f *Found) (*Lock, error) {
	if strings.Contains(text[:min(len(text), 1<<12)], "__metadata:") {
		return readBerry(file, text, f)
	}
	root, err := readYarnForm(file, text)
	if err != nil {
		return nil, err
	}
	if err := crowded(file, root.members); err != nil {
		return nil, err
	}
	l := &Lock{File: file, Format: "yarn 1", Ecosystem: NPM}
	y := newYarn(l, f)
	for i := range root.members {
		m := &root.members[i]
		if field := misshapen(&m.value, asks...); field != "" {
			return nil, &Error{file, int(m.line), "has an entry " + quote(m.key) + " whose " + field + " is of a wrong type"}
		}
		if line := misplaced(&m.value); line > 0 {
			return nil, astray(file, line)
		}
		specs := strings.Split(m.key, ", ")
		name, spec := cutName(specs[0])
		n := node{Package: Package{Name: name, Version: m.get("version").str(), Key: m.key, Line: int(m.line), Origin: yarnOrigin(&m.value)}}
		if real, ok := strings.CutPrefix(spec, "npm:"); ok {
			if n.Name, _ = cutSpec(real); n.Name != name {
				n.Alias = name
			}
		}
		if n.Name == "" || n.Version == "" {
			return nil, &Error{file, int(m.line), "has an entry without a name or a version: " + quote(m.key)}
		}
		if n.Source, n.Address = npmSource(m.get("resolved").str(), spec); n.Source == Registry && strings.HasPrefix(spec, "http") {
			n.Source, n.Address = Archive, spec
		}
		n.archived(spec)
		n.archived(n.Origin.Resolved)
		if err := y.add(n, specs, &m.value); err != nil {
			return nil, err
		}
	}
	y.manifests(f)
	y.edges(func(name, spec string) []string { return []string{name + "@" + spec} })
	return l.finish(false), nil
}

// A yarn collects what both kinds of yarn.lock share: entries found by what asks for them.
type yarn struct {
	lock *Lock
	// specs are the entries by "name@range", names those by name.
	specs map[string]int32
	names map[string][]int32
	// own are the names of the app's own packages.
	own   map[string]bool
	read  []*value
	first int32
}

func newYarn(l *Lock, f *Found) *yarn {
	y := &yarn{lock: l, specs: map[string]int32{}, names: map[string][]int32{}, own: map[string]bool{}}
	if f.Manifest != nil {
		l.graph.add(node{member: true})
		for _, m := range f.Members {
			l.graph.add(node{member: true, Package: Package{Name: m.Name}})
			y.own[m.Name] = true
		}
	}
	y.first = int32(len(l.graph.nodes))
	return y
}

func (y *yarn) add(n node, specs []string, v *value) error {
	at := y.lock.graph.add(n)
	y.read = append(y.read, v)
	installed := n.Name
	if n.Alias != "" {
		installed = n.Alias
	}
	y.names[installed] = append(y.names[installed], at)
	for _, s := range specs {
		if _, twice := y.specs[s]; twice {
			return &Error{y.lock.File, n.Line, "has two entries for " + quote(s)}
		}
		y.specs[s] = at
	}
	return nil
}

// manifests connects what the package.json files ask for.
func (y *yarn) manifests(f *Found) {
	if f.Manifest == nil {
		return
	}
	g := &y.lock.graph
	own := map[string]int32{}
	for i, m := range f.Members {
		own[m.Name] = int32(i) + 1
		g.connect(0, int32(i)+1, needed)
	}
	for i, m := range append([]*Manifest{f.Manifest}, f.Members...) {
		for _, d := range m.Needs {
			if d.need == peer {
				continue // asked of whoever uses this one
			}
			if to, ok := own[d.Name]; ok {
				g.connect(int32(i), to, d.need)
				continue
			}
			y.connect(int32(i), d.Name, []string{d.Name + "@" + d.Spec, d.Name + "@npm:" + d.Spec}, d.need)
		}
	}
}

// connect leads to what was asked for, or, where a resolution put something else in its
// place, to all of that name.
func (y *yarn) connect(from int32, name string, keys []string, n need) (found bool) {
	for _, key := range keys {
		if to, ok := y.specs[key]; ok {
			y.lock.graph.connect(from, to, n)
			return true
		}
	}
	for _, to := range y.names[name] {
		y.lock.graph.connect(from, to, n)
	}
	return len(y.names[name]) > 0
}

func (y *yarn) edges(keys func(name, spec string) []string) {
	for i, v := range y.read {
		y.needs(y.first+int32(i), v, keys)
	}
}

func (y *yarn) needs(from int32, v *value, keys func(name, spec string) []string) {
	for _, s := range needs[:2] {
		section := v.get(s.section)
		for j := range section.dict() {
			d := &section.members[j]
			n := s.need
			if v.get("dependenciesMeta").get(d.key).get("optional").isTrue() {
				n = optional
			}
			if !y.connect(from, d.key, keys(d.key, d.str()), n) && n == needed && !y.own[d.key] {
				y.lock.miss(from, d)
			}
		}
	}
}

// strangers are the entries of members of the workspace whose manifest is not at hand, as
// where a lockfile lies alone: each is a node, and what it needs may be for development.
func (y *yarn) strangers(entries []member) (all []*value) {
	for i := range entries {
		name, from := cutName(entries[i].get("resolution").str())
		dir, ok := strings.CutPrefix(from, "workspace:")
		if !ok {
			continue
		}
		root := dir == "." || dir == ""
		known := y.own[name] || root && y.first > 0
		y.own[name] = true
		if known {
			continue
		}
		if root {
			name = ""
		}
		y.lock.graph.add(node{member: true, Package: Package{Name: name}})
		all = append(all, &entries[i].value)
	}
	y.first += int32(len(all))
	return all
}

// cutName splits "@scope/name@^1.2.3" into name and range.
func cutName(spec string) (name, rest string) {
	if spec == "" {
		return "", ""
	}
	at := strings.IndexByte(spec[1:], '@')
	if at < 0 {
		return spec, ""
	}
	return spec[:at+1], spec[at+2:]
}

// berryNewest is the newest __metadata.version that was looked at.
const berryNewest = 10

// readBerry reads a yarn.lock of Yarn 2 and later.
func readBerry(file, text string, f *Found) (*Lock, error) {
	root, err := readYAML(file, text)
	if err != nil {
		return nil, err
	}
	if err := crowded(file, root.members); err != nil {
		return nil, err
	}
	version := root.get("__metadata").get("version").str()
	if version == "" {
		return nil, &Error{file, int(root.line), "has no __metadata.version"}
	}
	if n, err := strconv.Atoi(version); err != nil || n < 1 || n > berryNewest {
		return nil, &Error{file, int(root.get("__metadata").get("version").line), fmt.Sprintf("has __metadata.version %s: 1 to %d are known", quote(version), berryNewest)}
	}
	l := &Lock{File: file, Format: "yarn berry " + version, Ecosystem: NPM}
	y := newYarn(l, f)
	strangers := y.strangers(root.members)
	for i := range root.members {
		m := &root.members[i]
		if m.key == "__metadata" {
			continue
		}
		if field := misshapen(&m.value, asks...); field != "" {
			return nil, &Error{file, int(m.line), "has an entry " + quote(m.key) + " whose " + field + " is of a wrong type"}
		}
		if line := misplaced(&m.value); line > 0 {
			return nil, astray(file, line)
		}
		resolution := m.get("resolution").str()
		name, from := cutName(resolution)
		if name == "" || from == "" {
			return nil, &Error{file, int(m.line), "has an entry without a resolution: " + quote(m.key)}
		}
		protocol, rest, _ := strings.Cut(from, ":")
		n := node{Package: Package{Name: name, Version: m.get("version").str(), Key: m.key, Line: int(m.line), Origin: berryOrigin(&m.value, from)}}
		switch protocol {
		case "npm":
			if n.Version == "" {
				n.Version = rest
			}
		case "workspace":
			continue // the manifests tell of the app's own
		case "patch", "virtual":
		case "file", "portal", "link", "exec":
			n.Source, n.Address = Folder, from
		case "http", "https":
			if n.Source, n.Address = Archive, from; strings.Contains(from, ".git#") {
				n.Source = Git
			}
			n.archived(from)
		default:
			n.Source, n.Address = Git, from
		}
		specs := strings.Split(m.key, ", ")
		if installed, _ := cutName(specs[0]); installed != name {
			n.Alias = installed
		}
		if err := y.add(n, specs, &m.value); err != nil {
			return nil, err
		}
	}
	y.manifests(f)
	keys := func(name, spec string) []string { return []string{name + "@" + spec, name + "@npm:" + spec} }
	y.edges(keys)
	for i, v := range strangers {
		y.needs(y.first-int32(len(strangers)-i), v, keys)
	}
	return l.finish(false), nil
}

// readYarnForm reads the own form of Yarn 1: keys and values by indentation.
func readYarnForm(file, text string) (value, *Error) {
	r := &reader{file: file, text: text, line: 0}
	root := value{kind: dict, line: 1}
	if err := unfit(file, text); err != nil {
		return root, err
	}
	if strings.Count(text, "\n") > maxValues {
		return root, r.fail(maxValues, "has more than %d lines", maxValues)
	}
	// open are the maps that a line of each indentation belongs to. A pointer into a list
	// holds until its list grows, and only the last item of each list is open.
	open := []*value{&root}
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		r.line++
		line = strings.TrimRight(line, "\r ")
		rest := strings.TrimLeft(line, " ")
		if version, ok := strings.CutPrefix(rest, "# yarn lockfile v"); ok && version != "1" {
			return root, r.fail(r.line, "is of version %s: 1 is known", quote(version))
		}
		if rest == "" || rest[0] == '#' {
			continue
		}
		if err := r.count(0); err != nil {
			return root, err
		}
		depth := (len(line) - len(rest)) / 2
		if (len(line)-len(rest))%2 != 0 || depth >= len(open) {
			return root, r.fail(r.line, "is indented like nothing above it")
		}
		open = open[:depth+1]
		in := open[depth]
		m, opens, err := r.yarnLine(rest)
		if err != nil {
			return root, err
		}
		if len(in.members) == maxWide {
			return root, r.fail(r.line, "has more than %d entries in one place", maxWide)
		}
		in.members = append(in.members, m)
		if opens {
			if depth > 2 {
				return root, r.fail(r.line, "is nested deeper than any yarn.lock")
			}
			open = append(open, &in.members[len(in.members)-1].value)
		}
	}
	if err := r.unique(root.members); err != nil {
		return root, err
	}
	for i := range root.members {
		if err := r.unique(root.members[i].members); err != nil {
			return root, err
		}
	}
	if len(root.members) == 0 && !strings.Contains(text, "yarn lockfile") {
		return root, r.fail(0, "is no yarn.lock: it is empty")
	}
	return root, nil
}

// yarnLine reads "key value" or "key, key:".
func (r *reader) yarnLine(rest string) (m member, opens bool, err *Error) {
	m.line = int32(r.line)
	m.kind = scalar
	var keys []string
	for {
		var word string
		if word, rest, err = r.yarnWord(rest); err != nil {
			return m, false, err
		}
		keys = append(keys, word)
		if !strings.HasPrefix(rest, ", ") {
			break
		}
		rest = rest[2:]
	}
	m.key = strings.Join(keys, ", ")
	if rest == ":" {
		m.kind = dict
		return m, true, nil
	}
	rest, ok := strings.CutPrefix(rest, " ")
	if !ok || len(keys) > 1 {
		return m, false, r.fail(r.line, "has no value and no colon after %s", quote(m.key))
	}
	m.quoted = rest != "" && rest[0] == '"'
	if m.quoted {
		var end string
		if m.text, end, err = r.yarnWord(rest); err == nil && end != "" {
			err = r.fail(r.line, "has %s after a quote", quote(end))
		}
		return m, false, err
	}
	m.text = rest
	return m, false, nil
}

// yarnWord reads a quoted or a plain word.
func (r *reader) yarnWord(s string) (word, rest string, err *Error) {
	if s != "" && s[0] == '"' {
		end := quotedEnd(s)
		if end < 0 {
			return "", "", r.fail(r.line, "has a quote without an end: it was cut short")
		}
		j := &jsonReader{reader: reader{file: r.file, text: s[:end], line: r.line}}
		word, err = j.str()
		return word, s[end:], err
	}
	end := strings.IndexAny(s, " ,")
	if end < 0 {
		if end = len(s); strings.HasSuffix(s, ":") {
			end--
		}
	}
	if end == 0 {
		return "", "", r.fail(r.line, "has %s where a key belongs", quote(s))
	}
	return s[:end], s[end:], nil
}
