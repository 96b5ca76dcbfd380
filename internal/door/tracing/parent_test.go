package tracing_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/door/tracing"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func TestParseParent(t *testing.T) {
	const good = "00-" + traceID + "-" + spanID + "-01"
	tests := []struct {
		name    string
		values  []string
		ok      bool
		sampled bool
	}{
		{"sampled", []string{good}, true, true},
		{"not sampled", []string{"00-" + traceID + "-" + spanID + "-00"}, true, false},
		{"unknown flags", []string{"00-" + traceID + "-" + spanID + "-fe"}, true, false},
		{"random flag", []string{"00-" + traceID + "-" + spanID + "-03"}, true, true},
		{"later version", []string{"cc-" + traceID + "-" + spanID + "-01"}, true, true},
		{"later version with more", []string{"cc-" + traceID + "-" + spanID + "-01-what-the-future-brings"}, true, true},
		{"later version run on", []string{"cc-" + traceID + "-" + spanID + "-01.what"}, false, false},
		{"version 00 with more", []string{good + "-x"}, false, false},
		{"version 00 with a dash", []string{good + "-"}, false, false},
		{"version ff", []string{"ff-" + traceID + "-" + spanID + "-01"}, false, false},
		{"version of one digit", []string{"0-" + traceID + "-" + spanID + "-01x"}, false, false},
		{"none", nil, false, false},
		{"empty", []string{""}, false, false},
		{"two", []string{good, good}, false, false},
		{"two in one", []string{good + "," + good}, false, false},
		{"capitals", []string{strings.ToUpper(good)}, false, false},
		{"zero trace", []string{"00-00000000000000000000000000000000-" + spanID + "-01"}, false, false},
		{"zero span", []string{"00-" + traceID + "-0000000000000000-01"}, false, false},
		{"other dashes", []string{"00_" + traceID + "_" + spanID + "_01"}, false, false},
		{"space before", []string{" " + good}, false, false},
		{"no hex", []string{"00-" + traceID + "-" + spanID + "-0x"}, false, false},
		{"short", []string{good[:54]}, false, false},
	}
	for _, tt := range tests {
		p, ok := tracing.ParseParent(tt.values)
		if ok != tt.ok || p.Sampled != tt.sampled {
			t.Errorf("%s: ParseParent(%q) = %+v, %v, want %v, sampled %v", tt.name, tt.values, p, ok, tt.ok, tt.sampled)
		}
		if ok && (hex.EncodeToString(p.Trace[:]) != traceID || hex.EncodeToString(p.Span[:]) != spanID) {
			t.Errorf("%s: ids %x %x", tt.name, p.Trace, p.Span)
		}
	}
}

func TestValidState(t *testing.T) {
	tests := map[string]bool{
		"":                              true,
		"rojo=00f067aa0ba902b7":         true,
		"a=1,b=2":                       true,
		"a=1 ,\tb=2, ":                  true,
		"a=1,,b=2":                      true,
		"t61rcwkgmze@vendor=x y":        true,
		"1tenant@vendor=x":              true,
		"a_-*/0=1":                      true,
		"a=1,a=2":                       false,
		"A=1":                           false,
		"1a=1":                          false,
		"a=":                            false,
		"a":                             false,
		"=1":                            false,
		"a=b=c":                         false,
		"a=\x01":                        false,
		"a=ä":                           false,
		"a@b@c=1":                       false,
		"a@=1":                          false,
		"@a=1":                          false,
		strings.Repeat("a", 256) + "=1": true,
		strings.Repeat("a", 257) + "=1": false,
		"a=" + strings.Repeat("x", 256): true,
		"a=" + strings.Repeat("x", 257): false,
	}
	for value, want := range tests {
		if got := tracing.ValidState([]string{value}); got != want {
			t.Errorf("ValidState(%q) = %v, want %v", value, got, want)
		}
	}
	members := func(n int) (values []string) {
		for i := range n {
			values = append(values, "k"+strings.Repeat("x", i)+"=1")
		}
		return values
	}
	if !tracing.ValidState(members(32)) || tracing.ValidState(members(33)) {
		t.Error("32 members are allowed, over several fields, and not one more")
	}
	if tracing.ValidState([]string{"a=1", "a=2"}) {
		t.Error("the same key in two fields is not allowed")
	}
}

// BenchmarkParseParent is what a request costs while nothing is recorded.
func BenchmarkParseParent(b *testing.B) {
	for name, h := range map[string]http.Header{"none": {"User-Agent": {"x"}}, "one": {"Traceparent": {"00-" + traceID + "-" + spanID + "-01"}}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = tracing.ParseParent(h["Traceparent"])
			}
		})
	}
}

// FuzzParent: what is accepted is what the specification's grammar says, and comes back as
// it was.
func FuzzParent(f *testing.F) {
	f.Add("00-" + traceID + "-" + spanID + "-01")
	f.Add("01-" + traceID + "-" + spanID + "-01-x")
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := tracing.ParseParent([]string{text})
		if !ok {
			return
		}
		if want := text[:3] + hex.EncodeToString(p.Trace[:]) + "-" + hex.EncodeToString(p.Span[:]) + "-"; !strings.HasPrefix(text, want) {
			t.Errorf("ParseParent(%q) = %x %x", text, p.Trace, p.Span)
		}
		if len(text) > 55 && (text[55] != '-' || text[:2] == "00") || text[:2] == "ff" {
			t.Errorf("ParseParent(%q) is accepted", text)
		}
	})
}

// FuzzState: what is accepted is printable ASCII of at most 32 members.
func FuzzState(f *testing.F) {
	f.Add("a=1,b=2")
	f.Fuzz(func(t *testing.T, text string) {
		if !tracing.ValidState([]string{text}) {
			return
		}
		for _, c := range []byte(text) {
			if c != '\t' && (c < ' ' || c > '~') {
				t.Errorf("ValidState(%q) accepts %#x", text, c)
			}
		}
		if strings.Count(text, "=") > 32 {
			t.Errorf("ValidState(%q) accepts more than 32 members", text)
		}
	})
}
