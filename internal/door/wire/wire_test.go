package wire_test

import (
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/door/wire"
)

func TestEqualFoldIsASCII(t *testing.T) {
	for _, tt := range []struct {
		s, t string
		want bool
	}{
		{"", "", true}, {"Chunked", "chunked", true}, {"chunke", "chunked", false}, {"chun\u212aed", "chunked", false},
		{"clo\u017fe", "close", false}, {"k", "\u212a", false}, {"[", "{", false}, {"\xc4", "\xe4", false},
	} {
		if got := wire.EqualFold(tt.s, tt.t); got != tt.want {
			t.Errorf("EqualFold(%q, %q) = %v, want %v", tt.s, tt.t, got, tt.want)
		}
		if got := wire.HasToken([]string{"x", " , " + tt.s + "\t"}, tt.t); got != tt.want {
			t.Errorf("HasToken(%q, %q) = %v, want %v", tt.s, tt.t, got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "00010": 10, strings.Repeat("9", 18): 999999999999999999,
		"": -1, "+1": -1, "-1": -1, "1 ": -1, " 1": -1, "1_0": -1, "0x1": -1, "1,1": -1, strings.Repeat("0", 19): -1, "１": -1,
	} {
		if n, ok := wire.Length(s); ok != (want >= 0) || ok && n != want {
			t.Errorf("Length(%q) = %d, %v, want %d", s, n, ok, want)
		}
	}
	for s, want := range map[string]int64{
		"0": 0, "aF": 175, "3;a=\"b;c\"": 3, "3;": 3, strings.Repeat("f", 15): 1<<60 - 1,
		"": -1, ";a": -1, "+3": -1, "3 ": -1, " 3": -1, "0x3": -1, "3\t;a": -1, "3;a\rb": -1, "3;a\x00": -1, "G": -1, "@": -1, "`": -1, strings.Repeat("0", 16): -1,
	} {
		if n, ok := wire.ChunkSize([]byte(s)); ok != (want >= 0) || ok && n != want {
			t.Errorf("ChunkSize(%q) = %d, %v, want %d", s, n, ok, want)
		}
	}
}

func TestTables(t *testing.T) {
	for c := range 256 {
		ch := byte(c)
		alnum := '0' <= ch && ch <= '9' || 'a' <= ch|0x20 && ch|0x20 <= 'z'
		if want := alnum || c > 0 && strings.IndexByte("!#$%&'*+-.^_`|~", ch) >= 0; wire.Token[ch] != want || wire.IsToken(string([]byte{ch})) != want {
			t.Errorf("Token[%q] = %v, want %v", ch, wire.Token[ch], want)
		}
		if want := c == '\t' || c >= ' ' && c != 0x7f; wire.Value[ch] != want || wire.IsValue(string([]byte{ch})) != want {
			t.Errorf("Value[%q] = %v, want %v", ch, wire.Value[ch], want)
		}
	}
	if wire.IsToken("") || !wire.IsValue("") {
		t.Error("the empty string is a value and no token")
	}
}
