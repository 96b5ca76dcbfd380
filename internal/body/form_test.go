package body_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/body"
)

func look(t *testing.T, contentType, text string, limit int64) *body.Body {
	t.Helper()
	r := httptest.NewRequest("POST", "/login", strings.NewReader(text))
	r.Header.Set("Content-Type", contentType)
	b, err := body.Look(r, limit)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const urlencoded = "application/x-www-form-urlencoded"

func multi(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("--B\r\n" + part + "\r\n")
	}
	return b.String() + "--B--\r\n"
}

func field(name, value string) string {
	return "Content-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value
}

func TestForm(t *testing.T) {
	tests := []struct {
		name, contentType, text string
		limit                   int64
		want                    url.Values
		err                     error
	}{
		{"plain", urlencoded, "a=1&b=2&a=3", 100, url.Values{"a": {"1", "3"}, "b": {"2"}}, nil},
		{"charset and case", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "a=1", 100, url.Values{"a": {"1"}}, nil},
		{"bad parameter", urlencoded + "; charset", "a=1", 100, url.Values{"a": {"1"}}, nil},
		{"escapes", urlencoded, "user+name=a%2Bb%20c", 100, url.Values{"user name": {"a+b c"}}, nil},
		{"escape that is none stays", urlencoded, "a=100%&b=%zz&c=%4", 100, url.Values{"a": {"100%"}, "b": {"%zz"}, "c": {"%4"}}, nil},
		{"semicolon is no separator", urlencoded, "a=1;b=2", 100, url.Values{"a": {"1;b=2"}}, nil},
		{"empty pairs", urlencoded, "&&a&=x&", 100, url.Values{"a": {""}, "": {"x"}}, nil},
		{"empty", urlencoded, "", 100, url.Values{}, nil},
		{"cut", urlencoded, "a=1&b=23456", 7, url.Values{"a": {"1"}, "b": {"2"}}, body.ErrPartial},
		{"too many", urlencoded, strings.Repeat("a=1&", body.MaxFields+1), 1 << 20, nil, body.ErrTooMany},
		{"multipart", "multipart/form-data; boundary=B", multi(field("a", "1"), field("b", "two\r\nlines"), field("a", "3")), 1 << 10,
			url.Values{"a": {"1", "3"}, "b": {"two\r\nlines"}}, nil},
		{"multipart file passed over", "multipart/form-data; boundary=B",
			multi("Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\nbytes", field("a", "1")), 1 << 10,
			url.Values{"a": {"1"}}, nil},
		{"multipart transfer encoding stays", "multipart/form-data; boundary=B",
			multi("Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41"), 1 << 10,
			url.Values{"a": {"=41"}}, nil},
		{"multipart too many", "multipart/form-data; boundary=B",
			multi(strings.Split(strings.Repeat(field("a", "1")+"\x00", body.MaxFields)+field("a", "1"), "\x00")...), 1 << 20, nil, body.ErrTooMany},
		{"multipart cut", "multipart/form-data; boundary=B", multi(field("a", "1"), field("b", "2")), 70, url.Values{"a": {"1"}}, body.ErrPartial},
		{"multipart without end", "multipart/form-data; boundary=B", "--B\r\n" + field("a", "1"), 1 << 10, url.Values{}, body.ErrSyntax},
		{"multipart without boundary", "multipart/form-data", "x", 100, nil, body.ErrSyntax},
		{"JSON is no form", "application/json", `{"a":"1"}`, 100, nil, body.ErrType},
		{"no type", "", "a=1", 100, nil, body.ErrType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := look(t, test.contentType, test.text, test.limit)
			got, err := b.Form()
			if !errors.Is(err, test.err) || (test.err == nil) != (err == nil) {
				t.Errorf("Form() error = %v, want %v", err, test.err)
			}
			if test.err == body.ErrTooMany {
				if n := len(got["a"]); n != body.MaxFields {
					t.Errorf("Form() kept %d fields, want %d", n, body.MaxFields)
				}
			} else if !reflect.DeepEqual(got, test.want) {
				t.Errorf("Form() = %v, want %v", got, test.want)
			}
			again, _ := b.Form()
			if reflect.ValueOf(again).Pointer() != reflect.ValueOf(got).Pointer() {
				t.Error("a second Form() parsed again")
			}
		})
	}
}

func TestFormAfterALargerLook(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("a=1&b=2"))
	r.Header.Set("Content-Type", urlencoded)
	b, _ := body.Look(r, 3)
	if got, err := b.Form(); !errors.Is(err, body.ErrPartial) || got.Get("b") != "" {
		t.Fatalf("Form() of 3 bytes = %v, %v, want ErrPartial", got, err)
	}
	body.Look(r, 100)
	if got, err := b.Form(); err != nil || got.Get("b") != "2" {
		t.Errorf("Form() after a larger look = %v, %v, want b=2", got, err)
	}
}

