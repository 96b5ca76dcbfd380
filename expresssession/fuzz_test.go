package expresssession_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/cookie"
	es "github.com/panoplysec/panoply/expresssession"
)

// Whatever is stored, reading it ends and what would be stored again is JSON that reads
// the same.
func FuzzStored(f *testing.F) {
	for _, seed := range []string{
		`{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"user":"ann"}`,
		`{"cookie":{"originalMaxAge":60000,"expires":"2026-01-15T10:21:30.250Z","sameSite":true,"secure":"auto","priority":1}}`,
		`{"cookie":{"maxAge":1e400,"expires":7,"domain":[]},"__proto__":1}`, `{"cookie":[]}`, `{"cookie":0}`, `null`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := es.ReadStored([]byte(text))
		if err != nil {
			return
		}
		again, err := es.ReadStored(out)
		if err != nil || !json.Valid(out) {
			t.Fatalf("%q would be stored as %q, which cannot be read: %v", text, out, err)
		}
		if !strings.Contains(string(out), `"expires":"`) && string(again) != string(out) {
			t.Errorf("%q would be stored as %q, and that as %q", text, out, again)
		}
	})
}

// No Cookie header brings a session that was not signed.
func FuzzCookie(f *testing.F) {
	good := cookie.EncodeSigned("the-only-id-there-is", secret)
	for _, seed := range []string{"connect.sid=" + good, `a=b; connect.sid="` + good + `"`, "connect.sid=s%3Athe-only-id-there-is.", "connect.sid=%", "="} {
		f.Add(seed)
	}
	store := es.NewMemoryStore()
	m := strict(f, es.Options{Store: store})
	_ = store.Set(f.Context(), "the-only-id-there-is", es.Stored{JSON: []byte(`{"cookie":{}}`)})
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{header}
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if s := es.From(r.Context()); !s.IsNew() && !strings.Contains(cookie.Decode(strings.ReplaceAll(header, `"`, "")), "the-only-id-there-is.") {
				t.Errorf("%q brings session %q", header, s.ID())
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	})
}
