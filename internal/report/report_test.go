package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/audit/standard"
	"github.com/panoplysec/panoply/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is a report with a row of every kind.
func sample() *audit.Report {
	return &audit.Report{
		Schema:   audit.Schema,
		Duration: 432 * time.Millisecond,
		Targets:  []audit.Target{{URL: "https://127.0.0.1:8443/", Upstream: "127.0.0.1:3000", Requests: 31, Answered: true}},
		Practices: []audit.Practice{
			{ID: "supported-versions", Title: "No deprecated or vulnerable Express", Status: check.Unproven, Reason: "the lockfile check is not built yet", Severity: check.High, Door: "cannot", Checks: []string{}},
			{ID: "tls", Title: "TLS as Mozilla says", Status: check.Proved, Reason: "TLS 1.3 agreed, TLS 1.0 and 1.1 refused; plain HTTP redirects to HTTPS", Severity: check.High, Layer: check.Door, Door: "yes", Checks: []string{"tls"}},
			{ID: "headers", Title: "Helmet's headers", Status: check.Broken, Reason: "documents have no enforced Content-Security-Policy (2 of 3 answers)", Severity: check.Medium, Layer: check.Code, Door: "yes", Checks: []string{"headers"}},
			{ID: "cookies", Title: "Cookie flags", Status: check.Proved, Reason: "cookies in 3 answers: 1, 70 bytes together", Severity: check.Medium, Layer: check.Door, Door: "yes", Checks: []string{"cookies"}},
			{ID: "proxy-trust", Title: "Trust proxy set right", Status: check.Broken, Reason: "the app behind the door answers on 192.0.2.7:3000 too", Severity: check.High, Layer: check.Network, Door: "partly", Checks: []string{"proxy-trust"}},
		},
		Findings: []check.Finding{
			{
				ID: "headers/csp-absent", Fingerprint: "0123456789abcdef01234567", Practice: "headers", Check: "headers",
				Title: "documents have no enforced Content-Security-Policy", Message: "documents have no enforced Content-Security-Policy (2 of 3 answers)",
				Subject: "Content-Security-Policy", Target: "https://127.0.0.1:8443/", Severity: check.Medium, Confidence: check.Certain, Layer: check.Code, CWE: 693,
				Evidence:  []check.Evidence{{Where: "GET https://127.0.0.1:8443/", Seen: "200 OK\nContent-Security-Policy is absent"}},
				Reproduce: "curl -sik https://127.0.0.1:8443/",
				Fix:       check.Fix{Express: "app.use(require('helmet')())", Go: "g, err := headers.New(headers.Options{}); handler = g.Handler(handler)", Door: "on by default"},
			},
			{
				ID: "headers/nosniff", Fingerprint: "1123456789abcdef01234567", Practice: "headers", Check: "headers", Title: "no nosniff", Message: "no nosniff (1 of 3 answers)",
				Target: "https://127.0.0.1:8443/", Severity: check.Low, Confidence: check.Firm, Fix: check.Fix{Express: "app.use(require('helmet')())"},
			},
			{
				ID: "cookies/samesite-none", Fingerprint: "2123456789abcdef01234567", Practice: "cookies", Check: "cookies", Title: "SameSite=None", Message: "the cookie theme has SameSite=None",
				Subject: "theme", Target: "https://127.0.0.1:8443/", Severity: check.Info, Confidence: check.Certain, Layer: check.Code,
			},
			{
				ID: "proxy-trust/around", Fingerprint: "3123456789abcdef01234567", Practice: "proxy-trust", Check: "proxy-trust", Title: "the app can be reached beside the door",
				Message: "the app behind the door answers on 192.0.2.7:3000 too", Target: "https://127.0.0.1:8443/", Severity: check.High, Confidence: check.Certain, Layer: check.Network,
				Evidence:  []check.Evidence{{Where: "GET http://192.0.2.7:3000/", Sent: "X-Forwarded-For: 192.0.2.211", Seen: "200 OK\n\nyou are 192.0.2.211"}},
				Reproduce: "curl -si http://192.0.2.7:3000/", Fix: check.Fix{Express: "app.listen(3000, '127.0.0.1')"}, CWE: 288,
			},
		},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s = \n%s\nwant\n%s", name, got, want)
	}
}

func text(t *testing.T, r *audit.Report, style report.Style) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Text(&out, r, style); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestText(t *testing.T) {
	for name, style := range map[string]report.Style{
		"default.txt": {}, "narrow.txt": {Width: 60, Brief: true}, "wide.txt": {Width: 160, Brief: true}, "color.txt": {Color: true, Brief: true},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, []byte(text(t, sample(), style))) })
	}
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

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", out.Bytes())
}