func TestJSON(t *testing.T) {
	const typ = "application/json"
	tests := []struct {
		name, contentType, text string
		limit                   int64
		want                    map[string]string
		err                     error
	}{
		{"strings only", typ, `{"user":"a","n":1,"o":{"user":"x"},"l":["y"],"pass":"b\u0041"}`, 100, map[string]string{"user": "a", "pass": "bA"}, nil},
		{"suffix", "application/vnd.api+json; charset=utf-8", `{"a":"b"}`, 100, map[string]string{"a": "b"}, nil},
		{"last wins", typ, `{"a":"1","a":"2"}`, 100, map[string]string{"a": "2"}, nil},
		{"last is no string", typ, `{"a":"1","a":null}`, 100, map[string]string{}, nil},
		{"array", typ, `["a"]`, 100, map[string]string{}, nil},
		{"cut", typ, `{"a":"1","b":"2"}`, 12, map[string]string{"a": "1"}, body.ErrPartial},
		{"broken", typ, `{"a":"1",}`, 100, nil, body.ErrSyntax},
		{"two values", typ, `{"a":"1"}{}`, 100, nil, body.ErrSyntax},
		{"empty", typ, ``, 100, nil, body.ErrSyntax},
		{"form is no JSON", urlencoded, `a=1`, 100, nil, body.ErrType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := look(t, test.contentType, test.text, test.limit).JSON()
			if !errors.Is(err, test.err) || (test.err == nil) != (err == nil) {
				t.Errorf("JSON() error = %v, want %v", err, test.err)
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("JSON() = %v, want %v", got, test.want)
			}
		})
	}
	var many strings.Builder
	for i := range body.MaxFields + 1 {
		fmt.Fprintf(&many, `,"k%d":"v"`, i)
	}
	if got, err := look(t, typ, "{"+many.String()[1:]+"}", 1<<20).JSON(); !errors.Is(err, body.ErrTooMany) || len(got) != body.MaxFields {
		t.Errorf("JSON() of %d members = %d, %v, want %d, ErrTooMany", body.MaxFields+1, len(got), err, body.MaxFields)
	}
}

func TestEncodedIsNotDecoded(t *testing.T) {
	for coding, want := range map[string]error{"gzip": body.ErrEncoded, "identity, br": body.ErrEncoded, "Identity": nil, "": nil} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`a=1`))
		r.Header = http.Header{"Content-Encoding": {coding}, "Content-Type": {urlencoded}}
		b, err := body.Look(r, 100)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Form(); err != want {
			t.Errorf("Form() with Content-Encoding %q error = %v, want %v", coding, err, want)
		}
		if string(b.Bytes) != "a=1" {
			t.Errorf("Bytes = %q, want them as sent", b.Bytes)
		}
	}
}

// Where net/url has no objection, both readings are one.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"a=1&b=2", "a=%41+b", "&&=", "a=%zz", "a;b=c", "%=%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, gotErr := look(t, urlencoded, text, 1<<20).Form()
		want, err := url.ParseQuery(text)
		if err == nil && gotErr == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("Form() of %q = %v, want %v", text, got, want)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":"b"}`, `{"a":1,"b":{"c":"d"}}`, `[`, `{"a":"\ud800"}`, `"x"`, `{"a":"1","a":[]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := look(t, "application/json", text, 1<<20).JSON()
		if (err == nil) != json.Valid([]byte(text)) && !errors.Is(err, body.ErrTooMany) {
			t.Fatalf("JSON() of %q error = %v, valid %v", text, err, json.Valid([]byte(text)))
		}
		var members map[string]any
		if json.Unmarshal([]byte(text), &members) != nil || err != nil {
			return
		}
		want := map[string]string{}
		for name, value := range members {
			if s, ok := value.(string); ok {
				want[name] = s
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("JSON() of %q = %v, want %v", text, got, want)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	f.Add(multi(field("a", "1")), "B")
	f.Add("--B\r\n\r\n--B--", "B")
	f.Fuzz(func(t *testing.T, text, boundary string) {
		b := look(t, "multipart/form-data; boundary=\""+strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				return -1
			}
			return c
		}, boundary)+"\"", text, 1<<20)
		values, _ := b.Form()
		var size int
		for name, list := range values {
			for _, value := range list {
				size += len(value)
				if !strings.Contains(text, value) {
					t.Fatalf("field %q = %q does not stand in the body", name, value)
				}
			}
		}
		if size > len(text) {
			t.Fatalf("fields hold %d bytes of a body of %d", size, len(text))
		}
	})
}
