package shield_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/shield"
)

// TestNames: no spelling that an application reads as a name hides it.
func TestNames(t *testing.T) {
	proto := shield.Condition{In: "field", Name: "__proto__"}
	chain := shield.Condition{In: "field", Name: "constructor.prototype"}
	operators := shield.Condition{In: "field", Name: "$*"}
	top := shield.Condition{In: "field", Name: ".layout"}
	bom := "\xef\xbb\xbf"
	for _, tt := range []struct {
		name string
		c    shield.Condition
		r    *http.Request
		want int
	}{
		{"plain", proto, get("/?__proto__=1"), 403},
		{"without a value", proto, get("/?a=1&__proto__"), 403},
		{"brackets", proto, get("/?a[__proto__]=1"), 403},
		{"array brackets", proto, get("/?a[0][][__proto__][b]=1"), 403},
		{"dots", proto, get("/?a.__proto__.b=1"), 403},
		{"escaped", proto, get("/?a%5B%5f_pro%74o__%5D=1"), 403},
		{"escaped twice", proto, get("/?a%255B%255f_proto__%255D=1"), 403},
		{"escaped three times", proto, get("/?%25255f_proto__=1"), 403},
		{"beside a malformed escape", proto, get("/?a[%5f_proto__]%zz=1"), 403},
		{"junk behind", proto, get("/?a[__proto__]x[b]=1"), 403},
		{"brackets within brackets", proto, get("/?a[[__proto__]]=1"), 403},
		{"a part of a name", proto, get("/?my__proto__s=1"), 0},
		{"a value", proto, get("/?q=__proto__"), 0},
		{"another case", proto, get("/?__PROTO__=1"), 0},
		{"form", proto, post(form, "a=1&b[__proto__][x]=2"), 403},
		{"form with a plus", shield.Condition{In: "field", Name: "settings[view options]"}, post(form, "settings[view+options]=2"), 403},
		{"form with a BOM", proto, post(form, bom+"__proto__=2"), 403},
		{"form in Latin-1", proto, post(form+"; charset=iso-8859-1", "__proto__=2"), 403},
		{"form in UTF-16", proto, post(form+"; charset=utf-16", "_\x00_\x00"), 400},
		{"form value", proto, post(form, "a=__proto__"), 0},
		{"JSON", proto, post(json, `{"a":[{"b":1},{"__proto__":{}}]}`), 403},
		{"JSON with escapes", proto, post(json, `{"\u005f_pro\u0074o__":1}`), 403},
		{"JSON with a BOM", proto, post(json, bom+`{"__proto__":1}`), 403},
		{"JSON twice the same", proto, post(json, `{"a":{},"a":{"__proto__":[]}}`), 403},
		{"JSON by another name", proto, post("application/vnd.api+json", `{"__proto__":1}`), 403},
		{"JSON value", proto, post(json, `{"a":"__proto__","b":["__proto__"]}`), 0},
		{"JSON in UTF-16", proto, post(json+"; charset=utf-16le", "{\x00"), 400},
		{"JSON in UTF-7", proto, post(json+"; charset=utf-7", "+AHs-"), 400},
		{"JSON with a dot", proto, post(json, `{"a.__proto__.b":1}`), 403},
		{"JSON cut", proto, post(json, `{"a":1,`), 400},
		{"JSON with a comment", proto, post(json, `{/*"*/"a":1}`), 400},
		{"JSON, nothing bad", proto, post(json, `{"a":{"b":[1,"x",null,true]}}`), 0},
		{"JSON, a text", proto, post(json, `"a"`), 0},
		{"lines of JSON", proto, post("application/x-ndjson", "{\"a\":1}\n{\"__proto__\":1}"), 403},
		{"JSON as text", proto, post("text/plain", ` {"__proto__":1}`), 403},
		{"JSON without a type", proto, post("", `[{"__proto__":1}]`), 403},
		{"JSON as something else", proto, post("application/octet-stream", "\r\n\r\n\r\n {\"__proto__\":1}"), 403},
		{"JSON as a form", proto, post(form, `{"__proto__":1}`), 403},
		{"a form as text", proto, post("text/plain", "__proto__=1"), 403},
		{"text", proto, post("text/plain", "a __proto__ is an object"), 0},
		{"text that begins like JSON", proto, post("text/plain", "[1] see __proto__"), 0},
		{"bytes", proto, post("application/octet-stream", "\x00__proto__=1"), 0},
		{"nothing", proto, post(json, ""), 0},
		{"compressed", proto, post(json, "\x1f\x8b", "Content-Encoding", "gzip"), 415},
		{"identity", proto, post(json, "{}", "Content-Encoding", "identity"), 0},
		{"two types", proto, post(json, "{}", "Content-Type", form), 400},
		{"a type within a type", proto, post(`text/plain; x="multipart/form-data; boundary=B"`, "a"), 400},
		{"a parameter that is none", proto, post(json+"; charset", "{}"), 400},

		{"a chain", chain, get("/?a[constructor][prototype][x]=1"), 403},
		{"a chain with dots", chain, get("/?constructor.prototype.x=1"), 403},
		{"a chain mixed", chain, get("/?constructor[prototype].x=1"), 403},
		{"a chain with junk that qs drops", chain, get("/?a[constructor]junk[prototype]=1"), 403},
		{"a chain over JSON", chain, post(json, `{"a":{"constructor":{"prototype":{}}}}`), 403},
		{"a chain over arrays", chain, post(json, `{"constructor":[{"prototype":1}]}`), 403},
		{"a chain, half in a name", chain, post(json, `{"a.constructor":{"prototype":1}}`), 403},
		{"one of a chain", chain, post(json, `{"constructor":"Ferrari","prototype":1}`), 0},
		{"siblings", chain, post(json, `{"constructor":{"a":1},"b":{"prototype":1}}`), 0},

		{"operators", operators, get("/?user[$ne]=1"), 403},
		{"operators in JSON", operators, post(json, `{"user":{"$gt":""}}`), 403},
		{"a price", operators, get("/?cost=$5&a$b=1"), 0},
		{"outermost", top, get("/?layout=x"), 403},
		{"outermost, an array", top, post(json, `[{"layout":1}]`), 403},
		{"not outermost", top, get("/?a[layout]=x"), 0},
		{"not outermost in JSON", top, post(json, `{"a":{"layout":1}}`), 0},

		{"a part", proto, post(mime, parts(named("a", "1"), named("b[__proto__]", "2"))), 403},
		{"a part without quotes", proto, post(mime, parts("Content-Disposition: form-data; name=__proto__\r\n\r\n2")), 403},
		{"a part with an escape", proto, post(mime, parts(`Content-Disposition: form-data; name="\__proto\__"`+"\r\n\r\n2")), 403},
		{"a part in capitals", proto, post(mime, parts("CONTENT-DISPOSITION: FORM-DATA; NAME=\"__proto__\"\r\n\r\n2")), 403},
		{"a file", proto, post(mime, parts("Content-Disposition: form-data; name=\"__proto__.x\"; filename=\"a\"\r\n\r\n2")), 403},
		{"a part with two names", proto, post(mime, parts(`Content-Disposition: form-data; name="a"; name="b"`+"\r\n\r\n2")), 400},
		{"a part with an extended name", proto, post(mime, parts(`Content-Disposition: form-data; name*=utf-8''a`+"\r\n\r\n2")), 400},
		{"a part with two dispositions", proto, post(mime, parts("Content-Disposition: form-data; name=a\r\n"+named("b", "2"))), 400},
		{"a part with a folded line", proto, post(mime, parts("X: a\r\n "+named("__proto__", "2"))), 400},
		{"a part without a name", proto, post(mime, parts("Content-Disposition: form-data; name=\"\"\r\n\r\n2")), 400},
		{"bare line feeds", proto, post(mime, strings.ReplaceAll(parts(named("a", "1")), "\r\n", "\n")), 400},
		{"no end", proto, post(mime, strings.TrimSuffix(parts(named("a", "1")), "--B--\r\n")), 400},
		{"something in front", proto, post(mime, "x\r\n"+parts(named("a", "1"))), 400},
		{"a delimiter within", proto, post(mime, parts(named("a", "x--B"))), 400},
		{"two boundaries", proto, post(mime+"; x=boundary", parts(named("a", "1"))), 400},
		{"parts, nothing bad", proto, post(mime, "\r\n"+parts(named("a", ""), "Content-Disposition: form-data; name=\"f\"; filename=\"ä.txt\"; filename*=utf-8''%C3%A4.txt\r\nContent-Type: text/plain; name=\"x\"\r\n\r\n__proto__=1\r\n\r\n")), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := status(t, one(t, tt.c), tt.r); got != tt.want {
				t.Errorf("status = %d, want %d", got, tt.want)
			}
		})
	}
}
