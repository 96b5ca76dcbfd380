package desync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A testCase is one entry of a file in testdata: "== name | own | nethttp" and the lines
// below it, which are one.
type testCase struct {
	id, name     string
	text         string // as written
	own, nethttp []want // nil: not played there
}

// want is one thing that has to happen, in order.
type want struct {
	status []string // any of these; "" for a request that passes
	method string   // of a request that passes
	path   string
	body   string
	begun  bool // the application may have seen the beginning of what was refused
	stays  bool // the connection may stay open after a refusal
	closed bool // the connection ends here
}

// wants returns what has to happen on a pair.
func (c *testCase) wants(own bool) []want {
	if own {
		return c.own
	}
	return c.nethttp
}

// load reads the cases of a file. @ in a text or a path stands for the case's id.
func load(t *testing.T, name string) []*testCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []*testCase
	seen := map[string]bool{}
	for n, line := range strings.Split(string(text), "\n") {
		head, isHead := strings.CutPrefix(line, "== ")
		switch {
		case isHead:
			parts := strings.Split(head, " | ")
			c := &testCase{id: fmt.Sprintf("%c%d-", name[0], len(all)), name: strings.TrimSpace(parts[0])}
			if len(parts) < 2 || len(parts) > 3 || seen[c.name] {
				t.Fatalf("%s:%d: %q is not one new name and one or two expectations", name, n+1, line)
			}
			seen[c.name] = true
			c.own = expectations(t, parts[1])
			c.nethttp = c.own
			if len(parts) == 3 {
				if c.nethttp = nil; parts[2] != "-" {
					c.nethttp = expectations(t, parts[2])
				}
			}
			all = append(all, c)
		case strings.HasPrefix(line, "#"), line == "":
		case len(all) == 0:
			t.Fatalf("%s:%d: text before the first case", name, n+1)
		default:
			all[len(all)-1].text += line
		}
	}
	return all
}

func expectations(t *testing.T, s string) []want {
	t.Helper()
	var out []want
	for word := range strings.FieldsSeq(s) {
		if word == "closed" {
			out[len(out)-1].closed = true
			continue
		}
		if c := word[0]; '0' <= c && c <= '9' || strings.HasPrefix(word, "reset") || strings.HasPrefix(word, "cut") {
			word, body, _ := strings.Cut(word, "=")
			w := want{body: unescape(t, body)}
			for one := range strings.SplitSeq(word, "/") {
				w.begun = w.begun || strings.HasSuffix(one, "*")
				w.stays = w.stays || strings.HasSuffix(one, "~")
				w.status = append(w.status, strings.TrimRight(one, "*~"))
			}
			out = append(out, w)
			continue
		}
		path, body, _ := strings.Cut(word, "=")
		w := want{method: "GET", path: unescape(t, path), body: unescape(t, body)}
		if path, ok := strings.CutPrefix(path, "HEAD:"); ok {
			w.method, w.path = "HEAD", path
		}
		out = append(out, w)
	}
	return out
}

// bytes returns the text of a case with @ and {H} filled in.
func (c *testCase) bytes(t *testing.T) string {
	t.Helper()
	text := strings.ReplaceAll(c.text, "{H}", `Host: localhost\r\n`)
	return unescape(t, strings.ReplaceAll(text, "@", c.id))
}

// unescape reads \r \n \t \0 \s (blank) \\ \xNN, and {text*count}.
func unescape(t *testing.T, s string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '{':
			end := i + strings.IndexByte(s[i:], '}')
			text, count, ok := strings.Cut(s[i+1:max(end, i+1)], "*")
			n, err := strconv.Atoi(count)
			if !ok || err != nil {
				t.Fatalf("%.60q: no {text*count}", s[i:])
			}
			b.WriteString(strings.Repeat(unescape(t, text), n))
			i = end
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 == len(s):
			t.Fatalf("%.60q ends in a backslash", s)
		case s[i+1] == 'x' && i+3 < len(s):
			n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				t.Fatalf("%.60q: %v", s, err)
			}
			b.WriteByte(byte(n))
			i += 3
		default:
			at := strings.IndexByte("rnt0s\\{", s[i+1])
			if at < 0 {
				t.Fatalf("%.60q: unknown escape", s[i:])
			}
			b.WriteByte("\r\n\t\x00 \\{"[at])
			i++
		}
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	if got, want := unescape(t, `a\r\n\s\x00\\{b\t*2}`), "a\r\n \x00\\b\tb\t"; got != want {
		t.Errorf("unescape = %q, want %q", got, want)
	}
	total := 0
	for _, name := range []string{"requests.txt", "http2.txt", "answers.txt"} {
		total += len(load(t, name))
	}
	if total < 200 {
		t.Errorf("%d cases, want at least 200", total)
	}
}
