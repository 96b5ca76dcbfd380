package fix

import (
	"bytes"
	"errors"
	"strings"

	"github.com/panoplysec/panoply/internal/pattern"
)

// workspaceFile is where pnpm has its settings; since 11 only there.
const workspaceFile = "pnpm-workspace.yaml"

var (
	overridesLine = pattern.New(`^["']?overrides["']?[ \t]*:[ \t]*(.*)$`)
	overrideLine  = pattern.New(`^([ \t]+)("[^"\\]*"|'[^']*'|[^"'\s#][^:#]*?)([ \t]*:[ \t]+)("(?:[^"\\]|\\.)*"|'[^']*'|[^"'\s#][^#]*?)([ \t]*(?:#.*)?)$`)
)

// overridesOf are the overrides of a pnpm-workspace.yaml as pnpm and people write them, one a
// line.
func overridesOf(text []byte) map[string]any {
	all := map[string]any{}
	eachOverride(strings.SplitAfter(string(text), "\n"), func(_ int, part []string) {
		all[unquoted(part[2])] = unquoted(part[4])
	})
	return all
}

// eachOverride calls use with the lines of the overrides, in parts, and returns the line of
// "overrides:", or -1, and where what is below it ends.
func eachOverride(lines []string, use func(at int, part []string)) (start, end int) {
	start = -1
	for i, line := range lines {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case start < 0:
			if overridesLine.Get().MatchString(line) {
				start, end = i, i+1
			}
		case line == "" || strings.HasPrefix(strings.TrimSpace(line), "#"):
		case line[0] != ' ' && line[0] != '\t':
			return start, end
		default:
			end = i + 1
			if part := overrideLine.Get().FindStringSubmatch(line); part != nil {
				use(i, part)
			}
		}
	}
	return start, end
}

// setOverride sets one, and leaves all else as it is.
func setOverride(text []byte, key, value string) ([]byte, error) {
	newline := "\n"
	if bytes.Contains(text, []byte("\r\n")) {
		newline = "\r\n"
	}
	lines := strings.SplitAfter(string(text), "\n")
	indent, at := "  ", -1
	start, end := eachOverride(lines, func(i int, part []string) {
		indent = part[1]
		if unquoted(part[2]) == key {
			at = i
			lines[i] = part[1] + part[2] + part[3] + quoteJSON(value) + part[5] + newline
		}
	})
	if at >= 0 {
		return []byte(strings.Join(lines, "")), nil
	}
	line := indent + quoteJSON(key) + ": " + quoteJSON(value) + newline
	if start < 0 {
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(bytes.Clone(text), newline...)
		}
		return append(bytes.Clone(text), "overrides:"+newline+line...), nil
	}
	switch behind, _, _ := strings.Cut(overridesLine.Get().FindStringSubmatch(strings.TrimRight(lines[start], "\r\n"))[1], "#"); strings.TrimSpace(behind) {
	case "":
	case "{}", "null", "~":
		lines[start] = "overrides:" + newline
	default:
		return nil, errors.New("has its overrides on one line: write " + strings.TrimSpace(line) + " there yourself")
	}
	if !strings.HasSuffix(lines[end-1], "\n") {
		lines[end-1] += newline
	}
	return []byte(strings.Join(lines[:end], "") + line + strings.Join(lines[end:], "")), nil
}

func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
