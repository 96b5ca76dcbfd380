package csrf_test

import (
	"crypto/sha512"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/panoplysec/panoply/csrf"
)

type csrfCsrfRow struct {
	Note      string
	Secrets   []string
	SessionID string `json:"session_id"`
	Cookie    string
	Header    json.RawMessage
	Valid     bool
}

func csrfCsrfGuard(t testing.TB, id string, change func(*csrf.CsrfCsrf), secrets ...string) *csrf.Guard {
	t.Helper()
	c := csrf.CsrfCsrf{Secrets: secrets, SessionID: func(*http.Request) (string, error) {
		if id == "down" {
			return "", errStore
		}
		return id, nil
	}}
	if change != nil {
		change(&c)
	}
	return tokenGuard(t, func(o *csrf.Options) { o.Migrate.CsrfCsrf = &c })
}

func TestCsrfCsrfVectors(t *testing.T) {
	var v struct{ Validate []csrfCsrfRow }
	readRecorded(t, "csrfcsrf.json", &v)
	if len(v.Validate) != 18 {
		t.Fatalf("%d rows, want 18", len(v.Validate))
	}
	for _, row := range v.Validate {
		t.Run(row.Note, func(t *testing.T) {
			var header string
			isText := json.Unmarshal(row.Header, &header) == nil
			if isText || row.Header == nil {
				if got := csrf.VerifyCsrfCsrf(row.Secrets, row.SessionID, row.Cookie, header); got != row.Valid {
					t.Errorf("VerifyCsrfCsrf(%q, %q, %q) = %v, want %v", row.SessionID, row.Cookie, header, got, row.Valid)
				}
			}
			r := sent("", "")
			if row.Cookie != "" {
				r.Header.Set("Cookie", "a=b; __Host-psifi.x-csrf-token="+row.Cookie)
			}
			switch {
			case isText:
				r.Header.Set("X-Csrf-Token", header)
			case row.Header != nil: // a list is a header that is there twice
				r.Header["X-Csrf-Token"] = []string{row.Cookie, row.Cookie}
			}
			g := csrfCsrfGuard(t, row.SessionID, nil, row.Secrets...)
			if got := ruleOf(t, g, r); (got == "") != row.Valid {
				t.Errorf("rule = %q, want valid %v", got, row.Valid)
			}
		})
	}
}

func TestCsrfCsrfOptions(t *testing.T) {
	const secret, id = "server-secret-1", "sess-123"
	const good = "f3b9948eac497fd7b385f062ca95ae5282bbec94ece92136ab6f6e72316764aa.559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd"
	// hex(HMAC-SHA512(secret, "8|sess-123|4|abcd")) + ":abcd", made by another program, as are
	// those for "", and for an id of three UTF-16 units.
	const other = "47a535276f6d2540ac51351c53be5a953ec5359505fcc6104d2e916852b178199609a55f531d327e5355427caa3505f4a3595fbbb8b9ae4696c1f2471147fd75:abcd"
	const nobodys = "25dcb4f18331c7a270cdfe8cc376c1378dd68c23baab1138f848e9c1994c505e.abcd"
	const wide = "f9369992ea4653dff19033714f1d31a7b288bea5a7410c0b496d2cbae4b00fd2.abcd"
	in := func(cookie string, r *http.Request) *http.Request {
		r.Header.Set("Cookie", cookie)
		return r
	}
	const cookie = "__Host-psifi.x-csrf-token=" + good
	if !csrf.VerifyCsrfCsrf([]string{secret}, "", nobodys, nobodys) {
		t.Error("csrf-csrf takes a token for nobody, and VerifyCsrfCsrf does not")
	}
	for _, tc := range []struct {
		name   string
		id     string
		change func(*csrf.CsrfCsrf)
		r      *http.Request
		want   string
	}{
		{"defaults", id, nil, in(cookie, sent("", good)), ""},
		{"the first cookie counts", id, nil, in(cookie+"; "+cookie+"0", sent("", good)), ""},
		{"the second does not", id, nil, in(cookie+"0; "+cookie, sent("", good)), csrf.RuleTokenInvalid},
		{"field", id, func(c *csrf.CsrfCsrf) { c.Field = "_csrf" }, in(cookie, formPost("", urlencoded, "_csrf="+good)), ""},
		{"field, not the header", id, func(c *csrf.CsrfCsrf) { c.Field = "_csrf" }, in(cookie, sent("", good)), csrf.RuleTokenInvalid},
		{"header, not the field", id, nil, in(cookie, formPost("", urlencoded, "_csrf="+good)), csrf.RuleTokenInvalid},
		{"other header", id, func(c *csrf.CsrfCsrf) { c.Header = "x-other" }, func() *http.Request {
			r := in(cookie, sent("", ""))
			r.Header.Set("X-Other", good)
			return r
		}(), ""},
		{"cookie name", id, func(c *csrf.CsrfCsrf) { c.CookieName = "csrf" }, in("csrf="+good, sent("", good)), ""},
		{"nobody's session", "", nil, in("__Host-psifi.x-csrf-token="+nobodys, sent("", nobodys)), csrf.RuleTokenInvalid},
		{"an id beyond the BMP", "s\U0001F600", nil, in("__Host-psifi.x-csrf-token="+wide, sent("", wide)), ""},
		{"all of it other", id, func(c *csrf.CsrfCsrf) {
			c.Hash, c.MessageDelimiter, c.TokenDelimiter = sha512.New, "|", ":"
		}, in("__Host-psifi.x-csrf-token="+url.QueryEscape(other), sent("", other)), ""},
		{"the store is away", "down", nil, in(cookie, sent("", good)), csrf.RuleBindingFailed},
		{"other hash", id, func(c *csrf.CsrfCsrf) { c.Hash = sha512.New }, in(cookie, sent("", good)), csrf.RuleTokenInvalid},
		{"other message", id, func(c *csrf.CsrfCsrf) { c.MessageDelimiter = "|" }, in(cookie, sent("", good)), csrf.RuleTokenInvalid},
		{"other delimiter", id, func(c *csrf.CsrfCsrf) { c.TokenDelimiter = ":" }, in(cookie, sent("", good)), csrf.RuleTokenInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ruleOf(t, csrfCsrfGuard(t, tc.id, tc.change, secret), tc.r); got != tc.want {
				t.Errorf("rule = %q, want %q", got, tc.want)
			}
		})
	}
}
