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
	// BodyMax is the size of request bodies, in bytes, that the door lets pass. Zero
	// writes none.
	BodyMax int64
}

// WriteNotes adds the notes to the panoply.yaml of a folder, which is made where it is not
// there. What the file says stays as it is, with comments and order: a list is added to,
// and a size that it sets already is an error. What is written in braces or brackets is not
// added to, and is an error that names the lines to write.
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
	if len(n.Ignores) > 0 {
		var items []string
		for _, i := range n.Ignores {
			items = append(items, "- id: "+quoteJSON(i.ID), "  path: "+quoteJSON(i.Path), "  reason: "+quoteJSON(i.Reason), "  until: "+quoteJSON(i.Until))
		}
		var err error
		if text, err = under(text, "ignore", items, true); err != nil {
			return "", err
		}
	}
	if n.BodyMax > 0 {
		if line := below(text, "bounds", "body_max"); line != "" {
			return "", fmt.Errorf("%s has %s already", ConfigFile, strings.TrimSpace(line))
		}
		return under(text, "bounds", []string{fmt.Sprintf("body_max: %d", n.BodyMax)}, false)
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

// below is the line of a key in the block of another.
func below(text, key, inner string) string {
	lines := strings.SplitAfter(text, "\n")
	at, end, behind := block(lines, key)
	if at < 0 {
		return ""
	}
	if strings.Contains(behind, inner) {
		return behind
	}
	for _, line := range lines[at+1 : end] {
		if strings.HasPrefix(strings.TrimSpace(line), inner+":") {
			return line
		}
	}
	return ""
}

// under adds lines to the end of the block of a key, indented as the block is.
func under(text, key string, add []string, list bool) (string, error) {
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
	case behind == "[]" && list || behind == "{}" && !list || behind == "null" || behind == "~":
		lines[at] = key + ":\n"
	case behind != "":
		return "", fmt.Errorf("%s has %s on one line; write there yourself:\n%s", ConfigFile, key, b.String())
	}
	return strings.Join(lines[:end], "") + b.String() + strings.Join(lines[end:], ""), nil
}
