package report_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/report"
)

// evil is what a target would say: markup, a workflow command, an end of CDATA,
// terminal escapes, text that runs backwards, bytes that are no text, and a lot of it.
var evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>\n::error::injected\n  ::stop-commands::x\r\n##[error]injected %0A::warning::x " +
	"]]>\x00\x1b[31m\u202e\u2028\uffff\xff{{.}}[click](https://evil.example)javascript:alert(3) " + strings.Repeat("long ", 1600)

// hostile is the full report with every text of it evil, but for the words that the
// engine alone writes. What was there stands at the end, so that the findings of a
// practice are still its own.
func hostile() *audit.Report {
	r := full()
	spoil(reflect.ValueOf(r).Elem())
	return r
}

func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		switch v.Type().Name() {
		case "Status", "Kind", "Layer", "Confidence":
		default:
			v.SetString(evil + v.String())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			spoil(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	}
}

// TestHostileReportStaysText: in no format does a control character, or a byte that is
// no text, reach the reader.
func TestHostileReportStaysText(t *testing.T) {
	for _, format := range report.Formats() {
		t.Run(format, func(t *testing.T) {
			got := string(written(t, format, hostile(), report.Options{}))
			if !utf8.ValidString(got) {
				t.Error("the output is no UTF-8")
			}
			bad := func(r rune) bool {
				return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028'
			}
			if format == "json" {
				return // the escapes of JSON keep what a report from elsewhere holds
			}
			if i := strings.IndexFunc(got, bad); i >= 0 {
				t.Errorf("a control character at %d: %q", i, got[max(0, i-60):i+10])
			}
		})
	}
}

// TestNoTextBeginsACommand: on GitHub's machines a line that begins with :: is a command
// of the runner, and so is ##[ anywhere. Both text and the commands themselves are
// printed there.
func TestNoTextBeginsACommand(t *testing.T) {
	for _, format := range []string{"text", "github"} {
		for l := range strings.SplitSeq(string(written(t, format, hostile(), report.Options{})), "\n") {
			trimmed := strings.TrimSpace(l)
			own := format == "github" && (strings.HasPrefix(l, "::error title=") || strings.HasPrefix(l, "::warning title=") || strings.HasPrefix(l, "::notice title=") ||
				strings.HasPrefix(l, "::error file=") || strings.HasPrefix(l, "::warning file=") || strings.HasPrefix(l, "::notice file="))
			if !own && (strings.HasPrefix(trimmed, "::") || strings.Contains(l, "##[")) {
				t.Errorf("%s: the line %.80q is a command", format, l)
			}
		}
	}
}
