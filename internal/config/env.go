package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/spell"
)

const (
	// envPrefix begins the name of each variable that sets a key.
	envPrefix = "PANOPLY_"
	// envFile ends the name of one that names a file with the value.
	envFile = "_FILE"
	// maxEnvFile is the size of the largest such file.
	maxEnvFile = 64 << 10
)

// EnvNames returns for each variable that sets a key the path of that key, such as
// "tls.policy" for PANOPLY_TLS_POLICY. Each of them can be given as a file too, under its
// name with _FILE at the end. A key within a list has no variable: the list has.
func EnvNames() map[string]string {
	names := map[string]string{}
	leaves(reflect.TypeFor[Config](), "", func(path string, _ field) { names[envName(path)] = path })
	return names
}

// envName is how the variable of a key is called.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// leaves calls visit for every key that a variable can set.
func leaves(t reflect.Type, path string, visit func(path string, f field)) {
	for _, f := range fieldsOf(t) {
		where := joinPath(path, f.name)
		switch {
		case f.tag.Get("env") == "-":
		case f.typ.Kind() == reflect.Struct:
			leaves(f.typ, where, visit)
		default:
			visit(where, f)
		}
	}
}

// elsewhere are the variables of this prefix that set no key, with what reads them. Those
// of tests are here so that a door can be tried in the environment of its own tests.
var elsewhere = map[string]string{
	EnvConfig:            "names the configuration file",
	"PANOPLY_VERSION":    "is what images and pipelines call the release that they install",
	"PANOPLY_NPM_DIR":    "is where tests find npm packages",
	"PANOPLY_LARGE":      "is a size in tests",
	"PANOPLY_SHOTS":      "is a folder of tests",
	"PANOPLY_ADVISORIES": "is where advisories are found",
}

// elsewhereTest is the prefix of other variables of tests.
const elsewhereTest = "PANOPLY_TEST_"

// serviceLink tells the variables by which Kubernetes names the Services of a namespace to
// each of its Pods, for a Service whose name begins with panoply.
var serviceLink = regexp.MustCompile(`_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$|_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$`)

// portLink tells the value of one whose name only ends in _PORT.
var portLink = regexp.MustCompile(`^(?:tcp|udp|sctp)://`)

func isServiceLink(name, value string) bool {
	name = strings.TrimPrefix(name, "PANOPLY")
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && portLink.MatchString(value)
}

// overrides sets every key whose variable is in the environment, NAME=value each, over what
// was read. An empty variable is one that is not set, as ${NAME:-default} has it.
func (r *reader) overrides(environ []string) {
	known := EnvNames()
	given := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" && !isServiceLink(name, value) {
			given[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		path, ok := known[name]
		if ok {
			r.override(path, Origin{Env: name}, value)
			continue
		}
		base, isFile := strings.CutSuffix(name, envFile)
		path, ok = known[base]
		switch {
		case isFile && ok && given[base] != "":
			r.note(Origin{Env: name}, path, "is set, and "+base+" is too", "keep one")
		case isFile && ok:
			r.overrideFile(path, Origin{Env: name, secret: true}, value)
		default:
			r.unknownVariable(name, known)
		}
	}
}

// unknownVariable notes a variable that sets nothing: a key that somebody believes to have
// set would else stay as it is in silence.
func (r *reader) unknownVariable(name string, known map[string]string) {
	if elsewhere[name] != "" || strings.HasPrefix(name, elsewhereTest) {
		return
	}
	hint := ""
	base, isFile := strings.CutSuffix(name, envFile)
	if best := spell.Nearest(strings.ToUpper(base), maps.Keys(known)); best != "" {
		if isFile {
			best += envFile
		}
		hint = "did you mean " + best + "?"
	} else {
		var within []string
		for other := range known {
			if strings.HasPrefix(other, base+"_") {
				within = append(within, other)
			}
		}
		slices.Sort(within)
		hint = "a variable is called as its key: tls.policy is PANOPLY_TLS_POLICY"
		if len(within) > 0 {
			hint = "a section has none; its keys have " + strings.Join(within, ", ")
		}
	}
	r.note(Origin{Env: printable(name)}, "", "sets no key", hint)
}

// note adds a problem of a value that no file holds.
func (r *reader) note(o Origin, path, text, hint string) {
	r.problems = append(r.problems, &Problem{Origin: o, Path: path, Text: text, Hint: hint})
}

// overrideFile takes the value from a file. Where the key is the name of a file itself, as
// limits.redis_password is, both variables name that file: who mounts a secret and names
// it does not want to write a second file with its path.
func (r *reader) overrideFile(path string, o Origin, file string) {
	if _, f := r.leaf(path); f.typ.Kind() == reflect.String && f.tag.Get("kind") == "file" {
		r.override(path, Origin{Env: o.Env}, file)
		return
	}
	text, err := readValue(file)
	if err != nil {
		r.note(Origin{Env: o.Env}, path, err.Error(), "")
		return
	}
	r.override(path, o, text)
}

// override sets one key. Nothing is expanded in it.
func (r *reader) override(path string, o Origin, text string) {
	inner := reader{cfg: r.cfg, source: o, raw: true}
	defer func() { r.problems = append(r.problems, inner.problems...) }()
	if !inner.plainText([]byte(text)) {
		return
	}
	v, f := r.leaf(path)
	r.forget(path)
	r.cfg.origins[path] = o
	flow := strings.HasPrefix(strings.TrimSpace(text), "[") || strings.HasPrefix(strings.TrimSpace(text), "{")
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String && !flow:
		list := reflect.MakeSlice(v.Type(), 0, 0)
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				inner.cfg.origins[fmt.Sprintf("%s[%d]", path, list.Len())] = o
				list = reflect.Append(list, reflect.ValueOf(item))
			}
		}
		v.Set(list)
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Map, v.Kind() == reflect.Pointer:
		if !flow {
			want := "YAML in one line, such as [{…}, {…}]"
			if v.Kind() != reflect.Slice {
				want = "YAML in one line, such as {…}"
			}
			inner.note(o, path, fmt.Sprintf("is %s, must be %s", quoted(text), want), "")
			return
		}
		if root, ok := inner.tree([]byte(text)); ok {
			inner.value(root, v, path, f.tag)
		}
	default:
		if strings.ContainsAny(text, "\r\n") {
			inner.note(o, path, fmt.Sprintf("is %s, must be one line", quoted(text)), "")
		} else if err := setText(v, text); err != nil {
			inner.note(o, path, err.Error(), "")
		}
	}
}

// leaf returns the value of a path that EnvNames has, and its field.
func (r *reader) leaf(path string) (reflect.Value, field) {
	v := reflect.ValueOf(r.cfg).Elem()
	var last field
	for name := range strings.SplitSeq(path, ".") {
		for _, f := range fieldsOf(v.Type()) {
			if f.name == name {
				v, last = v.Field(f.index), f
				break
			}
		}
	}
	return v, last
}

// shown finds the values within what a problem says.
var shown = regexp.MustCompile(`"(?:[^"\\]|\\.)*"…?|\([^)]*\)`)

// redact takes the value out of a problem of a file: whoever named the wrong one may have
// named a secret, and problems go to logs.
func redact(p *Problem) {
	if p.Origin.secret {
		p.Text, p.Hint = shown.ReplaceAllString(p.Text, `"…"`), ""
	}
}
