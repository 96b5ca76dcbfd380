package csrf_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csrf"
)

// readRecorded reads a recording of the real packages.
func readRecorded(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

type csurfVectors struct {
	Verify []struct {
		Note          string
		Secret, Token any
		Valid         bool
	}
	Tokenize   []struct{ Secret, Salt, Token string }
	Middleware []csurfRow
}

type csurfRow struct {
	Note    string
	Options map[string]any
	Request map[string]json.RawMessage
	Result  struct {
		Outcome string
		Status  *int
	}
}

func TestCsurfVectors(t *testing.T) {
	var v csurfVectors
	readRecorded(t, "csurf.json", &v)
	if len(v.Verify) != 76 || len(v.Tokenize) != 28 {
		t.Fatalf("%d and %d rows, want 76 and 28", len(v.Verify), len(v.Tokenize))
	}
	for _, row := range v.Tokenize {
		if got := csrf.TokenizeCsurf(row.Secret, row.Salt); got != row.Token {
			t.Errorf("TokenizeCsurf(%q, %q) = %q, want %q", row.Secret, row.Salt, got, row.Token)
		}
		if !csrf.VerifyCsurf(row.Secret, row.Token) {
			t.Errorf("VerifyCsurf(%q, %q) = false", row.Secret, row.Token)
		}
	}
	for _, row := range v.Verify {
		secret, _ := row.Secret.(string) // null is none
		token, isText := row.Token.(string)
		if isText || row.Token == nil {
			if got := csrf.VerifyCsurf(secret, token); got != row.Valid {
				t.Errorf("%s: VerifyCsurf(%q, %q) = %v, want %v", row.Note, secret, token, got, row.Valid)
			}
		}
		// And as JSON sends them, with the types that VerifyCsurf cannot be given.
		text, err := json.Marshal(map[string]any{"_csrf": row.Token})
		if err != nil {
			t.Fatal(err)
		}
		g := migrating(t, secret, nil)
		r := formPost("ann", "application/json", string(text))
		if got := ruleOf(t, g, r); (got == "") != row.Valid {
			t.Errorf("%s: rule of the body %s with secret %q = %q, want valid %v", row.Note, text, secret, got, row.Valid)
		}
	}
}

func migrating(t testing.TB, secret string, err error) *csrf.Guard {
	t.Helper()
	return tokenGuard(t, func(o *csrf.Options) {
		o.Migrate.Csurf = func(*http.Request) (string, error) { return secret, err }
	})
}

// csurfElsewhere are the rows that are not about whether a request passes, with the reason.
var csurfElsewhere = map[string]string{
	"ignoreMethods []":                   "a safe method passes here always; who changes something by GET has another problem",
	"ignoreMethods POST lower-case":      "no method passes everywhere; a Route with Exempt does, and says why",
	"ignoreMethods not array":            "there is no such option",
	"saltLength 0":                       "no csurf token is made here, so none has a salt of our length",
	"secretLength 0":                     "no csurf secret is made here",
	"cookie mode, first GET sets cookie": "the request passes; no csurf cookie is set, for the Guard's own tokens follow the old ones",
	"cookie options":                     "as the first GET",
	"signed cookie":                      "as the first GET; Migrate.Csurf verifies a signed cookie with cookie.DecodeSigned",
	"signed cookie without secret":       "there is no such option",
}

var errMisconfigured = errors.New("misconfigured csrf")

// play makes the request of a row and what stands for the app's session and cookies.
func (row *csurfRow) play(t *testing.T, contentType string) (*http.Request, func(*http.Request) (string, error)) {
	t.Helper()
	member := func(name string, into any) bool {
		raw, ok := row.Request[name]
		if ok {
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatal(err)
			}
		}
		return ok
	}
	method := "POST"
	member("method", &method)
	target := "https://shop.example/"
	var query map[string]any
	if member("query", &query) {
		target += "?" + encoded(query).Encode()
	}
	text := ""
	if raw, ok := row.Request["body"]; ok {
		if text = string(raw); contentType == urlencoded {
			var members map[string]any
			member("body", &members)
			text = encoded(members).Encode()
		}
	} else {
		contentType = ""
	}
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(text))
	r.Method = method // httptest would not take "post"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	var headers, cookies map[string]string
	member("headers", &headers)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	inCookie := row.Options["cookie"] != nil
	if member("cookies", &cookies); cookies["_csrf"] != "" {
		r.AddCookie(&http.Cookie{Name: "_csrf", Value: cookies["_csrf"]})
	}
	key := "session"
	if k, ok := row.Options["sessionKey"].(string); ok {
		key = k
	}
	var session map[string]string
	hasSession := member(key, &session)
	return r, func(r *http.Request) (string, error) {
		if inCookie {
			c, err := r.Cookie("_csrf")
			if err != nil {
				return "", nil
			}
			return c.Value, nil
		}
		if !hasSession {
			return "", errMisconfigured
		}
		return session["csrfSecret"], nil
	}
}

