package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/door/jsontext"
)

func TestAppend(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"", 10, `""`},
		{"plain", 10, `"plain"`},
		{`"\/`, 10, `"\"\\/"`},
		{"\n\r\t\b\x00\x7f", 10, `"\n\r\t\u0008\u0000\u007f"`},
		{"\u2028\u2029", 10, `"\u2028\u2029"`},
		{"\u202eevil\u2066", 20, `"\u202eevil\u2066"`},
		{"ä€😀", 20, `"ä€😀"`},
		{"\U000e0001", 20, `"\udb40\udc01"`},
		{"a\xffb\xc3", 20, `"a\ufffdb\ufffd"`},
		{"\xed\xa0\x80", 20, `"\ufffd\ufffd\ufffd"`},
		{"\ufffd", 20, `"\ufffd"`},
		{"abcdef", 3, `"abc…"`},
		{"aää", 2, `"a…"`},
		{"\xbf\xbf\xbf", 2, `"…"`},
	}
	for _, tt := range tests {
		if got := string(jsontext.Append(nil, tt.text, tt.limit)); got != tt.want {
			t.Errorf("Append(%q, %d) = %s, want %s", tt.text, tt.limit, got, tt.want)
		}
	}
	if got := string(jsontext.Hex(nil, []byte{0, 0x4b, 0xff})); got != "004bff" {
		t.Errorf("Hex = %s, want 004bff", got)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("a\x00\xff\u2028\U0001f600")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		line := jsontext.Append(nil, text, len(text))
		if err := json.Unmarshal(line, &got); err != nil || got != string([]rune(text)) {
			t.Errorf("Append(%q) = %s, which decodes to %q, %v", text, line, got, err)
		}
		if strings.ContainsAny(string(line), "\n\r\u2028\u2029") {
			t.Errorf("Append(%q) = %q, want one line", text, line)
		}
	})
}
