package login_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/login"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	mixType  = "multipart/form-data; boundary=B"
)

// part is one field of a multipart body whose boundary is B.
func part(header, value string) string {
	return "--B\r\n" + header + "\r\n\r\n" + value + "\r\n"
}

func named(name, value string) string {
	return part(`Content-Disposition: form-data; name="`+name+`"`, value)
}

func post(target, kind, body string) *http.Request {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func TestRead(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, "username=ada&password=x")
	z.Close()
	ada := login.Credentials{User: "ada", Password: true}
	hidden := login.Credentials{User: login.Unreadable, Unsure: true}
	hiddenWithPassword := login.Credentials{User: login.Unreadable, Unsure: true, Password: true}
	nameOnly := login.Credentials{User: "ada"}
	several := func(unsure bool, names ...string) login.Credentials {
		return login.Credentials{User: names[0], Others: names[1:], Password: true, Unsure: unsure}
	}
	for _, tc := range []struct {
		name, query, kind, body string
		user, password          string
		edit                    func(*http.Request)
		want                    login.Credentials
		no                      bool
	}{
		{name: "form", kind: formType, body: "username=ada&password=x", want: ada},
		{name: "form with a charset", kind: formType + "; charset=UTF-8", body: "username=ada&password=x", want: ada},
		{name: "form, escaped", kind: formType, body: "%75sername=%61da&password=", want: ada},
		{name: "JSON", kind: jsonType, body: `{"email":"ada","pwd":""}`, want: ada},
		{name: "JSON with a charset", kind: jsonType + "; charset=utf-8", body: `{"email":"ada","pwd":""}`, want: ada},
		{name: "JSON of another name", kind: "application/vnd.api+json", body: `{"email":"ada","pwd":""}`, want: ada},
		{name: "JSON, nested", kind: jsonType, body: `{"data":{"user":{"email":"ada","password":"x"}}}`, want: ada},
		{name: "JSON, the last of two", kind: jsonType, body: `{"user":"x","user":"ada","password":"x"}`, want: ada},
		{name: "JSON number", kind: jsonType, body: `{"userid":1e3,"pin":"1"}`, want: login.Credentials{User: "1000", Password: true}},
		{name: "JSON number for a password", kind: jsonType, body: `{"userid":1000,"pin":1234}`, want: login.Credentials{User: "1000", Password: true}},
		{name: "JSON number that is none", kind: jsonType, body: `{"userid":1e999,"pin":1234}`, want: hidden},
		{name: "JSON null", kind: jsonType, body: `{"user":null,"password":"x"}`, want: hiddenWithPassword},
		{name: "JSON list", kind: jsonType, body: `{"user":["ada"],"password":"x"}`, want: hiddenWithPassword},
		{name: "JSON operator", kind: jsonType, body: `{"user":{"$ne":""},"password":{"$ne":""}}`, want: hiddenWithPassword},
		{name: "JSON, too deep", kind: jsonType, body: strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 30), want: hidden},
		{name: "JSON list of pairs", kind: jsonType, body: `["ada","x"]`, no: true},
		{name: "JSON, malformed", kind: jsonType, body: `{"user":"ada"`, want: hidden},
		{name: "form with JSON's type", kind: jsonType, body: "username=ada&password=x", want: hidden},
		{name: "JSON with a form's type", kind: formType, body: `{"user":"ada","password":"x"}`, no: true},
		{name: "UTF-7", kind: jsonType + "; charset=utf-7", body: `{"user":"+AGEAZABh-","password":"x"}`, want: hidden},
		{name: "two charsets", kind: jsonType + "; charset=utf-8; charset=utf-7", body: `{"user":"ada","password":"x"}`, want: hidden},
		{name: "Latin-1", kind: formType + "; charset=iso-8859-1", body: "username=ada&password=x", want: hidden},
		{name: "byte order mark", kind: formType, body: "\ufeffusername=ada&email=b&password=x", want: hidden},
		{name: "multipart", kind: mixType, body: named("username", "ada") + named("password", "x") + "--B--", want: ada},
		{name: "multipart with a file", kind: mixType, body: named("username", "ada") + named("password", "x") + part(`Content-Disposition: form-data; name="f"; filename="*.png"`, "x") + "--B--", want: ada},
		{name: "multipart with a charset", kind: mixType, body: part("Content-Disposition: form-data; name=username\r\nContent-Type: text/plain; charset=utf-8", "ada") + named("password", "x") + "--B--", want: ada},
		{name: "multipart in another charset", kind: mixType, body: part("Content-Disposition: form-data; name=username\r\nContent-Type: text/plain; charset=iso-2022-jp", "ada") + named("password", "x") + "--B--", want: hidden},
		{name: "multipart in base64", kind: mixType, body: part("Content-Disposition: form-data; name=username\r\nContent-Transfer-Encoding: base64", "YWRh") + named("password", "x") + "--B--", want: hidden},
		{name: "multipart, a part with two names", kind: mixType, body: named("username", "b") + part(`Content-Disposition: form-data; name=username; name=x`, "ada") + named("password", "x") + "--B--", want: hidden},
		{name: "multipart, a name in an encoding", kind: mixType, body: named("username", "b") + part(`Content-Disposition: form-data; name*=utf-8''username`, "ada") + named("password", "x") + "--B--", want: hidden},
		{name: "multipart without its end", kind: mixType, body: named("username", "ada"), want: hidden},
		{name: "multipart without a boundary", kind: "multipart/form-data", body: "x", want: hidden},
		{name: "brackets", kind: formType, body: "user[email]=ada&user[password]=x&user[remember_me]=1", want: ada},
		{name: "dots", kind: formType, body: "user.email=ada&user.password=x", want: ada},
		{name: "brackets in front", kind: formType, body: "[username]=ada&password=x", want: ada},
		{name: "list", kind: formType, body: "username[]=ada&password=x", want: hiddenWithPassword},
		{name: "list with a number", kind: formType, body: "username[0]=ada&password[0]=x", want: hiddenWithPassword},
		{name: "operator", kind: formType, body: "username[$eq]=ada&password[$ne]=x", want: hiddenWithPassword},
		{name: "list beside a name", kind: formType, body: "username=b&username[]=ada&password=x", want: hiddenWithPassword},
		{name: "twice the same", kind: formType, body: "username=ada&username=ada&password=x", want: ada},
		{name: "twice", kind: formType, body: "username=b&username=ada&password=x", want: several(true, "ada", "b")},
		{name: "in two cases", kind: formType, body: "username=b&Username=ada&password=x", want: several(true, "ada", "b")},
		{name: "two fields", kind: formType, body: "username=b&email=ada&password=x", want: several(true, "b", "ada")},
		{name: "a button", kind: formType, body: "username=ada&login=Login&password=x", want: several(true, "ada")},
		{name: "an empty one", kind: formType, body: "username=ada&email=&id=&password=x", want: ada},
		{name: "too many", kind: formType, body: "username=a&username=b&username=c&username=d&username=e&password=x", want: hiddenWithPassword},
		{name: "a field of the app's own", user: "nick", password: "word", kind: formType, body: "nick=ada&word=x&username=b&login=c", want: ada},
		{name: "nested, of the app's own", user: "u[n]", password: "u[p]", kind: jsonType, body: `{"u":{"n":"ada","p":"x"}}`, want: ada},
		{name: "list, of the app's own", user: "nick", password: "word", kind: formType, body: "nick[]=ada&word=x", want: hiddenWithPassword},
		{name: "other case, of the app's own", user: "nick", password: "word", kind: formType, body: "Nick=ada&word=x", want: hiddenWithPassword},
		{name: "query", query: "?username=ada&password=x", want: ada},
		{name: "query beside a body", query: "?username=b", kind: formType, body: "username=ada&password=x", want: several(true, "ada", "b")},
		{name: "query behind an empty field", query: "?username=ada", kind: formType, body: "username=&password=x", want: ada},
		{name: "query of something else", query: "?next=/a", kind: formType, body: "username=ada&password=x", want: ada},
		{name: "query of too many", query: "?username=ada&password=x" + strings.Repeat("&", 1100), want: hidden},
		{name: "empty user", kind: formType, body: "username=&password=x", want: login.Credentials{Password: true}},
		{name: "password alone", kind: formType, body: "password=x", want: hiddenWithPassword},
		{name: "password and a decoy in Basic", kind: formType, body: "password=x", edit: func(r *http.Request) { r.SetBasicAuth("b", "x") }, want: hiddenWithPassword},
		{name: "name alone", kind: formType, body: "username=ada", want: nameOnly},
		{name: "neither", kind: formType, body: "a=b", no: true},
		{name: "no body", no: true},
		{name: "text", kind: "text/plain", body: "username=ada&password=x", want: hidden},
		{name: "no type", body: "username=ada&password=x", want: hidden},
		{name: "gzip", kind: formType, body: zipped.String(), edit: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, want: hidden},
		{name: "identity", kind: formType, body: "username=ada&password=x", edit: func(r *http.Request) { r.Header.Set("Content-Encoding", "identity") }, want: ada},
		{name: "longer than is looked at", kind: formType, body: "username=ada&password=x&x=" + strings.Repeat("x", 2000), want: hidden},
		{name: "too many fields", kind: formType, body: strings.Repeat("&", 10) + strings.Repeat("a&", 1001), want: hidden},
		{name: "a long name", kind: formType, body: "password=x&username=" + strings.Repeat("x", 600), want: hiddenWithPassword},
		{name: "NUL", kind: formType, body: "password=x&username=ada%00b", want: hiddenWithPassword},
		{name: "a body that breaks off", kind: formType, body: "username=ada", edit: func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("username=ada"), brokenReader{}))
			r.ContentLength = -1
		}, want: hidden},
		{name: "Basic", edit: func(r *http.Request) { r.SetBasicAuth("ada", "x") }, want: login.Credentials{User: "ada", Password: true, Basic: true, Unsure: true}},
		{name: "Basic beside a form", kind: formType, body: "username=ada&password=x", edit: func(r *http.Request) { r.SetBasicAuth("b", "x") }, want: several(true, "ada", "b")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := post("/login"+tc.query, tc.kind, tc.body)
			if tc.edit != nil {
				tc.edit(r)
			}
			max := int64(2000)
			if len(tc.query) > 100 || strings.HasPrefix(tc.name, "too many fields") {
				max = 64 << 10
			}
			got, ok := login.Read(r, tc.user, tc.password, max)
			if len(got.Others) == 0 {
				got.Others = nil
			}
			if len(tc.want.Others) == 0 {
				tc.want.Others = nil
			}
			if ok == tc.no || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("Read = %+v, %v, want %+v, %v", got, ok, tc.want, !tc.no)
			}
			rest, _ := io.ReadAll(r.Body)
			if tc.edit == nil && string(rest) != tc.body {
				t.Errorf("the app reads %d bytes, want the %d that came", len(rest), len(tc.body))
			}
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, fmt.Errorf("the client went away") }

func TestFold(t *testing.T) {
	for _, name := range []string{
		" Ada ", "ADA", "ａｄａ", "ａdＡ", "a\u200bda", "ad\u00ada", "\ufeffada", "a\u0301da", "áda", "𝐚𝒅𝖆", "ⓐda", "ada\u00a0", "a\x01da", "a\ufe0fda", "\u3164ada", "ª\u202eda",
	} {
		if got := login.Fold(name); got != "ada" {
			t.Errorf("Fold(%q) = %q, want ada", name, got)
		}
	}
	for in, want := range map[string]string{
		"K":      "k", // the Kelvin sign
		"Straße": "strasse", "ŁÓDŹ": "lodz", "ﬁn": "fin", "Ω": "ω", "ς": "σ", "李雷": "李雷", "a.b+c@d": "a.b+c@d", "a b": "a b", "\xff": "\ufffd", "": "", " ": "", "\u200b": "",
		" unreadable": "unreadable",
	} {
		if got := login.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}
