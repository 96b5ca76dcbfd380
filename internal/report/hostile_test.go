package report_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/internal/report"
)

// evil is what a target would say: markup, a workflow command, an end of CDATA,
// terminal escapes, text that runs backwards, bytes that are no text, and a lot of it.
var evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>\n::error::injected\n  ::stop-commands::x\r\n\u3000::add-mask::x\n##[error]injected %0A::warning::x " +
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

// TestNoTextBeginsACommand: on GitHub's machines a line that begins with :: after any
// blanks is a command of the runner, and so is ##[ anywhere. Every format is printed
// there by somebody.
func TestNoTextBeginsACommand(t *testing.T) {
	own := regexp.MustCompile(`^::(error|warning|notice) (file|title)=`)
	for _, format := range report.Formats() {
		for l := range strings.SplitSeq(string(written(t, format, hostile(), report.Options{})), "\n") {
			if format == "github" && own.MatchString(l) && !strings.Contains(l, "##[") {
				continue
			}
			if strings.HasPrefix(strings.TrimSpace(l), "::") || strings.Contains(l, "##[") {
				t.Errorf("%s: the line %.80q is a command", format, l)
			}
		}
	}
}

// TestCommandsAreStillRead: taking the commands out of a document does not change it for
// those who parse it.
func TestCommandsAreStillRead(t *testing.T) {
	r := full()
	const said = "\n::error::x\n\u3000::y ##[error]z"
	r.Findings[0].Evidence[0].Seen = said
	var doc struct {
		Findings []struct{ Evidence []struct{ Seen string } }
	}
	if err := json.Unmarshal(written(t, "json", r, report.Options{}), &doc); err != nil || doc.Findings[0].Evidence[0].Seen != said {
		t.Errorf("the JSON reads %+v, %v, want %q", doc, err, said)
	}
	var log any
	if err := json.Unmarshal(written(t, "sarif", r, report.Options{}), &log); err != nil {
		t.Error(err)
	}
	if text := outline(t, written(t, "html", r, report.Options{})); !bytes.Contains(text, []byte("::error::x ::y ##[error]z")) {
		t.Error("the page lost a text that looks like a command")
	}
}
