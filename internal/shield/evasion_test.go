package shield_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/shield"
)

// TestReadersOfPackages are spellings that some package of npm takes for the name, or the
// value, that the shield refuses.
func TestReadersOfPackages(t *testing.T) {
	long, proto := strings.Repeat("a", 300), shield.Condition{In: "field", Name: "__proto__"}
	value := shield.Condition{In: "multipart", Matches: `\$where`}
	language := shield.Condition{In: "header", Name: "accept-language", Longer: 512}
	part := func(head string) *http.Request { return post(mime, parts(head+"\r\n\r\nx")) }
	deep := `{"a":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `,"__proto__":1}`
	for _, tt := range []struct {
		name string
		c    shield.Condition
		r    *http.Request
		want int
	}{
		{"qs: = in brackets", proto, get("/?a[=][__proto__][x]=1"), 403},
		{"qs: = in front of brackets", proto, post(form, "x=[__proto__]=1"), 403},
		{"qs: = in escaped brackets", proto, get("/?a%5B=%5d%5B__proto__%5D=1"), 403},
		{"qs: the value behind a bracket", shield.Condition{In: "query", Name: "b", Matches: "^1$"}, get("/?a[=][b]=1"), 403},
		{"qs: one field is counted once", shield.Condition{In: "query", More: 1}, get("/?a[=][b]=1"), 0},
		{"qs: a second question mark", proto, get("/??__proto__=1"), 403},
		{"express-fileupload: a bracket within a name", proto, post(mime, parts(named("__pro]to__.x", "1"))), 403},
		{"express-fileupload: a bracket within a name of a query", proto, get("/?a[__pro]to__]=1"), 403},
		{"lodash: a quoted name", proto, post(json, `{"a['__proto__'].x":1}`), 403},
		{"lodash: a quoted name with a backslash", proto, post(form, `a["__pro\to__"].x=1`), 403},
		{"busboy 0.3: a blank in a parameter", proto, part(`Content-Disposition: form-data; name="a"; n ame="__proto__"`), 400},
		{"busboy 0.3: text behind a quote", proto, part(`Content-Disposition: form-data; name="__pro"to__`), 400},
		{"busboy 0.3: a quote in a value", proto, part(`Content-Disposition: form-data; name=__pro"to__"`), 400},
		{"busboy 0.3: a part in another character set", value, part("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=utf-16le"), 400},
		{"busboy 0.3: the same with a blank", value, part("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; ch arset=utf-16le"), 400},
		{"a part of text", value, part("Content-Disposition: form-data; name=\"a\"; filename=\"a;b =.txt\"; filename*=utf-8''a\r\nContent-Type: text/plain; charset=\"UTF-8\""), 0},
		{"a part without a type", value, part("Content-Disposition: form-data; name=\"a\";\r\nContent-Type: "), 0},
		{"a value with an empty file name", value, post(mime, parts("Content-Disposition: form-data; name=a; filename=\"\"\r\n\r\n$where")), 403},
		{"body-parser for any type: UTF-16", proto, post("application/x; charset=utf-16le", "{\x00\"\x00_\x00"), 400},
		{"body-parser for any type: two character sets", proto, post("application/x; charset=utf-8; charset=utf-16le", "{\x00"), 400},
		{"body-parser for any type: a content coding", proto, post("application/x", "\x1f\x8b", "Content-Encoding", "gzip"), 415},
		{"body-parser for text: deeper than Go reads", proto, post("text/plain", deep), 400},
		{"another type in Latin-1", proto, post("application/xml; charset=iso-8859-1", "<a/>"), 0},
		{"Node.js: several lines are one value", language, get("/", "Accept-Language", long, "Accept-Language", long), 403},
		{"short lines", language, get("/", "Accept-Language", "de", "Accept-Language", "en"), 0},
		{"lines are counted as they are", shield.Condition{In: "header", Name: "A", Matches: "x", More: 2}, get("/", "A", "x", "A", "x"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := status(t, one(t, tt.c), tt.r); got != tt.want {
				t.Errorf("status = %d, want %d", got, tt.want)
			}
		})
	}
}

// TestWorkIsLinear: these took seconds to minutes when each dot, item or line looked at all others.
func TestWorkIsLinear(t *testing.T) {
	g := one(t, shield.Condition{In: "field", Name: "__proto__"})
	for name, tt := range map[string]struct {
		r    *http.Request
		want int
	}{
		"dots in a name":          {post(form, "x__proto__x"+strings.Repeat(".", 1000000)+"=1"), 0},
		"items below many names":  {post(json, `{"`+strings.Repeat("a.", 250000)+`":[`+strings.Repeat("1,", 200000)+`1]}`), 400},
		"lines of a part's head":  {post(mime, "--B\r\n"+strings.Repeat("Content-Disposition:"+strings.Repeat("x", 22)+"\r\n", 20000)+"\r\n\r\nx\r\n--B--"), 400},
		"names with many dots":    {post(json, `{"`+strings.Repeat("a.", 60)+`":[1]}`), 0},
		"sentences with ellipses": {post(json, `{"well `+strings.Repeat(".", 200)+`":[1]}`), 0},
	} {
		begin := time.Now()
		if got := status(t, g, tt.r); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestNameOfHeader(t *testing.T) {
	for _, name := range []string{"X-*", "a b", "a:"} {
		_, err := shield.New(shield.Options{Shields: []shield.Shield{{ID: "a", Refuse: []shield.Condition{{In: "header", Name: name}}}}})
		if err == nil || !strings.Contains(err.Error(), "Refuse[0].Name") {
			t.Errorf("name %q: %v", name, err)
		}
	}
	r := post(form, "a=1")
	r.TransferEncoding, r.ContentLength = []string{"chunked"}, -1
	if got := status(t, one(t, shield.Condition{In: "header", Name: "transfer-encoding"}), r); got != 403 {
		t.Errorf("a chunked body: %d, want 403", got)
	}
}
