package check_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit/check"
)

var rules = check.Rules{{ID: "motto/absent", Title: "no motto is sent", Severity: check.Low}}

// motto is the example of the package comment.
var motto = check.Check{
	ID: "motto", Practice: "headers", Title: "The motto is sent", Needs: check.Wire, Rules: rules,
	Run: func(ctx context.Context, s *check.Session) check.Result {
		x, err := s.Wire.Do(ctx, check.Request{Path: "/"})
		if err != nil {
			return check.NotProven("the page could not be read: " + err.Error())
		}
		if x.Header.Get("X-Motto") != "" {
			return check.Conclude("one page", nil)
		}
		return check.Conclude("one page", []check.Finding{rules.Find("motto/absent", "X-Motto", x.Evidence("X-Motto"))})
	},
}

// still answers every request with the same exchange.
type still struct{ check.Exchange }

func (s *still) Do(context.Context, check.Request) (*check.Exchange, error) { return &s.Exchange, nil }
func (s *still) Handshake(context.Context, *tls.Config) (*tls.ConnectionState, error) {
	return nil, http.ErrNotSupported
}
func (s *still) Together(_ context.Context, all []check.Request) ([]*check.Exchange, []error) {
	return make([]*check.Exchange, len(all)), make([]error, len(all))
}
func (s *still) Dial(context.Context, netip.AddrPort) error { return http.ErrNotSupported }

func ExampleCheck() {
	page := &still{check.Exchange{URL: "https://shop.example/", Status: 200, Header: http.Header{}}}
	r := motto.Run(context.Background(), &check.Session{Wire: page})
	fmt.Println(r.Status)
	fmt.Println(r.Findings[0].Evidence[0].Seen)
	// Output:
	// broken
	// 200 OK
	// X-Motto is absent
}

func TestConclude(t *testing.T) {
	low, note := check.Finding{Severity: check.Low}, check.Finding{Severity: check.Info}
	for _, tt := range []struct {
		name string
		got  check.Result
		want check.Status
	}{
		{"nothing found", check.Conclude("", nil), check.Proved},
		{"notes only", check.Conclude("", []check.Finding{note}), check.Proved},
		{"a note and a finding", check.Conclude("", []check.Finding{note, low}), check.Broken},
		{"not proven", check.NotProven("why"), check.Unproven},
		{"not proven with a note", check.NotProven("why", note), check.Unproven},
		{"not proven with a finding", check.NotProven("why", low), check.Broken},
	} {
		if tt.got.Status != tt.want {
			t.Errorf("%s: status = %q, want %q", tt.name, tt.got.Status, tt.want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, name := range []string{"info", "low", "medium", "high", "critical"} {
		s, err := check.ParseSeverity(name)
		if err != nil || s.String() != name {
			t.Errorf("ParseSeverity(%q) = %v, %v, want it back", name, s, err)
		}
	}
	if _, err := check.ParseSeverity("High"); err == nil {
		t.Error("ParseSeverity(High) gave no error")
	}
	if check.Info >= check.Low || check.High >= check.Critical {
		t.Error("severities are not in order")
	}
	var s struct{ S check.Severity }
	if err := json.Unmarshal([]byte(`{"S":"high"}`), &s); err != nil || s.S != check.High {
		t.Errorf("Unmarshal = %v, %v, want high", s.S, err)
	}
	if err := json.Unmarshal([]byte(`{"S":"bad"}`), &s); err == nil {
		t.Error("Unmarshal of an unknown severity gave no error")
	}
}

func TestNeedString(t *testing.T) {
	if got, want := (check.Source | check.Active).String(), "the app's folder and permission to probe actively"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestRulesFindPanicsOnUnknownID(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Find() of an unknown rule did not panic")
		}
	}()
	rules.Find("motto/other", "")
}

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		name string
		x    check.Exchange
		want string
	}{
		{"plain", check.Exchange{URL: "http://h/"}, "curl -si http://h/"},
		{"certificate of a local authority", check.Exchange{URL: "https://h/", TLS: &tls.ConnectionState{}}, "curl -sik https://h/"},
		{"public certificate", check.Exchange{URL: "https://h/", TLS: &tls.ConnectionState{}, Public: true}, "curl -si https://h/"},
		{"head", check.Exchange{URL: "http://h/", Request: check.Request{Method: "HEAD"}}, "curl -si -I http://h/"},
		{"method, headers and body", check.Exchange{URL: "http://h/", Request: check.Request{Method: "POST", Headers: "A: b\nC: it's", Body: `{"a":`}},
			`curl -si -X POST -H 'A: b' -H 'C: it'\''s' --data-binary '{"a":' http://h/`},
		{"old protocol", check.Exchange{URL: "https://h/", Public: true, TLS: &tls.ConnectionState{Version: tls.VersionTLS10}}, "curl -si --http1.1 --tlsv1.0 --ciphers DEFAULT@SECLEVEL=0 https://h/"},
		{"dots", check.Exchange{URL: "http://h/../x", Request: check.Request{Path: "/../x"}}, "curl -si --path-as-is http://h/../x"},
		{"brackets that curl would expand", check.Exchange{URL: "http://h/{a}[1]", Request: check.Request{Path: "/{a}[1]"}}, "curl -si -g 'http://h/{a}[1]'"},
		{"shell characters", check.Exchange{URL: "http://h/$(id)`id`;\"x"}, "curl -si 'http://h/$(id)`id`;\"x'"},
	} {
		if got := tt.x.Command(); got != tt.want {
			t.Errorf("%s: Command() = %s, want %s", tt.name, got, tt.want)
		}
	}
}

