package crawl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/crawl"
)

func seedLines(seeds []crawl.Seed) []string {
	var all []string
	for _, s := range seeds {
		all = append(all, s.Method+" "+s.Path)
	}
	return all
}

func TestReadOpenAPI(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"version 3", `{"openapi": "3.1.0", "servers": [{"url": "https://live.example/v2/"}], "paths": {
			"/items/{id}": {"parameters": [{"$ref": "#/components/parameters/id"}], "get": {}, "put": {}, "head": {}},
			"/a": {"get": {"parameters": [{"in": "query", "name": "q", "required": true, "example": "x y"}, {"in": "query", "name": "r"}]}},
			"/by/{n}/{s}/{b}/{e}/{d}/{unknown}": {"get": {"parameters": [
				{"in": "path", "name": "n", "schema": {"type": "integer"}}, {"in": "path", "name": "s", "schema": {"type": "string"}},
				{"in": "path", "name": "b", "schema": {"type": "boolean"}}, {"in": "path", "name": "e", "schema": {"$ref": "#/components/schemas/color"}},
				{"in": "path", "name": "d", "examples": {"z": {"value": "last"}, "a": {"value": "a/b"}}}]}}},
			"components": {"parameters": {"id": {"in": "path", "name": "id", "schema": {"type": "string", "format": "uuid"}}}, "schemas": {"color": {"enum": ["red", "blue"]}}}}`,
			[]string{"GET /v2/a?q=x+y", "GET /v2/by/1/a/true/red/a%2Fb/1", "GET /v2/items/00000000-0000-4000-8000-000000000001", "PUT /v2/items/00000000-0000-4000-8000-000000000001"}},
		{"version 2", `{"swagger": "2.0", "basePath": "/api", "paths": {"/x/{id}": {"post": {"parameters": [{"in": "path", "name": "id", "type": "string", "default": 7}]}}, "/y/{id}": {"get": {"parameters": [{"in": "path", "name": "id", "x-example": 9}]}}}}`,
			[]string{"POST /api/x/7", "GET /api/y/9"}},
		{"servers of the origin first", `{"openapi": "3.0.0", "servers": [{"url": "https://live.example/live"}, {"url": "http://h.example/{v}", "variables": {"v": {"default": "v3"}}}], "paths": {"/": {"get": {}}}}`,
			[]string{"GET /v3/"}},
		{"YAML", "openapi: 3.0.0\nservers:\n  - url: /api\npaths:\n  /items/{id}:\n    get:\n      parameters:\n        - {name: id, in: path, schema: {type: string, enum: [a1, b2]}}\n      responses:\n        200: {description: ok}\n    delete: {}\n",
			[]string{"GET /api/items/a1", "DELETE /api/items/1"}},
		{"YAML of version 2", "swagger: 2.0\npaths:\n  /a: {get: {}}\n", []string{"GET /a"}},
		{"wrong types", `{"openapi": 3, "servers": {}, "paths": {"/a": {"get": []}, "/b": [], "c": {"get": {}}, "/d/{x": {"get": {"parameters": {}}}, "/e/{x}": {"get": {"parameters": [1, {"in": 2, "name": "x"}]}}}}`,
			[]string{"GET /a", "GET /d/", "GET /e/1"}},
		{"references in a circle", `{"openapi": "3.0.0", "paths": {"/a/{x}": {"get": {"parameters": [{"$ref": "#/components/parameters/a"}, {"in": "path", "name": "x", "schema": {"$ref": "#/components/schemas/s"}}]}}}, "components": {"parameters": {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}}, "schemas": {"s": {"$ref": "#/components/schemas/s"}}}}`,
			[]string{"GET /a/1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seeds, err := crawl.ReadOpenAPI([]byte(tc.text), parsed(t, "http://h.example/"))
			if err != nil {
				t.Fatalf("ReadOpenAPI: %v", err)
			}
			compare(t, "seeds", seedLines(seeds), tc.want)
		})
	}
}

func TestReadOpenAPIRefuses(t *testing.T) {
	many := strings.Builder{}
	for i := range 50_000 {
		fmt.Fprintf(&many, `"/p%d/{x}": {"get": {"parameters": [{"$ref": "#/components/parameters/big"}]}},`, i)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "no description"},
		{"text", "hello", "no description"},
		{"another JSON", `{"a": 1}`, "no description"},
		{"a list", `[]`, "no description"},
		{"deep JSON", strings.Repeat(`{"a":`, 1_000_000), "not JSON"},
		{"deep YAML in brackets", strings.Repeat("[", 50_000), "too deep"},
		{"deep YAML in lines", strings.Repeat("- ", 20_000), ""},
		{"quotes", strings.Repeat(`"`, 100_000), ""},
		{"many words", strings.Repeat("a: b\n", 100_000), "more than"},
		{"YAML with aliases", "a: &a [x]\nb: [*a, *a]\n", "anchors"},
		{"YAML that is not UTF-8", "a: \xff", "UTF-8"},
		{"large", strings.Repeat(" ", 9<<20), "larger"},
		{"a large parameter everywhere", `{"openapi": "3.0.0", "paths": {` + many.String() + `"/": {}}, "components": {"parameters": {"big": {"in": "path", "name": "x", "example": "` + strings.Repeat("x", 1<<20) + `"}}}}`, "nil"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := time.Now()
			seeds, err := crawl.ReadOpenAPI([]byte(tc.text), parsed(t, "http://h.example/"))
			if tc.want == "nil" {
				if err != nil || len(seeds) != 5000 {
					t.Errorf("ReadOpenAPI = %d seeds, %v, want 5000", len(seeds), err)
				}
			} else if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("ReadOpenAPI error = %v, want one with %q", err, tc.want)
			}
			if d := time.Since(start); d > soon {
				t.Errorf("ReadOpenAPI took %v, want at most %v", d, soon)
			}
		})
	}
}

func FuzzReadOpenAPI(f *testing.F) {
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/a/{b}":{"get":{"parameters":[{"in":"path","name":"b","example":"c d"}]}}}}`))
	f.Add([]byte("swagger: '2.0'\nbasePath: /x\npaths:\n  /a:\n    post: {}\n"))
	origin := parsed(f, "http://h.example/")
	f.Fuzz(func(t *testing.T, data []byte) {
		seeds, err := crawl.ReadOpenAPI(data, origin)
		if err != nil && seeds != nil {
			t.Errorf("ReadOpenAPI = %v and %v, want one of them", seeds, err)
		}
		again, _ := crawl.ReadOpenAPI(data, origin)
		if !slices.Equal(seeds, again) {
			t.Errorf("ReadOpenAPI = %v, then %v", seeds, again)
		}
		for _, s := range seeds {
			if !strings.HasPrefix(s.Path, "/") || len(s.Path) > 2048 || s.From != "openapi" {
				t.Errorf("ReadOpenAPI gave %+v, want a path", s)
			}
		}
	})
}