// encoded is how a form sends members: a list of one as "name[]", of more as a repeated name.
func encoded(members map[string]any) url.Values {
	values := url.Values{}
	for name, value := range members {
		switch value := value.(type) {
		case string:
			values.Set(name, value)
		case []any:
			if len(value) == 1 {
				name += "[]"
			}
			for _, one := range value {
				values.Add(name, one.(string))
			}
		}
	}
	return values
}

func TestCsurfMiddlewareVectors(t *testing.T) {
	var v csurfVectors
	readRecorded(t, "csurf.json", &v)
	if len(v.Middleware) != 42 {
		t.Fatalf("%d rows, want 42", len(v.Middleware))
	}
	declared := map[string]bool{}
	for _, row := range v.Middleware {
		if _, ok := csurfElsewhere[row.Note]; ok {
			declared[row.Note] = true
			continue
		}
		for _, contentType := range []string{urlencoded, "application/json"} {
			t.Run(row.Note+", "+contentType, func(t *testing.T) {
				r, secret := row.play(t, contentType)
				g := tokenGuard(t, func(o *csrf.Options) { o.Migrate.Csurf = secret })
				err := g.Check(r)
				switch {
				case row.Result.Outcome == "next":
					if err != nil {
						t.Errorf("Check() = %v, want it to pass", err)
					}
				case row.Result.Outcome != "error":
					t.Errorf("a %q that is not declared", row.Result.Outcome)
				case err == nil:
					t.Error("Check() passed it")
				case row.Result.Status != nil && err.(*csrf.Refusal).Status != *row.Result.Status:
					t.Errorf("status = %d, want %d", err.(*csrf.Refusal).Status, *row.Result.Status)
				case row.Result.Status == nil:
					// csurf answers 500 even to a request without a token, of which we ask
					// nobody; with one, what is wrong is told.
					_, hasBody := row.Request["body"]
					if errors.Is(err, errMisconfigured) != hasBody {
						t.Errorf("Check() = %v, want the app's error %v", err, hasBody)
					}
				}
			})
		}
	}
	for note := range csurfElsewhere {
		if !declared[note] {
			t.Errorf("%q is declared and not there", note)
		}
	}
}

// What cookie mode cannot tell apart, and that we can, once the app has changed.
func TestCookieTossingEndsWithTheMigration(t *testing.T) {
	toss := func() *http.Request {
		r := formPost("ann", urlencoded, "_csrf=DKkYZhDD-BOTm42owbrsjL4xII0JHjdA1FPU")
		r.Header.Set("Cookie", "_csrf=attacker")
		return r
	}
	during := tokenGuard(t, func(o *csrf.Options) {
		o.Migrate.Csurf = func(r *http.Request) (string, error) {
			c, err := r.Cookie("_csrf")
			if err != nil {
				return "", nil
			}
			return c.Value, nil
		}
	})
	if got := ruleOf(t, during, toss()); got != "" {
		t.Errorf("rule = %q, want none: it is what csurf does", got)
	}
	// Where browsers say that another origin sends it, no token helps.
	r := toss()
	r.Header.Set("Sec-Fetch-Site", "same-site")
	if got := ruleOf(t, during, r); got != csrf.RuleSameSite {
		t.Errorf("rule = %q, want %q", got, csrf.RuleSameSite)
	}
	if got := ruleOf(t, tokenGuard(t, nil), toss()); got != csrf.RuleTokenInvalid {
		t.Errorf("rule after the migration = %q, want %q", got, csrf.RuleTokenInvalid)
	}
}

const csurfSecret = "GBbq7MxJ0uWkQ0kO4LxPA1aT"