// FuzzCommand holds that nothing of an address leaves its word in a shell.
func FuzzCommand(f *testing.F) {
	f.Add("/a'b", "X: $(id)")
	f.Add("/\\'; rm -rf ~ '", "")
	f.Fuzz(func(t *testing.T, path, header string) {
		if strings.ContainsRune(path+header, 0) {
			t.Skip("a command line cannot hold NUL")
		}
		x := check.Exchange{URL: "http://h" + path, Request: check.Request{Headers: header}}
		got := words(t, x.Command())
		want := []string{"curl", "-si"}
		for line := range strings.SplitSeq(header, "\n") {
			if line != "" {
				want = append(want, "-H", line)
			}
		}
		if want = append(want, "http://h"+path); !slices.Equal(got, want) {
			t.Fatalf("Command() = %q, which a shell reads as %q, want %q", x.Command(), got, want)
		}
	})
}

// words splits as a POSIX shell does what consists of plain and single-quoted parts and
// escaped quotes; anything else fails.
func words(t *testing.T, line string) []string {
	var all []string
	word, open := "", false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				t.Fatalf("%q has an open quote", line)
			}
			word, open = word+line[i+1:i+1+end], true
			i += end + 1
		case c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			word, open = word+"'", true
			i++
		case c == ' ':
			if open {
				all = append(all, word)
			}
			word, open = "", false
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_./:@%+,=", c) >= 0:
			word, open = word+string(c), true
		default:
			t.Fatalf("%q has %q outside quotes", line, c)
		}
	}
	return append(all, word)
}

func TestExcerptStaysInTheBody(t *testing.T) {
	x := check.Exchange{URL: "http://h/", Status: 500, Body: []byte("short é")}
	for from := range 9 {
		for to := range 9 {
			if got := x.Excerpt(from, min(to, len(x.Body))).Seen; !strings.HasPrefix(got, "500 Internal Server Error\n\n") {
				t.Errorf("Excerpt(%d, %d) = %q", from, to, got)
			}
		}
	}
}

// TestLeaf holds that the vocabulary needs the standard library only.
func TestLeaf(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dep := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") && dep != "github.com/panoplysec/panoply/audit/check" {
			t.Errorf("check imports %s, want the standard library only", dep)
		}
	}
}
