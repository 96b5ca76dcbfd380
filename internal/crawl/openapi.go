package crawl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// The bounds on a description. The parser of YAML takes time with the square of the
// tokens when they nest.
const (
	maxOpenAPI  = 8 << 20
	maxYAML     = 2 << 20
	maxTokens   = 60000
	maxNesting  = 32
	maxSeeds    = 5000
	maxRefHops  = 8
	maxRequired = 10
	maxSample   = 100
)

// ReadOpenAPI reads the pages and routes of a description in OpenAPI 2 or 3, JSON or
// YAML. Parameters are filled with their examples, defaults or first allowed values, or
// else with something of their type. Of the servers that it names only the path counts,
// that of the origin first. YAML with anchors, and what refers to other files, is not
// read. The seeds are sorted by path.
func ReadOpenAPI(data []byte, origin *url.URL) ([]Seed, error) {
	if len(data) > maxOpenAPI {
		return nil, fmt.Errorf("openapi: larger than %d bytes", maxOpenAPI)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		var err error
		if data, err = jsonOf(data); err != nil {
			return nil, fmt.Errorf("openapi: %w", err)
		}
	}
	d := description{seen: make(map[string]parameter)}
	// A member of a wrong type makes an error only after the others have been read.
	var mismatch *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &d); err != nil && !errors.As(err, &mismatch) {
		return nil, fmt.Errorf("openapi: not JSON: %w", err)
	}
	if d.OpenAPI == nil && d.Swagger == nil || d.Paths == nil {
		return nil, errors.New("openapi: no description of paths in OpenAPI 2 or 3")
	}
	return d.seeds(origin), nil
}

// jsonOf turns YAML into JSON. The parser is other people's, and what it reads may be
// anybody's.
func jsonOf(data []byte) (out []byte, err error) {
	if len(data) > maxYAML {
		return nil, fmt.Errorf("YAML larger than %d bytes", maxYAML)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8 text")
	}
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, errors.New("cannot be read as YAML")
		}
	}()
	tokens := lexer.Tokenize(string(data))
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("YAML of more than %d words", maxTokens)
	}
	open := 0
	for _, t := range tokens {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType:
			return nil, errors.New("YAML with anchors or tags is not read; convert it to JSON")
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		}
		if open > maxNesting || t.Position != nil && t.Position.IndentNum > 8*maxNesting {
			return nil, errors.New("YAML nested too deep")
		}
	}
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, errors.New("not YAML")
	}
	return json.Marshal(v)
}

// A description is what is read of a document of OpenAPI.
type description struct {
	OpenAPI, Swagger any
	BasePath         string
	Servers          []struct {
		URL       string
		Variables map[string]struct{ Default string }
	}
	Paths       map[string]map[string]json.RawMessage
	Parameters  map[string]json.RawMessage
	Definitions map[string]json.RawMessage
	Components  struct{ Parameters, Schemas map[string]json.RawMessage }

	// seen holds the parameters that were referred to.
	seen map[string]parameter
}

// A parameter is one with the text to fill in for it.
type parameter struct {
	in, name, sample string
	required         bool
}

// operations are the methods that make a route, in the order of the seeds.
var operations = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (d *description) seeds(origin *url.URL) []Seed {
	base := d.base(origin)
	var all []Seed
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		item := d.Paths[path]
		shared := d.parameters(item["parameters"])
		for _, method := range operations {
			raw, ok := item[strings.ToLower(method)]
			if !ok || !strings.HasPrefix(path, "/") {
				continue
			}
			if len(all) == maxSeeds {
				return all
			}
			var operation struct{ Parameters json.RawMessage }
			_ = json.Unmarshal(raw, &operation) // one of a wrong type has no parameters
			address := base + fill(path, append(d.parameters(operation.Parameters), shared...), method == http.MethodGet)
			if len(address) <= maxPath {
				all = append(all, Seed{Method: method, Path: address, From: "openapi"})
			}
		}
	}
	return all
}

// base is the path below which the paths stand.
func (d *description) base(origin *url.URL) string {
	base := d.BasePath
	for i, s := range d.Servers {
		address := s.URL
		for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
			if len(address) < maxPath {
				address = strings.ReplaceAll(address, "{"+name+"}", s.Variables[name].Default)
			}
		}
		u, err := origin.Parse(address)
		if err != nil || len(address) > maxPath {
			continue
		}
		if own := sameOrigin(u, origin); own || i == 0 {
			base = u.EscapedPath()
			if own {
				break
			}
		}
	}
	if base = strings.Trim(base, "/"); base == "" {
		return ""
	}
	return "/" + base
}

