package observatory_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/panoplysec/panoply/internal/observatory"
)

// recorded is a file of answers with what the real packages made of them.
type recorded struct {
	Preload observatory.PreloadList `json:"hsts_preload_list"`
	Cases   []struct {
		Name   string             `json:"name"`
		Group  string             `json:"group"`
		Input  observatory.Answer `json:"input"`
		Expect struct{ V4, V6 expectation }
	} `json:"cases"`
}

type expectation struct {
	Score  int                `json:"score"`
	Grade  string             `json:"grade"`
	Passed int                `json:"tests_passed"`
	Failed int                `json:"tests_failed"`
	Tests  map[string]verdict `json:"tests"`
}

type verdict struct {
	Result   string `json:"result"`
	Pass     bool   `json:"pass"`
	Modifier int    `json:"score_modifier"`
}

func load(t testing.TB, file string) recorded {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

func reduce(r observatory.Report) expectation {
	e := expectation{r.Score, r.Grade, r.Passed, r.Failed, map[string]verdict{}}
	for _, test := range r.Tests {
		e.Tests[test.Name] = verdict{test.Result, test.Pass, test.Modifier}
	}
	return e
}

// difference lists where two gradings part.
func difference(got, want expectation) string {
	text := ""
	for name := range want.Tests {
		if got.Tests[name] != want.Tests[name] {
			text += fmt.Sprintf("\n\t%s: got %+v, want %+v", name, got.Tests[name], want.Tests[name])
		}
	}
	g, w := got, want
	g.Tests, w.Tests = nil, nil
	if !reflect.DeepEqual(g, w) {
		text += fmt.Sprintf("\n\tgot %+v, want %+v", g, w)
	}
	if len(got.Tests) != len(want.Tests) {
		text += fmt.Sprintf("\n\tgot %d tests, want %d", len(got.Tests), len(want.Tests))
	}
	return text
}

func checkRecorded(t *testing.T, file string, wantCases int) {
	r := load(t, file)
	if len(r.Cases) != wantCases {
		t.Errorf("%s has %d cases, want %d", file, len(r.Cases), wantCases)
	}
	for _, c := range r.Cases {
		for _, v := range []struct {
			version observatory.Version
			want    expectation
		}{{observatory.V4, c.Expect.V4}, {observatory.V6, c.Expect.V6}} {
			t.Run(fmt.Sprintf("v%v/%s/%s", v.version, c.Group, c.Name), func(t *testing.T) {
				report, err := observatory.Score(c.Input, observatory.Options{Version: v.version, Preload: r.Preload})
				if err != nil {
					t.Fatalf("Score() = %v, want a report", err)
				}
				if d := difference(reduce(report), v.want); d != "" {
					input, _ := json.Marshal(c.Input)
					t.Errorf("Score(%.3000s):%s", input, d)
				}
			})
		}
	}
}

// TestVectors holds the package to what the real packages say of the shared vectors.
func TestVectors(t *testing.T) { checkRecorded(t, "testdata/observatory.json", 138) }
