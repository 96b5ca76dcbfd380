package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/report"
)

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", out.Bytes())
}

// TestJSONFollowsItsSchema holds the schema to the output of a real audit and to the
// sample: what is written is described, and what is described as required is written.
func TestJSONFollowsItsSchema(t *testing.T) {
	app := httptest.NewServer(http.NotFoundHandler())
	defer app.Close()
	real, err := audit.Run(t.Context(), []check.Target{{URL: app.URL}}, standard.Checks(), audit.Options{Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(real.Findings) == 0 {
		t.Fatal("the naked app has no findings, so the schema is not tested")
	}
	for name, r := range map[string]*audit.Report{"sample": sample(), "full": full(), "real": real} {
		var out bytes.Buffer
		if err := report.JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		for _, problem := range validate(t, out.Bytes()) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	for _, bad := range []string{`{}`, `{"schema":"panoply.audit/2","targets":[{"requests":0,"answered":true}],"practices":[],"findings":[],"duration_ms":0}`,
		`{"schema":"panoply.audit/1","targets":[],"practices":[],"findings":[],"duration_ms":0}`,
		`{"schema":"panoply.audit/1","targets":[{"requests":0,"answered":true}],"practices":[],"findings":[],"duration_ms":-1}`} {
		if len(validate(t, []byte(bad))) == 0 {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

// A node is the part of JSON Schema that schema.json uses.
type node struct {
	Ref        string           `json:"$ref"`
	Type       string           `json:"type"`
	Const      any              `json:"const"`
	Enum       []any            `json:"enum"`
	Required   []string         `json:"required"`
	Properties map[string]*node `json:"properties"`
	Items      *node            `json:"items"`
	MinItems   int              `json:"minItems"`
	Minimum    *float64         `json:"minimum"`
	Pattern    string           `json:"pattern"`
	Defs       map[string]*node `json:"$defs"`
}

func validate(t *testing.T, doc []byte) []string {
	t.Helper()
	var root node
	if err := json.Unmarshal(report.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(doc, &value); err != nil {
		t.Fatal(err)
	}
	var problems []string
	var walk func(path string, n *node, v any)
	walk = func(path string, n *node, v any) {
		say := func(format string, args ...any) {
			problems = append(problems, path+": "+fmt.Sprintf(format, args...))
		}
		if n.Ref != "" {
			n = root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
		}
		if n.Const != nil && v != n.Const || n.Enum != nil && !slices.Contains(n.Enum, v) {
			say("%v is not allowed", v)
		}
		switch v := v.(type) {
		case map[string]any:
			if n.Type != "object" {
				say("is an object, want %s", n.Type)
			}
			for _, name := range n.Required {
				if _, ok := v[name]; !ok {
					say("%s is missing", name)
				}
			}
			for name, member := range v {
				if n.Properties[name] == nil {
					say("%s is not described", name)
				} else {
					walk(path+"."+name, n.Properties[name], member)
				}
			}
		case []any:
			if n.Type != "array" || len(v) < n.MinItems {
				say("is an array of %d, want %s of at least %d", len(v), n.Type, n.MinItems)
			}
			for i, item := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), n.Items, item)
			}
		case string:
			if n.Type != "" && n.Type != "string" || n.Pattern != "" && !regexp.MustCompile(n.Pattern).MatchString(v) {
				say("%q does not fit", v)
			}
		case float64:
			if n.Type != "integer" || v != float64(int64(v)) || n.Minimum != nil && v < *n.Minimum {
				say("%v does not fit", v)
			}
		case bool:
			if n.Type != "boolean" {
				say("is a boolean, want %s", n.Type)
			}
		default:
			say("is %v", v)
		}
	}
	walk("report", &root, value)
	return problems
}
