package jsobject_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/jsobject"
)

func namesOf(o jsobject.Object) (names []string) {
	for _, m := range o {
		names = append(names, m.Name)
	}
	return names
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, want, names string }{
		{`{}`, `{}`, ""},
		{` { "b" : 1 , "a":[ 1 ] } `, `{"b":1,"a":[ 1 ]}`, "b a"},
		{`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`, "a b"},
		{`{"b":1,"10":2,"9":3,"01":4,"-1":5,"4294967295":6}`, `{"9":3,"10":2,"b":1,"01":4,"-1":5,"4294967295":6}`, "9 10 b 01 -1 4294967295"},
		{`{"\u0061":1}`, `{"\u0061":1}`, "a"},
		{`{"n":9007199254740993,"s":"\ud800 <"}`, `{"n":9007199254740993,"s":"\ud800 <"}`, "n s"},
	} {
		o, ok := jsobject.Parse([]byte(tt.in))
		if got := string(o.AppendTo(nil, nil)); !ok || got != tt.want || strings.Join(namesOf(o), " ") != tt.names {
			t.Errorf("Parse(%s) = %s with names %q, %v; want %s", tt.in, got, namesOf(o), ok, tt.want)
		}
	}
	for _, bad := range []string{"", "null", "[]", `{"a":1`, `{"a":1} x`, `{a:1}`, `{"a":01}`} {
		if _, ok := jsobject.Parse([]byte(bad)); ok {
			t.Errorf("Parse(%s) = true, want false", bad)
		}
	}
}

func TestMany(t *testing.T) {
	text := "{"
	for i := range 100 {
		text += `"k` + strings.Repeat("x", i) + `":1,`
	}
	o, ok := jsobject.Parse([]byte(text + `"k":2}`))
	if v, _ := o.Get("k"); !ok || len(o) != 100 || string(v) != "2" {
		t.Errorf("Parse() of a hundred members, one twice: %d members, k is %s, %v", len(o), v, ok)
	}
}

func TestChange(t *testing.T) {
	o, _ := jsobject.Parse([]byte(`{"a":1,"b":2}`))
	o = o.Put("c", []byte("3")).Put("7", []byte("4")).Put("a", []byte("5")).Put("2", []byte("6"))
	if got, want := string(o.AppendTo(nil, nil)), `{"2":6,"7":4,"a":5,"b":2,"c":3}`; got != want {
		t.Errorf("after Put: %s, want %s", got, want)
	}
	less := o.Remove("b").Remove("none")
	if got, want := string(less.AppendTo(nil, func(name string) bool { return name == "7" })), `{"2":6,"a":5,"c":3}`; got != want {
		t.Errorf("after Remove: %s, want %s", got, want)
	}
	if got, want := string(o.AppendTo(nil, nil)), `{"2":6,"7":4,"a":5,"b":2,"c":3}`; got != want {
		t.Errorf("Remove changed what it was called on: %s, want %s", got, want)
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`"\u003c\/\u2028\ud83d\ude00\ud800\b"`: "\"</\u2028\U0001f600\\ud800\\b\"",
		`1.0`:                                  "1", `-0`: "0", `1E400`: "null", `1e21`: "1e+21", `9007199254740993`: "9007199254740992", `0.000001`: "0.000001", `1e-7`: "1e-7",
		`{ "b" : [ 1.50 , { } ] , "1" : null }`: `{"1":null,"b":[1.5,{}]}`, `[]`: "[]", `true`: "true",
	} {
		if got := string(jsobject.Canonical([]byte(in))); got != want {
			t.Errorf("Canonical(%s) = %s, want %s", in, got, want)
		}
	}
}

// Deep and long JSON takes time in proportion, as far as it is deep.
func TestCanonicalDeep(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 4900) + strings.Repeat(`]}`, 4900)
	if got := string(jsobject.Canonical([]byte(deep))); got != deep {
		t.Errorf("%d bytes of nesting came back as %d", len(deep), len(got))
	}
}

func TestStringify(t *testing.T) {
	got, err := jsobject.Stringify(map[string]any{"s": "<&>\u2028\\u2028", "n": 1e21})
	if want := "{\"n\":1e+21,\"s\":\"<&>\u2028\\\\u2028\"}"; err != nil || string(got) != want {
		t.Errorf("Stringify() = %s, %v, want %s", got, err, want)
	}
}

// What is read and not changed is written with the same bytes of each member, and is the
// same JSON.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b":[{"c":"}"}],"a":2}`, `{"2":1,"1":2,"x":0}`, `{"\ud800":"\ud83d\ude00","\u0061":9007199254740993,"f":1e+21}`,
		"{ \"a\" : \"\\\"\" ,\n\"b\":{}}", `{"a":1`, `[1]`, `{"":{"":[]}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, ok := jsobject.Parse([]byte(text))
		out, names := o.AppendTo(nil, nil), namesOf(o)
		var want map[string]json.RawMessage
		if valid := json.Unmarshal([]byte(text), &want) == nil && want != nil; ok != valid {
			t.Fatalf("Parse(%q) = %v, encoding/json says %v", text, ok, valid)
		}
		if !ok {
			return
		}
		o2, ok := jsobject.Parse(out)
		again, namesAgain := o2.AppendTo(nil, nil), namesOf(o2)
		if !ok || string(again) != string(out) || !reflect.DeepEqual(names, namesAgain) {
			t.Errorf("%q is written as %q, and that as %q", text, out, again)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if len(want) == len(names) && !reflect.DeepEqual(got, want) { // else lone surrogates fell together
			t.Errorf("%q came back as %q", text, out)
		}
	})
}
