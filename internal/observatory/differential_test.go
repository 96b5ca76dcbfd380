package observatory_test

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/panoplysec/panoply/internal/observatory"
)

// differential is a file of random answers: each is a change of one base, with what the
// real packages say of it where that differs from the base.
type differential struct {
	Preload observatory.PreloadList `json:"hsts_preload_list"`
	Base    struct {
		Input  json.RawMessage
		Expect struct{ V4, V6 expectation }
	}
	Cases []struct {
		Name   string
		Group  string
		Change json.RawMessage
		Expect struct{ V4, V6 expectation }
	}
}

// TestDifferential holds the package to recorded random answers. A file of fresh ones can
// be named in OBSERVATORY_DIFFERENTIAL; testdata/README.md says how to make it.
func TestDifferential(t *testing.T) {
	file := "testdata/differential.json"
	if fresh := os.Getenv("OBSERVATORY_DIFFERENTIAL"); fresh != "" {
		file = fresh
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d differential
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Cases) < 300 {
		t.Errorf("%s has %d cases, want 300 or more", file, len(d.Cases))
	}
	for _, c := range d.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var answer observatory.Answer
			if err := json.Unmarshal(changed(t, d.Base.Input, c.Change), &answer); err != nil {
				t.Fatal(err)
			}
			for _, v := range []struct {
				version    observatory.Version
				base, want expectation
			}{
				{observatory.V4, d.Base.Expect.V4, c.Expect.V4},
				{observatory.V6, d.Base.Expect.V6, c.Expect.V6},
			} {
				report, err := observatory.Score(answer, observatory.Options{Version: v.version, Preload: d.Preload})
				if err != nil {
					t.Fatalf("v%v: Score(%s) = %v, want a report", v.version, c.Change, err)
				}
				tests := maps.Clone(v.base.Tests)
				maps.Copy(tests, v.want.Tests)
				v.want.Tests = tests
				if diff := difference(reduce(report), v.want); diff != "" {
					t.Errorf("v%v: Score(%s):%s", v.version, c.Change, diff)
				}
			}
		})
	}
}

// changed lays the fields of one object over another.
func changed(t *testing.T, base, change json.RawMessage) []byte {
	t.Helper()
	fields := map[string]json.RawMessage{}
	for _, object := range []json.RawMessage{base, change} {
		if err := json.Unmarshal(object, &fields); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
