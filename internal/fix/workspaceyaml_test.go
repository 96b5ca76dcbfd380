package fix

import "testing"

func TestSetOverride(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no file", "", "overrides:\n  \"a>b\": \"^1.0.1\"\n"},
		{"none", "packages:\n  - a", "packages:\n  - a\noverrides:\n  \"a>b\": \"^1.0.1\"\n"},
		{"an empty one", "overrides: {} # none\npackages: [a]\n", "overrides:\n  \"a>b\": \"^1.0.1\"\npackages: [a]\n"},
		{"others", "overrides:\n    c: 1\n# end\npackages: [a]\n", "overrides:\n    c: 1\n    \"a>b\": \"^1.0.1\"\n# end\npackages: [a]\n"},
		{"itself", "overrides:\n  a>b: 1.0.0   # why\n  c: 1", "overrides:\n  a>b: \"^1.0.1\"   # why\n  c: 1"},
		{"itself in quotes", "overrides:\n  'a>b': '1.0.0'\n", "overrides:\n  'a>b': \"^1.0.1\"\n"},
		{"DOS, at the end", "overrides:\r\n  c: 1", "overrides:\r\n  c: 1\r\n  \"a>b\": \"^1.0.1\"\r\n"},
		{"on one line", "overrides: {c: 1}\n", ""},
	} {
		got, err := setOverride([]byte(c.text), "a>b", "^1.0.1")
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: setOverride(%q) = %q, %v, want %q", c.name, c.text, got, err, c.want)
		}
	}
}

// What is set is there afterwards.
func FuzzSetOverride(f *testing.F) {
	f.Add("overrides:\n  a: 1\npackages: [b]\n", "a>b")
	f.Add("overrides: {}\r\n", "@s/a@1")
	f.Fuzz(func(t *testing.T, text, key string) {
		if !packageName(key) {
			return
		}
		got, err := setOverride([]byte(text), key, "^1.0.1")
		if err == nil && overridesOf(got)[key] != "^1.0.1" {
			t.Fatalf("setOverride(%q, %q) = %q, where it is not", text, key, got)
		}
	})
}