// fill puts the samples in the path, and in the query what a GET cannot do without.
func fill(path string, parameters []parameter, query bool) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(path, "{")
		b.WriteString(before)
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok || b.Len() > maxPath {
			break
		}
		sample := "1"
		for _, p := range parameters {
			if p.in == "path" && p.name == name {
				sample = p.sample
				break
			}
		}
		b.WriteString(url.PathEscape(sample))
		path = after
	}
	values := make(url.Values)
	for _, p := range parameters {
		if query && p.in == "query" && p.required && len(values) < maxRequired && !values.Has(p.name) {
			values.Set(p.name, p.sample)
		}
	}
	if len(values) > 0 {
		b.WriteString("?" + values.Encode())
	}
	return b.String()
}

// parameters reads a list of them.
func (d *description) parameters(raw json.RawMessage) []parameter {
	var list []json.RawMessage
	if raw == nil || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var all []parameter
	for _, one := range list[:min(len(list), 100)] {
		all = append(all, d.parameter(one, 0))
	}
	return all
}

func (d *description) parameter(raw json.RawMessage, hops int) parameter {
	var p struct {
		Ref      string `json:"$ref"`
		In, Name string
		Required bool
		Schema   json.RawMessage
		Examples map[string]struct{ Value json.RawMessage }
		sample
	}
	_ = json.Unmarshal(raw, &p) // what is of a wrong type is as if absent
	if p.Ref != "" {
		known, ok := d.seen[p.Ref]
		if !ok && hops < maxRefHops {
			name := refName(p.Ref, "#/components/parameters/", "#/parameters/")
			known = d.parameter(either(d.Components.Parameters[name], d.Parameters[name]), hops+1)
			d.seen[p.Ref] = known
		}
		return known
	}
	text := p.text()
	for _, name := range slices.Sorted(maps.Keys(p.Examples)) {
		if text == "" {
			text = scalar(p.Examples[name].Value)
		}
	}
	if text == "" && p.Schema != nil {
		text = d.schema(p.Schema, 0)
	}
	if text == "" {
		text = p.ofType()
	}
	return parameter{in: p.In, name: p.Name, sample: text, required: p.Required}
}

// schema returns a sample of what a schema describes.
func (d *description) schema(raw json.RawMessage, hops int) string {
	var s struct {
		Ref string `json:"$ref"`
		sample
	}
	_ = json.Unmarshal(raw, &s)
	if s.Ref != "" {
		known, ok := d.seen[s.Ref]
		if !ok && hops < maxRefHops {
			name := refName(s.Ref, "#/components/schemas/", "#/definitions/")
			known.sample = d.schema(either(d.Components.Schemas[name], d.Definitions[name]), hops+1)
			d.seen[s.Ref] = known
		}
		return known.sample
	}
	if text := s.text(); text != "" {
		return text
	}
	return s.ofType()
}

// refName is the name that a reference ends with; empty when it leads elsewhere.
func refName(ref string, prefixes ...string) string {
	for _, prefix := range prefixes {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		}
	}
	return ""
}

// either is where version 3 keeps a thing, or where version 2 does.
func either(a, b json.RawMessage) json.RawMessage {
	if a == nil {
		return b
	}
	return a
}

// A sample is the part of a parameter or a schema that says what to fill in.
type sample struct {
	Example, Default json.RawMessage
	XExample         json.RawMessage `json:"x-example"`
	Enum             []json.RawMessage
	Type             any
	Format           string
}

// text is what the description itself gives as an example; empty without one.
func (s *sample) text() string {
	for _, raw := range append([]json.RawMessage{s.Example, s.XExample, s.Default}, s.Enum[:min(len(s.Enum), 1)]...) {
		if text := scalar(raw); text != "" {
			return text
		}
	}
	return ""
}

// ofType is something of the type.
func (s *sample) ofType() string {
	switch s.Type {
	case "string":
		switch s.Format {
		case "uuid":
			return "00000000-0000-4000-8000-000000000001"
		case "date":
			return "2020-01-01"
		case "date-time":
			return "2020-01-01T00:00:00Z"
		case "email":
			return "a@example.com"
		}
		return "a"
	case "boolean":
		return "true"
	}
	return "1"
}

// scalar is the text of a string, a number or a boolean; empty for others and for what
// is too long to be an example.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 || len(raw) > maxSample {
		return ""
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
