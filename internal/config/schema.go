package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/panoplysec/panoply/guard"
)

// Schema returns the JSON Schema (draft 2020-12) of panoply.yaml, for editors. It is
// written from the structs of this package and the values of Default, and ends with a
// line feed. It knows names, types, words and defaults; Validate knows the rest.
func Schema() []byte {
	root := schemaOf(reflect.ValueOf(Default()).Elem(), "")
	root.Version = "https://json-schema.org/draft/2020-12/schema"
	root.Title = FileName
	root.Description = "What panoply serve runs on. ${VAR} and ${VAR:-default} are replaced in values; write $$ for a dollar sign."
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic("config: the schema does not encode: " + err.Error()) // fixed at compile time, held by a test
	}
	return b.Bytes()
}

// A schema is the part of JSON Schema that the file needs.
type schema struct {
	Version     string     `json:"$schema,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        any        `json:"type,omitempty"`
	AnyOf       []schema   `json:"anyOf,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	Items       *schema    `json:"items,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Patterns    properties `json:"patternProperties,omitempty"`
	Required    []string   `json:"required,omitempty"`
	Closed      *bool      `json:"additionalProperties,omitempty"`
	Default     any        `json:"default,omitempty"`
}

// properties keep the order of the structs.
type properties []property

type property struct {
	name string
	schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		writeString(&b, one.name)
		b.WriteByte(':')
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(one.schema); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

const (
	// variablePattern lets a variable stand where the type is not text.
	variablePattern = `\$\{`
	durationPattern = `^([0-9]+d)?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))*$|` + variablePattern
)

// schemaOf describes a value; v also holds its default.
func schemaOf(v reflect.Value, tag reflect.StructTag) schema {
	closed := false
	s := schema{Description: tag.Get("doc")}
	switch d := v.Interface().(type) {
	case Duration:
		s.Type, s.Pattern, s.MinLength, s.Default = "string", durationPattern, 1, d
		return s
	case guard.Mode:
		s.Type, s.AnyOf, s.Default = "string", words("enforce", "observe", "off"), d
		return s
	case *Ordered:
		s.Type = []string{"object", "null"}
		return s
	}
	switch v.Kind() {
	case reflect.Struct:
		// A section whose lines are all commented out reads as null.
		s.Type, s.Closed = []string{"object", "null"}, &closed
		for _, f := range fieldsOf(v.Type()) {
			s.Properties = append(s.Properties, property{f.name, schemaOf(v.Field(f.index), f.tag)})
		}
	case reflect.Slice:
		item := schemaOf(newItem(v.Type().Elem()), "")
		if v.Type().Elem().Kind() == reflect.Struct {
			item.Type = "object"
			for _, f := range fieldsOf(v.Type().Elem()) {
				if f.tag.Get("required") != "" {
					item.Required = append(item.Required, f.name)
				}
			}
		}
		item.Default = nil
		s.Type, s.Items = []string{"array", "null"}, &item
	case reflect.Map:
		s.Type, s.Closed = []string{"object", "null"}, &closed
		s.Patterns = properties{{`^([45]|[45]xx|[45][0-9][0-9])$`, schema{Type: "string"}}}
	case reflect.String:
		s.Type = "string"
		if enum := tag.Get("enum"); enum != "" {
			s.AnyOf = words(strings.Split(enum, ",")...)
		}
		// The default of a file name depends on the machine.
		if tag.Get("kind") != "file" && v.String() != "" {
			s.Default = v.String()
		}
	case reflect.Bool:
		s.Type, s.Pattern, s.Default = []string{"boolean", "string"}, variablePattern, v.Bool()
	case reflect.Int64:
		s.Type, s.Pattern, s.Default = []string{"integer", "string"}, variablePattern, v.Int()
	}
	return s
}

// words allows one of a few words, or a variable.
func words(enum ...string) []schema {
	return []schema{{Enum: enum}, {Pattern: variablePattern}}
}
