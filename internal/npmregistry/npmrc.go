package npmregistry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	maxFile = 1 << 20
	maxKeys = 10_000
)

// A setting is a value with where it was written.
type setting struct {
	value string
	// more are the values of a list, key[] = value, after the first.
	more []string
	at   string
}

// parse reads the text of an .npmrc as npm's ini does. Sections are no settings of npm and
// left out. With expand, ${NAME} is what lookup finds.
func parse(name, text string, lookup func(string) (string, bool)) (map[string]setting, error) {
	all := map[string]setting{}
	section := false
	for number := 1; text != ""; number++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == ';' || line[0] == '#':
			continue
		case line[0] == '[':
			section = true
		}
		if section {
			continue
		}
		key, value, told := strings.Cut(line, "=")
		if !told {
			value = "true"
		}
		key, value = unquote(key), unquote(value)
		if lookup != nil {
			key, value = expand(key, lookup), expand(value, lookup)
		}
		at := fmt.Sprintf("%s:%d", name, number)
		plain, list := strings.CutSuffix(key, "[]")
		s, twice := all[plain]
		if list && twice {
			s.more = append(s.more, value)
		} else {
			s = setting{value: value, at: at}
		}
		if all[plain] = s; len(all) > maxKeys {
			return nil, fmt.Errorf("%s: more than %d settings", at, maxKeys)
		}
	}
	return all, nil
}

// unquote takes quotes off, or else the comment and the backslashes before what would begin
// one.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') {
		var text string
		if s[0] == '"' && json.Unmarshal([]byte(s), &text) == nil {
			return text
		}
		return s[1 : len(s)-1]
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ';' || s[i] == '#':
			return strings.TrimSpace(b.String())
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`\;#`, s[i+1]) >= 0:
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.TrimSpace(b.String())
}

// expand puts in the variables that are there; others stay as they are written, but for
// ${NAME?}, which then is nothing.
func expand(s string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			b.WriteString(s)
			return b.String()
		}
		plain, optional := strings.CutSuffix(name, "?")
		value, found := lookup(plain)
		switch {
		case strings.HasSuffix(before, `\`):
			b.WriteString(before[:len(before)-1] + "${" + name + "}")
		case found || optional:
			b.WriteString(before + value)
		default:
			b.WriteString(before + "${" + name + "}")
		}
		s = after
	}
}

// readFile reads a file of settings; one that is not there has none.
func readFile(name string, lookup func(string) (string, bool)) (map[string]setting, error) {
	if name == "" {
		return nil, nil
	}
	// Asked before it is opened: a FIFO would be waited for.
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s: more than %d bytes", name, maxFile)
	}
	if err != nil {
		return nil, err
	}
	return parse(name, string(text), lookup)
}

// environment reads npm_config_ variables as npm does: "_" stands for "-" but at the
// beginning, and where the name is one of an address.
func environment(environ []string) map[string]setting {
	all := map[string]setting{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		const prefix = "npm_config_"
		if len(name) <= len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) || value == "" {
			continue
		}
		key := name[len(prefix):]
		if !strings.HasPrefix(key, "//") {
			key = key[:1] + strings.ReplaceAll(key[1:], "_", "-")
			key = strings.ToLower(key)
		}
		all[key] = setting{value: value, at: "the variable " + name}
	}
	return all
}
