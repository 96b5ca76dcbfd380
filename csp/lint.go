package csp

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strings"

	"github.com/panoplysec/panoply/internal/spell"
)

// Lint names what is wrong with p though it can be sent: each mistake with its fix.
// Those marked Never are refused by Validate under Strict.
func (p Policy) Lint() []Problem {
	var found []Problem
	for _, d := range p {
		found = append(found, d.lint()...)
	}
	return found
}

func (d Directive) lint() []Problem {
	l := linter{d: d}
	form := directives[d.Name]
	switch form {
	case unknown:
		if asciiName(d.Name) {
			l.near("unknown-directive", "", "is no directive that browsers know; they ignore it", spell.Nearest(d.Name, maps.Keys(directives)))
		}
	case deprecated:
		l.add("deprecated-directive", "", "has been removed from browsers", deprecatedFix[d.Name])
	case noValue:
		if len(d.Sources) > 0 {
			l.add("value-ignored", strings.Join(d.Sources, " "), "takes no value", "write the name alone")
		}
	}
	seen := map[string]bool{}
	alone := len(d.Sources) == 1 && !d.Nonce && d.Func == nil
	for _, source := range d.Sources {
		l.source(form, source)
		key := asciiLower(source)
		if seen[key] && source != "" {
			l.add("duplicate-source", source, "is given twice", "write it once")
		}
		seen[key] = true
		if key == "'none'" && !alone {
			l.never("none-with-others", source, "stands beside other sources; browsers then ignore it",
				"remove 'none' or the others")
		}
	}
	return l.found
}

var deprecatedFix = map[string]string{
	"block-all-mixed-content": "write upgrade-insecure-requests",
	"plugin-types":            "write object-src 'none'",
	"referrer":                "send Referrer-Policy",
	"reflected-xss":           "remove it",
	"require-sri-for":         "send Integrity-Policy",
}

type linter struct {
	d     Directive
	found []Problem
}

func (l *linter) add(rule, source, text, fix string) {
	l.found = append(l.found, Problem{Rule: rule, Directive: l.d.Name, Source: source, Text: text, Fix: fix})
}

func (l *linter) never(rule, source, text, fix string) {
	l.add(rule, source, text, fix)
	l.found[len(l.found)-1].Never = true
}

// near is never when a known word is near enough to have been meant, else add: browsers
// learn new words.
func (l *linter) near(rule, source, text, word string) {
	if word != "" {
		l.never(rule, source, text, "write "+word)
		return
	}
	l.add(rule, source, text, "remove it")
}

// source judges one entry of a directive of that form.
func (l *linter) source(form kind, source string) {
	fields := strings.FieldsFunc(source, asciiSpace)
	if len(fields) != 1 || fields[0] != source {
		if len(fields) == 0 {
			l.add("empty-source", source, "is empty", "remove it")
			return
		}
		inside := false
		for _, f := range fields {
			if needsQuotes(f) {
				inside = true
				l.never("unquoted-keyword", source, "holds "+f+", which is read as a host name", "write '"+f+"' as an entry of its own")
			}
		}
		if !inside {
			l.never("blank-in-source", source, "is several sources in one entry", "write each as an entry of its own")
		}
		return
	}
	switch {
	case needsQuotes(asciiLower(source)) || moreKeywords[asciiLower(source)]:
		l.never("unquoted-keyword", source, "is read as a host name", "write '"+asciiLower(source)+"'")
	case strings.ContainsAny(source, "\"`‘’“”"):
		l.never("wrong-quotes", source, "is quoted with something else than '", "write '"+bare(source)+"'")
	case strings.HasPrefix(source, "'") != strings.HasSuffix(source, "'") || source == "'":
		l.never("wrong-quotes", source, "has one quote only", "write '"+bare(source)+"'")
	case l.d.Name == "require-trusted-types-for":
		if asciiLower(source) != "'script'" {
			l.never("trusted-types", source, "is not read", "write 'script'")
		}
	case l.d.Name == "trusted-types":
		if source == "allow-duplicates" {
			l.add("trusted-types", source, "is read as the name of a policy", "write 'allow-duplicates'")
		}
	case l.d.Name == "sandbox":
		if !sandboxTokens[asciiLower(source)] {
			l.near("sandbox-token", source, "is no sandbox flag that browsers know; they ignore it", spell.Nearest(asciiLower(source), maps.Keys(sandboxTokens)))
		}
	case form == sourceList && strings.HasPrefix(source, "'"):
		l.quoted(source)
	}
}

func bare(source string) string { return asciiLower(strings.Trim(source, "'\"`‘’“”")) }

// quoted judges a keyword, nonce or hash in a source list.
func (l *linter) quoted(source string) {
	inner := source[1 : len(source)-1]
	lower := asciiLower(inner)
	if value, ok := strings.CutPrefix(lower, "nonce-"); ok {
		if raw, ok := decode(inner[len(inner)-len(value):]); !ok {
			l.never("bad-nonce", source, "is not base64; browsers ignore it", "use at least 16 random bytes in base64")
		} else if len(raw) < 16 {
			l.add("short-nonce", source, "holds less than 128 bits and does not change", "set Nonce, which makes a new one each request")
		} else {
			l.add("static-nonce", source, "is the same for every request, so an attacker can write it too", "set Nonce, which makes a new one each request")
		}
		return
	}
	for prefix, size := range map[string]int{"sha256-": 32, "sha384-": 48, "sha512-": 64} {
		if !strings.HasPrefix(lower, prefix) {
			continue
		}
		if raw, ok := decode(inner[len(prefix):]); !ok {
			l.never("bad-hash", source, "is not base64", "paste the hash that the browser's console names")
		} else if len(raw) != size {
			l.never("bad-hash", source, fmt.Sprintf("holds %d bytes and can match nothing", len(raw)), fmt.Sprintf("%s needs %d bytes", strings.TrimSuffix(prefix, "-"), size))
		}
		return
	}
	switch {
	case !keywords[lower] && !moreKeywords[lower]:
		near := spell.Nearest(lower, maps.Keys(keywords))
		if near != "" {
			near = "'" + near + "'"
		}
		l.near("unknown-keyword", source, "is no keyword that browsers know; they ignore it", near)
	case inner != lower:
		l.add("upper-case-keyword", source, "is not in lower case; some checkers do not read it", "write '"+lower+"'")
	}
}

// decode reads base64 in either alphabet, with its padding or without.
func decode(s string) ([]byte, bool) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	raw, err := base64.RawStdEncoding.DecodeString(s)
	return raw, err == nil && len(raw) > 0
}
