package fix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml/parser"
)

// ConfigFile is where decisions are written.
const ConfigFile = "panoply.yaml"

// An Ignore is a finding that is to be left out of reports until a day.
type Ignore struct{ ID, Path, Reason, Until string }

// Notes are decisions about findings that are written into panoply.yaml together.
type Notes struct {
	Ignores []Ignore
	Shields []Shield
}

// WriteNotes adds the notes to the panoply.yaml of a folder, which is made where it is not
// there. What the file says stays as it is, with comments and order: a list is added to.
// One that is written in brackets is not, and is an error that names the lines to write.
func WriteNotes(dir string, n Notes) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var old []byte
	info, err := root.Lstat(ConfigFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > 1<<20:
		return fmt.Errorf("%s is no regular file of at most 1 MiB", ConfigFile)
	default:
		if old, err = root.ReadFile(ConfigFile); err != nil {
			return err
		}
	}
	now, err := n.add(string(old))
	if err != nil || now == string(old) {
		return err
	}
	if _, err := parser.ParseBytes([]byte(now), 0); err != nil {
		return fmt.Errorf("%s is no YAML that can be added to: %w", ConfigFile, err)
	}
	return replaceAll(root, []Change{{Name: ConfigFile, old: old, new: []byte(now)}}, func() error { return nil })
}

func (n Notes) add(text string) (string, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if _, err := parser.ParseBytes([]byte(text), 0); err != nil {
		return "", fmt.Errorf("%s: %w", ConfigFile, err)
	}
	var ignores, shields []string
	for _, i := range n.Ignores {
		ignores = append(ignores, "- id: "+quoteJSON(i.ID), "  path: "+quoteJSON(i.Path), "  reason: "+quoteJSON(i.Reason), "  until: "+quoteJSON(i.Until))
	}
	for _, s := range n.Shields {
		shields = append(shields, s.lines()...)
	}
	for _, list := range []struct {
		key   string
		items []string
	}{{"ignore", ignores}, {"shields", shields}} {
		if len(list.items) == 0 {
			continue
		}
		var err error
		if text, err = under(text, list.key, list.items); err != nil {
			return "", err
		}
	}
	return text, nil
}

// block finds the lines below a key of the file's own mapping: [start, end), and what
// stands behind the key.
func block(lines []string, key string) (at, end int, behind string) {
	at = -1
	for i, line := range lines {
		if at < 0 {
			if rest, ok := strings.CutPrefix(line, key+":"); ok {
				at, end = i, i+1
				behind, _, _ = strings.Cut(rest, " #")
				behind = strings.TrimSpace(behind)
			}
			continue
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case line[0] == ' ' || line[0] == '-' && !strings.HasPrefix(line, "---"):
			end = i + 1
		default:
			return at, end, behind
		}
	}
	return at, end, behind
}

// under adds items to the end of the list of a key, indented as the list is.
func under(text, key string, add []string) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	at, end, behind := block(lines, key)
	indent := "  "
	for i := at + 1; at >= 0 && i < end; i++ {
		if trimmed := strings.TrimLeft(lines[i], " "); strings.TrimSpace(trimmed) != "" && trimmed[0] != '#' {
			indent = lines[i][:len(lines[i])-len(trimmed)]
			break
		}
	}
	var b strings.Builder
	for _, line := range add {
		b.WriteString(indent + line + "\n")
	}
	switch {
	case at < 0:
		return text + key + ":\n" + b.String(), nil
	case behind == "[]" || behind == "null" || behind == "~":
		lines[at] = key + ":\n"
	case behind != "":
		return "", fmt.Errorf("%s has %s on one line; write there yourself:\n%s", ConfigFile, key, b.String())
	}
	return strings.Join(lines[:end], "") + b.String() + strings.Join(lines[end:], ""), nil
}