// TestJSONFollowsItsSchema holds the schema to the output of a real audit and to the
// sample: what is written is described, and what is described as required is written.
func TestJSONFollowsItsSchema(t *testing.T) {
	app := httptest.NewServer(http.NotFoundHandler())
	defer app.Close()
	real, err := audit.Run(t.Context(), []check.Target{{URL: app.URL}}, standard.Checks(), audit.Options{Rate: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(real.Findings) == 0 {
		t.Fatal("the naked app has no findings, so the schema is not tested")
	}
	for name, r := range map[string]*audit.Report{"sample": sample(), "real": real} {
		var out bytes.Buffer
		if err := report.JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		for _, problem := range validate(t, out.Bytes()) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	for _, bad := range []string{`{}`, `{"schema":"panoply.audit/2","targets":[{"requests":0,"answered":true}],"practices":[],"findings":[],"duration_ms":0}`,
		`{"schema":"panoply.audit/1","targets":[],"practices":[],"findings":[],"duration_ms":0}`,
		`{"schema":"panoply.audit/1","targets":[{"requests":0,"answered":true}],"practices":[],"findings":[],"duration_ms":-1}`} {
		if len(validate(t, []byte(bad))) == 0 {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

// A node is the part of JSON Schema that schema.json uses.
type node struct {
	Ref        string           `json:"$ref"`
	Type       string           `json:"type"`
	Const      any              `json:"const"`
	Enum       []any            `json:"enum"`
	Required   []string         `json:"required"`
	Properties map[string]*node `json:"properties"`
	Items      *node            `json:"items"`
	MinItems   int              `json:"minItems"`
	Minimum    *float64         `json:"minimum"`
	Pattern    string           `json:"pattern"`
	Defs       map[string]*node `json:"$defs"`
}

func validate(t *testing.T, doc []byte) []string {
	t.Helper()
	var root node
	if err := json.Unmarshal(report.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(doc, &value); err != nil {
		t.Fatal(err)
	}
	var problems []string
	var walk func(path string, n *node, v any)
	walk = func(path string, n *node, v any) {
		say := func(format string, args ...any) {
			problems = append(problems, path+": "+fmt.Sprintf(format, args...))
		}
		if n.Ref != "" {
			n = root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")]
		}
		if n.Const != nil && v != n.Const || n.Enum != nil && !slices.Contains(n.Enum, v) {
			say("%v is not allowed", v)
		}
		switch v := v.(type) {
		case map[string]any:
			if n.Type != "object" {
				say("is an object, want %s", n.Type)
			}
			for _, name := range n.Required {
				if _, ok := v[name]; !ok {
					say("%s is missing", name)
				}
			}
			for name, member := range v {
				if n.Properties[name] == nil {
					say("%s is not described", name)
				} else {
					walk(path+"."+name, n.Properties[name], member)
				}
			}
		case []any:
			if n.Type != "array" || len(v) < n.MinItems {
				say("is an array of %d, want %s of at least %d", len(v), n.Type, n.MinItems)
			}
			for i, item := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), n.Items, item)
			}
		case string:
			if n.Type != "" && n.Type != "string" || n.Pattern != "" && !regexp.MustCompile(n.Pattern).MatchString(v) {
				say("%q does not fit", v)
			}
		case float64:
			if n.Type != "integer" || v != float64(int64(v)) || n.Minimum != nil && v < *n.Minimum {
				say("%v does not fit", v)
			}
		case bool:
			if n.Type != "boolean" {
				say("is a boolean, want %s", n.Type)
			}
		default:
			say("is %v", v)
		}
	}
	walk("report", &root, value)
	return problems
}

func TestForTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env := func(pairs ...string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1], true
				}
			}
			return "", false
		}
	}
	if got := report.ForTerminal(file, env()); got != (report.Style{}) {
		t.Errorf("ForTerminal(file) = %+v, want no colour and no width", got)
	}
	if got := report.ForTerminal(&bytes.Buffer{}, env("COLUMNS", "132")); got != (report.Style{Width: 132}) {
		t.Errorf("ForTerminal(buffer) = %+v, want the width of COLUMNS", got)
	}
	if got := report.ForTerminal(&bytes.Buffer{}, env("COLUMNS", "wide")); got.Width != 0 {
		t.Errorf("ForTerminal() = %+v, want a COLUMNS that is no number ignored", got)
	}
}

// failing refuses every write.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteErrorsAreTold(t *testing.T) {
	if err := report.Text(failing{}, sample(), report.Style{}); err == nil {
		t.Error("Text() to a closed file gave no error")
	}
	if err := report.JSON(failing{}, sample()); err == nil {
		t.Error("JSON() to a closed file gave no error")
	}
}
