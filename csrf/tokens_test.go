package csrf_test

import (
	"context"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/guard"
)

var (
	tokenKeyA = []byte("a key of the ring, of 32 bytes..")
	tokenKeyB = []byte("another one, 32 bytes as well...")
	errStore  = errors.New("the store is away")
)

// sessionOf reads who is asking from a header of the test.
func sessionOf(r *http.Request) ([]byte, error) {
	switch who := r.Header.Get("Test-Session"); who {
	case "":
		return nil, nil
	case "down":
		return nil, errStore
	default:
		return []byte(who), nil
	}
}

func tokenOptions(change func(*csrf.Options)) csrf.Options {
	o := csrf.Options{Binding: sessionOf, Keys: [][]byte{tokenKeyA}, RequireToken: true, Sink: func(context.Context, guard.Event) {}}
	if change != nil {
		change(&o)
	}
	return o
}

func tokenGuard(t testing.TB, change func(*csrf.Options)) *csrf.Guard {
	t.Helper()
	g, err := csrf.New(tokenOptions(change))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func asked(who string) *http.Request {
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	if who != "" {
		r.Header.Set("Test-Session", who)
	}
	return r
}

func tokenFor(t testing.TB, g *csrf.Guard, who string) string {
	t.Helper()
	token, err := g.Token(asked(who))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// sent is a POST of the site itself, by who, with a token in the header unless it is empty.
func sent(who, token string) *http.Request {
	r := httptest.NewRequest("POST", "https://shop.example/buy", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if who != "" {
		r.Header.Set("Test-Session", who)
	}
	if token != "" {
		r.Header.Set("X-Csrf-Token", token)
	}
	return r
}

// ruleOf is the rule that refuses r, or "".
func ruleOf(t testing.TB, g *csrf.Guard, r *http.Request) string {
	t.Helper()
	err := g.Check(r)
	if err == nil {
		return ""
	}
	refusal, ok := errors.AsType[*csrf.Refusal](err)
	if !ok {
		t.Fatalf("Check() error = %T, want *csrf.Refusal", err)
	}
	return refusal.Rule
}

func TestTokenIsGoodForItsSessionOnly(t *testing.T) {
	g := tokenGuard(t, nil)
	ann, nobody := tokenFor(t, g, "ann"), tokenFor(t, g, "")
	for _, tc := range []struct{ name, who, token, want string }{
		{"own", "ann", ann, ""},
		{"again", "ann", ann, ""},
		{"another session", "bob", ann, csrf.RuleTokenInvalid},
		{"a session that begins alike", "ann2", ann, csrf.RuleTokenInvalid},
		{"the session has ended", "", ann, csrf.RuleTokenInvalid},
		{"before there was a session", "", nobody, ""},
		{"made before the login", "ann", nobody, csrf.RuleTokenInvalid},
		{"none", "ann", "", csrf.RuleTokenMissing},
		{"none, no session", "", "", csrf.RuleTokenMissing},
		{"store away", "down", ann, csrf.RuleBindingFailed},
		{"store away and no token: not asked", "down", "", csrf.RuleTokenMissing},
		{"store away and no token's shape: not asked", "down", "x", csrf.RuleTokenInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ruleOf(t, g, sent(tc.who, tc.token)); got != tc.want {
				t.Errorf("rule = %q, want %q", got, tc.want)
			}
		})
	}
	err := g.Check(sent("down", ann))
	if refusal, ok := errors.AsType[*csrf.Refusal](err); !ok || refusal.Status != 503 || !errors.Is(err, errStore) {
		t.Errorf("Check with the store away = %v, want a *Refusal of 503 that wraps the error", err)
	}
	if strings.Contains(err.Error(), errStore.Error()) {
		t.Errorf("Error() = %q, which tells the client what Binding said", err)
	}
}

func TestChangedTokensAreInvalid(t *testing.T) {
	g := tokenGuard(t, nil)
	token := tokenFor(t, g, "ann")
	changed := map[string]string{
		"truncated": token[:63], "extended": token + "A", "padded": token + "=", "doubled": token + token,
		"space before": " " + token, "space after": token + " ", "half": token[32:], "reversed halves": token[32:] + token[:32],
		"line breaks":   token[:62] + "\r\n",
		"break within":  token[:31] + "\n" + token[31:],
		"nul":           token[:63] + "\x00",
		"beyond ASCII":  token[:62] + "é",
		"standard text": strings.Repeat("+/", 32), "zeros": strings.Repeat("A", 64),
	}
	if upper := strings.ToUpper(token); upper != token {
		changed["upper case"] = upper
	}
	for i := range token {
		other := byte('A')
		if token[i] == 'A' {
			other = 'B'
		}
		changed["byte "+string(rune('0'+i/10))+string(rune('0'+i%10))] = token[:i] + string(other) + token[i+1:]
	}
	for name, text := range changed {
		if got := ruleOf(t, g, sent("ann", text)); got != csrf.RuleTokenInvalid {
			t.Errorf("%s: rule of %q = %q, want %q", name, text, got, csrf.RuleTokenInvalid)
		}
	}
}

func TestKeyRing(t *testing.T) {
	older := tokenGuard(t, nil)
	both := tokenGuard(t, func(o *csrf.Options) { o.Keys = [][]byte{tokenKeyB, tokenKeyA} })
	newer := tokenGuard(t, func(o *csrf.Options) { o.Keys = [][]byte{tokenKeyB} })
	old, made := tokenFor(t, older, "ann"), tokenFor(t, both, "ann")
	for _, tc := range []struct {
		name  string
		g     *csrf.Guard
		token string
		want  string
	}{
		{"old token, both keys", both, old, ""},
		{"new token, both keys", both, made, ""},
		{"new token, new key", newer, made, ""},
		{"new token, old key", older, made, csrf.RuleTokenInvalid},
		{"old token, new key", newer, old, csrf.RuleTokenInvalid},
	} {
		if got := ruleOf(t, tc.g, sent("ann", tc.token)); got != tc.want {
			t.Errorf("%s: rule = %q, want %q", tc.name, got, tc.want)
		}
	}
}

// New must not see what the caller does to its keys afterwards.
func TestKeysAreCopied(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	g := tokenGuard(t, func(o *csrf.Options) { o.Keys = [][]byte{key} })
	token := tokenFor(t, g, "ann")
	clear(key)
	if got := ruleOf(t, g, sent("ann", token)); got != "" {
		t.Errorf("rule = %q after the caller's key changed, want none", got)
	}
}

// What is constant in answers can be guessed byte by byte from how they compress.
func TestTokensHaveNothingInCommon(t *testing.T) {
	g := tokenGuard(t, nil)
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{64}$`)
	const n = 10_000
	seen, last := make(map[string]bool, n), ""
	for range n {
		token := tokenFor(t, g, "ann")
		if !form.MatchString(token) {
			t.Fatalf("Token() = %q, want 64 characters of base64url", token)
		}
		if seen[token] {
			t.Fatalf("%q came twice", token)
		}
		seen[token] = true
		// Two random texts of 64 share 7 characters in a row once in 2^30 pairs of places.
		for i := 0; last != "" && i+8 <= len(token); i++ {
			if strings.Contains(last, token[i:i+8]) {
				t.Fatalf("%q and %q share %q", last, token, token[i:i+8])
			}
		}
		last = token
	}
	if len(seen) != n {
		t.Errorf("%d tokens of %d differ", len(seen), n)
	}
	if got := ruleOf(t, g, sent("ann", last)); got != "" {
		t.Errorf("the last one is refused: %q", got)
	}
}

func TestField(t *testing.T) {
	g := tokenGuard(t, func(o *csrf.Options) { o.TokenField = "authenticity.token" })
	page := template.Must(template.New("").Parse(`<form method="post">{{.}}</form>`))
	field, err := g.Field(asked("ann"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := page.Execute(&b, field); err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`^<form method="post"><input type="hidden" name="authenticity\.token" value="([\w-]{64})"></form>$`).FindStringSubmatch(b.String())
	if m == nil {
		t.Fatalf("page = %q", b.String())
	}
	if got := ruleOf(t, g, sent("ann", m[1])); got != "" {
		t.Errorf("rule of the page's token = %q, want none", got)
	}
	if _, err := g.Field(asked("down")); !errors.Is(err, errStore) {
		t.Errorf("Field with the store away: error = %v, want %v", err, errStore)
	}
}

func TestTokenWithoutBinding(t *testing.T) {
	g, err := csrf.New(csrf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := g.Token(asked("ann")); token != "" || err == nil {
		t.Errorf("Token() = %q, %v, want an error", token, err)
	}
	if field, err := g.Field(asked("ann")); field != "" || err == nil {
		t.Errorf("Field() = %q, %v, want an error", field, err)
	}
}

func TestTokenOptionsAreChecked(t *testing.T) {
	for _, tc := range []struct {
		name   string
		o      csrf.Options
		fields []string
	}{
		{"Binding alone", csrf.Options{Binding: sessionOf}, []string{"Keys"}},
		{"short keys", csrf.Options{Binding: sessionOf, Keys: [][]byte{tokenKeyA, []byte("hunter2"), nil}}, []string{"Keys[1]", "Keys[2]"}},
		{"no Binding", csrf.Options{Keys: [][]byte{tokenKeyA}, RequireToken: true, Migrate: csrf.Migrate{Csurf: noSecret}}, []string{"Keys", "RequireToken", "Migrate"}},
		{"names", csrf.Options{TokenHeader: "X Token", TokenField: `a"b`, MaxBody: -1}, []string{"TokenField", "TokenHeader", "MaxBody"}},
		{"a cookie", csrf.Options{TokenHeader: "cookie"}, []string{"TokenHeader"}},
		{"sent by browsers", csrf.Options{TokenHeader: "Sec-Fetch-Site"}, []string{"TokenHeader"}},
		{"no preflight", csrf.Options{TokenHeader: "Accept-Language"}, []string{"TokenHeader"}},
		{"a list in Node", csrf.Options{TokenField: "token[]"}, []string{"TokenField"}},
		{"CsrfCsrf", csrf.Options{Binding: sessionOf, Keys: [][]byte{tokenKeyA}, Migrate: csrf.Migrate{CsrfCsrf: &csrf.CsrfCsrf{}}},
			[]string{"Migrate.CsrfCsrf.Secrets", "Migrate.CsrfCsrf.SessionID"}},
		{"CsrfCsrf, bad", csrf.Options{Binding: sessionOf, Keys: [][]byte{tokenKeyA}, Migrate: csrf.Migrate{CsrfCsrf: &csrf.CsrfCsrf{
			Secrets: []string{"s", ""}, SessionID: noSecret, CookieName: "a b", Header: "X-Csrf-Token", Field: "_csrf"}}},
			[]string{"Migrate.CsrfCsrf.Secrets[1]", "Migrate.CsrfCsrf.CookieName", "Migrate.CsrfCsrf.Header"}},
		{"CsrfCsrf, a cookie as header", csrf.Options{Binding: sessionOf, Keys: [][]byte{tokenKeyA}, Migrate: csrf.Migrate{CsrfCsrf: &csrf.CsrfCsrf{
			Secrets: []string{"s"}, SessionID: noSecret, Header: "Cookie"}}}, []string{"Migrate.CsrfCsrf.Header"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := csrf.New(tc.o)
			if err == nil {
				t.Fatal("New() took it")
			}
			all, ok := err.(interface{ Unwrap() []error })
			if !ok {
				t.Fatalf("New() error = %T, want joined problems", err)
			}
			got := map[string]bool{}
			for _, err := range all.Unwrap() {
				if problem, ok := errors.AsType[*guard.OptionError](err); ok {
					got[problem.Field] = true
				}
			}
			want := map[string]bool{}
			for _, field := range tc.fields {
				want[field] = true
			}
			if !maps.Equal(got, want) {
				t.Errorf("problems with %v, want with %v:\n%v", got, want, err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}

func noSecret(*http.Request) (string, error) { return "", nil }

func TestTokensAreSafeForConcurrentUse(t *testing.T) {
	g := tokenGuard(t, func(o *csrf.Options) { o.Keys = [][]byte{tokenKeyB, tokenKeyA} })
	h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var inner sync.WaitGroup
		for range 2 { // two parts of one page
			inner.Go(func() {
				if _, err := g.Token(r); err != nil {
					t.Error(err)
				}
			})
		}
		inner.Wait()
	}))
	var all sync.WaitGroup
	for _, who := range []string{"ann", "bob", "", "eve"} {
		all.Go(func() {
			for range 200 {
				token, err := g.Token(asked(who))
				if err != nil {
					t.Error(err)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, sent(who, token))
				if w.Code != 200 {
					t.Errorf("status of %q with its own token = %d, want 200", who, w.Code)
				}
			}
		})
	}
	all.Wait()
}

func TestTokenAllocations(t *testing.T) {
	g := tokenGuard(t, func(o *csrf.Options) {
		o.Binding = func(*http.Request) ([]byte, error) { return tokenKeyB, nil }
	})
	r := asked("ann")
	token := tokenFor(t, g, "ann")
	post, bad, none := sent("ann", token), sent("ann", strings.Repeat("A", 64)), sent("ann", "")
	h := g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := httptest.NewRecorder()
	for _, tc := range []struct {
		name string
		f    func()
		max  float64
	}{
		{"Handler, no token asked for", func() { h.ServeHTTP(w, r) }, 3}, // the exchange, its request, what notes a token
		{"Token", func() { g.Token(r) }, 1},
		{"Field", func() { g.Field(r) }, 1},
		{"Check, good", func() { g.Check(post) }, 0},
		{"Check, bad", func() { g.Check(bad) }, 0},
		{"Check, none", func() { g.Check(none) }, 0},
	} {
		if got := testing.AllocsPerRun(200, tc.f); got > tc.max && !raceDetector {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, got, tc.max)
		}
	}
}
