package observatory

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A Report is the grading of one answer.
type Report struct {
	// Algorithm is the number of the version, 6 or 4.
	Algorithm int `json:"algorithm_version"`
	// Score is at least 0 and can be above 100.
	Score int    `json:"score"`
	Grade string `json:"grade"`
	// Uncurved is 100 less all penalties, without any bonus; it can be below 0. Bonuses
	// count only when it is at least 90.
	Uncurved int `json:"uncurved_score"`
	Passed   int `json:"tests_passed"`
	Failed   int `json:"tests_failed"`
	// Tests are in the order of the Observatory.
	Tests Tests `json:"tests"`
}

// A Test is the verdict of one test.
type Test struct {
	// Name is the test's, such as content-security-policy.
	Name string `json:"-"`
	// Result is the Observatory's code for what was found.
	Result string `json:"result"`
	// Pass can be true with a negative Modifier.
	Pass bool `json:"pass"`
	// Modifier is what the result adds to the score.
	Modifier int `json:"score_modifier"`
	// Description says in a few words what the result means.
	Description string `json:"description"`
}

// Tests are verdicts. Their JSON is an object by name, in order.
type Tests []Test

// MarshalJSON writes an object by name.
func (t Tests) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, test := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(test.Name)
		if err != nil {
			return nil, err
		}
		verdict, err := json.Marshal(test)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(verdict)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object by name and keeps its order.
func (t *Tests) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("tests: want an object, got %v, %w", open, err)
	}
	*t = nil
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		test := Test{Name: fmt.Sprint(name)}
		if err := decoder.Decode(&test); err != nil {
			return fmt.Errorf("tests: %v: %w", name, err)
		}
		*t = append(*t, test)
	}
	return nil
}

// Named returns the verdict of a test, by its name.
func (t Tests) Named(name string) (Test, bool) {
	for _, test := range t {
		if test.Name == name {
			return test, true
		}
	}
	return Test{}, false
}
