package observatory

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func loadJSON(t testing.TB, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// sorted returns policies as lists; nil for a list that is invalid.
func sorted(p policies, err error) map[string][]string {
	if err != nil {
		return nil
	}
	lists := map[string][]string{}
	for name, sources := range p {
		lists[name] = slices.Sorted(maps.Keys(sources))
	}
	return lists
}

// TestPoliciesAsRecorded holds the parser to what the real one makes of random policies.
// OBSERVATORY_POLICIES can name a file of fresh ones.
func TestPoliciesAsRecorded(t *testing.T) {
	file := "testdata/policies.json"
	if fresh := os.Getenv("OBSERVATORY_POLICIES"); fresh != "" {
		file = fresh
	}
	var cases []struct {
		Policies []string            `json:"policies"`
		Parsed   map[string][]string `json:"parsed"`
	}
	loadJSON(t, file, &cases)
	for _, c := range cases {
		for _, list := range c.Parsed {
			// JavaScript sorts by UTF-16 units, Go by bytes.
			slices.Sort(list)
		}
		if got := sorted(parsePolicies(c.Policies)); !reflect.DeepEqual(got, c.Parsed) {
			t.Errorf("parsePolicies(%q) = %q, want %q", c.Policies, got, c.Parsed)
		}
	}
}

func TestParsePolicies(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []string
		want map[string][]string // nil: invalid
	}{
		{"no policy", nil, map[string][]string{}},
		{"too short", []string{"img-s"}, nil},
		{"only separators", []string{";;;;;;"}, map[string][]string{}},
		{"names and sources in lower case", []string{"IMG-SRC HTTPS://A"}, map[string][]string{"img-src": {"https://a"}}},
		{"sources without a source", []string{"img-src"}, map[string][]string{"img-src": {"'none'"}}},
		{"directive without a value", []string{"sandbox"}, map[string][]string{"sandbox": {"'none'"}}},
		{"longer source dropped", []string{"img-src https://a/b https://a"}, map[string][]string{"img-src": {"https://a"}}},
		{"directive repeated", []string{"img-src a; img-src b"}, nil},
		{"report-uri repeated, the last counts", []string{"report-uri /a; report-uri /b"}, map[string][]string{"report-uri": {"/b"}, repeatedDirective: {"report-uri"}}},
		{"source in both policies", []string{"img-src a b", "img-src b c"}, map[string][]string{"img-src": {"b"}}},
		{"source in none of two", []string{"img-src a", "img-src b"}, map[string][]string{"img-src": {"'none'"}}},
		{"directive in the first only", []string{"img-src a", "font-src b"}, map[string][]string{"img-src": {"a"}, "font-src": {"'none'"}}},
		{"path below a directory", []string{"img-src a/b/", "img-src a/b/c"}, map[string][]string{"img-src": {"a/b/c"}}},
		{"escaped path", []string{"img-src a/%62", "img-src a/b"}, map[string][]string{"img-src": {"a/b"}}},
		{"broken escape", []string{"img-src a/%zz", "img-src a/b"}, nil},
		{"broken escape without company", []string{"img-src a/%zz"}, map[string][]string{"img-src": {"a/%zz"}}},
		{"line breaks dropped", []string{"img\n-src a\r\n b"}, map[string][]string{"img-src": {"a", "b"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sorted(parsePolicies(c.in)); !reflect.DeepEqual(got, c.want) {
				t.Errorf("parsePolicies(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// slowMerge is the original's way to merge, step by step and quadratic.
func slowMerge(lists [][]string) []string {
	var kept []source
	for policy, list := range lists {
		var combined []*source
		for i := range kept {
			combined = append(combined, &kept[i])
		}
		for _, text := range list {
			combined = append(combined, &source{text: text, key: collationKey(text), policy: policy, keep: policy == 0})
		}
		slices.SortStableFunc(combined, func(a, b *source) int { return strings.Compare(a.key, b.key) })
		for i := 1; i < len(combined); i++ {
			current, previous := combined[i], combined[i-1]
			if current.policy == previous.policy && strings.HasPrefix(current.text, previous.text) {
				current.keep = false
			}
			if current.policy != previous.policy {
				matched, err := previous.path().match(current.path())
				if err != nil {
					return nil
				}
				current.keep = current.keep || matched
			}
		}
		next := []source{}
		for _, s := range combined {
			if s.keep {
				s.keep = policy > 0 || len(lists) == 1
				next = append(next, *s)
			}
		}
		kept = next
	}
	texts := sourceSet{}
	for _, s := range kept {
		texts[s.text] = true
	}
	if len(texts) == 0 {
		texts["'none'"] = true
	}
	return slices.Sorted(maps.Keys(texts))
}

// FuzzPolicies: the fast merge is the slow one, whatever the policies.
func FuzzPolicies(f *testing.F) {
	f.Add("a b", "b c", "b/ b", "a/%zz")
	f.Add("https://a/ https://a/b", "https://a/b", "https://a/b/c https://a/b", "")
	f.Add("x xy xyz é e", "xy é", "xyz xy", "x é")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		var lists [][]string
		var texts []string
		for _, text := range []string{a, b, c, d} {
			words := strings.FieldsFunc(lower(text), func(r rune) bool { return isBlank(r) || r == ';' })
			texts = append(texts, "directive "+strings.Join(words, " "))
			lists = append(lists, words)
		}
		want := slowMerge(lists)
		got := sorted(parsePolicies(texts))["directive"]
		if !slices.Equal(got, want) {
			t.Errorf("parsePolicies(%q) = %q, want %q", texts, got, want)
		}
		again, err := parsePolicies([]string{a, b, c, d})
		for name, sources := range again {
			if len(sources) == 0 {
				t.Errorf("parsePolicies(%q) has %q without a source, %v", []string{a, b, c, d}, name, err)
			}
		}
	})
}

// TestCollation compares with the order that Node's Intl.Collator("en") puts texts in.
func TestCollation(t *testing.T) {
	var groups [][]string
	loadJSON(t, "testdata/collation.json", &groups)
	previous := ""
	for i, group := range groups {
		key := collationKey(group[0])
		for _, text := range group[1:] {
			if collationKey(text) != key {
				t.Errorf("collationKey(%q) = %q, want it equal to that of %q, %q", text, collationKey(text), group[0], key)
			}
		}
		if i > 0 && previous >= key {
			t.Errorf("collationKey(%q) = %q, want it behind that of %q, %q", group[0], key, groups[i-1][0], previous)
		}
		previous = key
	}
}
