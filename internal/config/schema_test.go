package config_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/panoplysec/panoply/internal/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestSchemaGolden(t *testing.T) {
	const golden = "testdata/schema.json"
	got := config.Schema()
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Schema() differs from %s; run go test -update and read the difference", golden)
	}
}

// Every key has a description, which is all that an editor shows.
func TestSchemaDescribes(t *testing.T) {
	var walk func(path string, s map[string]any)
	walk = func(path string, s map[string]any) {
		if s["description"] == nil {
			t.Errorf("%s has no description", path)
		}
		properties, _ := s["properties"].(map[string]any)
		for name, p := range properties {
			walk(path+"."+name, p.(map[string]any))
		}
	}
	walk("", schemaTree(t))
}

func schemaTree(t testing.TB) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(config.Schema(), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// The schema and the reader must agree about what they both can see.
func TestSchemaAgreesWithLoad(t *testing.T) {
	sample, err := os.ReadFile("testdata/panoply.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"the sample", strings.ReplaceAll(string(sample), "./404.html", testPage(t)), true},
		{"empty sections", "tls:\ntrust:\nsites:\nerrors:\nheaders: {helmet: }", true},
		{"certificate without a key", "tls: {certificates: [{cert: a}]}", false},
		{"unknown key", "nope: 1", false},
		{"unknown nested key", "bounds: {nope: 1}", false},
		{"number for text", "upstream: 3000", false},
		{"text for number", "bounds: {head_bytes: many}", false},
		{"number for a duration", "bounds: {head_timeout: 10}", false},
		{"duration without a unit", `bounds: {head_timeout: "10"}`, false},
		{"empty duration", `bounds: {head_timeout: ""}`, false},
		{"unknown word", "tls: {policy: old}", false},
		{"unknown mode", "conceal: {mode: on}", false},
		{"text for bool", "log: {queries: maybe}", false},
		{"text for list", "sites: localhost", false},
		{"list of numbers", "sites: [1]", false},
		{"status", "errors: {200: x.html}", false},
		{"list for a mapping", "cookies: []", false},
		{"helmet is text", "headers: {helmet: x}", false},
	}
	tree := schemaTree(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var document any
			if err := yaml.Unmarshal([]byte(tt.text), &document); err != nil {
				t.Fatal(err)
			}
			if err := conforms(tree, document); (err == nil) != tt.ok {
				t.Errorf("by the schema: %v, want success %v", err, tt.ok)
			}
			if _, problems := load(t, tt.text, nil); (problems == "") != tt.ok {
				t.Errorf("by Load: %s, want success %v", problems, tt.ok)
			}
		})
	}
}

func testPage(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("testdata/404.html")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// conforms is as much of a JSON Schema validator as Schema uses; an unknown keyword is
// an error, so that it cannot fall behind.
func conforms(s map[string]any, value any) error {
	for keyword, rule := range s {
		switch keyword {
		case "$schema", "title", "description", "default", "patternProperties":
		case "type":
			names, ok := rule.([]any)
			if !ok {
				names = []any{rule}
			}
			found := false
			for _, name := range names {
				found = found || name == typeOf(value)
			}
			if !found {
				return fmt.Errorf("%v is a %s, want %v", value, typeOf(value), names)
			}
		case "anyOf":
			found := false
			for _, one := range rule.([]any) {
				found = found || conforms(one.(map[string]any), value) == nil
			}
			if !found {
				return fmt.Errorf("%v matches none of %v", value, rule)
			}
		case "enum":
			found := false
			for _, one := range rule.([]any) {
				found = found || reflect.DeepEqual(one, value)
			}
			if !found {
				return fmt.Errorf("%v is none of %v", value, rule)
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(rule.(string)).MatchString(text) {
				return fmt.Errorf("%q does not match %s", text, rule)
			}
		case "minLength":
			if text, ok := value.(string); ok && len(text) < int(rule.(float64)) {
				return fmt.Errorf("%q is too short", text)
			}
		case "items":
			list, _ := value.([]any)
			for _, item := range list {
				if err := conforms(rule.(map[string]any), item); err != nil {
					return err
				}
			}
		case "required":
			m, _ := value.(map[string]any)
			for _, name := range rule.([]any) {
				if _, ok := m[name.(string)]; m != nil && !ok {
					return fmt.Errorf("%v is missing", name)
				}
			}
		case "properties", "additionalProperties":
			m, _ := value.(map[string]any)
			properties, _ := s["properties"].(map[string]any)
			patterns, _ := s["patternProperties"].(map[string]any)
			for name, v := range m {
				rule, known := properties[name]
				for pattern, r := range patterns {
					if regexp.MustCompile(pattern).MatchString(name) {
						rule, known = r, true
					}
				}
				if !known {
					return fmt.Errorf("unknown key %s", name)
				}
				if err := conforms(rule.(map[string]any), v); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		default:
			return fmt.Errorf("the validator of this test does not know %s", keyword)
		}
	}
	return nil
}

func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case uint64, int64, int:
		return "integer"
	case float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