func TestBothKindsOfTokensDuringMigration(t *testing.T) {
	g := migrating(t, csurfSecret, nil)
	own, theirs := tokenFor(t, g, "ann"), csrf.TokenizeCsurf(csurfSecret, "k3JdLq0Z")
	foreign := csrf.TokenizeCsurf("another secret", "k3JdLq0Z")
	upload, uploaded := parts(t, 200<<10, "_csrf", theirs)
	long := strings.Repeat("y", 70<<10)
	for _, tc := range []struct {
		name, contentType, text, header, query, want string
	}{
		{"own field", urlencoded, "_csrf=" + own, "", "", ""},
		{"own header", "", "", own, "", ""},
		{"theirs", urlencoded, "_csrf=" + theirs, "", "", ""},
		{"theirs in a multipart upload", upload, uploaded, "", "", ""},
		{"theirs in JSON", "application/json", `{"a":1,"_csrf":"` + theirs + `"}`, "", "", ""},
		{"theirs in the header", "", "", theirs, "", ""},
		{"theirs in the query", "", "", "", theirs, ""},
		{"own in the query", "", "", "", own, csrf.RuleTokenInvalid},
		{"another's", urlencoded, "_csrf=" + foreign, "", "", csrf.RuleTokenInvalid},
		{"own header, another's field", urlencoded, "_csrf=" + foreign, own, "", ""},
		{"theirs in the field, nonsense in the header", urlencoded, "_csrf=" + theirs, "x", "", ""},
		{"list in JSON before the header", "application/json", `{"_csrf":["x"]}`, theirs, "", csrf.RuleTokenInvalid},
		{"object in JSON before the header", "application/json", `{"_csrf":{}}`, theirs, "", csrf.RuleTokenInvalid},
		{"true in JSON before the header", "application/json", `{"_csrf":true}`, theirs, "", csrf.RuleTokenInvalid},
		{"number in JSON before the header", "application/json", `{"_csrf":1e3}`, theirs, "", csrf.RuleTokenInvalid},
		{"zero in JSON before the header", "application/json", `{"_csrf":-0.0}`, theirs, "", ""},
		{"null in JSON before the header", "application/json", `{"_csrf":null}`, theirs, "", ""},
		{"false in JSON before the header", "application/json", `{"_csrf":false}`, theirs, "", ""},
		{"empty in JSON before the header", "application/json", `{"_csrf":""}`, theirs, "", ""},
		{"a list is no object", "application/json", `["_csrf"]`, "", "", csrf.RuleTokenMissing},
		{"not JSON", "application/json", `{"_csrf":"` + theirs + `"`, "", "", csrf.RuleTokenMissing},
		{"JSON behind MaxBody", "application/json", `{"a":"` + long + `","_csrf":"` + theirs + `"}`, "", "", csrf.RuleTokenMissing},
		{"an object in the field", urlencoded, "_csrf[a]=1", theirs, "", csrf.RuleTokenInvalid},
		{"nothing", "", "", "", "", csrf.RuleTokenMissing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := formPost("ann", tc.contentType, tc.text)
			if tc.header != "" {
				r.Header.Set("X-Csrf-Token", tc.header)
			}
			if tc.query != "" {
				r.URL.RawQuery = "_csrf=" + tc.query
			}
			if got := ruleOf(t, g, r); got != tc.want {
				t.Errorf("rule = %q, want %q", got, tc.want)
			}
		})
	}
	twice := formPost("ann", "", "")
	twice.Header["Csrf-Token"] = []string{theirs, theirs}
	parsed := formPost("ann", urlencoded, "_csrf="+theirs)
	if err := parsed.ParseForm(); err != nil {
		t.Fatal(err)
	}
	encoded := formPost("ann", "application/json", `{"_csrf":["x"]}`)
	encoded.Header.Set("Content-Encoding", "gzip")
	for name, tc := range map[string]struct {
		r    *http.Request
		want string
	}{
		"a header twice":              {twice, csrf.RuleTokenInvalid},
		"the form was parsed before":  {parsed, ""},
		"encoded JSON is not decoded": {encoded, csrf.RuleTokenMissing},
	} {
		if got := ruleOf(t, g, tc.r); got != tc.want {
			t.Errorf("%s: rule = %q, want %q", name, got, tc.want)
		}
	}
	away := migrating(t, "", errStore)
	if err := away.Check(sent("ann", theirs)); !errors.Is(err, errStore) || err.(*csrf.Refusal).Status != 503 {
		t.Errorf("Check with csurf's session away = %v, want a 503", err)
	}
	if got := ruleOf(t, away, sent("ann", "x-y")); got != csrf.RuleTokenInvalid {
		t.Errorf("rule of no token's shape then = %q, want %q without asking", got, csrf.RuleTokenInvalid)
	}
	if got := ruleOf(t, g, sent("down", own)); got != csrf.RuleBindingFailed {
		t.Errorf("rule of our own token with our session away = %q, want %q", got, csrf.RuleBindingFailed)
	}
	if got := ruleOf(t, away, sent("ann", own)); got != "" {
		t.Errorf("rule of our own token then = %q, want none", got)
	}
}
