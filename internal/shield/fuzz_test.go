package shield_test

import (
	stdjson "encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/shield"
)

// qsPath is how qs reads a name: the text in front of the first bracket, then what is
// between brackets; with dots, dots are brackets first. An unclosed bracket is text.
func qsPath(name string, dots bool) []string {
	if dots {
		var b strings.Builder
		for i, part := range strings.Split(name, ".") {
			inner, rest, bracket := strings.Cut(part, "[")
			switch {
			case i == 0:
				b.WriteString(part)
			case inner == "":
				b.WriteString("." + part)
			case bracket:
				b.WriteString("[" + inner + "][" + rest)
			default:
				b.WriteString("[" + inner + "]")
			}
		}
		name = b.String()
	}
	var path []string
	for first := true; ; first = false {
		open := strings.IndexByte(name, '[')
		for open >= 0 {
			end := strings.IndexAny(name[open+1:], "[]")
			if end < 0 {
				open = -1
			} else if name[open+1+end] == '[' {
				open += 1 + end
				continue
			}
			break
		}
		if first && (open != 0 || open < 0) {
			if open < 0 {
				return append(path, name)
			}
			path = append(path, name[:open])
		}
		if open < 0 {
			return path
		}
		end := open + 1 + strings.IndexByte(name[open+1:], ']')
		path = append(path, name[open+1:end])
		name = name[end+1:]
	}
}

// holds tells whether wanted follow each other in path, leaving out what is empty and the
// places of arrays.
func holds(path []string, wanted ...string) bool {
	var kept []string
	for i, p := range path {
		if p != "" && (i == 0 || strings.Trim(p, "0123456789") != "") {
			kept = append(kept, p)
		}
	}
	for i := 0; i+len(wanted) <= len(kept); i++ {
		same := true
		for j, w := range wanted {
			same = same && kept[i+j] == w
		}
		if same {
			return true
		}
	}
	return false
}

// FuzzNames: what qs reads as a name in a query or a form, a shield sees.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a[__proto__]=1", "constructor[prototype]x[a]", "a[constructor]j[prototype]", "a[[__proto__]]", "constructor.prototype", "a[constructor].prototype.x", "%5f_proto__", "a[b", "]__proto__[", "[__proto__]", "a..__proto__", "constructor[0][prototype]", "a.b[__proto__", "a[=][__proto__]=1", "a=[__proto__]=1", "a[b]=[__proto__]=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		proto, chain := false, false
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			if at := strings.Index(pair, "]="); at >= 0 {
				name = pair[:at+1] // where qs splits
			}
			decoded, err := url.QueryUnescape(name)
			if err != nil {
				continue // qs takes it as it stands
			}
			for _, dots := range []bool{false, true} {
				path := qsPath(decoded, dots)
				proto = proto || holds(path, "__proto__")
				chain = chain || holds(path, "constructor", "prototype")
			}
		}
		r := get("/")
		r.URL.RawQuery = query
		for _, c := range []struct {
			name string
			must bool
		}{{"__proto__", proto}, {"constructor.prototype", chain}} {
			g := one(t, shield.Condition{In: "field", Name: c.name})
			if c.must && status(t, g, r) != 403 {
				t.Errorf("query %q has %s, and passes", query, c.name)
			}
			if c.must && status(t, g, post(form, query)) != 403 {
				t.Errorf("form %q has %s, and passes", query, c.name)
			}
		}
	})
}

// FuzzBody: no body crashes, and what encoding/json reads as a member, a shield sees.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"a":[{"__proto__":1}]}`, `[[],{"a":{}},1]`, parts(named("a", "1")), "--B\r\n--B--", `{"a":1}{"__proto__":2}`, "\xef\xbb\xbf{}", `{"a.b[c]":{"\u005f_proto__":[]}}`} {
		f.Add(seed)
	}
	g := of(f, shield.Shield{Refuse: []shield.Condition{{In: "field", Name: "__proto__"}, {In: "file", More: 3}, {In: "field", Deeper: 40}, {In: "part", Matches: "x"}}})
	f.Fuzz(func(t *testing.T, text string) {
		for _, media := range []string{json, form, mime, "text/plain", "", "application/x"} {
			status(t, g, post(media, text))
		}
		var v any
		if stdjson.Unmarshal([]byte(text), &v) != nil {
			return
		}
		if got := status(t, g, post(json, text)); member(v, "__proto__") && got != 403 {
			t.Errorf("JSON %q: %d, want 403", text, got)
		} else if got == 400 && len(text) < 128 { // no room for more names than are followed
			t.Errorf("JSON %q is taken for malformed", text)
		}
	})
}

func member(v any, name string) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if k == name || member(inner, name) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if member(inner, name) {
				return true
			}
		}
	}
	return false
}
