package fix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// setJSON sets a text in a JSON document, and makes the objects on the way to it where
// they are not there. All else stays byte for byte, and what is new is indented as the
// document is.
func setJSON(text []byte, path []string, value string) ([]byte, error) {
	for depth := len(path); depth >= 0; depth-- {
		at, err := locate(text, path[:depth])
		if err != nil {
			return nil, err
		}
		if !at.found {
			continue
		}
		if depth == len(path) {
			if text[at.start] != '"' {
				return nil, fmt.Errorf("%s is no text", strings.Join(path, "."))
			}
			return splice(text, at.start, at.end, quoteJSON(value)), nil
		}
		if text[at.start] != '{' {
			return nil, fmt.Errorf("%s is no object", strings.Join(path[:depth], "."))
		}
		return insert(text, at, path[depth:], value), nil
	}
	return nil, fmt.Errorf("is no JSON object")
}

// getJSON returns the text at a path, or false.
func getJSON(text []byte, path ...string) (string, bool) {
	at, err := locate(text, path)
	if err != nil || !at.found {
		return "", false
	}
	var s string
	if json.Unmarshal(text[at.start:at.end], &s) != nil {
		return "", false
	}
	return s, true
}

// hasJSON says whether there is something at a path.
func hasJSON(text []byte, path ...string) bool {
	at, err := locate(text, path)
	return err == nil && at.found
}

// dropJSON takes what is at a path out of a document, as often as it is there: what reads
// it may take the last of several.
func dropJSON(text []byte, path ...string) []byte {
	for {
		at, err := locate(text, path)
		if err != nil || !at.found {
			return text
		}
		start, end := at.key, at.end
		if rest := bytes.TrimLeft(text[end:], " \t\r\n"); len(rest) > 0 && rest[0] == ',' {
			end = len(text) - len(rest) + 1
		} else if comma := bytes.TrimRight(text[:start], " \t\r\n"); len(comma) > 0 && comma[len(comma)-1] == ',' {
			start = len(comma) - 1
		}
		text = splice(text, start, end, "")
	}
}

type place struct {
	start, end int
	found      bool
	// empty says that an object has nothing in it; last is where its last value ends.
	empty bool
	last  int
	// key is where the key of the value begins.
	key int
}

// locate finds the value at a path.
func locate(text []byte, path []string) (place, error) {
	plain := unmarked(text)
	at, err := descend(json.NewDecoder(bytes.NewReader(plain)), plain, path)
	skipped := len(text) - len(plain)
	at.start, at.end, at.last, at.key = at.start+skipped, at.end+skipped, at.last+skipped, at.key+skipped
	return at, err
}

// unmarked is a text without the mark with which editors of Windows begin a file, and which
// package managers overlook.
func unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }

func descend(d *json.Decoder, text []byte, path []string) (place, error) {
	before := d.InputOffset()
	t, err := d.Token()
	if err != nil {
		return place{}, fmt.Errorf("is no JSON: %w", err)
	}
	p := place{start: skipTo(text, before), found: len(path) == 0}
	if t == json.Delim('{') || t == json.Delim('[') {
		p.empty = true
		for d.More() {
			p.empty = false
			var key string
			begins := skipTo(text, d.InputOffset())
			if t == json.Delim('{') {
				k, err := d.Token()
				if err != nil {
					return place{}, fmt.Errorf("is no JSON: %w", err)
				}
				key, _ = k.(string)
			}
			var below []string
			wanted := t == json.Delim('{') && len(path) > 0 && key == path[0]
			if wanted {
				below = path[1:]
			}
			v, err := descend(d, text, below)
			if wanted && len(below) == 0 {
				v.key = begins
			}
			if err != nil || wanted && v.found {
				return v, err
			}
			p.last = v.end
		}
		if _, err := d.Token(); err != nil {
			return place{}, fmt.Errorf("is no JSON: %w", err)
		}
	}
	p.end = int(d.InputOffset())
	return p, nil
}

// skipTo is where the next thing begins.
func skipTo(text []byte, from int64) int {
	start := int(from)
	for start < len(text) && strings.IndexByte(" \t\r\n,:", text[start]) >= 0 {
		start++
	}
	return start
}

// insert adds a value at the end of an object.
func insert(text []byte, object place, path []string, value string) []byte {
	indent, newline := indentOf(text), "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		newline = "\r\n"
	}
	line := text[:object.start]
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	outer := string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
	var b strings.Builder
	inner := outer
	for i, key := range path {
		inner += indent
		b.WriteString(newline + inner + quoteJSON(key) + ": ")
		if i < len(path)-1 {
			b.WriteByte('{')
		}
	}
	b.WriteString(quoteJSON(value))
	for i := len(path) - 1; i > 0; i-- {
		inner = inner[:len(inner)-len(indent)]
		b.WriteString(newline + inner + "}")
	}
	if object.empty {
		return splice(text, object.start, object.end, "{"+b.String()+newline+outer+"}")
	}
	return splice(text, object.last, object.last, ","+b.String())
}

// indentOf is what the first indented line begins with; two spaces where there is none.
func indentOf(text []byte) string {
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimLeft(line, " \t")
		if n := len(line) - len(trimmed); n > 0 && len(bytes.TrimSpace(trimmed)) > 0 {
			return string(line[:n])
		}
	}
	return "  "
}

func splice(text []byte, start, end int, with string) []byte {
	out := make([]byte, 0, len(text)+len(with))
	out = append(out, text[:start]...)
	out = append(out, with...)
	return append(out, text[end:]...)
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a text can always be written
	return strings.TrimSuffix(b.String(), "\n")
}
