package spell_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/spell"
)

func TestDistance(t *testing.T) {
	long := strings.Repeat("x", 100)
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1},
		{"abc", "acb", 1}, {"abc", "bc", 1}, {"kitten", "sitting", 3}, {long, "abc", 100},
	}
	for _, test := range tests {
		if got := spell.Distance(test.a, test.b); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"headers", "cookies", "tls", "csrf", "errors"}
	tests := []struct{ name, want string }{
		{"heders", "headers"}, {"headres", "headers"}, {"cookeis", "cookies"}, {"tsl", "tls"},
		{"csrff", "csrf"}, {"hdrs", ""}, {"zzz", ""}, {"", ""}, {"header", "headers"},
	}
	for _, test := range tests {
		if got := spell.Nearest(test.name, slices.Values(known)); got != test.want {
			t.Errorf("Nearest(%q) = %q, want %q", test.name, got, test.want)
		}
	}
	if got := spell.Nearest("ab", slices.Values([]string{"ac", "aa"})); got != "aa" {
		t.Errorf("Nearest of two equals = %q, want the one that sorts first, aa", got)
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("headers", "heders")
	f.Fuzz(func(t *testing.T, a, b string) {
		d := spell.Distance(a, b)
		if back := spell.Distance(b, a); back != d {
			t.Errorf("Distance(%q, %q) = %d, the other way %d", a, b, d, back)
		}
		if (d == 0) != (a == b) && len(a) <= 64 && len(b) <= 64 {
			t.Errorf("Distance(%q, %q) = %d", a, b, d)
		}
	})
}
