package config

import (
	"fmt"
	"strings"
)

// expand replaces ${VAR} and ${VAR:-default} in one scalar value and $$ by $. The
// default also stands in for an empty variable, as in a shell. A lone $ stays.
//
// It returns every variable that is missing, so that all are reported at once.
func expand(s string, env func(string) (string, bool)) (out string, expanded bool, errs []error) {
	if !strings.Contains(s, "$") {
		return s, false, nil
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), expanded, errs
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
		case !strings.HasPrefix(after, "{"):
			b.WriteByte('$')
			s = after
		default:
			inner, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", false, append(errs, fmt.Errorf("${ without its }: quote the value within [ ] and { }, or write $$ for a dollar sign"))
			}
			value, err := variable(inner, env)
			if err != nil {
				errs = append(errs, err)
			}
			b.WriteString(value)
			expanded = true
			s = rest
		}
	}
}

// variable answers what stands between ${ and }.
func variable(inner string, env func(string) (string, bool)) (string, error) {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !variableName(name) {
		return "", fmt.Errorf("${%s} is not ${NAME} or ${NAME:-default}: write $$ for a dollar sign", printable(inner))
	}
	value, set := env(name)
	if hasFallback && value == "" {
		return fallback, nil
	}
	if !set {
		return "", fmt.Errorf("the variable %s is not set: set it, or write ${%s:-default}", name, name)
	}
	return value, nil
}

func variableName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// printable is quoted without its quotes.
func printable(s string) string {
	q := quoted(s)
	return strings.ReplaceAll(q[1:], `"`, "")
}
