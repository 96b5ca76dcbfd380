package report_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/report"
)

func TestText(t *testing.T) {
	for name, style := range map[string]report.Style{
		"default.txt": {}, "narrow.txt": {Width: 60, Brief: true}, "wide.txt": {Width: 160, Brief: true}, "color.txt": {Color: true, Brief: true},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, []byte(text(t, sample(), style))) })
	}
	t.Run("full.txt", func(t *testing.T) { golden(t, "full.txt", []byte(text(t, full(), report.Style{}))) })
}

func TestTextKeepsItsWidth(t *testing.T) {
	r := sample()
	r.Practices[2].Reason = strings.Repeat("éa ", 100) + strings.Repeat("x", 300)
	for _, width := range []int{0, 1, 60, 73, 80, 120, 300} {
		want := width
		if want == 0 {
			want = report.DefaultWidth
		}
		want = max(want, report.MinWidth)
		for l := range strings.SplitSeq(text(t, r, report.Style{Width: width, Brief: true}), "\n") {
			// The first line is the address, which is not broken.
			if n := utf8.RuneCountInString(l); n > want && !strings.HasPrefix(l, "https://") {
				t.Errorf("width %d: the line %q has %d columns", want, l, n)
			}
			if strings.TrimRight(l, " ") != l {
				t.Errorf("width %d: the line %q ends in blanks", want, l)
			}
		}
	}
}

// TestTextWrapsMessages: what is said is wrapped, what is to be copied is not.
func TestTextWrapsMessages(t *testing.T) {
	r := sample()
	r.Findings = r.Findings[:1]
	r.Findings[0].Message, r.Findings[0].Evidence = strings.Repeat("many words ", 30), nil
	_, findings, _ := strings.Cut(text(t, r, report.Style{Width: 80}), "FINDINGS")
	said, _, _ := strings.Cut(findings, "  again ")
	if n := strings.Count(said, "many words"); n != 30 {
		t.Errorf("the message has %d of 30 parts in %q", n, said)
	}
	for l := range strings.SplitSeq(said, "\n") {
		if n := utf8.RuneCountInString(l); n > 80 {
			t.Errorf("the line %q has %d columns, want 80 at most", l, n)
		}
	}
}

func TestTextTellsWhoGaveNoAnswer(t *testing.T) {
	silent := []audit.Target{{URL: "https://a/", Requests: 1}}
	for _, tt := range []struct {
		name string
		row  audit.Practice
		want bool
	}{
		{"asked and silent", audit.Practice{ID: "headers", Status: check.Unproven, Checks: []string{"headers"}}, true},
		{"nothing was asked", audit.Practice{ID: "csrf", Status: check.Unproven}, false},
		{"tls needs no answer", audit.Practice{ID: "tls", Status: check.Proved, Checks: []string{"tls"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := text(t, &audit.Report{Targets: silent, Practices: []audit.Practice{tt.row}}, report.Style{})
			if strings.Contains(got, "no answer") != tt.want {
				t.Errorf("Text() = %q, want \"no answer\" in it: %v", got, tt.want)
			}
		})
	}
}

func TestTextStripsControlCharacters(t *testing.T) {
	r := sample()
	evil := "a\x1b[31m\x1b]0;t\x07\r\u009b1m\u202eb\n\x00"
	r.Targets[0].URL, r.Targets[0].Upstream = evil, evil
	r.Practices[2].Reason, r.Findings[0].Message, r.Findings[0].ID = evil, evil, evil
	r.Findings[0].Reproduce, r.Findings[0].Fix.Express, r.Findings[0].Evidence[0] = evil, evil, check.Evidence{Where: evil, Seen: evil}
	got := text(t, r, report.Style{})
	if i := strings.IndexFunc(got, func(c rune) bool { return c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == '\u202e' }); i >= 0 {
		t.Errorf("Text() = %q, holds a control character at %d", got, i)
	}
}

// TestTextShowsTheServersLines: of a program that the target names, its lines stand where
// otherwise those for Express and Go do.
func TestTextShowsTheServersLines(t *testing.T) {
	f := check.Finding{
		ID: "tls/old-protocol", Practice: "tls", Severity: check.Medium, Message: "TLS 1.0 is offered", Confidence: check.Certain,
		Fix: check.Fix{Express: "minVersion: 'TLSv1.2'", Go: "offer TLS 1.2", Door: "on by default"}, Fixes: map[string]string{"nginx": "ssl_protocols TLSv1.2;\n", "apache": "SSLProtocol\x1b[2J TLSv1.2\n"},
	}
	for server, want := range map[string]string{"": "  express  minVersion: 'TLSv1.2'\n  go       offer TLS 1.2\n", "nginx": "  nginx    ssl_protocols TLSv1.2;\n  door", "apache": "  apache   SSLProtocol"} {
		f.Server = server
		got := text(t, &audit.Report{Findings: []check.Finding{f}}, report.Style{})
		if !strings.Contains(got, want) || strings.Contains(got, "\x1b") || !strings.Contains(got, "--fix-for NAME,\nwhich is apache, nginx") {
			t.Errorf("of %q:\n%s\nwant %q", server, got, want)
		}
	}
}

// TestTextOfOneMend: what is the same for Express and Go is said once.
func TestTextOfOneMend(t *testing.T) {
	f := check.Finding{ID: "dependencies/vulnerable", Severity: check.High, Confidence: check.Certain, Fix: check.Fix{Express: "npm install qs@6.7.3", Go: "npm install qs@6.7.3"}}
	got := text(t, &audit.Report{Findings: []check.Finding{f}}, report.Style{})
	if !strings.Contains(got, "\n  the app  npm install qs@6.7.3\n") || strings.Contains(got, "express") {
		t.Errorf("%s\nwant one mend", got)
	}
}

// TestTextOfSomePractices: what was not asked for has no row, and counts nowhere.
func TestTextOfSomePractices(t *testing.T) {
	var out bytes.Buffer
	if err := report.Text(&out, sample(), report.Style{Brief: true}, "tls", "headers"); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{"\ntls  ", "\nheaders  ", "1 proved, 1 broken, 0 not proven\n", "not asked for, and so not proven: supported-versions, cookies, proxy-trust\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\nproxy-trust  ") {
		t.Errorf("a row that was not asked for:\n%s", got)
	}
}
